"""What a waiting instance waits for: a person, a timer, a sub-run, its items, or the body of its loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.history.run_view import actions_of
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import instance_name, item_name
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.ground import Ground
from flowcraft_engine.reports.moments import moment

_MOST_NAMED = 8
#: In the order of what a reader should look at.
_UNDER_WAY = (st.FAILED, st.WAITING, st.RETRYING, st.RUNNING, st.READY)


def action_option(known: Sequence[tuple[str, ...]]) -> str:
    """`--action` as it is written for these waits: with the actions that are known, or not at all where none is."""
    if not any(known):
        return ""
    names = "|".join(map(printable, known[0])) if len(set(known)) == 1 else "ACTION"
    return f"[--action {names}] "


class WaitGrounds:
    def __init__(self, dossier: Dossier) -> None:
        self._dossier = dossier
        self._now = dossier.now

    def of(self, instance: Instance) -> tuple[str, list[Ground]]:
        """A sentence, and what is behind it."""
        wait = instance.wait or {}
        since = moment(instance.waiting_since, self._now)
        kind = wait.get("kind")
        if kind == st.ANSWER:
            message = [Ground("message", str(wait["message"]), instance.name)] if wait.get("message") else []
            until = f", until {moment(instance.due, self._now)}" if instance.due is not None else ""
            return f"waits for a person since {since}{until}", message
        if kind == st.TIMER:
            return f"sleeps since {since}, until {moment(instance.due, self._now)}", []
        if kind == st.CHILD:
            return self._for_child(instance, str(wait["child"]), since)
        if kind == st.ITEMS:
            return self._for_items(instance), self._under_way(self._items(instance))
        if kind == st.BODY:
            body = list(self._body(instance))
            return f"waits for pass {instance.iteration} of its loop", self._under_way(body)
        return f"waits since {since}", []

    def _is_over(self, instance: Instance) -> bool:
        """Whether its time has passed, and only nobody has let its timer fire."""
        is_paused = self._dossier.state.paused_at is not None
        return not is_paused and instance.due is not None and instance.due <= self._dossier.now

    def next_for(self, instance: Instance) -> list[str]:
        wait = instance.wait or {}
        run_id = self._dossier.run_id
        if self._is_over(instance):
            return [f"reconcile {run_id.partition(':')[0]}"]
        if wait.get("kind") == st.ANSWER:
            action = action_option([actions_of(self._dossier.plan, instance)])
            return [f"resume {run_id} --node {instance.name} {action}[--output JSON]"]
        if wait.get("kind") == st.CHILD and instance.name in self._dossier.children:
            child = self._dossier.children[instance.name]
            waits = WaitGrounds(child)
            inner = [waits.next_for(it) for it in child.state.waiting.values()]
            return [command for commands in inner for command in commands]
        if self._dossier.result.status == "interrupted":
            return [f"reconcile {run_id.partition(':')[0]}"]
        return []

    def _for_child(self, instance: Instance, child_id: str, since: str) -> tuple[str, list[Ground]]:
        child = self._dossier.children.get(instance.name)
        summary = f"waits for its sub-run {child_id} since {since}"
        if child is None:
            return summary, [Ground("sub_run", "the sub-run has not begun yet", run_id=child_id)]
        inner = WaitGrounds(child)
        behind = tuple(
            Ground(
                "waiting", f"{it.name} {inner.of(it)[0]}", it.name, self._place(child, it), run_id=child_id
            )
            for it in child.state.waiting.values()
        )
        moving = tuple(inner._under_way(child.state.instances.values(), (st.RETRYING, st.RUNNING, st.READY)))
        text = f"sub-run {child_id} ({child.state.blueprint_id}) is {child.result.status}"
        return summary, [Ground("sub_run", text, behind=behind + moving, run_id=child_id)]

    def _for_items(self, instance: Instance) -> str:
        batch = instance.batch
        if batch is None:
            return "waits for its items"
        ended = batch.cursor - batch.active
        return f"waits for its items: {ended} of {len(batch.items)} have ended, {batch.active} are under way"

    def _items(self, whole: Instance) -> Iterable[Instance]:
        count = whole.batch.cursor if whole.batch is not None else 0
        return (self._dossier.state.instances[item_name(whole.name, index)] for index in range(count))

    def _body(self, controller: Instance) -> Iterable[Instance]:
        loop = self._dossier.plan.nodes[controller.node_id].loop
        path = (*controller.path, controller.iteration)
        for node_id in loop.body if loop is not None else ():
            instance = self._dossier.state.instances.get(instance_name(node_id, path))
            if instance is not None:
                yield instance

    def _under_way(self, instances: Iterable[Instance], states: tuple[str, ...] = _UNDER_WAY) -> list[Ground]:
        """The instances that keep it waiting, those that need looking at first; of many only the first."""
        found = [it for it in instances if it.state in states]
        found.sort(key=lambda it: states.index(it.state))
        grounds = [
            Ground("under_way", f"{it.name} is {it.state}", it.name, self._place(self._dossier, it))
            for it in found[:_MOST_NAMED]
        ]
        rest = Counter(it.state for it in found[_MOST_NAMED:])
        if rest:
            more = ", ".join(f"{number} more {state}" for state, number in rest.items())
            grounds.append(Ground("further", f"and {more}"))
        return grounds

    @staticmethod
    def _place(dossier: Dossier, instance: Instance) -> SourceLocation | None:
        return dossier.plan.nodes[instance.node_id].location
