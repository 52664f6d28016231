"""The blueprints beside a blueprint: where subflows are looked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from flowcraft_engine.blueprint.finding import BlueprintError
from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS, Limits
from flowcraft_engine.blueprint.model import Blueprint

SUFFIXES = (".yaml", ".yml", ".json")
#: Files looked at in one folder.
_MOST_FILES = 1_000


def find_blueprints(
    paths: Iterable[str | os.PathLike[str]], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[dict[str, Blueprint], dict[str, BlueprintError]]:
    """Blueprint id → blueprint of all files and folders (not their subfolders), and the files that are not valid.

    The first one of an id wins. In folders, files that are no blueprints (no `nodes`) are passed over.
    """
    from flowcraft_engine.blueprint.loading import load_blueprint

    found: dict[str, Blueprint] = {}
    broken: dict[str, BlueprintError] = {}
    for path, is_named in _files(paths):
        if not is_named and not _looks_like_blueprint(path):
            continue
        try:
            blueprint = load_blueprint(path, limits=limits)
        except BlueprintError as error:
            broken[os.fspath(path)] = error
        else:
            found.setdefault(blueprint.id, blueprint)
    return found, broken


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
            return b"nodes" in file.read(1_048_576)
    except OSError:
        return False


class Library(Mapping[str, Blueprint]):
    """The blueprints around a file and in `search`, read when the first subflow asks for one."""

    def __init__(
        self, path: str | os.PathLike[str], search: Iterable[str | os.PathLike[str]], limits: Limits
    ) -> None:
        folder = [] if os.fspath(path) == "-" else [Path(path).parent]
        self._paths = [*search, *folder]
        self._limits = limits
        self._found: dict[str, Blueprint] | None = None

    def _all(self) -> dict[str, Blueprint]:
        if self._found is None:
            self._found = {}
            self._found, _ = find_blueprints(self._paths, limits=self._limits)
        return self._found

    def __getitem__(self, name: str) -> Blueprint:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
