"""The commands teach, lessons and retrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from normalcy.cli import exits, show
from normalcy.cli.options import Device, Json
from normalcy.cli.progress import shown

Model = Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="A model that train wrote.", show_default=False)]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; kept in the list.")]


def teach(
    model: Model,
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="A video of the event.", show_default=False)],
    start: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Where in the clip the event begins.", show_default=False)
    ] = None,
    end: Annotated[float | None, typer.Option(metavar="SECONDS", help="Where it ends.", show_default=False)] = None,
    camera: Annotated[str, typer.Option(metavar="NAME", help="The camera, for the list.")] = "",
    by: By = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Words for the list.")] = "",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make what happens in a clip normal for its camera, at once and without training. lessons --forget takes it back."""
    from normalcy.api.teach import teach as run

    t = run(model, clip, start_s=start, end_s=end, camera=camera, by=by, note=note, device=device)
    if as_json:
        show.out(show.as_json(t.to_dict()))
        return
    quiet = "stays below" if t.quiet else "still rises above"
    show.out(f"lesson {t.id}: its score was {t.before:.2f} and is {t.after:.2f}; it {quiet} the alarm at {t.threshold:.2f}")


def lessons(
    model: Model,
    forget: Annotated[list[str] | None, typer.Option(metavar="ID", help="Take this one back.", show_default=False)] = None,
    by: By = "",
    as_json: Json = False,
) -> None:
    """List what a model was taught, and take it back."""
    from normalcy.api.teach import forget as take_back
    from normalcy.scoring.lesson_files import about_lessons, journal

    for id in forget or ():
        take_back(model, id, by=by)
    found = about_lessons(model)
    if as_json:
        show.out(show.as_json({"lessons": found, "version": len(journal(model))}))
        return
    rows: list[list[object]] = [["lesson", "camera", "event", "by", "before", "now", "note"]]
    rows += [[x["id"], x["camera"], x["event"] or x["clip"], x["by"], *_scores(x), x["note"]] for x in found]
    show.out(show.columns(rows) if found else "nothing was taught")


def _scores(about: dict[str, Any]) -> list[str]:
    return [f"{about['before']:.2f}", f"{about['after']:.2f}"]


def retrain(
    model: Model,
    out: Annotated[Path, typer.Option(metavar="MODEL_DIR", help="Folder for the new model.", show_default=False)],
    with_marks: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A folder that watch wrote: its events marked normal.", show_default=False),
    ] = None,
    videos: Annotated[list[str] | None, typer.Option(metavar="SOURCE", help="More normal video.", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is in the new folder.")] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train a model anew from its own video and the clips of events that were marked normal."""
    from normalcy.api.marks import retrain as run

    with exits.interruptible(f"Go on with: the same command and --resume ({out} is kept)"), shown() as progress:
        result = run(
            model,
            out,
            marks=with_marks or (),
            videos=videos or (),
            device=device,
            resume=resume,
            force=force,
            progress=progress,
        )
    show.out(show.as_json(result) if as_json else show.trained(result))
    exits.leave(result.failed, some_done=True)
