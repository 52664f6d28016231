"""The answer for each state: what is said of an instance in it, and on which grounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.history.explain import explain
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END, instance_name
from flowcraft_engine.kernel.outcome import is_rescued
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.decisions import Decisions, condition_text
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.edge_grounds import EdgeGrounds
from flowcraft_engine.reports.error_place import error_sentence
from flowcraft_engine.reports.ground import Ground
from flowcraft_engine.reports.moments import duration, moment
from flowcraft_engine.reports.remedies import remedies
from flowcraft_engine.reports.wait_grounds import WaitGrounds

Answer = tuple[str, list[Ground]]
#: What a ready instance waits for, if no live worker fits.
_WORKER = "worker"


class StateGrounds:
    """Answers for the instances of one run."""

    def __init__(self, dossier: Dossier) -> None:
        self._dossier = dossier
        self._plan, self._state, self._now = dossier.plan, dossier.state, dossier.now
        self._decisions = Decisions.of(dossier.events)
        self._edges = EdgeGrounds(dossier.plan, dossier.state, self._decisions)
        self._waits = WaitGrounds(dossier)

    def of(self, instance: Instance) -> Answer:
        """A sentence, and its grounds. There is one for every state."""
        return _ANSWERS[instance.state](self, instance)

    def next_for(self, instance: Instance) -> list[str]:
        """What a person can do about it, or ask next."""
        inside = _failed_inside(instance)
        if inside is not None:
            return [inside]
        if self._state.is_final:
            return []
        if instance.state == st.WAITING:
            return self._waits.next_for(instance)
        top = self._dossier.run_id.partition(":")[0]
        if self._dossier.result.status == "interrupted":
            return [f"reconcile {top}"]
        missing = self._missing(instance) if instance.state == st.READY else None
        return [remedy.command for remedy in remedies(top, missing)] if missing is not None else []

    def _missing(self, instance: Instance) -> str | None:
        """What no live worker has, and this instance needs."""
        waits = self._dossier.result.waiting
        return next(
            (it.message or "" for it in waits if it.node == instance.name and it.reason == _WORKER), None
        )

    # ---- before it ran -------------------------------------------------------------------------------------

    def _pending(self, instance: Instance) -> Answer:
        node = self._plan.nodes[instance.node_id]
        if isinstance(instance.reason, dict) and instance.reason.get("rule") == "never_started":
            return f"pending: the batch {instance.reason['node']} has not come to this item yet", []
        if node.rescues is not None:
            rescued = self._state.instances.get(instance_name(node.rescues, instance.path))
            current = rescued.state if rescued is not None else st.PENDING
            ground = Ground(
                "fallback", f"{node.rescues} is {current}", node.rescues, self._place(node.rescues)
            )
            return f"pending: it runs only if {node.rescues} fails", [ground]
        if node.scopes and not instance.path:
            controller = node.scopes[-1]
            ground = self._state_of(controller)
            return f"pending: the loop {controller} has not begun a pass", [ground]
        arrivals = instance.arrivals or {}
        missing = [name for name in node.predecessors if name not in arrivals]
        if not missing:
            return "pending: the run has not begun", []
        needs = {
            "all": "waits for all of its predecessors",
            "any": "waits for the first of its predecessors",
            "all_done": "waits until all of its predecessors have ended",
        }[node.join]
        return f"pending: it {needs}; missing: {', '.join(missing)}", list(self._edges.of(instance))

    def _ready(self, instance: Instance) -> Answer:
        summary = "ready: it may run, and no process has taken it yet"
        missing = self._missing(instance)
        if missing is not None:
            summary = f"blocked: {missing}"
        if self._dossier.result.status == "interrupted":
            summary = "ready: it may run, but no process executes this run"
        if self._dossier.result.status == "paused":
            summary = "ready: it may run, but the run is paused; flowcraft unpause goes on with it"
        return summary, self._cause(instance)

    def _skipped(self, instance: Instance) -> Answer:
        reason = instance.reason if isinstance(instance.reason, dict) else {}
        if reason.get("rule") == "fallback_not_needed":
            rescued = str(reason["node"])
            other = self._state.instances.get(rescued)
            what = (
                "did not need its fallback"
                if other is not None and other.state == st.COMPLETED
                else "did not fail itself, which is what a fallback is for"
            )
            return f"skipped: {rescued} {what}", [self._state_of(rescued)]
        grounds = list(self._edges.of(instance))
        if len(grounds) == 1:
            return f"skipped: {_shortest(grounds[0])}", grounds
        return "skipped: no edge that leads here was taken", grounds

    # ---- while it runs -------------------------------------------------------------------------------------

    def _running(self, instance: Instance) -> Answer:
        spans = self._dossier.timeline.get(instance.name, [])
        since = spans[-1].began if spans else instance.started_at
        where = f" in {instance.owner}" if instance.owner else ""
        attempt = self._attempt(instance)
        crashes = f"; its process has died {instance.crashes} times" if instance.crashes else ""
        return f"running since {moment(since, self._now)}{where}{attempt}{crashes}", self._cause(instance)

    def _retrying(self, instance: Instance) -> Answer:
        most = self._most_attempts(instance)
        following = instance.attempt + 1
        summary = f"retrying: attempt {following} of {most} is due {moment(instance.due, self._now)}"
        return summary, [*self._failures(instance), *self._cause(instance)]

    def _waiting(self, instance: Instance) -> Answer:
        summary, grounds = self._waits.of(instance)
        if instance.iteration:
            why = self._decisions.passes.get((instance.name, instance.iteration))
            if why:
                place = self._place(instance.node_id)
                grounds = [Ground("condition", condition_text(why), instance.name, place), *grounds]
        return summary, [*grounds, *self._cause(instance)]

    # ---- after it ran --------------------------------------------------------------------------------------

    def _completed(self, instance: Instance) -> Answer:
        took = ""
        if instance.started_at is not None and instance.finished_at is not None:
            took = f" after {duration(instance.finished_at - instance.started_at)}"
        attempts = f", at attempt {instance.attempt}" if instance.attempt > 1 else ""
        action = f", with action {instance.action!r}" if instance.action is not None else ""
        causes = self._cause(instance)
        joined = self._plan.nodes[instance.node_id].join == "all_done" and len(causes) > 1
        because = "because all of its predecessors had ended" if joined else _because(causes)
        return f"ran {because}; completed{took}{attempts}{action}", [
            *causes,
            *self._answered(instance),
            *self._end_of_loop(instance),
            *self._failures(instance),
        ]

    def _failed(self, instance: Instance) -> Answer:
        error = instance.error or {}
        summary = f"failed: {error.get('message', 'no message was recorded')} [{error.get('code')}]"
        if instance.rescuer is not None:
            rescuer = self._state.instances.get(instance.rescuer)
            if is_rescued(self._state, instance):
                summary = f"failed, and was rescued by {instance.rescuer}: {error.get('message')}"
            elif rescuer is not None and rescuer.state not in st.TERMINAL_STATES:
                summary = f"failed, and {instance.rescuer} is to stand in for it: {error.get('message')}"
            else:
                summary += f"; its fallback {instance.rescuer} has failed, too"
        return summary, [*self._failures(instance), *self._cause(instance)]

    def _poisoned(self, instance: Instance) -> Answer:
        reason = instance.reason if isinstance(instance.reason, dict) else {}
        origin = str(reason.get("origin") or reason.get("node"))
        return f"poisoned by {origin}", self._origin(origin, str(reason.get("node")))

    def _cancelled(self, instance: Instance) -> Answer:
        reason = instance.reason if isinstance(instance.reason, dict) else {}
        rule = reason.get("rule")
        if rule == "never_started":
            return f"cancelled: the batch {reason['node']} ended before this item began", []
        text = f"cancelled: {explain(instance)}"
        if rule == "predecessor_failed":
            return text, self._origin(str(reason["origin"]), str(reason["node"]))
        if rule == "item_failed":
            return text, self._origin(str(reason["item"]), "")
        if rule == "fail_fast":
            return text, self._origin(str(reason["node"]), "") if "node" in reason else []
        stopped = f"; the run ended {moment(self._state.finished_at, self._now)}"
        return text + stopped, self._cause(instance) if instance.has_started else []

    # ---- grounds -------------------------------------------------------------------------------------------

    def _cause(self, instance: Instance) -> list[Ground]:
        """Why it became ready in the first place."""
        node = self._plan.nodes[instance.node_id]
        if instance.index is not None:
            whole = instance.name.rpartition("[")[0]
            return [Ground("item", f"item {instance.index} of the list of {whole}", whole, node.location)]
        if instance.node_id == END:
            return [Ground("all_ended", "all nodes have ended, and the blueprint declares outputs")]
        if node.rescues is not None:
            rescued = self._state.instances.get(instance_name(node.rescues, instance.path))
            if rescued is not None and rescued.error is not None:
                text = f"stands in for {rescued.name}, which failed: {rescued.error['message']}"
                return [Ground("fallback", text, rescued.name, self._place(rescued.node_id))]
        if node.join == "all_done" and node.predecessors:
            return list(self._edges.of(instance))
        taken = self._edges.taken(instance)
        if taken:
            return taken
        return [Ground("start", "a start node: no edge leads to it", instance.name, node.location)]

    def _answered(self, instance: Instance) -> Iterable[Ground]:
        if instance.answer is not None:
            action = instance.answer.get("action")
            words = f"answered with action {action!r}" if action else "answered"
            yield Ground("answered", words, instance.name)

    def _end_of_loop(self, instance: Instance) -> Iterable[Ground]:
        decision = self._decisions.completed.get(instance.name)
        if self._plan.nodes[instance.node_id].loop is None or decision is None:
            return
        place = self._place(instance.node_id)
        if decision.rule == "body_died":
            text = f"iteration {instance.iteration} ended without reaching the end of the loop's body"
            yield Ground("body_died", text, instance.name, place)
        elif "loop" in decision.why:
            text = f"the loop ended after {instance.iteration} passes: {condition_text(decision.why['loop'])}"
            yield Ground("condition", text, instance.name, place)
        else:
            for index in sorted(decision.taken or ()):
                edge = self._plan.edges[index]
                why = decision.why.get(str(index), {})
                text = f"left by {edge.label}: {condition_text(why)}"
                yield Ground("condition", text, edge.target, self._plan.blueprint.edge_location(index))

    def _failures(self, instance: Instance) -> Iterable[Ground]:
        """Each failed attempt, with the line of the user's code."""
        most = self._most_attempts(instance)
        place = self._place(instance.node_id)
        for span in self._dossier.timeline.get(instance.name, []):
            if span.error is not None:
                again = f" (generation {span.generation})" if self._state.generation > 1 else ""
                text = f"attempt {span.attempt} of {most}{again}: {error_sentence(span.error)}"
                yield Ground("attempt_failed", text, instance.name, place)
                cause = span.error.get("cause")
                if isinstance(cause, dict) and cause.get("rule") == "condition":
                    yield Ground("condition", condition_text(cause), instance.name, place)

    def _origin(self, origin: str, by: str) -> list[Ground]:
        """The failure at the root, and what handed it on."""
        grounds = []
        instance = self._state.instances.get(origin)
        if instance is not None and instance.error is not None:
            text = f"{origin} failed: {error_sentence(instance.error)}"
            grounds.append(Ground("origin", text, origin, self._place(instance.node_id)))
        if by and by != origin and by in self._plan.nodes:
            other = self._state.instances.get(by)
            current = other.state if other is not None else "failed"
            grounds.append(
                Ground("predecessor_failed", f"{by}, which it needs, is {current}", by, self._place(by))
            )
        return grounds

    def _state_of(self, name: str) -> Ground:
        instance = self._state.instances.get(name)
        current = instance.state if instance is not None else st.PENDING
        node_id = instance.node_id if instance is not None else name
        return Ground("state", f"{name} is {current}", name, self._place(node_id))

    def _place(self, node_id: str) -> SourceLocation | None:
        node = self._plan.nodes.get(node_id)
        return node.location if node is not None else None

    def _most_attempts(self, instance: Instance) -> int:
        """Retries of a `for_each` node are for its items; a loop has none."""
        node = self._plan.nodes[instance.node_id]
        is_whole = node.loop is not None or (node.for_each is not None and instance.index is None)
        return 1 if is_whole else node.max_attempts

    def _attempt(self, instance: Instance) -> str:
        most = self._most_attempts(instance)
        return f", attempt {instance.attempt} of {most}" if most > 1 else ""


