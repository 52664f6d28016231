"""The recorded reasons, as sentences. There is no state without one."""

from __future__ import annotations

from collections.abc import Callable

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.values import JsonValue


def explain(instance: Instance) -> str | None:
    """Why the instance is in the state that it is in; None for one that has not been reached."""
    reason = instance.reason
    if not isinstance(reason, dict):
        return None
    rule = str(reason["rule"])
    if instance.state == st.FAILED and instance.error is not None:
        rescued = f"; {instance.rescuer} stands in for it" if instance.rescuer else ""
        return f"{instance.error['message']}{rescued}"
    if instance.state == st.RETRYING and instance.error is not None:
        return f"attempt {instance.attempt} failed: {instance.error['message']}"
    if instance.state == st.POISONED:
        return f"{reason.get('origin') or reason.get('node')} failed"
    if rule == "items" and instance.index is not None:
        return f"item {instance.index} of the list"
    return _SENTENCES.get(rule, _default)(reason)


def _default(reason: dict[str, JsonValue]) -> str:
    return str(reason["rule"]).replace("_", " ")


def _join(values: JsonValue) -> str:
    return ", ".join(map(str, values)) if isinstance(values, (list, tuple)) else str(values)


_SENTENCES: dict[str, Callable[[dict[str, JsonValue]], str]] = {
    "start": lambda reason: "a start node",
    "goes_on": lambda reason: {
        st.BODY: "the loop goes on in the iteration that is repeated",
        st.ITEMS: "the items that are repeated are under way",
        st.CHILD: "waits for its sub-run, which is repeated",
    }.get(str(reason["kind"]), "goes on"),
    "all": lambda reason: (
        f"after {_join(reason['taken'])}" if reason["taken"] else "all predecessors have ended"
    ),
    "any": lambda reason: f"after {_join(reason['taken'])}, the first to arrive",
    "all_done": lambda reason: "all predecessors have ended",
    "fallback": lambda reason: f"stands in for {reason['node']}, which failed",
    "fallback_not_needed": lambda reason: f"{reason['node']} did not need its fallback",
    "no_edge_taken": lambda reason: "no edge that leads here was taken",
    "predecessor_failed": lambda reason: f"{reason['origin']} failed before this could start",
    "body_failed": lambda reason: f"{reason['origin']} failed in the body of the loop",
    "body_died": lambda reason: (
        f"iteration {reason['iteration']} ended without reaching the end of the loop's body"
    ),
    "pass_ended": lambda reason: f"iteration {reason['iteration']} has ended",
    "condition_holds": lambda reason: f"iteration {reason['iteration']} of the loop",
    "fail_fast": lambda reason: (
        f"{reason.get('node', 'another node')} failed and the blueprint says fail_fast"
    ),
    "cancelled": lambda reason: (
        f"the run was cancelled{': ' + str(reason['text']) if reason.get('text') else ''}"
    ),
    "run_timeout": lambda reason: "the run took longer than metadata.timeout",
    "item_failed": lambda reason: f"{reason['item']} failed before this item could start",
    "items": lambda reason: "its items are under way",
    "items_ended": lambda reason: "all items have ended",
    "suspended": lambda reason: {
        st.ANSWER: "waits for an answer",
        st.TIMER: "sleeps",
        st.CHILD: "waits for its sub-run",
    }.get(str(reason["kind"]), "waits"),
    "answered": lambda reason: "answered",
    "answered_early": lambda reason: "answered before it waited",
    "timer": lambda reason: "its timer was due",
    "expired": lambda reason: "nobody answered in time",
    "retry": lambda reason: f"attempt {reason['attempt']}",
    "child_ended": lambda reason: f"sub-run {reason['child']} has ended",
    "all_ended": lambda reason: "all nodes have ended",
}
