"""What the model makes of those that `fail_fast` meets in the middle of something."""

from __future__ import annotations

from tests.acceptance.notation import graph
from tests.reference.behaviours import Boom, Echo, Flaky, SetKey
from tests.reference.case import Case
from tests.reference.explore import admissible_results

FAST = {"metadata": {"fail_fast": True}}


def test_what_was_cancelled_between_two_attempts_is_told_as_cancelled() -> None:
    case = Case(graph("R*2 -> D:done; A", **FAST), {"R": Flaky(2, "ok"), "A": Boom(), "D": Echo()})
    results = [it for it in admissible_results(case) if it.nodes["R"] == "cancelled"]
    assert {it.attempts.get("R", 0) for it in results} == {0, 1}
    told = [it.node_outputs["D"]["R"]["error"]["code"] for it in results]  # type: ignore[index,call-overload]
    assert set(told) == {"cancelled"}


def test_a_controller_that_runs_is_cancelled_with_its_pass_or_without_one() -> None:
    case = Case(graph("A; L:loop(S..S, not k)", **FAST), {"A": Boom(), "S": SetKey("k", True)})
    cancelled = [it.nodes for it in admissible_results(case) if it.nodes["L"] == "cancelled"]
    assert {"A": "failed", "L": "cancelled"} in cancelled
    assert {"A": "failed", "L": "cancelled", "S#1": "cancelled"} in cancelled
