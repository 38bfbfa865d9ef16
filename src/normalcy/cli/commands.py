"""The commands. Each says what it takes, calls the API and prints what comes back."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from normalcy.cli import exits, show
from normalcy.cli.cache import cache
from normalcy.cli.options import EPILOG, ConfigFile, Device, Json, Preset, Seed, Settings, Sources
from normalcy.cli.progress import shown
from normalcy.errors import UsageError

app = typer.Typer(
    help="Learns what normal looks like from ordinary video, then says when, where and why something is not normal.",
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Show the settings.", epilog=EPILOG)
app.add_typer(config_app, name="config")


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with a code of :data:`normalcy.cli.EXIT_CODES`. argv: without the program's name."""
    _let_threads_sleep()
    sys.exit(exits.run(app, argv))


def _let_threads_sleep() -> None:
    """Before PyTorch is loaded: its threads wait asleep, not spinning, unless the environment says how they are to wait.

    Beside any other program, spinning threads take each other's time: on two cores scoring was 2 to 5 times slower so.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")  # GNU OpenMP alone, which PyTorch brings along on Linux


def _version(wanted: bool) -> None:
    if wanted:
        from normalcy.versions import version

        show.out(f"normalcy {version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(exits.USAGE)


@app.command(epilog=EPILOG)
def train(
    sources: Sources,
    out: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="Folder for the model.", show_default=False)],
    preset: Preset = "cpu",
    config: ConfigFile = None,
    sets: Settings = None,
    level: Annotated[
        str | None,
        typer.Option(metavar="frame|object|both", help="What is looked at: the frame, the objects in it, or both."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Kinetics-400 weights for I3D (.safetensors).", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is in MODEL_DIR.")] = False,
    seed: Seed = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Learn what is normal from videos in which nothing else happens."""
    import normalcy

    with exits.interruptible(f"Go on with: the same command and --resume ({out} is kept)"), shown() as progress:
        result = normalcy.train(
            sources,
            out,
            preset=preset,
            config=config,
            sets=sets or (),
            weights=weights,
            resume=resume,
            force=force,
            seed=seed,
            device=device,
            level=level,
            progress=progress,
        )
    show.out(show.as_json(result) if as_json else show.trained(result))
    _leave(result.failed, some_done=True)


@app.command(epilog=EPILOG)
def score(
    sources: Sources,
    model: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="A model that train wrote.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results, one folder per video.", show_default=False)],
    maps: Annotated[bool, typer.Option("--maps", help="Also write the score maps (maps.npy).")] = False,
    overlay: Annotated[bool, typer.Option("--overlay", help="Also write the video with its score map over it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Score again what is finished.")] = False,
    config: ConfigFile = None,
    sets: Settings = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score every frame of every video: the higher, the less normal."""
    import normalcy

    with exits.interruptible("Finished videos are kept: the same command goes on with the rest"), shown() as progress:
        result = normalcy.score(
            sources,
            model,
            out,
            maps=maps,
            overlay=overlay,
            force=force,
            device=device,
            sets=sets or (),
            config=config,
            progress=progress,
        )
    for video in result.videos:
        for warning in video.warnings:
            exits.say(f"warning: {video.name}: {warning}")
    show.out(show.as_json(result.to_dict()) if as_json else show.scored(result))
    _leave(result.failed, some_done=bool(result.videos))


@app.command("eval", epilog=EPILOG)
def evaluate(
    scores: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What score wrote, or NAME.csv or NAME.npy of any method.", show_default=False),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="NAME.npy with 0 or 1 per frame; with --dataset its label set.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="NAME.npz with pixel masks: adds AUC by size.", show_default=False)
    ] = None,
    versus: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Scores of another method, to compare with.", show_default=False)
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Score and judge a benchmark (see: normalcy datasets list).", show_default=False),
    ] = None,
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the benchmark.", show_default=False)] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL_DIR", help="With --dataset: a model that train wrote.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --dataset: folder for the results.", show_default=False)
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Go on with an incomplete copy, and say so.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Score again what is finished.")] = False,
    config: ConfigFile = None,
    sets: Settings = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Judge scores by labels (--scores, --labels), or a model on a benchmark (--dataset, --root, --model, --out)."""
    whole = {"--root": root, "--model": model, "--out": out}
    files = {"--scores": scores, "--masks": masks, "--versus": versus}
    if dataset is not None:
        _need("--dataset", whole, files)
        assert root is not None and model is not None and out is not None
        from normalcy.cli.benchmarks import evaluate_benchmark

        evaluate_benchmark(dataset, root, model, out, labels, partial, force, config, sets or (), device, as_json)
        return
    _need("--scores", {"--scores": scores, "--labels": labels}, whole)
    assert scores is not None and labels is not None
    import normalcy

    result = normalcy.evaluate(scores, Path(labels), masks=masks, versus=versus)
    show.out(show.as_json(result.to_dict()) if as_json else show.evaluated(result))


def _need(form: str, wanted: Mapping[str, object], foreign: Mapping[str, object]) -> None:
    """Of the two forms of eval, say what is missing of the one and what belongs to the other."""
    missing = [name for name, value in wanted.items() if value is None]
    if missing:
        either = " (or --dataset, --root, --model and --out for a benchmark)" if form == "--scores" else ""
        raise UsageError(f"eval with {form} needs {', '.join(missing)}{either}")
    strange = [name for name, value in foreign.items() if value is not None]
    if strange:
        raise UsageError(f"eval with {form} does not take {', '.join(strange)}")


@app.command(epilog=EPILOG)
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for everything it makes.")] = Path("normalcy-demo"),
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the simulated scene and the training.")] = 0,
    open_report: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Show the report in a browser; default: on a terminal with a display."),
    ] = None,
    as_json: Json = False,
) -> None:
    """No data at hand? Simulate a scene, train, score, evaluate, and write a report. A few minutes."""
    import normalcy

    wanted = has_display() if open_report is None else open_report
    with exits.interruptible("The same command starts over"), shown() as progress:
        result = normalcy.demo(out, seed=seed, open_browser=wanted, progress=progress)
    show.out(show.as_json(result.to_dict()) if as_json else show.demonstrated(result))


@app.command(epilog=EPILOG)
def doctor(as_json: Json = False) -> None:
    """Look at this machine: versions, cores, GPU, cache, speed, and what is missing."""
    from normalcy.api.doctor import examine

    report = examine()
    show.out(show.as_json(report.to_dict()) if as_json else show.examined(report))
    if not report.ok:
        raise typer.Exit(exits.FAILED)


app.command(epilog=EPILOG)(cache)


@config_app.command("show", epilog=EPILOG)
def config_show(preset: Preset = "cpu", config: ConfigFile = None, sets: Settings = None) -> None:
    """All settings as they would be used, as YAML that --config reads."""
    from normalcy.presets import load_config

    show.out(show.settings(load_config(preset, config, sets or ())))


@config_app.command("schema", epilog=EPILOG)
def config_schema() -> None:
    """The JSON schema of the settings: every name, range and meaning."""
    from normalcy.config import Config

    show.out(show.as_json(Config.model_json_schema()))


def has_display() -> bool:
    """Whether someone sits here who would see a browser: a terminal, and a screen (X11 or Wayland on Linux)."""
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _leave(failed: Mapping[str, str], some_done: bool) -> None:
    """Name every input that failed on stderr, and leave with the code for it."""
    for name, reason in failed.items():
        exits.say(reason if name in reason else f"{name}: {reason}")
    if failed:
        raise typer.Exit(exits.PARTLY if some_done else exits.FAILED)
