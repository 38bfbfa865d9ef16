"use strict";
// Send a video or name one, and follow what is computed.
(() => {
  const form = $("#form"), file = $("#file"), drop = $("#drop"), go = $("#go"), path = $("#path");
  let kind = "score", dropped = null;
  const size = (n) => n > 1e9 ? `${(n / 1e9).toFixed(2)} GB` : `${(n / 1e6).toFixed(1)} MB`;

  function choose(which) {
    kind = which;
    for (const tab of $$("[role=tab]")) tab.setAttribute("aria-selected", tab.dataset.kind === kind);
    for (const part of $$(".only")) part.hidden = !part.classList.contains(kind);
    go.textContent = kind === "score" ? "Score" : "Train";
  }
  for (const tab of $$("[role=tab]")) tab.addEventListener("click", () => choose(tab.dataset.kind));

  const chosen = () => dropped || file.files[0] || null;
  function named() { const f = chosen(); $("#file-name").textContent = f ? `${f.name}, ${size(f.size)}` : ""; if (f && path) path.value = ""; }
  file.addEventListener("change", () => { dropped = null; named(); });
  for (const name of ["dragover", "dragenter"]) drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (e) => { e.preventDefault(); dropped = e.dataTransfer.files[0] || null; named(); });

  function send(f) {
    return new Promise((done, fail) => {
      if (f.size > Number(form.dataset.most)) { fail(new Error(`The video is larger than ${size(Number(form.dataset.most))}.`)); return; }
      const request = new XMLHttpRequest(), bar = $("#sent");
      bar.hidden = false;
      request.open("POST", `/api/v1/uploads?name=${encodeURIComponent(f.name.slice(-300))}`);
      request.setRequestHeader("x-csrf-token", CSRF);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.upload.onprogress = (e) => { if (e.lengthComputable) bar.value = 100 * e.loaded / e.total; };
      request.onloadend = () => { bar.hidden = true; };
      request.onerror = () => fail(new Error("The upload broke off."));
      request.onload = () => {
        let said = {};
        try { said = JSON.parse(request.responseText); } catch { /* not ours */ }
        request.status === 200 ? done(said) : fail(new Error(said.error || `The server answered ${request.status}.`));
      };
      request.send(f);
    });
  }

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    go.disabled = true;
    try {
      const f = chosen();
      let source = path?.value.trim(), name = "";
      if (f) { const sent = await send(f); source = sent.source; name = sent.name; }
      if (!source) throw new Error("Choose a video first.");
      const wish = { kind, sources: [source] };
      if (kind === "score") {
        if (!$("#model").value) throw new Error("There is no model to score with yet.");
        wish.model = $("#model").value;
      } else {
        if (!$("#name").value) throw new Error("Give the model a name.");
        Object.assign(wish, { name: $("#name").value, preset: $("#preset").value, steps: $("#steps").value ? Number($("#steps").value) : null });
      }
      draw(await api(`/api/v1/jobs?name=${encodeURIComponent(name)}`, { method: "POST", json: wish }));
      form.reset(); dropped = null; named();
    } catch (error) { failed(error); }
    go.disabled = false;
  });

  const box = $("#jobs");
  const WORDS = { queued: "waits", running: "runs", done: "done", failed: "failed", cancelled: "cancelled" };
  function draw(job) {
    let card = document.getElementById(`j-${job.id}`);
    if (!card) {
      card = $("#job").content.firstElementChild.cloneNode(true);
      card.id = `j-${job.id}`;
      $(".cancel", card).addEventListener("click", () => api(`/api/v1/jobs/${job.id}/cancel`, { method: "POST" }).then(draw, failed));
      $(".forget", card).addEventListener("click", () => api(`/api/v1/jobs/${job.id}`, { method: "DELETE" }).then(() => { card.remove(); empty(); }, failed));
      box.prepend(card);
    }
    const before = card.dataset.state;
    card.dataset.state = job.state;
    $("h3", card).textContent = job.kind === "train" ? `Model ${job.name}` : job.name;
    const tag = $(".tag", card);
    tag.textContent = WORDS[job.state];
    tag.className = `tag ${job.state}`;
    const active = job.state === "running", over = !["running", "queued"].includes(job.state), bar = $("progress", card);
    $(".stage", card).textContent = active ? `${job.stage || "begins"}${job.total ? `: ${job.done} of ${job.total}` : ""}` : "";
    bar.hidden = !active;
    if (job.total) bar.value = 1000 * job.done / job.total; else bar.removeAttribute("value");
    const wrong = $(".wrong", card);
    wrong.hidden = !job.error;
    wrong.textContent = job.error || "";
    $(".cancel", card).hidden = over;
    $(".forget", card).hidden = !over;
    const open = $(".open", card);
    open.hidden = !(job.state === "done" && job.key);
    if (job.key) open.href = `/recorded/${job.key}`;
    curves($(".curves", card), job);
    empty();
    if (before === "running" && job.state === "done") toast(`${job.name}: done`, { action: () => location.reload(), label: "Show" });
  }
  function empty() { $("#idle").hidden = box.children.length > 0; }

  function curves(place, job) {
    const names = Object.keys(job.figures || {}).filter((n) => n.endsWith("_accuracy"));
    place.hidden = names.length === 0;
    if (!names.length) return;
    place.replaceChildren(...names.map((name) => {
      const points = job.figures[name], [part, task] = name.replace(/_accuracy$/, "").split("/");
      const last = points[points.length - 1], end = Math.max(last[0], 1), chance = job.figures[`chance/${task}`]?.[0]?.[1];
      const figure = document.createElement("figure"), caption = document.createElement("figcaption");
      caption.append(`${task}${part === "val" ? ", held out" : ""}`, Object.assign(document.createElement("b"), { textContent: last[1].toFixed(2) }));
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 200 60"); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `Accuracy of ${task} by step, now ${last[1].toFixed(2)}`);
      const line = document.createElementNS(svg.namespaceURI, "polyline");
      line.setAttribute("points", points.map(([s, v]) => `${(200 * s / end).toFixed(1)},${(60 * (1 - v)).toFixed(1)}`).join(" "));
      svg.append(line);
      if (chance !== undefined) {
        const level = document.createElementNS(svg.namespaceURI, "line");
        for (const [k, v] of Object.entries({ x1: 0, x2: 200, y1: 60 * (1 - chance), y2: 60 * (1 - chance) })) level.setAttribute(k, v);
        svg.append(level);
      }
      figure.append(caption, svg);
      return figure;
    }));
  }

  JSON.parse(box.dataset.jobs).reverse().forEach(draw);
  stream("jobs", { jobs: draw });
})();
