"""Results that are kept, one JSON file a day, with the machine that they come from."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import flowcraft_engine
from tests.benchmarks.figure import Figure

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """`load` is the load average of the machine at the beginning and at the end."""

    day: str
    flowcraft: str
    python: str
    machine: str
    load: tuple[float, float]
    figures: tuple[Figure, ...]


def result_of(figures: list[Figure], load_before: float) -> Result:
    return Result(
        day=date.today().isoformat(),
        flowcraft=flowcraft_engine.__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        machine=_machine(),
        load=(load_before, os.getloadavg()[0]),
        figures=tuple(figures),
    )


def keep(result: Result, folder: Path = RESULTS) -> Path:
    """Write the result; a second one of the same day replaces the first."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.day}.json"
    path.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def newest(folder: Path = RESULTS) -> Result | None:
    """The newest result that was kept; None if there is none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        return None
    data = json.loads(paths[-1].read_text(encoding="utf-8"))
    figures = tuple(_figure(figure) for figure in data.pop("figures"))
    return Result(**{**data, "load": tuple(data["load"])}, figures=figures)


def _figure(data: dict[str, Any]) -> Figure:
    data["measured"], data["yardstick"] = tuple(data["measured"]), tuple(data["yardstick"])
    return Figure(**data)


def _machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _processor() -> str:
    """The model as Linux knows it; elsewhere only the kind."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
