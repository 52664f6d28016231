"""Node types, and what stands between them and whoever executes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.nodes.handler import Middleware
    from flowcraft_engine.nodes.registry import NodeRegistry
    from flowcraft_engine.settings.worker import WorkerSettings

_SHELL_VARIABLES = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")


def make_registry(settings: Settings, *, shell_environment: Mapping[str, str] | None = None) -> NodeRegistry:
    """All node types that the user named, and the built-in ones. Imports the named modules.

    `shell_environment` is all that commands get (None: the environment of this process).
    """
    from flowcraft_engine.nodes.builtin import BuiltinSettings
    from flowcraft_engine.nodes.discovery import discover

    # Without names of its own, `discover` takes the project file's, and looks in that file's folder first.
    from_project = settings.sources.get("app", "").endswith(": app")
    apps = () if from_project else settings.apps
    builtin = BuiltinSettings(shell_environment=shell_environment, http_allow=settings.http_allow)
    return discover(apps, project=settings.project, builtin_settings=builtin)


def make_middleware(settings: Settings) -> tuple[Middleware, ...]:
    """What every attempt goes through. Raises `UsageError` if something that is wanted is not installed."""
    if not settings.traces:
        return ()
    from flowcraft_engine.telemetry.wanted import node_tracing

    return (node_tracing(),)


def shell_environment(worker: WorkerSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """What `shell` nodes get of a worker's environment: what every program needs, and what was named."""
    names = (*_SHELL_VARIABLES, *worker.pass_env)
    return {name: environment[name] for name in names if name in environment}
