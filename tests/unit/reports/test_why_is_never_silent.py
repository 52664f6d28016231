"""Whatever happens in a run, and whenever somebody asks: every node has an answer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import accumulate

from hypothesis import HealthCheck, given, settings

from flowcraft_engine.history.run_view import run_result
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from flowcraft_engine.reports.node_inputs import node_inputs
from flowcraft_engine.reports.timeline import timeline_of
from flowcraft_engine.reports.why import Why, why
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.acceptance.real_run import RUN, InProcessSession
from tests.reference import real
from tests.reference.case import Case
from tests.reference.generator import exact_cases, racing_cases

RELAXED = settings(
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
_MOST_MOMENTS = 40


@given(exact_cases())
@RELAXED
def test_every_node_of_any_run_has_an_answer_at_every_moment(case: Case) -> None:
    _ask_about_everything(case)


@given(racing_cases())
@RELAXED
def test_so_have_the_nodes_of_runs_with_races_and_failures(case: Case) -> None:
    _ask_about_everything(case)


def _ask_about_everything(case: Case) -> None:
    dossier, moments = asyncio.run(_dossier_of(case))
    for run in dossier.tree():
        ends = list(accumulate(moments[run.run_id]))
        for count in ends[:: max(1, len(ends) // _MOST_MOMENTS)]:
            _ask(_at(run, count))
        _ask(run)


async def _dossier_of(case: Case) -> tuple[Dossier, dict[str, list[int]]]:
    """The run, and how many events each step of it and its sub-runs had."""
    session = InProcessSession(MemoryStore, 32)
    steps: dict[str, list[int]] = defaultdict(list)
    session.store.subscribe(lambda run_id, events: steps[run_id].append(len(events)))
    await real.run_real(case, session)
    dossier = await read_dossier(session.store, RUN, 2e9)
    for run in dossier.tree():
        started = await node_inputs(run.plan, run.run_id, run.events)
        assert started.keys() <= run.timeline.keys()
    return dossier, steps


def _at(run: Dossier, count: int) -> Dossier:
    """The run as it stood after so many of its events."""
    events = run.events[:count]
    state = replay(run.plan, run.run_id, events)
    result = run_result(run.plan, state)
    now = events[-1].at / 1e6
    return Dossier(run.plan, state, events, result, timeline_of(events), now, run.children)


def _ask(run: Dossier) -> None:
    names = [node.id for node in run.plan.blueprint.nodes]
    for name in dict.fromkeys([*names, *run.state.instances]):
        answer = why(run, name)
        assert answer.summary, name
        assert answer.grounds or _speaks_for_itself(answer), (name, answer)
        assert "None" not in answer.summary.replace("'None'", ""), answer


def _speaks_for_itself(answer: Why) -> bool:
    """True where the sentence says all that there is to say."""
    return answer.summary.startswith(("waits", "sleeps", "cancelled", "pending"))
