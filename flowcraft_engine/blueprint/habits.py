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
    "depends_on": "needs",
    "dependsOn": "needs",
    "foreach": "for_each",
    "from": "source",
    "if": "condition",
    "jobs": "nodes",
    "name": "id",
    "retries": "max_retries",
    "retry": "max_retries",
    "steps": "nodes",
    "tasks": "nodes",
    "to": "target",
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


def our_word(name: str, known: Container[str]) -> str | None:
    """How `name` is called here, if one of the `known` names means it."""
    word = _OUR_WORDS.get(name)
    return word if word is not None and word in known else None
