"""What CI runs: `nox` alone runs lint, types, imports, docs and tests.

All sessions share one virtual environment (`.nox/shared`): five of them would take longer to fill than the
checks take to run. It is made again when `pyproject.toml` changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "imports", "docs", "tests"]

ROOT = Path(__file__).parent
SHARED = ROOT / ".nox" / "shared"
BIN = SHARED / ("Scripts" if os.name == "nt" else "bin")
OURS = ("flowcraft_engine", "flowcraft_cli", "tests", "blueprints", "noxfile.py")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Look for mistakes and for unformatted files (ruff)."""
    run(session, "ruff", "check", *OURS)
    run(session, "ruff", "format", "--check", *OURS)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check the types of both packages (mypy, strict)."""
    run(session, "mypy", *session.posargs)


@nox.session(venv_backend="none")
def imports(session: nox.Session) -> None:
    """Check that every room imports downwards only (import-linter)."""
    run(session, "lint-imports")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests: `nox -s tests -- -k joins` passes the rest on to pytest."""
    pytest(
        session,
        "--ignore=tests/docs",
        *(session.posargs or ["-n", "4", "--dist", "loadgroup", "--durations=25"]),
    )


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Run the blocks of README and docs, and compare the generated pages."""
    pytest(session, "tests/docs", *(session.posargs or ["-n", "4", "--dist", "loadgroup", "--durations=25"]))


@nox.session(venv_backend="none")
def seeds(session: nox.Session) -> None:
    """Run more orders of events than CI does (not part of CI): `nox -s seeds -- 20000`."""
    os.environ["FLOWCRAFT_SEEDS"] = session.posargs[0] if session.posargs else "5000"
    pytest(session, "tests/interleaving/test_seeds.py", "-n", "auto")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure (not part of CI): `nox -s bench`."""
    run(session, "python", "-m", "tests.benchmarks", *session.posargs)


@nox.session(venv_backend="none")
def chaos(session: nox.Session) -> None:
    """Kill processes, servers and messages (not part of CI but for a slice): `nox -s chaos -- --profile nightly`."""
    run(session, "python", "-m", "tests.chaos", *session.posargs)


def pytest(session: nox.Session, *arguments: str) -> None:
    run(session, "python", "-m", "pytest", *arguments)


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the shared environment."""
    prepare(session)
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    session.run(str(BIN / program), *arguments, env={"PATH": path}, external=True)


def prepare(session: nox.Session) -> None:
    """Make the shared environment, unless it is there and as `pyproject.toml` wants it."""
    stamp = SHARED / "made-for"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(SHARED, ignore_errors=True)
    session.run(sys.executable, "-m", "venv", str(SHARED), external=True)
    install = ["-m", "pip", "install", "--quiet", "--editable", ".[test,lint]"]
    session.run(str(BIN / "python"), *install, external=True)
    stamp.write_text(wanted)
