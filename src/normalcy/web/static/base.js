"use strict";
// What all pages share: requests, messages, the viewer's time zone, the help.
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const CSRF = $('meta[name="csrf"]').content;

class Refused extends Error {
  constructor(status, reason) { super(reason); this.status = status; }
}

async function api(path, { method = "GET", body, json, headers = {} } = {}) {
  if (json !== undefined) { body = JSON.stringify(json); headers = { "content-type": "application/json", ...headers }; }
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: { "x-csrf-token": CSRF, ...headers }, credentials: "same-origin" });
  } catch {
    throw new Refused(0, "The server does not answer.");
  }
  if (answer.status === 401) { location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`; throw new Refused(401, "Log in again."); }
  const kind = answer.headers.get("content-type") || "";
  const value = kind.includes("json") ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Refused(answer.status, value.error || `The server answered ${answer.status}.`);
  return value;
}

function toast(text, { bad = false, action, label = "Undo", seconds = 6 } = {}) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  box.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", () => { box.remove(); action(); });
    box.append(button);
  }
  $("#toasts").replaceChildren(box);
  setTimeout(() => box.remove(), seconds * 1000);
}

const failed = (error) => toast(error.message, { bad: true, seconds: 10 });
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, dialog") !== null;

function stream(what, handlers) {
  // The browser connects again by itself when the server was started anew.
  const source = new EventSource(`/api/v1/stream?what=${what}`);
  for (const [name, handle] of Object.entries(handlers)) {
    if (name === "open" || name === "error") source.addEventListener(name, handle);
    else source.addEventListener(name, (message) => handle(JSON.parse(message.data)));
  }
  addEventListener("pagehide", () => source.close());
  return source;
}

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const known = document.cookie.split("; ").find((c) => c.startsWith("normalcy_zone="))?.slice(14);
  if (known !== encodeURIComponent(zone)) {
    document.cookie = `normalcy_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
    // Times were written for another zone: once more, unless cookies are refused.
    if (document.cookie.includes("normalcy_zone=") && !(known === undefined && ["UTC", "Etc/UTC"].includes(zone))) location.reload();
  }
  document.body.addEventListener("htmx:configRequest", (e) => { e.detail.headers["x-csrf-token"] = CSRF; });
  document.body.addEventListener("htmx:responseError", () => toast("The server could not answer that.", { bad: true }));
  const help = $("#help");
  $("#help-button").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (e) => {
    if (e.key === "?" && !typing(e.target) && !e.ctrlKey && !e.metaKey) { e.preventDefault(); help.open ? help.close() : help.showModal(); }
  });
})();
