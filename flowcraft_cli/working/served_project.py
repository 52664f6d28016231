"""The project of the blueprints that a worker serves: where its settings and its nodes come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def common_project(paths: Sequence[Path]) -> str | None:
    """A path to look for the project file from, as `run` does for its file; None for the current folder.

    Only if all paths lead to one project file: two of them may contradict each other.
    """
    from flowcraft_engine.nodes.project_file import find_project_file

    found = [find_project_file(path if path.is_dir() else path.absolute().parent) for path in paths]
    files = {project.path if project is not None else None for project in found}
    return str(paths[0]) if len(files) == 1 and None not in files else None
