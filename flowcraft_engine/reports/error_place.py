"""Where an error happened: the line of the user's own code, never a frame of ours; inside sub-runs, too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.frozen import frozen


@frozen
class CodePlace:
    """A line of Python that raised: in a `file` of the project, else in a `module` from elsewhere."""

    file: str | None
    module: str | None
    line: int
    function: str | None
    type: str | None

    @property
    def text(self) -> str:
        """`shop/nodes.py:12 in charge`, the file as seen from the project's folder; or `company.money:7 in total`."""
        function = f" in {self.function}" if self.function and not self.function.startswith("<") else ""
        name = near(self.file) if self.file is not None else self.module
        return f"{name}:{self.line}{function}"


def code_place(error: Mapping[str, Any]) -> CodePlace | None:
    """The place of an error, or of the error in a sub-run that is behind it; None if no user code raised it."""
    return next(filter(None, map(own_place, causes(error))), None)


def own_place(cause: Mapping[str, Any]) -> CodePlace | None:
    """The place that a recorded cause itself names."""
    file, module = _text(cause, "file"), _text(cause, "module")
    if not (file or module) or not isinstance(cause.get("line"), int):
        return None
    return CodePlace(file, module, cause["line"], _text(cause, "function"), _text(cause, "type"))


def _text(cause: Mapping[str, Any], key: str) -> str | None:
    value = cause.get(key)
    return value if isinstance(value, str) and value else None


def causes(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The recorded cause, the cause of that, and so on."""
    cause = error.get("cause")
    while isinstance(cause, Mapping):
        yield cause
        cause = cause.get("cause")


def error_sentence(error: Mapping[str, Any]) -> str:
    """`card declined [node_failed], CardError at shop/nodes.py:12 in charge`."""
    text = f"{error.get('message')} [{error.get('code')}]"
    place = code_place(error)
    if place is None:
        return text
    return f"{text}, {place.type or 'raised'} at {place.text}"


def near(file: str, folder: str | None = None) -> str:
    """The file as seen from `folder` (default: the current one), if it is in there."""
    start = folder or os.getcwd()  # noqa: PTH109  # compared as text
    if not PurePath(file).is_absolute():
        return file
    relative = os.path.relpath(file, start)
    return file if relative.startswith("..") else relative


def shown_place(place: SourceLocation) -> str:
    """`flow.yaml:3:10`, the file as seen from the current folder."""
    return f"{near(place.file)}:{place.line}:{place.column}"
