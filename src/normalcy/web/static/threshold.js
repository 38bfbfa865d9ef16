"use strict";
// One number, and what it would have raised.
(() => {
  const box = $("#threshold");
  if (!box) return;
  const camera = box.dataset.camera, least = Math.log(Number(box.dataset.least)), most = Math.log(Number(box.dataset.most));
  const dial = $("#rate"), said = $("#said"), set = $("#set");
  let now = JSON.parse(box.dataset.now), asked = 0;
  const toRate = (x) => { const r = Math.exp(least + (most - least) * x / 1000); return r >= 10 ? Math.round(r) : Number(r.toPrecision(2)); };
  const toDial = (r) => Math.round(1000 * (Math.log(Math.max(r, 1e-9)) - least) / (most - least));
  const words = (r) => r >= 1 ? `${r} a day` : r >= 1 / 7 ? `${Number((r * 7).toPrecision(2))} a week` : `${Number((r * 30).toPrecision(2))} a month`;
  const days = (d) => d < 1.5 ? (d < 0.1 ? "the time so far" : `${(d * 24).toFixed(0)} hours`) : `${d.toFixed(0)} days`;

  function show(p, moved) {
    said.textContent = words(Number(p.per_day.toPrecision(3)));
    const fewer = p.of - p.raised;
    let text = `Of the ${p.of} alarms of the last ${days(p.days)}, ${fewer === 0 ? "all" : p.raised} would have been raised`;
    if (p.more > 0 && p.value < now.value) text += `, and about ${p.more} more that were below the alarm then`;
    $("#meaning").textContent = `${text}. The alarm is at a score of ${p.value.toFixed(2)}${moved && p.value !== now.value ? `, now at ${now.value.toFixed(2)}` : ""}.`;
    $("#note").textContent = p.note;
    $("#whence").textContent = p.set_per_day === null ? "as configured" : "set here";
    $("#reset").hidden = p.set_per_day === null;
    set.disabled = !moved || Math.abs(p.value - now.value) < 1e-9;
    plot(p);
    const list = $("#lost");
    list.replaceChildren(...p.missed.slice(0, 50).map((id) => {
      const li = document.createElement("li"), time = new Date(Number(id.split("-")[0]) * 1000);
      li.append(Object.assign(document.createElement("a"), { href: `/events/${id}`, textContent: Number.isNaN(time.getTime()) ? id : time.toLocaleString() }));
      return li;
    }));
    $("#lost-title").textContent = p.missed.length ? `Past events that would not be raised (${p.of - p.raised})` : "Every past event would be raised";
  }

  function plot(p) {
    const W = 640, H = 220, L = 44, B = 30, T = 12, R = 12, svg = (name, at) => {
      const e = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [k, v] of Object.entries(at)) e.setAttribute(k, v);
      return e;
    };
    const [, marked] = p.anomalies, [, normal] = p.normals;
    $("#curve-note").textContent = marked + normal === 0
      ? "Mark events as normal or anomaly on the page Review: then this shows how many of each a number of alarms keeps."
      : `Of ${marked} events marked anomaly (line) and ${normal} marked normal (dashed), so many are raised. Only what was raised once could be marked.`;
    if (marked + normal === 0) { $("#curve").replaceChildren(); return; }
    const x = (r) => L + (W - L - R) * (Math.log(r) - least) / (most - least), y = (share) => T + (H - T - B) * (1 - share);
    const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "plot", role: "img", "aria-label": "Share of marked events raised, by alarms a day" });
    for (const share of [0, 0.5, 1]) { root.append(svg("line", { class: "axis", x1: L, x2: W - R, y1: y(share), y2: y(share) })); const t = svg("text", { x: L - 8, y: y(share) + 4, "text-anchor": "end" }); t.textContent = `${share * 100} %`; root.append(t); }
    for (const r of [0.03, 0.1, 0.3, 1, 3, 10, 30, 100]) { const t = svg("text", { x: x(r), y: H - 8, "text-anchor": "middle" }); t.textContent = r; root.append(t); }
    const line = (i, of, name) => { if (of) root.append(svg("polyline", { class: name, points: p.curve.map((c) => `${x(c[0]).toFixed(1)},${y(c[i] / of).toFixed(1)}`).join(" ") })); };
    line(3, normal, "false"); line(2, marked, "found");
    root.append(svg("line", { class: "here", x1: x(p.per_day), x2: x(p.per_day), y1: T, y2: H - B }));
    $("#curve").replaceChildren(root);
  }

  async function ask() {
    const mine = ++asked, rate = toRate(Number(dial.value));
    said.textContent = words(rate);
    try {
      const p = await api(`/api/v1/cameras/${camera}/threshold?per_day=${rate}`);
      if (mine === asked) show(p, true);
    } catch (error) { failed(error); }
  }
  let timer = 0;
  dial.addEventListener("input", () => { said.textContent = words(toRate(Number(dial.value))); clearTimeout(timer); timer = setTimeout(ask, 120); });
  async function put(per_day, text) {
    const before = now.set_per_day;
    try {
      now = await api(`/api/v1/cameras/${camera}/threshold`, { method: "PUT", json: { per_day } });
      dial.value = toDial(now.per_day);
      show(now, false);
      toast(text, { action: () => put(before, "Undone") });
    } catch (error) { failed(error); }
  }
  set.addEventListener("click", () => put(toRate(Number(dial.value)), "Set. A running watch takes it within seconds."));
  $("#reset").addEventListener("click", () => put(null, "As configured."));
  dial.value = toDial(now.per_day);
  show(now, false);
})();
