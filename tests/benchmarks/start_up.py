"""Start-up of the command line against the floor of its libraries: `python tests/benchmarks/start_up.py [rounds]`.

`--help` against the help of an empty Typer application with as many commands; `run` of three nodes against
importing typer, asyncio, ruamel.yaml and pydantic with one model. Medians; the machine should be quiet.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flowcraft_cli.catalogue import COMMANDS

EMPTY = """
import typer
app = typer.Typer()
def add(name):
    def command():
        "Nothing."
    app.command(name)(command)
for name in {names!r}:
    add(name)
app()
"""
FLOOR = """
import typer, asyncio, ruamel.yaml, pydantic
class Model(pydantic.BaseModel):
    a: int
"""
THREE = "nodes: [{id: a, uses: noop}, {id: b, uses: noop, needs: [a]}, {id: c, uses: noop, needs: [b]}]\n"


def main(rounds: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {
            "empty.py": EMPTY.format(names=list(COMMANDS)),
            "floor.py": FLOOR,
            "three.yaml": THREE,
        }.items():
            Path(folder, name).write_text(text)
        ours = [sys.executable, "-m", "flowcraft_cli"]
        cases = {
            "empty Typer --help": ([sys.executable, "empty.py", "--help"], {}),
            "empty Typer --help, no rich": ([sys.executable, "empty.py", "--help"], {"TYPER_USE_RICH": "0"}),
            "flowcraft --help": ([*ours, "--help"], {}),
            "imports only": ([sys.executable, "floor.py"], {}),
            "flowcraft run, 3 nodes": ([*ours, "run", "three.yaml"], {}),
            "flowcraft validate, 3 nodes": ([*ours, "validate", "three.yaml"], {}),
        }
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, (command, more) in cases.items():
                began = time.perf_counter()
                subprocess.run(
                    command, capture_output=True, cwd=folder, env={**environment, **more}, check=True
                )
                times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) * 1000 for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:30} {median:6.0f} ms")
    print(
        f"--help: {medians['flowcraft --help'] / medians['empty Typer --help']:.2f} × the empty application"
    )
    print(f"run: {medians['flowcraft run, 3 nodes'] / medians['imports only']:.2f} × the imports")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
