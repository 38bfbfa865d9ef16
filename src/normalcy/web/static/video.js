"use strict";
// A whole video: go from event to event.
(() => {
  const card = $(".film"), video = $("video", card), rows = $$(".jump");
  const go = (row) => { if (!row) return; if (video) { video.currentTime = Number(row.dataset.at); video.play().catch(() => {}); } mark(); };
  function mark() {
    const now = video ? video.currentTime : 0;
    let here = null;
    for (const row of rows) if (Number(row.dataset.at) <= now + 0.05) here = row;
    for (const row of rows) row.classList.toggle("now", row === here);
    return rows.indexOf(here);
  }
  Player.attach(card);
  video?.addEventListener("timeupdate", mark);
  for (const row of rows) row.addEventListener("click", () => go(row));
  document.addEventListener("keydown", (e) => {
    if (typing(e.target) || !video || e.ctrlKey || e.metaKey || e.altKey || $("dialog[open]")) return;
    const at = mark();
    if (e.key === " " && !e.target.closest("button, a, video")) { e.preventDefault(); Player.toggle(card); }
    else if (e.key === "ArrowDown") { e.preventDefault(); go(rows[Math.min(at + 1, rows.length - 1)]); }
    else if (e.key === "ArrowUp") { e.preventDefault(); go(rows[Math.max(at - 1, 0)]); }
    else if (e.key === "ArrowLeft" && e.target !== video) { e.preventDefault(); video.currentTime -= 5; }
    else if (e.key === "ArrowRight" && e.target !== video) { e.preventDefault(); video.currentTime += 5; }
  });
})();
