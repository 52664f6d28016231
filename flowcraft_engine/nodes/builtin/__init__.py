"""The node types that come with flowcraft. Each is imported when it is asked for, one file each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.entry import NodeEntry

if TYPE_CHECKING:
    from flowcraft_engine.nodes.handler import Handler

_MODULES = {
    "batch-gather": "batch_gather",
    "batch-scatter": "batch_scatter",
    "check": "check",
    "http": "http",
    "log": "log",
    "loop-controller": "loop_controller",
    "noop": "noop",
    "python": "python",
    "set": "set",
    "shell": "shell",
    "sleep": "sleep",
    "subflow": "subflow",
    "wait": "wait",
}


@frozen
class BuiltinSettings:
    """What the built-in nodes of one process may do.

    `shell_environment` is the whole environment of shell commands (None: that of the process). `http_allow`
    names hosts (`localhost`, `api.local:8080`, `*.corp`, `10.0.0.0/8`) that requests may reach although they
    are not public.
    """

    shell_environment: Mapping[str, str] | None = None
    http_allow: tuple[str, ...] = ()


def builtin_names() -> list[str]:
    return list(_MODULES)


def builtin_entries(settings: BuiltinSettings | None = None) -> list[NodeEntry]:
    chosen = settings or BuiltinSettings()
    return [_entry(name, module, chosen) for name, module in _MODULES.items()]


def builtin_handlers(settings: BuiltinSettings | None = None) -> dict[str, Handler]:
    """All of them, made: this imports all of them. A registry makes only those that are used."""
    return {entry.name: entry.handler for entry in builtin_entries(settings)}


def _entry(name: str, module: str, settings: BuiltinSettings) -> NodeEntry:
    path = f"{__name__}.{module}"

    def make() -> Handler:
        handler: Handler = importlib.import_module(path).handler(settings)
        return handler

    return NodeEntry(name, path, path, make)
