"""The keys of the written format, each with its camelCase spelling; and those that are passed over."""

from __future__ import annotations

from collections.abc import Iterable

TOP = ("id", "metadata", "inputs", "nodes", "edges", "outputs", "expressions")
METADATA = ("version", "description", "timeout", "fail_fast")
INPUT = ("type", "required", "default", "enum", "description")
NODE = (
    "id",
    "uses",
    "params",
    "inputs",
    "config",
    "needs",
    "for_each",
    "concurrency",
    "on_item_error",
    "loop",
)
CONFIG = ("max_retries", "retry_delay", "backoff", "jitter", "timeout", "fallback", "join_strategy")
LOOP = ("start", "end", "condition", "max_iterations")
EDGE = ("source", "target", "action", "condition", "transform")

#: Params of our own nodes that Flowcraft spells in camelCase.
BUILT_IN_PARAMS: dict[str, tuple[str, ...]] = {
    "batch-scatter": ("worker_uses_key", "gather_node_id", "chunk_size", "output_key"),
    "batch-gather": ("gather_node_id", "output_key"),
    "loop-controller": ("condition", "max_iterations"),
    "subflow": ("blueprint_id", "inputs", "outputs"),
    "shell": ("ok_codes",),
    "http": ("ok_status",),
}

#: Written by drawing tools and compilers; they mean nothing here.
_IGNORED = frozenset({"position", "style", "data", "_sourceLocation", "$schema"})


def camel(key: str) -> str:
    """`max_retries` → `maxRetries`."""
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


def spellings(keys: Iterable[str]) -> dict[str, str]:
    """Every accepted spelling → the key."""
    return {spelling: key for key in keys for spelling in (key, camel(key))}


def is_ignored(key: str) -> bool:
    return key in _IGNORED or key.startswith("x-")
