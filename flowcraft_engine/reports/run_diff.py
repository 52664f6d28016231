"""What is different between two runs, and where they first went apart: blueprint, inputs, path, outputs.

Times are told and never make runs different: no two runs take the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import NodeRun
from flowcraft_engine.kernel import state as st
from flowcraft_engine.reports.blueprint_diff import PartDiff, blueprint_diff
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.json_diff import Change, json_changes
from flowcraft_engine.reports.why import why

#: A node is called slower or faster from this factor and this many seconds on.
_FACTOR: Final = 1.5
_SECONDS: Final = 0.1
#: More differences of one value than this are not listed one by one.
MOST_CHANGES: Final = 50


@frozen
class NodeDiff:
    """An instance that came to something else. `what` is `state`, `action`, `error` or `output`.

    `where` is the node's path through the sub-runs, `send` or `deliver › send`.
    """

    where: str
    what: str
    old: Any
    new: Any
    #: Why each is in its state, in a sentence; empty for outputs.
    old_why: str = ""
    new_why: str = ""
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.where,
            "what": self.what,
            "old": self.old,
            "new": self.new,
            "old_why": self.old_why or None,
            "new_why": self.new_why or None,
            "details": [change.to_json() for change in self.changes],
        }


@frozen
class TimeDiff:
    where: str
    old_s: float
    new_s: float


@frozen
class RunDiff:
    old_run: str
    new_run: str
    old_status: str
    new_status: str
    version: tuple[str | None, str | None]
    blueprint: list[PartDiff] = field(default_factory=list)
    inputs: list[Change] = field(default_factory=list)
    #: In the order in which the first run came to them.
    nodes: list[NodeDiff] = field(default_factory=list)
    outputs: list[Change] = field(default_factory=list)
    attempts: list[tuple[str, int, int]] = field(default_factory=list)
    times: list[TimeDiff] = field(default_factory=list)

    @property
    def is_different(self) -> bool:
        return bool(
            self.old_status != self.new_status
            or self.version[0] != self.version[1]
            or self.blueprint
            or self.inputs
            or self.nodes
            or self.outputs
        )

    @property
    def first(self) -> str | None:
        """Where they went apart, in a sentence; None if they did not."""
        if self.version[0] != self.version[1] or self.blueprint:
            return "the blueprint"
        if self.inputs:
            return f"input {self.inputs[0].path}"
        if self.nodes:
            return f"the {self.nodes[0].what} of {self.nodes[0].where}"
        if self.outputs:
            return f"output {self.outputs[0].path}"
        return "the status" if self.old_status != self.new_status else None

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "kind": "runs",
            "different": self.is_different,
            "first": self.first,
            "runs": [self.old_run, self.new_run],
            "status": [self.old_status, self.new_status],
            "version": list(self.version),
            "blueprint": [part.to_json() for part in self.blueprint],
            "inputs": [change.to_json() for change in self.inputs],
            "nodes": [node.to_json() for node in self.nodes],
            "outputs": [change.to_json() for change in self.outputs],
            "attempts": [{"node": name, "old": old, "new": new} for name, old, new in self.attempts],
            "times": [
                {"node": time.where, "old_s": round(time.old_s, 3), "new_s": round(time.new_s, 3)}
                for time in self.times
            ],
        }


def run_diff(old: Dossier, new: Dossier) -> RunDiff:
    """Both with their sub-runs. The values belong to the dossiers."""
    before, after = old.result, new.result
    same_blueprint = old.state.digest == new.state.digest
    pairs = list(_pairs(old, new))
    return RunDiff(
        old.run_id,
        new.run_id,
        before.status,
        after.status,
        (before.version, after.version),
        [] if same_blueprint else blueprint_diff(old.plan.blueprint, new.plan.blueprint),
        list(json_changes(before.inputs, after.inputs)),
        [diff for pair in pairs for diff in _node_diffs(pair)],
        list(json_changes(before.outputs, after.outputs)),
        [
            (pair.where, pair.old.attempts, pair.new.attempts)
            for pair in pairs
            if pair.old is not None and pair.new is not None and pair.old.attempts != pair.new.attempts
            if pair.old.attempts and pair.new.attempts
        ],
        [time for pair in pairs if (time := _time_diff(pair)) is not None],
    )


@frozen
class _Pair:
    """One instance in both runs; None where a run does not have it."""

    where: str
    name: str
    old: NodeRun | None
    new: NodeRun | None
    old_run: Dossier
    new_run: Dossier


def _pairs(old: Dossier, new: Dossier, above: str = "") -> Iterator[_Pair]:
    """The instances in the order in which they ended, those of sub-runs before the node that waited for them."""
    names = dict.fromkeys([*_in_order(old), *_in_order(new)])
    for name in names:
        where = f"{above}{name}"
        inner_old, inner_new = old.children.get(name), new.children.get(name)
        if inner_old is not None and inner_new is not None:
            yield from _pairs(inner_old, inner_new, f"{where} › ")
        yield _Pair(where, name, old.result.nodes.get(name), new.result.nodes.get(name), old, new)


def _in_order(run: Dossier) -> list[str]:
    """What ended first comes first; of what ended in one step, the cause before its consequences."""
    nodes = run.result.nodes

    def order(name: str) -> tuple[float, bool]:
        node = nodes[name]
        return node.finished_at or float("inf"), node.state not in (st.COMPLETED, st.FAILED)

    return sorted(nodes, key=order)


def _node_diffs(pair: _Pair) -> Iterator[NodeDiff]:
    """The first thing in which the two differ: what follows from it is not told again."""
    old, new = pair.old, pair.new
    old_state, new_state = _state(old), _state(new)
    if old_state != new_state:
        whys = _why(pair.old_run, pair.name), _why(pair.new_run, pair.name)
        yield NodeDiff(pair.where, "state", old_state, new_state, *whys)
        return
    if old is None or new is None:
        return
    if old.action != new.action:
        yield NodeDiff(pair.where, "action", old.action, new.action)
    elif old.state == st.FAILED and _message(old) != _message(new):
        yield NodeDiff(pair.where, "error", _message(old), _message(new))
    elif old.state == st.COMPLETED:
        changes = tuple(json_changes(old.output, new.output))
        if changes:
            yield NodeDiff(pair.where, "output", None, None, changes=changes[:MOST_CHANGES])


def _state(node: NodeRun | None) -> str:
    return node.state if node is not None else "not there"


def _why(run: Dossier, name: str) -> str:
    if name not in run.result.nodes:
        return ""
    answer = why(run, name)
    return answer.grounds[0].text if len(answer.grounds) == 1 else answer.summary


def _message(node: NodeRun) -> str | None:
    return str(node.error.get("message")) if node.error is not None else None


def _time_diff(pair: _Pair) -> TimeDiff | None:
    old = pair.old.duration_ms if pair.old is not None else None
    new = pair.new.duration_ms if pair.new is not None else None
    if old is None or new is None:
        return None
    longer, shorter = max(old, new) / 1000, min(old, new) / 1000
    if longer - shorter < _SECONDS or longer < shorter * _FACTOR:
        return None
    return TimeDiff(pair.where, old / 1000, new / 1000)
