"use strict";
// Events by keys: go through them, say what they were, take it back.
(() => {
  const KEYS = { n: "normal", a: "anomaly", u: "unsure", r: "reviewed", f: "kept" };
  const list = $("#cards"), single = list.classList.contains("single"), frame = $("#list");
  const cards = () => $$(".card", list);
  const done = [];
  let current = null, last = null;

  function choose(card, { scroll = true } = {}) {
    if (!card) return;
    current?.classList.remove("current");
    current = card;
    card.classList.add("current");
    card.focus({ preventScroll: true });
    if (scroll) card.scrollIntoView({ block: "nearest", behavior: "auto" });
  }

  function step(by) {
    const all = cards(), at = all.indexOf(current);
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
    const open = current?.classList.contains("open");
    if (next && next !== current) {
      if (open) { Player.close(current); choose(next); Player.toggle(next); choose(next); } else choose(next);
    }
    if (at + by >= all.length - 3) { const more = $(".more"); if (more && window.htmx) htmx.trigger(more, "revealed"); }
  }

  const picked = () => cards().filter((c) => c.classList.contains("picked"));
  function pick(card, on = !card.classList.contains("picked")) {
    card.classList.toggle("picked", on);
    $(".pick input", card).checked = on;
    bar();
  }
  function bar() {
    const box = $("#selection"), n = picked().length;
    if (box) { box.hidden = n === 0; $("#selected").textContent = n; }
  }

  function show(event) {
    const card = document.getElementById(`e-${event.id}`);
    if (!card) return;
    const was = card.dataset.state;
    Object.assign(card.dataset, { version: event.version, state: event.state, kept: event.marked ? "yes" : "no" });
    for (const button of $$(".marks button", card)) {
      const mark = button.dataset.mark;
      const on = mark === "kept" ? event.marked : mark === "reviewed" ? event.state !== "new" : event.state === mark;
      button.setAttribute("aria-pressed", on);
    }
    const state = $("#state");
    if (state) state.textContent = event.state;
    if (was !== event.state) waiting((was === "new" ? -1 : 0) + (event.state === "new" ? 1 : 0));
  }

  function waiting(by) {
    const count = $("#waiting");
    if (!count || !by) return;
    const n = Math.max(Number(count.dataset.n) + by, 0);
    count.dataset.n = n;
    if (!count.textContent.endsWith("+")) count.textContent = n;
  }

  // What was said before, as a mark that says it again.
  const before = (card) => {
    const s = card.dataset.state, verdict = ["normal", "anomaly", "unsure"].includes(s) ? s : "none";
    return { id: card.dataset.id, verdict, reviewed: s !== "new", kept: card.dataset.kept === "yes" };
  };

  function wish(card, mark) {
    const s = card.dataset.state, id = card.dataset.id, seen = Number(card.dataset.version);
    if (mark === "kept") return { id, seen, kept: card.dataset.kept !== "yes" };
    if (mark === "reviewed") return s === "new" ? { id, seen, reviewed: true } : { id, seen, verdict: "none", reviewed: false };
    return s === mark ? { id, seen, verdict: "none", reviewed: false } : { id, seen, verdict: mark };
  }

  const WORDS = { normal: "Normal", anomaly: "Anomaly", unsure: "Unsure", reviewed: "Reviewed", kept: "Kept" };

  async function say(mark, chosen) {
    const several = chosen.length > 1;
    let wishes = chosen.map((c) => wish(c, mark));
    if (several) wishes = chosen.map((c) => ({ id: c.dataset.id, seen: Number(c.dataset.version), ...(mark === "reviewed" ? { reviewed: true } : mark === "kept" ? { kept: true } : { verdict: mark }) }));
    const undo = chosen.map(before);
    const took = !several && wishes[0].verdict === "none" || wishes[0].kept === false;
    try {
      const answer = await api("/api/v1/marks", { method: "POST", json: { marks: wishes } });
      answer.events.forEach(show);
      done.push(undo);
      const words = took ? "Taken back" : several ? `${WORDS[mark]}: ${chosen.length} events` : WORDS[mark];
      toast([words, ...answer.notes].join(". "), { action: back });
      picked().forEach((c) => pick(c, false));
      if (!several && !took && mark !== "kept" && !single && current === chosen[0]) step(1);
    } catch (error) {
      failed(error);
      if (error.status === 409) chosen.forEach((c) => renew(c.dataset.id));
    }
  }

  async function back() {
    const marks = done.pop();
    if (!marks) { toast("Nothing to undo"); return; }
    try {
      const answer = await api("/api/v1/marks", { method: "POST", json: { marks } });
      answer.events.forEach(show);
      choose(document.getElementById(`e-${marks[0].id}`));
      toast(["Undone", ...answer.notes].join(". "), { seconds: 3 });
    } catch (error) { failed(error); }
  }

  async function renew(id) {
    try { show(await api(`/api/v1/events/${id}`)); } catch { /* it is gone */ }
  }

  document.addEventListener("click", (e) => {
    const mark = e.target.closest("[data-mark]"), card = e.target.closest(".card");
    if (mark?.closest("#selection")) {
      if (mark.dataset.mark === "clear") picked().forEach((c) => pick(c, false)); else say(mark.dataset.mark, picked());
      return;
    }
    if (!card) return;
    if (mark) { choose(card, { scroll: false }); say(mark.dataset.mark, [card]); return; }
    if (e.target.closest(".pick")) { if (e.target.matches("input")) { pick(card, e.target.checked); last = card; } return; }
    if (e.ctrlKey || e.metaKey) { e.preventDefault(); pick(card); last = card; return; }
    if (e.shiftKey && last) {
      e.preventDefault();
      const all = cards(), [a, b] = [all.indexOf(last), all.indexOf(card)].sort((x, y) => x - y);
      all.slice(a, b + 1).forEach((c) => pick(c, true));
      return;
    }
    choose(card, { scroll: false });
  });

  document.addEventListener("keydown", (e) => {
    if (typing(e.target) || e.altKey || $("dialog[open]")) return;
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if ((e.ctrlKey || e.metaKey) && key !== "z") return;
    const on = () => { e.preventDefault(); return true; };
    if (key === "z" && on()) back();
    else if (single && key === "ArrowDown" && $("#older") && on()) $("#older").click();
    else if (single && key === "ArrowUp" && $("#newer") && on()) $("#newer").click();
    else if (["ArrowDown", "j"].includes(key) && !single && on()) step(1);
    else if (["ArrowUp", "k"].includes(key) && !single && on()) step(-1);
    else if (key === " " && !e.target.closest("button, a, summary, .pick") && on()) { if (!current) step(1); if (current) Player.toggle(current); }
    else if (KEYS[key] && on()) { const chosen = picked(); if (chosen.length) say(KEYS[key], chosen); else if (current) say(KEYS[key], [current]); }
    else if (key === "x" && current && !single && on()) { pick(current); last = current; }
    else if (key === "Enter" && current && !single && e.target === current && on()) $("h3 a", current).click();
    else if (key === "Escape") {
      const open = $(".card.open");
      if (open) Player.close(open); else picked().forEach((c) => pick(c, false));
    }
  });

  if (single) choose(cards()[0], { scroll: false });
  $("#filter")?.addEventListener("change", (e) => e.currentTarget.requestSubmit());
  $("#filter")?.addEventListener("formdata", (e) => { for (const [k, v] of [...e.formData]) if (!v && k !== "state") e.formData.delete(k); });
  const filters = $(".filters");
  if (filters && matchMedia("(max-width: 900px)").matches) filters.open = false;

  // Events that arrive while one looks.
  const arrived = [];
  async function insert(id) {
    const html = await (await fetch(`/cards/${id}`)).text();
    const piece = document.createElement("template");
    piece.innerHTML = html;
    const card = $(".card", piece.content), day = $(".day", piece.content), known = document.getElementById(`e-${id}`);
    if (!card) return;
    if (known) {
      if (known.classList.contains("open") || $("video", known)) { Object.assign(known.dataset, { change: card.dataset.change }); return; }
      const was = known === current;
      if (known.classList.contains("picked")) { card.classList.add("picked"); $(".pick input", card).checked = true; }
      known.replaceWith(card);
      if (was) { current = null; choose(card, { scroll: false }); }
      return;
    }
    $("#empty")?.remove();
    const first = $(".day", list);
    if (first && first.dataset.day === day.dataset.day) first.after(card); else list.prepend(day, card);
    card.classList.add("fresh");
    waiting(card.dataset.state === "new" ? 1 : 0);
  }
  const wanted = (e) => frame && frame.dataset.live === "yes" && ["", "new"].includes(frame.dataset.state) && !frame.dataset.zone
    && (!frame.dataset.camera || frame.dataset.camera === e.camera) && (!frame.dataset.reason || frame.dataset.reason === e.reason)
    && (!frame.dataset.least || e.strength >= Number(frame.dataset.least));
  const pill = $("#arrived");
  async function let_in() {
    pill.hidden = true;
    for (const id of arrived.splice(0)) await insert(id);
  }
  pill?.addEventListener("click", async () => { scrollTo({ top: 0 }); await let_in(); });
  async function news(e) {
    const card = document.getElementById(`e-${e.id}`);
    if (card) {
      if (Number(card.dataset.version) < e.version) show({ ...e });
      if (Number(card.dataset.change) < e.change) await insert(e.id);
    } else if (wanted(e) && !arrived.includes(e.id)) {
      arrived.push(e.id);
      if (scrollY < 120 && !$(".card.open")) await let_in();
      else { pill.textContent = arrived.length === 1 ? "1 new event" : `${arrived.length} new events`; pill.hidden = false; }
    }
  }
  // One after the other: two changes of one event must not insert it twice.
  let turn = Promise.resolve();
  stream("events", { events: (e) => { turn = turn.then(() => news(e)).catch(() => {}); } });
})();
