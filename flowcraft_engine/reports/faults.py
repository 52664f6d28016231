"""What went wrong in a run and its sub-runs, with the place in the blueprint and the line of the user's code."""

from __future__ import annotations

from collections.abc import Iterator

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.errors import ErrorCode
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.outcome import is_rescued
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import CodePlace, code_place
from flowcraft_engine.values import JsonObject


@frozen
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
    #: Why it did not make the run fail, as `rescued by its fallback`; None if it did.
    pardon: str | None = None

    @property
    def title(self) -> str:
        return f"{self.blueprint_id}: {self.node or 'the run'}"


def faults_of(dossier: Dossier, pardon: str | None = None) -> Iterator[Fault]:
    """Of sub-runs first, where the cause is; each in the order in which they happened.

    What is pardoned in a run is pardoned in the sub-runs below, too.
    """
    state = dossier.state
    for name, child in dossier.children.items():
        yield from faults_of(child, pardon or pardon_of(dossier, state.instances[name]))
    if state.error is not None:
        yield _of_run(dossier, state.error)
    failed = [it for it in state.instances.values() if it.state == st.FAILED]
    for instance in sorted(failed, key=lambda it: it.finished_at or 0.0):
        if instance.error is not None:
            yield _of_node(dossier, instance, instance.error, pardon or pardon_of(dossier, instance))


def pardon_of(dossier: Dossier, instance: Instance) -> str | None:
    """Why the failure of an instance does not make its run fail; None if it does, or has not failed."""
    if instance.state != st.FAILED:
        return None
    if is_rescued(dossier.state, instance):
        return "rescued by its fallback"
    for_each = dossier.plan.nodes[instance.node_id].for_each
    if instance.index is not None and for_each is not None and for_each.on_item_error == "collect":
        return "collected by its batch"
    return None


def pardoned_runs(dossier: Dossier, pardon: str | None = None) -> dict[str, str]:
    """The sub-runs whose failure did not make the whole fail, with the reason."""
    found: dict[str, str] = {}
    for name, child in dossier.children.items():
        reason = pardon or pardon_of(dossier, dossier.state.instances[name])
        if reason is not None:
            found[child.run_id] = reason
        found |= pardoned_runs(child, reason)
    return found


def _of_run(dossier: Dossier, error: JsonObject) -> Fault:
    state = dossier.state
    return Fault(state.run_id, state.blueprint_id, None, str(error["code"]), str(error["message"]))


def _of_node(dossier: Dossier, instance: Instance, error: JsonObject, pardon: str | None) -> Fault:
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
        pardon,
    )
