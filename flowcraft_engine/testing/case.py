"""A case: what a run was given, what its nodes gave, and what has to come of it. As plain data, a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonValue

SCHEMA = 1


@frozen
class Recorded:
    """What one attempt of a node came to: an output, an error, or a wait that nobody has answered."""

    output: JsonValue = None
    action: str | None = None
    #: `[operation, key, operand]`, as the attempt changed the context.
    context: tuple[tuple[str, str, JsonValue], ...] = ()
    #: `code` and `message`, and what was recorded as the `cause`: `all_done` nodes are given all three.
    error: dict[str, Any] | None = None
    waits: str | None = None

    def to_data(self) -> dict[str, Any]:
        if self.error is not None:
            return {"error": dict(self.error)}
        if self.waits is not None:
            return {"waits": self.waits}
        data: dict[str, Any] = {"output": self.output}
        if self.action is not None:
            data["action"] = self.action
        if self.context:
            data["context"] = [list(change) for change in self.context]
        return data


@frozen
class Answer:
    """The answer to a `wait`; `expires` if nobody gave one in time."""

    output: JsonValue = None
    action: str | None = None
    expires: bool = False

    def to_data(self) -> dict[str, Any]:
        if self.expires:
            return {"expires": True}
        return {"output": self.output} | ({"action": self.action} if self.action is not None else {})


@dataclass(slots=True)
class RunRecord:
    """Of one run: attempts by instance (or by node, for all of its instances), answers, and its sub-runs."""

    nodes: dict[str, list[Recorded]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    sub_runs: dict[str, RunRecord] = field(default_factory=dict)
    #: True if `metadata.timeout` ended the run.
    expires: bool = False

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if self.expires:
            data["expires"] = True
        if self.nodes:
            data["nodes"] = {name: _attempts(attempts) for name, attempts in self.nodes.items()}
        if self.answers:
            data["answers"] = {name: answer.to_data() for name, answer in self.answers.items()}
        if self.sub_runs:
            data["sub_runs"] = {name: record.to_data() for name, record in self.sub_runs.items()}
        return data


@dataclass(slots=True)
class Expectation:
    """What has to come of it; what is None is not looked at."""

    status: str | None = None
    #: The instances that ran, in order, one at a time.
    path: list[str] | None = None
    #: Nodes that did not complete, and those whose state matters.
    states: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None

    def to_data(self) -> dict[str, Any]:
        data = {
            "status": self.status,
            "path": self.path,
            "states": self.states or None,
            "outputs": self.outputs,
        }
        return {key: value for key, value in data.items() if value is not None}


@dataclass(slots=True)
class Case:
    """`blueprint` is the path of a file, as seen from the case's own, or a whole blueprint."""

    blueprint: str | Mapping[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    record: RunRecord = field(default_factory=RunRecord)
    expect: Expectation = field(default_factory=Expectation)

    def to_data(self) -> dict[str, Any]:
        blueprint = self.blueprint if isinstance(self.blueprint, str) else dict(self.blueprint)
        data: dict[str, Any] = {"schema": SCHEMA, "blueprint": blueprint}
        if self.inputs:
            data["inputs"] = self.inputs
        return {**data, **self.record.to_data(), "expect": self.expect.to_data()}


def _attempts(attempts: list[Recorded]) -> Any:
    """One attempt stands for itself."""
    return attempts[0].to_data() if len(attempts) == 1 else [attempt.to_data() for attempt in attempts]
