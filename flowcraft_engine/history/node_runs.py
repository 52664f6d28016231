"""What became of each node of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowcraft_engine.history.explain import explain
from flowcraft_engine.history.run_result import NodeRun
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END, Path
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import copy_json


class NodeRuns(Mapping[str, NodeRun]):
    """Node runs by instance name: nodes in blueprint order, each followed by its further instances.

    A run that has ended does not change any more, so nothing is made of it before somebody looks. Of one that goes
    on, this is how it stood.
    """

    def __init__(self, plan: Plan, state: RunState) -> None:
        self._plan = plan
        self._state = state
        self._made: dict[str, NodeRun] | None = None if state.is_final else _node_runs(plan, state)

    def _runs(self) -> dict[str, NodeRun]:
        if self._made is None:
            self._made = _node_runs(self._plan, self._state)
        return self._made

    def __getitem__(self, name: str) -> NodeRun:
        return self._runs()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs())

    def __len__(self) -> int:
        return len(self._runs())

    def __repr__(self) -> str:
        return repr(self._runs())


def _node_runs(plan: Plan, state: RunState) -> dict[str, NodeRun]:
    further: dict[str, list[Instance]] = {}
    for instance in state.instances.values():
        if instance.index is not None or instance.path:
            further.setdefault(instance.node_id, []).append(instance)
    nodes: dict[str, NodeRun] = {}
    for node_id, node in plan.nodes.items():
        own = state.instances.get(node_id)
        if node_id == END and (own is None or own.state != st.FAILED):
            continue  # nobody wrote this node; it is shown when it is to blame
        if own is not None:
            nodes[node_id] = _node_run(own)
        elif not node.scopes:
            nodes[node_id] = NodeRun(st.PENDING, 0, None, None, None, None, None)
        for instance in sorted(further.get(node_id, ()), key=_order):
            nodes[instance.name] = _node_run(instance)
    return nodes


def _order(instance: Instance) -> tuple[Path, int]:
    return instance.path, -1 if instance.index is None else instance.index


def _node_run(instance: Instance) -> NodeRun:
    wait = instance.wait
    return NodeRun(
        instance.state,
        instance.attempt,
        instance.started_at,
        instance.finished_at,
        copy_json(instance.output),
        instance.action,
        explain(instance),
        instance.error if instance.state in (st.FAILED, st.RETRYING) else None,
        str(wait["child"]) if wait is not None and wait["kind"] == st.CHILD else None,
    )