def _shortest(ground: Ground) -> str:
    """Which edge was not taken; the ground itself says why."""
    if ground.kind == "edge_dead":
        return f"the edge {ground.text.partition(': ')[0]} was not taken"
    return ground.text


def _because(causes: list[Ground]) -> str:
    """How an instance came to run, in a few words; its grounds say more."""
    taken = [ground for ground in causes if ground.kind == "edge_taken"]
    if len(taken) == 1:
        return f"because the edge {taken[0].text.partition(': ')[0]} was taken"
    if taken:
        return f"because {len(taken)} edges were taken"
    words = {
        "start": "as a start node",
        "fallback": "as a fallback",
        "item": "as an item of its batch",
        "all_ended": "when all nodes had ended",
    }
    return words.get(causes[0].kind, "because its predecessors had ended") if causes else "as a start node"


def _failed_inside(instance: Instance) -> str | None:
    """The question about the node of a sub-run that made this one fail."""
    cause = (instance.error or {}).get("cause")
    if instance.state != st.FAILED or not isinstance(cause, dict) or not cause.get("node"):
        return None
    return f"why {cause['run_id']} {cause['node']}" if cause.get("run_id") else None


_ANSWERS: dict[str, Callable[[Any, Instance], Answer]] = {
    st.PENDING: StateGrounds._pending,
    st.READY: StateGrounds._ready,
    st.RUNNING: StateGrounds._running,
    st.RETRYING: StateGrounds._retrying,
    st.WAITING: StateGrounds._waiting,
    st.COMPLETED: StateGrounds._completed,
    st.FAILED: StateGrounds._failed,
    st.POISONED: StateGrounds._poisoned,
    st.CANCELLED: StateGrounds._cancelled,
    st.SKIPPED: StateGrounds._skipped,
}
