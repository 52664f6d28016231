"""Why the edges that lead to an instance were taken, or were not: one ground for each of its predecessors."""

from __future__ import annotations

from collections.abc import Iterator

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import instance_name
from flowcraft_engine.kernel.plan import Plan, PlanEdge
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.reports.decisions import Decision, Decisions, condition_text
from flowcraft_engine.reports.ground import Ground

#: How far back the chain of skipped or failed nodes is told; the origin is always named.
_MOST_STEPS = 12


class EdgeGrounds:
    """Reads the state of a run and what was recorded when its nodes ended."""

    def __init__(self, plan: Plan, state: RunState, decisions: Decisions) -> None:
        self._plan = plan
        self._state = state
        self._decisions = decisions

    def of(self, instance: Instance) -> Iterator[Ground]:
        """A ground for each predecessor of the instance, in the order of the blueprint."""
        arrivals = instance.arrivals or {}
        for source in self._plan.nodes[instance.node_id].predecessors:
            yield self._of_source(instance, source, arrivals.get(source))

    def taken(self, instance: Instance) -> list[Ground]:
        """Only of the edges that were taken; of an `any` join only the one that won."""
        arrivals = instance.arrivals or {}
        names = [name for name, index in arrivals.items() if index >= 0]
        if self._plan.nodes[instance.node_id].join == "any" and instance.winner is not None:
            names = [instance.winner]
        return [self._taken(instance, name, arrivals[name]) for name in names]

    def source_of(self, instance: Instance, source: str) -> Instance | None:
        """The instance of a predecessor: that of the same iteration, or of the loop's controller outside."""
        depth = self._plan.nodes[source].depth
        return self._state.instances.get(instance_name(source, instance.path[:depth]))

    def _of_source(self, instance: Instance, source: str, outcome: int | None, steps: int = 0) -> Ground:
        if outcome is None:
            return self._missing(instance, source)
        if outcome >= 0:
            return self._taken(instance, source, outcome)
        if outcome == st.FAILED_EDGE:
            return self._failed(instance, source)
        return self._dead(instance, source, steps)

    # ---- an edge that was taken ----------------------------------------------------------------------------

    def _taken(self, instance: Instance, source: str, index: int) -> Ground:
        edge = self._plan.edges[index]
        other = self.source_of(instance, source)
        decider = self._decider(other)
        decision = self._decisions.completed.get(decider.name) if decider is not None else None
        words = self._taken_words(edge, instance, decision)
        stood_in = f", where {decider.name} stood in" if decider is not None and decider is not other else ""
        name = other.name if other is not None else source
        return Ground("edge_taken", f"{edge.label}: {words}{stood_in}", name, self._place(edge))

    def _taken_words(self, edge: PlanEdge, instance: Instance, decision: Decision | None) -> str:
        if edge.hop == 1:
            number = instance.path[-1]
            controller = instance_name(edge.source, instance.path[:-1])
            why = self._decisions.passes.get((controller, number))
            return f"pass {number} of the loop began" + (f", for {condition_text(why)}" if why else "")
        why = decision.why.get(str(edge.index)) if decision is not None else None
        action = f"action {edge.action!r}" if edge.action is not None else ""
        if why is not None and why.get("rule") == "condition":
            return ", and ".join(filter(None, (action, condition_text(why))))
        if decision is not None and "loop" in decision.why:
            return f"the loop ended, for {condition_text(decision.why['loop'])}"
        if action:
            return f"{edge.source} ended with {action}"
        return f"{edge.source} has completed"

    # ---- an edge that was not taken ------------------------------------------------------------------------

    def _dead(self, instance: Instance, source: str, steps: int) -> Ground:
        other = self.source_of(instance, source)
        edges = self._edges(source, instance.node_id)
        place = self._place(edges[0]) if edges else None
        decider = self._decider(other)
        if other is None or decider is None:
            return Ground("edge_dead", f"{source} did not take its edge", source, place)
        if decider.state == st.SKIPPED:
            return Ground(
                "predecessor_skipped",
                f"{decider.name} was skipped",
                decider.name,
                place,
                self._why_skipped(decider, steps + 1),
            )
        decision = self._decisions.completed.get(decider.name)
        words = "; ".join(f"{edge.label}: {self._dead_words(edge, decider, decision)}" for edge in edges)
        return Ground("edge_dead", words, decider.name, place)

    def _why_skipped(self, instance: Instance, steps: int) -> tuple[Ground, ...]:
        reason = instance.reason
        if isinstance(reason, dict) and reason.get("rule") == "fallback_not_needed":
            text = f"{reason['node']} did not need its fallback"
            return (Ground("fallback_not_needed", text, str(reason["node"])),)
        if steps > _MOST_STEPS:
            return (Ground("further", "and so on, further back"),)
        arrivals = instance.arrivals or {}
        return tuple(
            self._of_source(instance, source, arrivals.get(source), steps)
            for source in self._plan.nodes[instance.node_id].predecessors
        )

    def _dead_words(self, edge: PlanEdge, decider: Instance, decision: Decision | None) -> str:
        if decision is None:
            return f"{decider.name} is {decider.state}"
        why = decision.why.get(str(edge.index))
        if why is not None and why.get("rule") == "condition":
            return condition_text(why)
        if decision.rule == "body_died":
            return "the body of the loop ended before its end node"
        if "loop" in decision.why or self._plan.nodes[edge.source].loop is not None:
            return "the loop ended by another edge"
        if edge.action is not None and edge.action != decision.action:
            ended = f"with action {decision.action!r}" if decision.action is not None else "without an action"
            return f"needs action {edge.action!r}, and {edge.source} ended {ended}"
        if decision.action is not None:
            return f"an edge for action {decision.action!r} was taken instead"
        return f"{edge.source} did not take it"

    # ---- failed and missing --------------------------------------------------------------------------------

    def _failed(self, instance: Instance, source: str) -> Ground:
        other = self.source_of(instance, source)
        if other is None:
            return Ground("predecessor_failed", f"{source} failed", source)
        place = self._plan.nodes[other.node_id].location
        message = f": {other.error['message']}" if other.error is not None else ""
        return Ground("predecessor_failed", f"{other.name} is {other.state}{message}", other.name, place)

    def _missing(self, instance: Instance, source: str) -> Ground:
        other = self.source_of(instance, source)
        current = other.state if other is not None else st.PENDING
        name = other.name if other is not None else source
        words = {
            st.PENDING: "has not been reached yet",
            st.READY: "is ready, and has not begun",
            st.RUNNING: "is running",
            st.RETRYING: "is between two attempts",
            st.WAITING: "waits",
            st.FAILED: "has failed; its fallback decides",
        }.get(current, f"is {current}")
        return Ground("predecessor_missing", f"{name} {words}", name, self._plan.nodes[source].location)

    def _decider(self, instance: Instance | None) -> Instance | None:
        """Who decided an instance's edges: itself, or the fallback that stood in for it."""
        while instance is not None and instance.state == st.FAILED and instance.rescuer is not None:
            instance = self._state.instances.get(instance.rescuer)
        return instance

    def _edges(self, source: str, target: str) -> tuple[PlanEdge, ...]:
        targets = self._plan.nodes[source].own_targets
        return next((it.edges for it in targets if it.node_id == target), ())

    def _place(self, edge: PlanEdge) -> SourceLocation | None:
        return self._plan.blueprint.edge_location(edge.index)
