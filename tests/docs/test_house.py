"""What the package promises to those who install it, and the README to those who test it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.docs.blocks import blocks_of
from tests.docs.session import ROOT


def test_ci_runs_the_test_command_of_the_readme() -> None:
    setup = [block.text.strip() for block in blocks_of(ROOT / "README.md") if block.language == "sh"]
    script = (ROOT / ".ci" / "run").read_text()
    assert any(command.splitlines()[-1] in script for command in setup if "nox" in command)


def test_the_wheel_has_types_data_and_the_command(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    [wheel] = tmp_path.glob("flowcraft_py-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {
        str(path.relative_to(ROOT))
        for package in ("flowcraft_engine", "flowcraft_cli")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert data <= names
    assert {"flowcraft_engine/py.typed", "flowcraft_cli/py.typed"} <= names
    assert not any(name.startswith("tests") for name in names)


def test_the_version_is_the_same_everywhere() -> None:
    from flowcraft_engine import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
