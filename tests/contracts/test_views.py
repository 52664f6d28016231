"""Views need no more of a store than its state and its events: each store gives the same."""

from __future__ import annotations

import pytest

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.reports.dossier import read_dossier
from flowcraft_engine.reports.html import html_report
from flowcraft_engine.reports.junit import junit_report
from flowcraft_engine.reports.node_inputs import node_inputs
from flowcraft_engine.reports.why import why
from flowcraft_engine.testing.recording import record_of
from tests.contracts.driver import Driver

pytestmark = pytest.mark.asyncio


async def test_a_run_is_told_of_in_the_same_words(run: Driver, clock: ManualClock) -> None:
    await run.begin("A -(n > 0)-> B; A -(n > 5)-> C; B*3 -> D; W:wait", {"n": 3})
    holds = {"rule": "condition", "text": "n > 0", "holds": True, "values": {"n": 3}}
    fails = {"rule": "condition", "text": "n > 5", "holds": False, "values": {"n": 3}}
    large = ["x" * 100] * 400
    await run.complete("A", large, taken=[0], why={"0": holds, "1": fails})
    await run.wait("W")
    clock.advance(5)
    await run.fail("B", retry_at=clock.now() + 60)
    clock.advance(1)
    dossier = await read_dossier(run.store, "run", clock.now())
    assert why(dossier, "B").summary.endswith("(in 59.0s)")
    assert [ground.text for ground in why(dossier, "B").grounds] == [
        "attempt 1 of 3: boom [node_failed]",
        "A -> B: `n > 0` holds (n = 3)",
    ]
    assert why(dossier, "C").grounds[0].text == "A -> C: `n > 5` does not hold (n = 3)"
    assert why(dossier, "D").summary == "pending: it waits for all of its predecessors; missing: B"
    assert why(dossier, "W").summary.startswith("waits for a person since ")
    spans = [(span.kind, span.attempt, span.seconds(clock.now())) for span in dossier.timeline["B"]]
    assert spans == [("running", 1, pytest.approx(0, abs=0.01)), ("retrying", 1, pytest.approx(1, abs=0.01))]
    inputs = await node_inputs(dossier.plan, "run", dossier.events)
    assert inputs["B"] == large
    assert record_of(dossier).nodes["A"][0].output == large
    assert 'name="W"' in junit_report(dossier)
    assert "n &gt; 5" in await html_report(dossier)
