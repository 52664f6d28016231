"""Workflow commands of GitHub Actions: lines of a step's output that become annotations of files."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Literal

from flowcraft_engine.blueprint.source import printable

Level = Literal["error", "warning", "notice"]


def workflow_command(
    level: Level,
    message: str,
    *,
    title: str,
    file: str | None = None,
    line: int | None = None,
    column: int | None = None,
) -> str:
    """`::error file=flow.yaml,line=3,col=5,title=…::message`; nothing in the texts can end the line or a property."""
    properties: dict[str, object] = {}
    if file is not None:
        properties = {"file": file, "line": line, "col": column}
    properties["title"] = title
    told = (f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::{level} {','.join(told)}::{_data(message)}"


def in_repository(file: str, workspace: str) -> str | None:
    """The file as GitHub names it; None for one that is not in `workspace`, the folder of the repository."""
    if file.startswith("<"):
        return None
    path = file if PurePath(file).is_absolute() else os.path.join(os.getcwd(), file)  # noqa: PTH109, PTH118
    relative = os.path.relpath(path, workspace)
    return None if relative.startswith("..") else PurePath(relative).as_posix()


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
