"""What went wrong in a run and its sub-runs, with the place in the blueprint and the line of the user's code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.errors import ErrorCode
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.outcome import is_rescued
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import CodePlace, code_place
from flowcraft_engine.values import JsonObject


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure. `node` is None for a deadline of the run; a rescued one did not make the run fail."""

    run_id: str
    blueprint_id: str
    node: str | None
    code: str
    message: str
    location: SourceLocation | None = None
    #: The line of Python that raised; that of a sub-run's node is told with that node.
    python: CodePlace | None = None
    is_rescued: bool = False

    @property
    def title(self) -> str:
        return f"{self.blueprint_id}: {self.node or 'the run'}"


def faults_of(dossier: Dossier) -> Iterator[Fault]:
    """Of sub-runs first, where the cause is; each in the order in which they happened."""
    for child in dossier.children.values():
        yield from faults_of(child)
    state = dossier.state
    if state.error is not None:
        yield _of_run(dossier, state.error)
    failed = [it for it in state.instances.values() if it.state == st.FAILED]
    for instance in sorted(failed, key=lambda it: it.finished_at or 0.0):
        if instance.error is not None:
            yield _of_node(dossier, instance, instance.error)


def _of_run(dossier: Dossier, error: JsonObject) -> Fault:
    state = dossier.state
    return Fault(state.run_id, state.blueprint_id, None, str(error["code"]), str(error["message"]))


def _of_node(dossier: Dossier, instance: Instance, error: JsonObject) -> Fault:
    state, code = dossier.state, str(error["code"])
    is_told_below = code == ErrorCode.SUBFLOW_FAILED and instance.name in dossier.children
    return Fault(
        state.run_id,
        state.blueprint_id,
        instance.name,
        code,
        str(error["message"]),
        dossier.plan.nodes[instance.node_id].location,
        None if is_told_below else code_place(error),
        is_rescued(state, instance),
    )
