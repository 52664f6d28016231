"""Whether a result is admissible, told without all that are."""

from __future__ import annotations

from tests.reference.behaviours import Echo, Ret
from tests.reference.case import Case
from tests.reference.explore import admissible_results, admits


def race(*values: int) -> Case:
    """A node for each value, and one that goes on with whichever comes first."""
    names = [f"n{value}" for value in values]
    first = {"id": "first", "uses": "first", "needs": names, "config": {"join_strategy": "any"}}
    nodes = [*({"id": name, "uses": name} for name in names), first]
    behaviours = dict(zip(names, map(Ret, values), strict=True))
    return Case({"id": "race", "nodes": nodes}, {**behaviours, "first": Echo()})


def test_what_is_admissible_is_admitted_and_nothing_else() -> None:
    ours, theirs = race(1, 2), race(1, 3)
    results, others = map(admissible_results, (ours, theirs))
    assert len(results) == 2
    assert all(admits(ours, result) for result in results)
    assert not any(admits(ours, result) for result in others)
