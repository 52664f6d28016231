"""Start-up: `--help` and the run of a small file, as whole processes, beside what their libraries cost alone."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import ROOT, flowcraft, timed
from tests.benchmarks.rounds import in_turn

_EMPTY_APP = "from tests.benchmarks.empty_typer_app import main; main()"
_PLAIN_APP = "from tests.benchmarks.empty_typer_app import plain; plain()"
_LIBRARIES = """
import typer, asyncio, ruamel.yaml, pydantic
class Model(pydantic.BaseModel):
    name: str
"""
_THREE_NODES = """\
nodes:
  - {id: a, uses: noop}
  - {id: b, uses: noop, needs: a}
  - {id: c, uses: noop, needs: b}
"""


def measure_startup(effort: Effort) -> list[Figure]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "three.yaml").write_text(_THREE_NODES)
        run = [flowcraft(), "run", "three.yaml"]
        taken = in_turn(
            effort.process_rounds,
            {
                "python": timed([sys.executable, "-c", "pass"], folder),
                "empty": timed([sys.executable, "-c", _EMPTY_APP, "--help"], ROOT),
                "plain": timed([sys.executable, "-c", _PLAIN_APP, "--help"], ROOT),
                "help": timed([flowcraft(), "--help"], folder),
                "libraries": timed([sys.executable, "-c", _LIBRARIES], folder),
                "memory": timed([*run, "--state", "memory"], folder),
                "kept": timed(run, folder),
            },
        )
    ms = {label: tuple(seconds * 1e3 for seconds in values) for label, values in taken.items()}
    empty, plain = ("empty Typer app", ms["empty"]), ("the same without rich", ms["plain"])
    libraries = ("its libraries", ms["libraries"])
    return [
        Figure("startup", "--help", "ms", ms["help"], *empty, at_most_ratio=1.15),
        Figure("startup", "--help", "ms", ms["help"], *plain, at_most_ratio=1.15),
        Figure("startup", "run, 3 nodes, in memory", "ms", ms["memory"], *libraries, at_most_ratio=1.3),
        Figure("startup", "run, 3 nodes, kept", "ms", ms["kept"], *libraries, at_most_ratio=1.3),
        Figure("startup", "empty Typer app --help", "ms", ms["empty"], "python -c pass", ms["python"]),
        Figure("startup", "its libraries alone", "ms", ms["libraries"], "python -c pass", ms["python"]),
    ]
