"""What other tools call the things that a blueprint has: whoever writes it so is told our word."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

#: Their word → ours: keys, and types of inputs.
_OUR_WORDS: Final[Mapping[str, str]] = {
    "after": "needs",
    "args": "params",
    "arguments": "params",
    "attempts": "max_retries",
    "cmd": "run",
    "command": "run",
    "dag_id": "id",
    "depends": "needs",
    "depends_on": "needs",
    "dependsOn": "needs",
    "foreach": "for_each",
    "from": "source",
    "if": "condition",
    "jobs": "nodes",
    "join": "join_strategy",
    "name": "id",
    "on": "action",
    "on_error": "fallback",
    "on_failure": "fallback",
    "parallel": "concurrency",
    "retries": "max_retries",
    "retry": "max_retries",
    "steps": "nodes",
    "tasks": "nodes",
    "to": "target",
    "trigger_rule": "join_strategy",
    "type": "uses",
    "when": "condition",
    "with": "params",
    "bool": "boolean",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "list": "array",
    "map": "object",
    "str": "string",
}

_NO_SCHEDULES: Final = "flowcraft has no schedules: let cron or a timer of systemd start `flowcraft run`"
#: What other tools do themselves, and what to do here.
_NOT_OURS: Final[Mapping[str, str]] = {"schedule": _NO_SCHEDULES, "cron": _NO_SCHEDULES}


def not_ours(name: str) -> str | None:
    """What to do instead, if `name` is something that flowcraft leaves to others."""
    return _NOT_OURS.get(name)


def our_word(name: str, known: Container[str]) -> str | None:
    """How `name` is called here, if one of the `known` names means it."""
    word = _OUR_WORDS.get(name)
    return word if word is not None and word in known else None
