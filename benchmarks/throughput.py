"""Speed and memory of scoring and of the training input, as ratios within one run.

    python benchmarks/throughput.py [VIDEO] [--model DIR] [--json] [--repeats 5] [--frames 300] [--minutes 1 10] [--threads N]

Absolute figures depend on the machine and on what else it does; so the things compared take turns, the medians over the
repetitions are compared with each other, and CPU time stands beside wall time. Without VIDEO a simulated clip is used.
Networks have random weights unless a model folder is given: speed does not depend on what they learned.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from normalcy.clips.sampling import sliding, span, step_at
from normalcy.config import Config
from normalcy.data.sampler import ClipSampler
from normalcy.nn.build import build_network, channels_last
from normalcy.presets import load_config
from normalcy.scoring.frame_model import FrameModel
from normalcy.scoring.pipeline import Ahead, in_threads, room_for
from normalcy.scoring.scorer import score_all
from normalcy.training.dataset import Feed
from normalcy.training.modules import ProxyTask
from normalcy.types import Piece
from normalcy.video.reader import VideoReader, probe, working_size
from normalcy.video.writer import VideoWriter
from normalcy.virtual.generate import Scenario

Seconds = tuple[float, float]
"""(wall, CPU) time."""
I3D_SHARE = 4
"""I3D is timed on a quarter of the frames: it takes many times as long for each."""
LOOP = 250
"""Frames of the clip that long videos are made of, forwards and backwards in turn."""
FIT = 60
"""Frames that the readouts of a random network are fitted on."""


def timed(work: Callable[[], object]) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def take_turns(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Median wall and CPU seconds of each, after one round that is not counted."""
    taken: dict[str, list[Seconds]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            seconds = timed(work)
            if turn:
                taken[name].append(seconds)
    return {
        name: {"wall_s": statistics.median(w for w, _ in t), "cpu_s": statistics.median(c for _, c in t)}
        for name, t in taken.items()
    }


def frames_of(video: Path, size: tuple[int, int] | None, count: int) -> Iterator[Any]:
    with VideoReader(video, size) as reader:
        yield from itertools.islice(reader, count)


def random_model(cfg: Config, video: Path) -> FrameModel:
    """A network that learned nothing, with readouts fitted on the first frames: scores at full speed."""
    torch.manual_seed(cfg.seed)
    info = probe(video)
    step = step_at(info.fps, cfg)
    count = max(FIT, 2 * span(cfg.clip.length, step))
    size = working_size(info.width, info.height, cfg.input)
    frames = np.stack([f.image for f in frames_of(video, size, count)])
    model = FrameModel(cfg, build_network(cfg))
    places = sliding(len(frames), cfg.clip.length, step, max(1, len(frames) // 16))
    few = [places[i : i + 2] for i in range(0, len(places), 2)]  # at a time: fitting must not be what takes the most memory
    for p in few:
        model.observe(model.windows(frames, p))
    model.fit()
    model.calibrate(model.windows(frames, p) for p in few)
    return model


def with_precision(model: FrameModel, precision: str) -> FrameModel:
    """The same model, scoring in another precision."""
    scoring = model.cfg.scoring.model_copy(update={"precision": precision})
    arrays, scalars = model.state()
    return FrameModel.from_state(model.cfg.model_copy(update={"scoring": scoring}), model.network, arrays, scalars)


def score(model: FrameModel, video: Path, count: int | None = None) -> NDArray[np.float64]:
    """(N,) scores of a video or its first frames: read, resized and scored as ``normalcy score`` does."""
    scores: list[float] = []
    with (
        in_threads(model.scorer(probe(video))) as scorer,
        VideoReader(video, scorer.size) as reader,
        Ahead(itertools.islice(reader, count), room_for(scorer.size)) as frames,
    ):
        for frame in frames:
            scores += [s.score for s in scorer.push(frame)]
        scores += [s.score for s in scorer.finish()]
    return np.array(scores)


def in_one_thread(model: FrameModel, video: Path, count: int | None = None) -> NDArray[np.float64]:
    """The same without the pipeline."""
    scorer = model.scorer(probe(video))
    with VideoReader(video, scorer.size) as reader:
        return np.array([s.score for s in score_all(scorer, itertools.islice(reader, count))])


def exported(model: FrameModel, precision: str = "fp32") -> dict[str, FrameModel]:
    """The model by each runtime that is installed, from a folder as ``normalcy export`` writes it."""
    import normalcy
    from normalcy.exported.graph import RUNTIMES, installed
    from normalcy.nn.bundle import save_bundle

    out: dict[str, FrameModel] = {}
    with tempfile.TemporaryDirectory() as folder:
        arrays, scalars = model.state()
        save_bundle(Path(folder) / "m", model.network, model.cfg, {**arrays, **scalars}, "")
        for runtime, form in zip(RUNTIMES, ("openvino", "onnx"), strict=True):
            if installed(runtime) and installed("onnx"):
                normalcy.export(Path(folder) / "m", Path(folder) / form, format=form, precision=precision)
                loaded = normalcy.load(Path(folder) / form, runtime=runtime)
                assert isinstance(loaded, FrameModel)
                out[runtime] = loaded
    return out


def enlarged(video: Path, to: Path, size: tuple[int, int], frames: int) -> Path:
    """The first frames of a video at another size."""
    with VideoWriter(to, size, probe(video).fps) as writer:
        for frame in frames_of(video, size, frames):
            writer.write(frame.image)
    return to


def measure_runtimes(video: Path, model: FrameModel, frames: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Scoring by each runtime, with the pipeline and in one thread, as shares of decoding; at this size and at 1920x1080."""
    models = {"torch": model, **exported(model)}
    out: dict[str, Any] = {}
    large = enlarged(video, folder / "large.mp4", (1920, 1080), frames)
    for name, film in (("as it is", video), ("1920x1080", large)):
        info = probe(film)
        size = working_size(info.width, info.height, model.cfg.input)
        count = sum(1 for _ in frames_of(film, None, frames))
        works: dict[str, Callable[[], object]] = {"decode": lambda f=film, s=size, n=count: sum(1 for _ in frames_of(f, s, n))}  # type: ignore[misc]
        works["torch, one thread"] = lambda f=film, n=count: in_one_thread(model, f, n)  # type: ignore[misc]
        for runtime, m in models.items():
            works[runtime] = lambda m=m, f=film, n=count: score(m, f, n)  # type: ignore[misc]
        times = take_turns(works, repeats)
        base = times["decode"]
        out[name] = {
            "size": [info.width, info.height],
            **{
                k: {
                    "frames_per_s": count / t["wall_s"],
                    "of_decode": base["wall_s"] / t["wall_s"],
                    "cpu_over_decode": t["cpu_s"] / base["cpu_s"],
                }
                for k, t in times.items()
            },
        }
    same = {r: float(np.abs(score(m, video, frames) - score(model, video, frames)).max()) for r, m in models.items()}
    return {**out, "largest_difference": same}


def i3d_config() -> Config:
    """The paper's encoder, clips and stride with the density readout: its own needs a decoder and ten passes per window."""
    return load_config("paper", environ={}, sets=["scoring.readouts=[density]", "decoder.steps=0", "scoring.normalise=train"])


def measure_scoring(video: Path, model: FrameModel, frames: int, repeats: int) -> dict[str, Any]:
    available = sum(1 for _ in frames_of(video, None, frames))
    few = max(available // I3D_SHARE, 3 * span(12, 1))
    info = probe(video)
    size = working_size(info.width, info.height, model.cfg.input)
    fp32, bf16 = with_precision(model, "fp32"), with_precision(model, "bf16")
    i3d = random_model(i3d_config(), video)
    counts = {"decode": available, "cpu": available, "cpu_bf16": available, "i3d": few}
    times = take_turns(
        {
            "decode": lambda: sum(1 for _ in frames_of(video, size, available)),
            "cpu": lambda: score(fp32, video, available),
            "cpu_bf16": lambda: score(bf16, video, available),
            "i3d": lambda: score(i3d, video, few),
        },
        repeats,
    )
    rows = {
        name: {"frames_per_s": counts[name] / t["wall_s"], "cpu_ms_per_frame": 1e3 * t["cpu_s"] / counts[name]}
        for name, t in times.items()
    }
    for row in rows.values():
        row["of_decode"] = row["frames_per_s"] / rows["decode"]["frames_per_s"]
        row["of_decode_cpu"] = rows["decode"]["cpu_ms_per_frame"] / row["cpu_ms_per_frame"]
    a, b = score(fp32, video, available), score(bf16, video, available)
    change = {
        "largest": float(np.abs(a - b).max()),
        "typical": float(np.median(np.abs(a - b))),
        "spread_of_scores": float(a.std()),
        "correlation": float(np.corrcoef(a, b)[0, 1]),
    }
    return {"frames": available, "size": [info.width, info.height], "working_size": list(size), **rows, "bf16_change": change}


def measure_training(video: Path, cfg: Config, frames: int, repeats: int, steps: int = 4) -> dict[str, Any]:
    """Steps with batches drawn from a memory-mapped file as training does, against the same steps on one fixed batch."""
    info = probe(video)
    size = working_size(info.width, info.height, cfg.input)
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "frames.npy"
        np.save(stored, np.stack([f.image for f in frames_of(video, size, frames)]))
        mapped = np.load(stored, mmap_mode="r")
        piece = Piece(0, 0, len(mapped), step_at(info.fps, cfg))
        sampler = ClipSampler([mapped], [piece], cfg.clip, cfg.train.crop, cfg.seed)
        task = ProxyTask(channels_last(build_network(cfg)), cfg)
        size_of_batch = cfg.train.batch
        batches = iter(Feed(sampler, size_of_batch, 0, 1_000_000))
        fixed = next(batches)

        def learn(supply: Callable[[], dict[str, torch.Tensor]]) -> None:
            for _ in range(steps):
                loss, _ = task.terms(supply())
                loss.backward()  # type: ignore[no-untyped-call]
                task.zero_grad()

        times = take_turns(
            {
                "step": lambda: learn(lambda: fixed),
                "step_with_input": lambda: learn(lambda: next(batches)),
                "input": lambda: [next(batches) for _ in range(steps)],
            },
            repeats,
        )
    clips = 2 * size_of_batch * steps
    rows = {
        name: {"clips_per_s": clips / t["wall_s"], "cpu_ms_per_step": 1e3 * t["cpu_s"] / steps} for name, t in times.items()
    }
    return {
        "batch": size_of_batch,
        **rows,
        "input_adds": times["input"]["wall_s"] / times["step"]["wall_s"],
        "input_adds_cpu": times["input"]["cpu_s"] / times["step"]["cpu_s"],
        "step_with_input_over_step": times["step_with_input"]["wall_s"] / times["step"]["wall_s"],
    }


def measure_memory(video: Path, minutes: Sequence[float], model: str | None, threads: int) -> list[dict[str, float]]:
    """Peak memory of a process that scores a video of so many minutes."""
    clip = [f.image for f in frames_of(video, None, LOOP)]
    there_and_back = clip + clip[-2:0:-1]
    info = probe(video)
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for m in minutes:
            path = Path(folder) / f"{m:g}min.mp4"
            with VideoWriter(path, (info.width, info.height), info.fps) as writer:
                for image in itertools.islice(itertools.cycle(there_and_back), round(m * 60 * info.fps)):
                    writer.write(image)
            command = [sys.executable, __file__, str(path), "--peak", "--threads", str(threads)]
            command += ["--model", model] if model else []
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            out.append({"minutes": m, **json.loads(answer)})
            path.unlink()
    return out


def peak_mb() -> float:
    """Highest resident memory of this process so far in MiB (Linux: of this program alone, not of what started it)."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def load(folder: str | None, video: Path) -> FrameModel:
    if folder is None:
        return random_model(load_config("cpu", environ={}, sets=["level=frame"]), video)
    import normalcy

    model = normalcy.load(folder, device="cpu")
    assert isinstance(model, FrameModel)
    return model


def simulate(path: Path, frames: int) -> Path:
    scenario = Scenario((640, 360), 25.0, 0)
    with VideoWriter(path, scenario.size, scenario.fps) as writer:
        for image in scenario.normal_clip(0, frames):
            writer.write(image)
    return path


def report(result: dict[str, Any]) -> str:
    s, t = result["scoring"], result["training"]
    w, h = s["size"]
    lines = [
        f"{result['video']}: {s['frames']} frames of {w}x{h}, worked on at {s['working_size'][0]}x{s['working_size'][1]}; "
        f"{result['threads']} threads, {result['cores']} cores, load {result['load']:.1f}",
        "",
        f"{'':22}{'frames/s':>10}{'of decoding':>13}{'CPU ms/frame':>14}{'of decoding':>13}",
    ]
    names = {"decode": "decode and resize", "cpu": "score, cpu", "cpu_bf16": "score, cpu, bf16", "i3d": "score, I3D density"}
    for key, name in names.items():
        r = s[key]
        lines.append(
            f"{name:22}{r['frames_per_s']:10.1f}{r['of_decode']:13.3f}{r['cpu_ms_per_frame']:14.2f}{r['of_decode_cpu']:13.3f}"
        )
    for name, rows in result["runtimes"].items():
        if name == "largest_difference":
            continue
        lines += [
            "",
            f"{name} ({rows['size'][0]}x{rows['size'][1]})".ljust(22)
            + f"{'frames/s':>10}{'of decoding':>13}{'CPU over decoding':>19}",
        ]
        lines += [
            f"{k:22}{r['frames_per_s']:10.1f}{r['of_decode']:13.3f}{r['cpu_over_decode']:19.2f}"
            for k, r in rows.items()
            if k != "size"
        ]
    worst = ", ".join(f"{k} {d:.2g}" for k, d in result["runtimes"].get("largest_difference", {}).items())
    lines += [f"largest difference of a score to torch: {worst}", ""]
    c = s["bf16_change"]
    lines += [
        f"bf16 changes the scores of cpu by {c['typical']:.3g} in the median and {c['largest']:.3g} at most; they spread by "
        f"{c['spread_of_scores']:.3g} (correlation {c['correlation']:.5f})",
        "",
        f"{'training, cpu preset':22}{'clips/s':>10}{'CPU ms/step':>14}",
    ]
    for key, name in {"step": "fixed batch", "step_with_input": "with input pipeline", "input": "input alone"}.items():
        lines.append(f"{name:22}{t[key]['clips_per_s']:10.1f}{t[key]['cpu_ms_per_step']:14.1f}")
    lines += [
        f"the input pipeline adds {100 * t['input_adds']:.1f} % to a step (CPU time: {100 * t['input_adds_cpu']:.1f} %)",
        "",
    ]
    for m in result["memory"]:
        lines.append(
            f"{m['minutes']:g} min ({m['frames']:.0f} frames): peak {m['peak_mb']:.0f} MiB, "
            f"of it {m['before_mb']:.0f} before the first frame"
        )
    if len(result["memory"]) > 1:
        first, last = result["memory"][0], result["memory"][-1]
        lines.append(f"{last['minutes'] / first['minutes']:g} times the length: {result['memory_ratio']:.3f} times the memory")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path, help="a video file; default: a simulated one of 640x360")
    parser.add_argument("--model", help="a model folder of the cpu preset to score with instead of random weights")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300, help="frames of the clip used for speed")
    parser.add_argument("--minutes", type=float, nargs="*", default=[1.0, 10.0], help="lengths for peak memory; none to skip")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="torch threads")
    parser.add_argument("--runtimes", action="store_true", help="compare runtimes alone, and print JSON")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = "3000"  # as the normalcy command does; only read when PyTorch is loaded
        os.execv(sys.executable, [sys.executable, *sys.argv])
    torch.set_num_threads(args.threads)
    if args.peak:
        model = load(args.model, args.video)
        before = peak_mb()
        print(json.dumps({"frames": len(score(model, args.video)), "before_mb": before, "peak_mb": peak_mb()}))
        return
    with tempfile.TemporaryDirectory() as folder:
        video = args.video or simulate(Path(folder) / "simulated.mp4", args.frames)
        model = load(args.model, video)
        if args.runtimes:
            print(json.dumps(measure_runtimes(video, model, args.frames, args.repeats, Path(folder)), indent=1))
            print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {args.threads} torch threads")
            return
        memory = measure_memory(video, args.minutes, args.model, args.threads)
        result = {
            "video": video.name,
            "threads": args.threads,
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "torch": torch.__version__,
            "runtimes": measure_runtimes(video, model, args.frames, args.repeats, Path(folder)),
            "scoring": measure_scoring(video, model, args.frames, args.repeats),
            "training": measure_training(video, model.cfg, args.frames, args.repeats),
            "memory": memory,
            "memory_ratio": memory[-1]["peak_mb"] / memory[0]["peak_mb"] if memory else None,
        }
    print(json.dumps(result) if args.json else report(result))


if __name__ == "__main__":
    main()
