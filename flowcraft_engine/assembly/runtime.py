"""The runtime of one process, and what another process needs to go on with its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowcraft_engine.assembly.nodes import make_middleware
from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.model import Blueprint
    from flowcraft_engine.nodes.registry import NodeRegistry
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.stores.coordination_store import CoordinationStore

OnProgress = Callable[[str, str, float, float], None]


def make_runtime(
    settings: Settings,
    registry: NodeRegistry,
    store: CoordinationStore,
    *,
    blueprints: Iterable[Blueprint] = (),
    on_progress: OnProgress | None = None,
) -> FlowRuntime:
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime

    return FlowRuntime(
        registry=registry,
        blueprints=blueprints,
        concurrency=settings.concurrency,
        store=store,
        on_progress=on_progress,
        secret_providers=settings.secrets,
        middleware=make_middleware(settings),
        root=settings.code_root,
    )


def options_to_remember(settings: Settings) -> dict[str, Any]:
    """What another process needs to go on with a run of these settings."""
    project = settings.project
    return {
        "app": list(settings.apps),
        "folders": [str(Path.cwd()), *([str(project.folder)] if project else [])],
        "http_allow": list(settings.http_allow),
    }


def settings_for_run(settings: Settings, remembered: Mapping[str, Any]) -> Settings:
    """`settings`, with what was remembered where nothing is said now."""
    from flowcraft_engine.nodes.module_import import add_import_folders

    add_import_folders(Path(folder) for folder in remembered.get("folders", ()) if Path(folder).is_dir())
    if settings.apps or not remembered.get("app"):
        return settings
    return replace(
        settings,
        apps=tuple(remembered["app"]),
        http_allow=settings.http_allow or tuple(remembered.get("http_allow", ())),
    )
