"""One node of a run in full: why, its input and output, and each of its attempts."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import NodeRun, iso_time
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.node_inputs import node_inputs
from flowcraft_engine.reports.timeline import Span
from flowcraft_engine.reports.why import Why, why
from flowcraft_engine.values import JsonValue


@frozen
class NodeReport:
    why: Why
    #: None for a node that has not been reached.
    node: NodeRun | None
    input: JsonValue
    spans: list[Span]

    def to_json(self) -> dict[str, Any]:
        node = self.node
        return {
            **self.why.to_json(),
            "input": self.input,
            "output": node.output if node is not None else None,
            "action": node.action if node is not None else None,
            "error": node.error if node is not None else None,
            "child_run_id": node.child_run_id if node is not None else None,
            "timeline": [_span_json(span) for span in self.spans],
        }


async def node_report(dossier: Dossier, name: str) -> NodeReport:
    """Raises `NotFoundError` for a node that the blueprint does not have."""
    answer = why(dossier, name)
    inputs = await node_inputs(dossier.plan, dossier.run_id, dossier.events)
    return NodeReport(
        answer,
        dossier.result.nodes.get(answer.instance),
        inputs.get(answer.instance),
        dossier.timeline.get(answer.instance, []),
    )


def _span_json(span: Span) -> dict[str, Any]:
    return {
        "kind": span.kind,
        "attempt": span.attempt,
        "generation": span.generation,
        "began": iso_time(span.began),
        "ended": iso_time(span.ended),
        "outcome": span.outcome,
        "error": span.error,
        "waits_for": span.waits_for,
    }
