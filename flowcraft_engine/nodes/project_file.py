"""The project file: `flowcraft.toml` or `[tool.flowcraft]` in `pyproject.toml`, found going upwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen


@frozen
class ProjectFile:
    """Settings of a project: `table` as it stands in the file, `path` the file itself."""

    path: Path
    table: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def apps(self) -> tuple[str, ...]:
        """The key `app`: the modules of the project's nodes. Raises `UsageError` if it is not text."""
        value = self.table.get("app", [])
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{self.path}: 'app' must be text or a list of texts", hint='app = "shop.nodes"')
        return tuple(names)


def find_project_file(start: Path) -> ProjectFile | None:
    """The nearest project file in `start` or a folder above it; None if there is none.

    In one folder `flowcraft.toml` comes before `pyproject.toml`. Raises `UsageError` for one that is no TOML.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        own = folder / "flowcraft.toml"
        if own.is_file():
            return ProjectFile(own, _read(own))
        shared = folder / "pyproject.toml"
        if shared.is_file() and b"tool.flowcraft" in shared.read_bytes():
            table = _read(shared).get("tool", {}).get("flowcraft")
            if isinstance(table, dict):
                return ProjectFile(shared, table)
    return None


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
