"""`docs/benchmarks.md`, made from the newest result that was kept."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.results import Result
from tests.benchmarks.table import table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

_PAGE = """\
# Benchmarks

Made by `python -m tests.benchmarks --render` from `tests/benchmarks/results/{day}.json`; do not edit.

flowcraft {flowcraft}, {python}, {machine}; load of the machine {before:.2f} before and {after:.2f} after.

{table}

## How to read it

- Medians of repeats; in brackets the fastest and the slowest. A **ratio** is the median of the ratios of the rounds:
  in each round both sides were measured one after the other, so a busy machine slows both. Ratios travel between
  machines, microseconds do not.
- A figure passes if it keeps one of its targets. Rows without a target are there to compare with.
- **nodes**, **sqlite**, **growth**: async nodes that do nothing, from a started run to its result. Each row goes
  through `FlowRuntime.proceed`, with events, JSON checks and the result; "with compilation" is all of
  `FlowRuntime.run` with a blueprint that was not seen before. The yardstick is one asyncio task, created and awaited.
- **runs**: all of `FlowRuntime.run`, the start of each run and the check of its inputs included.
- **schedule**: sleeps of 1 and 50 ms, the critical path is their sum along the longer branch. "Two coroutines" are the
  same sleeps without flowcraft: how late the machine itself wakes.
- **memory**: the peak of the process over the same process after a small run; the blueprint is part of it.
- **validate**, **startup**: whole processes with compiled modules, started by the console script. A file has nine
  lines and about 210 bytes a node, its edge included. The empty Typer application has as many commands as flowcraft;
  "its libraries" are `import typer, asyncio, ruamel.yaml, pydantic` and a class with one model.
- **transport**, **fleet**: real processes on a real server of this machine, which also carries the one who measures.
  "Raw" are messages that do nothing, all waiting when one process begins to take them; so are the runs of flowcraft,
  whose workers are connected by then. Latencies are between the moments that nodes note themselves. Commands and
  bytes are counted by a relay between the worker and the server. A "worst of" is held to its target, all of its values
  stand in the row below. Where chains and fans of two sizes are compared, worker and server share one processor: left
  alone, Linux parts them when they have been busy for a twentieth of a second, which costs a quarter more a node and
  which a chain of 100 does not live to see.

## Measure yourself

`python -m tests.benchmarks` prints the table, in some minutes. `--only nodes,startup` measures some subjects, `--quick`
less often. `--keep` stores the result; do so on a machine that does nothing else.
"""


def page(result: Result) -> str:
    before, after = result.load
    return _PAGE.format(
        day=result.day,
        flowcraft=result.flowcraft,
        python=result.python,
        machine=result.machine,
        before=before,
        after=after,
        table=table(result.figures),
    )
