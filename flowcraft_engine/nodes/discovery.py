"""Finds the user's nodes: modules named by `--app` or the project file, entry points of installed packages.

Nothing is imported that was not named in one of these ways; entry points are imported one by one, when used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.entry import NodeEntry
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.module_import import add_import_folders, load_target
from flowcraft_engine.nodes.project_file import ProjectFile
from flowcraft_engine.nodes.registry import NodeRegistry, handler_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "flowcraft.nodes"


def discover(
    apps: Sequence[str] = (),
    *,
    project: ProjectFile | None = None,
    builtin_settings: BuiltinSettings | None = None,
) -> NodeRegistry:
    """The registry of all node types that the user named.

    `apps` (`module` or `module:attr`) take the place of the project file's. The registry is complete if there
    are any; without them a blueprint may use types that only its author's machine knows.
    """
    folders = [Path.cwd(), project.folder] if project else [Path.cwd()]
    names = tuple(apps)
    if project is not None and names in ((), project.apps):
        names = project.apps
        folders.reverse()
    add_import_folders(folders)
    registry = NodeRegistry(
        is_complete=bool(names), builtin_settings=builtin_settings, plugins=installed_entries
    )
    return registry.merged(*map(NodeRegistry.from_module, names))


def installed_entries() -> Iterable[NodeEntry]:
    """The node types that installed packages offer, none of them imported."""
    from importlib.metadata import entry_points

    return [_plugin_entry(point) for point in entry_points(group=ENTRY_POINT_GROUP)]


def _plugin_entry(point: EntryPoint) -> NodeEntry:
    package = point.dist.name if point.dist is not None else "?"

    def make() -> Handler:
        return handler_of(load_target(point.value), point.name)

    return NodeEntry(point.name, f"{point.value} (package {package})", point, make)
