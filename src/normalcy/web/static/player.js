"use strict";
// A clip that plays where its picture was, and the strip of scores under it.
const Player = (() => {
  const videoOf = (card) => $("video", card);

  function open(card) {
    const poster = $(".poster[data-clip]", card);
    if (!poster) return videoOf(card);
    for (const other of $$(".card.open")) if (other !== card) close(other);
    const video = document.createElement("video");
    Object.assign(video, { src: poster.dataset.clip, controls: true, muted: true, playsInline: true, preload: "metadata" });
    if (poster.dataset.picture) video.poster = poster.dataset.picture;
    video.addEventListener("error", () => {
      video.replaceWith(Object.assign(document.createElement("p"), { className: "soft unplayable", textContent: "This browser cannot play the clip: the camera may send H.265. It can be downloaded from the event's page." }));
    });
    video.addEventListener("timeupdate", () => follow(card));
    video.addEventListener("play", () => run(card));
    poster.hidden = true;
    poster.after(video);
    card.classList.add("open");
    follow(card);
    return video;
  }

  function close(card) {
    const video = videoOf(card);
    if (!video && !card.classList.contains("open")) return false;
    video?.pause();
    video?.removeAttribute("src");
    video?.load();
    video?.remove();
    $(".unplayable", card)?.remove();
    const poster = $(".poster", card);
    if (poster) poster.hidden = false;
    card.classList.remove("open");
    $(".strip", card)?.classList.remove("on");
    return true;
  }

  function toggle(card) {
    const video = videoOf(card) || open(card);
    if (!video) return;
    if (video.paused) video.play().catch(() => {}); else video.pause();
  }

  function length(card) {
    const strip = $(".strip", card);
    return Number(strip?.dataset.seconds) || videoOf(card)?.duration || 0;
  }

  function follow(card) {
    const strip = $(".strip", card), video = videoOf(card);
    if (!strip || !video) return;
    const seconds = length(card), x = seconds ? Math.min(video.currentTime / seconds, 1) * 1000 : 0;
    const line = $(".now", strip);
    line.setAttribute("x1", x); line.setAttribute("x2", x);
    strip.classList.add("on");
    strip.setAttribute("aria-valuenow", video.currentTime.toFixed(1));
    strip.setAttribute("aria-valuetext", `${video.currentTime.toFixed(1)} seconds`);
  }

  function run(card) {
    const video = videoOf(card);
    if (!video || video.paused || video.ended) return;
    follow(card);
    requestAnimationFrame(() => run(card));
  }

  function seek(card, share) {
    const video = videoOf(card) || open(card);
    if (!video) return;
    const go = () => { video.currentTime = Math.min(share * length(card), Math.max((video.duration || 0) - 0.05, 0)); follow(card); };
    if (video.readyState > 0) go(); else video.addEventListener("loadedmetadata", go, { once: true });
  }

  document.addEventListener("click", (e) => {
    const poster = e.target.closest(".poster[data-clip]");
    if (poster && !e.ctrlKey && !e.metaKey && !e.shiftKey) { e.preventDefault(); toggle(poster.closest(".card")); return; }
    const strip = e.target.closest(".strip");
    if (strip) {
      const box = strip.getBoundingClientRect();
      seek(strip.closest(".card"), Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1));
    }
  });
  document.addEventListener("keydown", (e) => {
    const strip = e.target.closest?.(".strip");
    if (!strip || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(e.key)) return;
    e.preventDefault(); e.stopPropagation();
    const card = strip.closest(".card"), seconds = length(card) || 1, now = videoOf(card)?.currentTime || 0;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: seconds }[e.key];
    seek(card, Math.min(Math.max(to / seconds, 0), 1));
  }, true);
  function attach(card) {
    videoOf(card)?.addEventListener("timeupdate", () => follow(card));
    videoOf(card)?.addEventListener("play", () => run(card));
    follow(card);
  }

  return { open, close, toggle, seek, attach };
})();
