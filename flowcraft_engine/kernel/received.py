"""What a node receives that does not say so itself by `inputs`: the input rule over its predecessors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowcraft_engine.kernel.plan import PlanNode
from flowcraft_engine.values import JsonValue


def givers(node: PlanNode, arrivals: Mapping[str, int], winner: str | None) -> Sequence[str]:
    """The predecessors whose values make the input, in blueprint order."""
    if node.has_one_giver:
        return () if winner is None else (winner,)
    return [name for name in node.predecessors if arrivals.get(name, -1) >= 0]


def received(node: PlanNode, names: Sequence[str], values: Sequence[JsonValue]) -> JsonValue:
    """The input: the value of the one predecessor or of the winner of an `any` join, else an object of all."""
    if node.has_one_giver:
        return values[0] if values else None
    return dict(zip(names, values, strict=True))
