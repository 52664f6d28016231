"""Where settings come from: for each name the flag, else the variable, else the project file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.project_file import ProjectFile, find_project_file

#: Variables that are not ours, and are taken where ours says nothing.
_COMMON_VARIABLES = {"redis_url": "REDIS_URL"}


@frozen
class Found:
    """A raw value, where it stands in words, and the folder that its relative paths begin at."""

    value: Any
    source: str
    folder: Path
    is_variable: bool = False


Reader = Callable[[Found], Any]


@frozen
class Sources:
    """The command line, the environment and the project file of one command."""

    flags: Mapping[str, Any]
    environment: Mapping[str, str]
    project: ProjectFile | None
    #: The folder that `.flowcraft` is in: that of the project file around the current folder, else the latter.
    root: Path
    here: Path

    @classmethod
    def of(
        cls, flags: Mapping[str, Any], environment: Mapping[str, str], near: Path | None, cwd: Path | None
    ) -> Sources:
        """`near` is where the search for the project file begins, upwards; it goes on in `cwd`."""
        here = (cwd or Path.cwd()).resolve()
        around = find_project_file(here)
        project = (find_project_file(near) if near is not None else None) or around
        root = around.folder if around is not None else here
        return cls(flags, environment, project, root, here)

    def find(self, name: str) -> Found | None:
        if name in self.flags:
            return Found(self.flags[name], f"--{name.replace('_', '-')}", self.here)
        for variable in (f"FLOWCRAFT_{name.upper()}", _COMMON_VARIABLES.get(name, "")):
            if self.environment.get(variable):
                return Found(self.environment[variable], variable, self.here, is_variable=True)
        if self.project is not None and name in self.project.table:
            return Found(self.project.table[name], f"{self.project.path}: {name}", self.project.folder)
        return None

    def read(self, readers: Mapping[str, Reader]) -> tuple[dict[str, Any], dict[str, str]]:
        """The values that are set, and in words where. Raises `UsageError` that names the place of a wrong one."""
        found = {name: it for name in readers if (it := self.find(name)) is not None}
        values = {name: readers[name](it) for name, it in found.items()}
        return values, {name: it.source for name, it in found.items()}
