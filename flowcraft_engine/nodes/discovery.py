"""Finds the user's nodes: modules named by `--app` or the project file, entry points of installed packages.

Nothing is imported that was not named in one of these ways; entry points are imported one by one, when used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowcraft_engine.errors import RegistryError
from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.decorator import marked_name
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
    return registry.merged(*(registry_of(name) for name in names))


def registry_of(target: str | ModuleType) -> NodeRegistry:
    """The node types of a module, or of what `"module:attr"` names. Raises `RegistryError`, `UsageError`."""
    value = load_target(target) if isinstance(target, str) else target
    label = target if isinstance(target, str) else target.__name__
    if isinstance(value, ModuleType):
        return _registry_of_module(value)
    if not isinstance(value, NodeRegistry) and callable(value) and not _is_node(value):
        value = _call_factory(value, label)
    if isinstance(value, NodeRegistry):
        return value
    if isinstance(value, (list, tuple)):
        return NodeRegistry(value)
    if _is_node(value):
        return NodeRegistry([value])
    raise RegistryError(
        f"{label!r} is a {type(value).__name__}",
        hint="name a module, a NodeRegistry, a list of nodes, or a function that returns one of them",
    )


def installed_entries() -> Iterable[NodeEntry]:
    """The node types that installed packages offer, none of them imported."""
    from importlib.metadata import entry_points

    return [_plugin_entry(point) for point in entry_points(group=ENTRY_POINT_GROUP)]


def _plugin_entry(point: EntryPoint) -> NodeEntry:
    package = point.dist.name if point.dist is not None else "?"

    def make() -> Handler:
        return handler_of(load_target(point.value), point.name)

    return NodeEntry(point.name, f"{point.value} (package {package})", point, make)


def _registry_of_module(module: ModuleType) -> NodeRegistry:
    marked = [value for value in vars(module).values() if marked_name(value) is not None]
    if marked:
        return NodeRegistry(marked)
    registries = [name for name, value in vars(module).items() if issubclass(type(value), NodeRegistry)]
    hint = f"name it: {module.__name__}:{registries[0]}" if registries else "mark the functions with @node"
    raise RegistryError(f"module {module.__name__!r} defines no nodes", hint=hint)


def _is_node(value: object) -> bool:
    return marked_name(value) is not None


def _call_factory(factory: Any, label: str) -> Any:
    try:
        return factory()
    except RegistryError:
        raise
    except Exception as error:  # the factory is the user's code
        raise RegistryError(f"{label}() failed: {type(error).__name__}: {error}") from error
