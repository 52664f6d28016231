"""The blueprints beside a blueprint: where subflows are looked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from flowcraft_engine.blueprint.finding import BlueprintError, Finding
from flowcraft_engine.blueprint.model import Blueprint

SUFFIXES = (".yaml", ".yml", ".json")
#: Files looked at in one folder.
_MOST_FILES = 1_000
#: Test cases and what commands print with `--json` name their schema first, and may lie beside blueprints.
_KEPT_DOCUMENT = re.compile(rb"(?:#[^\n]*\n|\s)*\{?\s*\"?schema\"?:\s*\d")
#: So may the schema of blueprints, which `init` writes.
_JSON_SCHEMA = re.compile(rb"\s*\{\s*\"\$schema\":\s*\"https?://json-schema\.org/")


#: Loads one file: its blueprint, or None, and what was found.
Load = Callable[[Path], tuple[Blueprint | None, list[Finding]]]


def collect(
    paths: Iterable[str | os.PathLike[str]], load: Load
) -> tuple[dict[str, Blueprint], dict[str, BlueprintError]]:
    """Blueprint id → blueprint of all files and folders, and the files that are not valid."""
    found: dict[str, Blueprint] = {}
    broken: dict[str, BlueprintError] = {}
    for path in blueprint_files(paths):
        blueprint, findings = load(path)
        if blueprint is None:
            broken[os.fspath(path)] = BlueprintError(findings)
        else:
            found.setdefault(blueprint.id, blueprint)
    return found, broken


def blueprint_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """The files that are named, and those in folders that look like blueprints."""
    for path, is_named in _files(paths):
        if is_named or _looks_like_blueprint(path):
            yield path


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, bool]]:
    for name in paths:
        path = Path(name)
        if not path.is_dir():
            yield path, True
            continue
        entries = sorted(
            entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()
        )
        for entry in entries[:_MOST_FILES]:
            yield entry, False


def _looks_like_blueprint(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            beginning = file.read(1_048_576)
    except OSError:
        return False
    is_other = _KEPT_DOCUMENT.match(beginning) or _JSON_SCHEMA.match(beginning)
    return b"nodes" in beginning and not is_other


class Library(Mapping[str, Blueprint]):
    """The blueprints of files and folders, read when the first subflow asks for one."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]], load: Load) -> None:
        self._paths = list(paths)
        self._load = load
        self._found: dict[str, Blueprint] | None = None
        self._broken: list[str] = []

    @property
    def broken(self) -> list[str]:
        """The names of the files that are not valid."""
        self._all()
        return self._broken

    def _all(self) -> dict[str, Blueprint]:
        if self._found is None:
            self._found, broken = collect(self._paths, self._load)
            self._broken = [Path(name).name for name in broken]
        return self._found

    def __getitem__(self, name: str) -> Blueprint:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
