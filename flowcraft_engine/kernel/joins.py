"""The join rule: what becomes of an instance, given the edges that have been decided so far.

Counted over distinct predecessors, never over arrivals, so that a fact told twice changes nothing.

| join | ready | poisoned / cancelled | skipped |
|---|---|---|---|
| `all` | none pending, one taken | the first failed edge poisons | none pending, none taken |
| `any` | the first taken edge | a failed edge before the start cancels | all dead |
| `all_done` | none pending | – | – |
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from flowcraft_engine.kernel.plan import PlanNode
from flowcraft_engine.kernel.state import PENDING, READY, Instance

Verdict: TypeAlias = Literal["ready", "poison", "cancel", "skip"] | None


def judge(node: PlanNode, instance: Instance) -> Verdict:
    """What the arrivals mean for an instance that has not ended; None: nothing, yet."""
    join = node.join
    arrivals = instance.arrivals or {}
    if instance.state != PENDING:
        lost = join == "any" and instance.state == READY and not instance.has_started
        return "cancel" if lost and instance.failed_by is not None else None
    if join == "all":
        if instance.failed_by is not None:
            return "poison"
        if len(arrivals) < len(node.predecessors):
            return None
        return "ready" if instance.taken else "skip"
    if join == "any":
        if instance.taken:
            return "ready"
        if instance.failed_by is not None:
            return "cancel"
        return "skip" if len(arrivals) == len(node.predecessors) else None
    return "ready" if len(arrivals) == len(node.predecessors) else None
