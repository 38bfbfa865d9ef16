"use strict";
// A tile for each camera: its newest picture once a second, its score against the alarm, its health.
(() => {
  const tiles = new Map(), box = $("#tiles"), fresh = $("#fresh");
  const WORDS = { on: "watching", lost: "lost", paused: "paused", held: "held: cannot see", ended: "ended", connecting: "connecting" };
  const CLASS = { on: "", lost: "bad", paused: "off", held: "warn", ended: "off", connecting: "warn" };

  function tile(name) {
    if (tiles.has(name)) return tiles.get(name);
    const t = $("#tile").content.firstElementChild.cloneNode(true);
    $("h2", t).textContent = name;
    $("img", t).alt = `Newest picture of ${name}`;
    box.append(t);
    tiles.set(name, t);
    return t;
  }

  function picture(t, name) {
    // The next is asked for once this one is there: never faster than once a second, slower on a slow line.
    if (t.loading || document.hidden) return;
    t.loading = true;
    const img = $("img", t), next = new Image();
    next.onload = () => { img.src = next.src; $(".shot", t).classList.add("there"); t.loading = false; };
    next.onerror = () => { t.loading = false; };
    next.src = `/api/v1/cameras/${encodeURIComponent(name)}/still?t=${Date.now()}`;
  }

  function ago(seconds) {
    const s = Math.max(Date.now() / 1000 - seconds, 0);
    return s < 90 ? `${s.toFixed(0)} s ago` : s < 5400 ? `${(s / 60).toFixed(0)} min ago` : s < 129600 ? `${(s / 3600).toFixed(0)} h ago` : `${(s / 86400).toFixed(0)} days ago`;
  }

  function draw(state) {
    $("#nothing").hidden = state.cameras.length > 0;
    fresh.textContent = state.cameras.length === 0 ? "" : state.fresh ? "" : "The watch has ended; this is what it showed last.";
    for (const c of state.cameras) {
      const t = tile(c.name);
      t.classList.toggle("alarm", c.anomaly);
      const s = $(".state", t), word = !state.fresh ? "ended" : c.problems.length ? c.problems.join(", ") : null;
      s.textContent = c.anomaly ? "anomaly" : word || WORDS[c.state] || c.state;
      s.className = `state ${c.anomaly ? "bad" : !state.fresh ? "off" : CLASS[c.state] || ""}`;
      $(".fps", t).textContent = state.fresh ? `${c.fps.toFixed(1)} frames/s${c.skipped ? `, ${c.skipped} skipped` : ""}` : "";
      const score = $(".score", t);
      score.textContent = c.score === null ? "–" : c.score.toFixed(2);
      score.classList.toggle("over", c.threshold !== null && c.score > c.threshold);
      $(".limit", t).textContent = c.threshold === null ? "–" : c.threshold.toFixed(2);
      $(".age", t).textContent = c.last_frame ? `picture ${ago(c.last_frame)}` : "";
      curve(t, c);
      const last = $(".last", t);
      last.replaceChildren();
      if (c.last_event) {
        const a = Object.assign(document.createElement("a"), { href: `/events/${c.last_event.id}`, textContent: c.last_event.text.replace(`${c.name}: `, "") });
        last.append("Last event ", ago(c.last_event.start_time), ": ", a);
      } else last.textContent = "No event yet.";
      if (state.fresh || !$(".shot", t).classList.contains("there")) picture(t, c.name);
    }
    for (const [name, t] of tiles) if (!state.cameras.some((c) => c.name === name)) { t.remove(); tiles.delete(name); }
  }

  function curve(t, c) {
    const history = c.history || [];
    const top = Math.max(...history.map((p) => p[1]), (c.threshold || 0) * 1.3, 1e-6);
    const y = (v) => (100 * (1 - Math.min(Math.max(v, 0), top) / top)).toFixed(1);
    const end = history.length ? history[history.length - 1][0] : 0;
    $("polyline", t).setAttribute("points", history.map(([time, v]) => `${Math.max(1000 - (end - time) / 180 * 1000, 0).toFixed(0)},${y(v)}`).join(" "));
    const alarm = $(".alarm", $("svg", t));
    alarm.setAttribute("y1", y(c.threshold ?? 0)); alarm.setAttribute("y2", y(c.threshold ?? 0));
    alarm.setAttribute("visibility", c.threshold === null ? "hidden" : "visible");
  }

  stream("cameras", {
    cameras: draw,
    error: () => { fresh.textContent = "The server does not answer; trying again."; },
  });
})();
