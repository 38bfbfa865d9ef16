"""Compare configurations honestly: run them with seeds, controls and baselines, and print what came out.

    python benchmarks/quality run DATA_ROOT --sets ped1_dev umn avenue --seeds 0 1 2 [--set KEY=VALUE ...] --out RESULTS.jsonl
    python benchmarks/quality sweep DATA_ROOT --sets ped1_dev umn --grid clip.length=3,5,9 --out RESULTS.jsonl
    python benchmarks/quality table RESULTS.jsonl [--sort choose] [--markdown]
    python benchmarks/quality section RESULTS.jsonl --name NAME > section.md

docs/quality.md says how to use it and what to make of the figures.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

OK, FAILED, USAGE, PARTLY, INTERRUPTED = 0, 1, 2, 4, 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(dest="command", required=True)
    for name, words in (("run", "one configuration"), ("sweep", "every combination of a grid of settings")):
        c = commands.add_parser(name, help=f"run {words} on data sets and seeds")
        c.add_argument("root", type=Path, metavar="DATA_ROOT", help="folder with one folder in the plain layout per data set")
        c.add_argument("--sets", nargs="+", required=True, metavar="SET", help="names of data sets")
        c.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N")
        c.add_argument("--preset", default="cpu")
        c.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="may be repeated")
        c.add_argument("--name", help="of the configuration; the settings themselves if not given")
        c.add_argument("--out", type=Path, required=True, metavar="RESULTS.jsonl")
        c.add_argument("--work", type=Path, metavar="DIR", help="models, scores, baselines; RESULTS.work if not given")
        which = c.add_mutually_exclusive_group()
        which.add_argument("--untrained", action="store_true", help="the controls alone")
        which.add_argument("--no-control", action="store_true", help="without the controls")
        c.add_argument("--any-code", action="store_true", help="what another state of the code finished is not run again")
        c.add_argument("--threads", type=int, default=1, metavar="N", help="torch threads (default 1)")
        c.add_argument("--device", default="auto", metavar="auto|cpu|cuda")
        if name == "sweep":
            c.add_argument("--grid", action="append", required=True, metavar="KEY=V,V,...", help="may be repeated")
    t = commands.add_parser("table", help="one line per configuration and data set")
    t.add_argument("results", type=Path, metavar="RESULTS.jsonl")
    t.add_argument("--name", default="*", metavar="PATTERN", help="configurations whose name fits, such as 'T=*'")
    t.add_argument("--sort", choices=("name", "choose"), default="name", help="choose: micro AUC on the choose halves")
    t.add_argument("--part", choices=("choose", "report", "all"), default="all", help="the clips that differences are over")
    t.add_argument("--macro", choices=("defined", "padded"), default="defined")
    for flag, words in (
        ("latest", "of each configuration the newest state of the code alone"),
        ("readouts", "each readout as well"),
        ("sizes", "AUC by size as well"),
        ("tasks", "accuracies of the proxy tasks and what it took as well"),
        ("goals", "beside what the project wants to reach"),
        ("markdown", "as Markdown"),
    ):
        t.add_argument(f"--{flag}", action="store_true", help=words)
    s = commands.add_parser("section", help="everything about one configuration, as Markdown")
    s.add_argument("results", type=Path, metavar="RESULTS.jsonl")
    s.add_argument("--name", required=True)
    return p


def main(argv: list[str] | None = None) -> int:
    """Run, and return the exit code: 0 done, 1 failed, 2 wrong call, 4 some cells failed, 130 interrupted."""
    a = parser().parse_args(argv)
    from normalcy.errors import ConfigError, NormalcyError, UsageError

    try:
        return _run(a) if a.command in ("run", "sweep") else _print(a)
    except NormalcyError as e:
        print(f"quality: {e}", file=sys.stderr)
        return USAGE if isinstance(e, UsageError | ConfigError) else FAILED
    except KeyboardInterrupt:
        print("quality: interrupted. Finished cells are kept: the same command goes on with the rest", file=sys.stderr)
        return INTERRUPTED


def _run(a: argparse.Namespace) -> int:
    from normalcy.cli.progress import shown
    from normalcy.experiments import sweep

    wanted = sweep.Sweep(
        variants=sweep.grid(a.name, a.settings, a.grid if a.command == "sweep" else ()),
        preset=a.preset,
        sets=tuple(a.sets),
        seeds=tuple(a.seeds),
        trained=not a.untrained,
        control=not a.no_control,
        threads=a.threads,
        any_code=a.any_code,
    )
    with shown() if sys.stderr.isatty() else nullcontext() as progress:
        failures = sweep.run(wanted, a.root, a.out, a.work or a.out.with_suffix(".work"), a.device, _say, progress)
    return PARTLY if failures else OK


def _print(a: argparse.Namespace) -> int:
    from normalcy.errors import DataError
    from normalcy.experiments import section, store, table

    if not a.results.is_file():
        raise DataError(f"{a.results}: no such results file")
    results = store.read(a.results)
    if a.command == "section":
        print(section.to_markdown(results, a.name))
        return OK
    shown = ("name", "latest", "sort", "part", "macro", "readouts", "sizes", "tasks", "goals", "markdown")
    print(table.to_text(results, table.Wanted(**{k: getattr(a, k) for k in shown})), end="")
    return OK


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
