"""Measure the figures that flowcraft must keep: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tests.benchmarks.effort import FULL, QUICK
from tests.benchmarks.figure import Figure
from tests.benchmarks.page import PAGE, page
from tests.benchmarks.results import keep, newest, result_of
from tests.benchmarks.subjects import SUBJECTS
from tests.benchmarks.table import table


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    if given.render:
        return _render()
    load = os.getloadavg()[0]
    figures: list[Figure] = []
    for subject in given.only:
        print(subject, file=sys.stderr)
        figures.extend(SUBJECTS[subject](QUICK if given.quick else FULL))
    print(table(figures))
    if given.keep:
        print(f"kept in {keep(result_of(figures, load))}", file=sys.stderr)
    return 0 if all(figure.passes is not False for figure in figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        type=_subjects,
        default=list(SUBJECTS),
        help=f"some of {','.join(SUBJECTS)}",
        metavar="NAMES",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no graphs of 100,000 nodes")
    parser.add_argument(
        "--keep", action="store_true", help="store the result under tests/benchmarks/results/"
    )
    parser.add_argument("--render", action="store_true", help=f"write docs/{PAGE.name} and measure nothing")
    return parser


def _subjects(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SUBJECTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SUBJECTS)}")
    return names


def _render() -> int:
    result = newest()
    if result is None:
        print("no result is kept yet: measure with --keep first", file=sys.stderr)
        return 2
    PAGE.write_text(page(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
