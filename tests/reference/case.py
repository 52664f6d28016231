"""One experiment, and what came out of it, in a form that the model and a real run share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.reference.behaviours import Behaviour, Json, without_wording


@dataclass(frozen=True)
class Answer:
    """`resume --node node --action action --output output`, given whenever nothing else can move."""

    node: str
    output: Json = None
    action: str | None = None


@dataclass(frozen=True)
class Cancel:
    """`cancel RUN`, given whenever nothing else can move."""


@dataclass(frozen=True)
class Case:
    """A blueprint as plain data (what a YAML file says), what its node types do, and what people do with it.

    `behaviours` maps node types (`uses`) to behaviours; `children` are the blueprints of its subflows.
    """

    blueprint: dict[str, Any]
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    inputs: dict[str, Json] = field(default_factory=dict)
    children: tuple[dict[str, Any], ...] = ()
    answers: tuple[Answer | Cancel, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a run came to. Compared by `key`, which leaves out the wording of errors.

    `nodes`: instance → state, without cancelled items and pending instances. `attempts`: instance →
    executions, for instances of the user's own node types that were started. `errors`: the unrescued
    failures. `answers`: what became of each answer: accepted, kept, repeated, refused, unknown.
    """

    status: str
    nodes: dict[str, str]
    node_outputs: dict[str, Json]
    outputs: Json
    context: dict[str, Json]
    errors: frozenset[tuple[str, str]]
    attempts: dict[str, int]
    answers: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        data = {
            "status": self.status,
            "nodes": {name: state for name, state in self.nodes.items() if state != "pending"},
            "node_outputs": self.node_outputs,
            "outputs": self.outputs if self.status in ("completed", "failed") else None,
            "context": self.context,
            "errors": sorted(self.errors),
            "attempts": self.attempts,
            "answers": self.answers,
        }
        return json.dumps(without_wording(data), sort_keys=True, indent=1)

    def calls(self, node: str) -> int:
        """How often a node was executed, over all its instances."""
        return sum(count for name, count in self.attempts.items() if node_of(name) == node)


def node_of(instance: str) -> str:
    return instance.partition("#")[0].partition("[")[0]
