"""flowcraft: workflows as YAML, in one process or on a fleet of workers.

The public names. They are imported when they are first used, so that a module of nodes costs next to nothing to
import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowcraft_engine.version import __version__ as __version__

if TYPE_CHECKING:
    from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
    from flowcraft_engine.blueprint import (
        Blueprint,
        BlueprintError,
        lint_blueprint,
        load_blueprint,
        parse_blueprint,
    )
    from flowcraft_engine.distributed.adapter import BaseDistributedAdapter
    from flowcraft_engine.errors import (
        AnswerError,
        BackendError,
        ConflictError,
        FatalNodeError,
        FlowcraftError,
        InputError,
        NodeError,
        NotFoundError,
        RegistryError,
        UsageError,
    )
    from flowcraft_engine.execution.environment import ValueLimits
    from flowcraft_engine.expressions import Evaluator
    from flowcraft_engine.history.run_result import NodeRun, RunError, RunResult, WaitingNode
    from flowcraft_engine.nodes.base_node import BaseNode
    from flowcraft_engine.nodes.decorator import node
    from flowcraft_engine.nodes.handler import Middleware
    from flowcraft_engine.nodes.node_context import NodeContext
    from flowcraft_engine.nodes.registry import NodeRegistry
    from flowcraft_engine.nodes.result import NodeResult
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.stores.async_context import AsyncContext
    from flowcraft_engine.stores.coordination_store import CoordinationStore
    from flowcraft_engine.stores.history_store import HistoryStore
    from flowcraft_engine.stores.job_queue import JobPayload, JobQueue

_HOMES = {
    "backends.dramatiq.adapter": ("DramatiqRedisAdapter",),
    "distributed.adapter": ("BaseDistributedAdapter",),
    "blueprint": ("Blueprint", "BlueprintError", "lint_blueprint", "load_blueprint", "parse_blueprint"),
    "errors": (
        "AnswerError",
        "BackendError",
        "ConflictError",
        "FatalNodeError",
        "FlowcraftError",
        "InputError",
        "NodeError",
        "NotFoundError",
        "RegistryError",
        "UsageError",
    ),
    "execution.environment": ("ValueLimits",),
    "expressions": ("Evaluator",),
    "history.run_result": ("NodeRun", "RunError", "RunResult", "WaitingNode"),
    "nodes.base_node": ("BaseNode",),
    "nodes.decorator": ("node",),
    "nodes.handler": ("Middleware",),
    "nodes.node_context": ("NodeContext",),
    "nodes.registry": ("NodeRegistry",),
    "nodes.result": ("NodeResult",),
    "runtime.flow_runtime": ("FlowRuntime",),
    "stores.async_context": ("AsyncContext",),
    "stores.coordination_store": ("CoordinationStore",),
    "stores.history_store": ("HistoryStore",),
    "stores.job_queue": ("JobPayload", "JobQueue"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AnswerError",
    "AsyncContext",
    "BackendError",
    "BaseDistributedAdapter",
    "BaseNode",
    "Blueprint",
    "BlueprintError",
    "ConflictError",
    "CoordinationStore",
    "DramatiqRedisAdapter",
    "Evaluator",
    "FatalNodeError",
    "FlowRuntime",
    "FlowcraftError",
    "HistoryStore",
    "InputError",
    "JobPayload",
    "JobQueue",
    "Middleware",
    "NodeContext",
    "NodeError",
    "NodeRegistry",
    "NodeResult",
    "NodeRun",
    "NotFoundError",
    "RegistryError",
    "RunError",
    "RunResult",
    "UsageError",
    "ValueLimits",
    "WaitingNode",
    "lint_blueprint",
    "load_blueprint",
    "node",
    "parse_blueprint",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
