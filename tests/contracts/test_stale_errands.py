"""Errands about sub-runs that come late or twice: what a retry has begun meanwhile is not touched by them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.execution import repair
from flowcraft_engine.execution.sub_runs import deliver_result, start_child
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.contracts.driver import Driver, plan_of

pytestmark = pytest.mark.asyncio

#: What may be left over of the generation before, and be done at any time. A delivery is the child's, as the end is.
STALE = [("start", "run", ["N"]), ("cancel", "run:N", [""]), ("deliver", "run:N", [""])]


class DiedError(Exception):
    """The process is gone."""


class Dying:
    """A store as a process sees it that dies before its retry, or rerun, number `steps`."""

    def __init__(self, store: CoordinationStore, steps: int) -> None:
        self._store = store
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _live(self) -> None:
        if self._steps == 0:
            raise DiedError
        self._steps -= 1

    async def retry(self, *args: Any, **more: Any) -> Effects:
        self._live()
        return await self._store.retry(*args, **more)

    async def rerun(self, *args: Any, **more: Any) -> Effects:
        self._live()
        return await self._store.rerun(*args, **more)


@pytest.fixture
def child(store: Any, clock: ManualClock) -> Driver:
    return Driver(store, clock, "run:N")


async def reach(run: Driver) -> None:
    """`run` waits at N for a sub-run that nobody has started yet."""
    plan = plan_of("X -> Y", id="child")
    await run.store.pin(plan)
    await run.start(plan_of("N:sub(child) -> B"), pins={"child": plan.digest})
    await run.begin_child("N")


async def begin(run: Driver, child: Driver) -> None:
    """`run` waits at N for a sub-run whose X can be claimed."""
    await reach(run)
    await do(run, "start", "run", ["N"])
    assert await child.status() == "running"


async def do(run: Driver, kind: Any, run_id: str, instances: list[str]) -> None:
    await Errands(run.store, lambda *_: None).do(kind, run_id, instances)


async def fail_both(run: Driver, child: Driver) -> None:
    await begin(run, child)
    await child.fail("X")
    await do(run, "deliver", "run:N", [])
    await run.fail("N")
    assert [await it.status() for it in (run, child)] == ["failed", "failed"]


async def cancel_both(run: Driver, child: Driver) -> None:
    await begin(run, child)
    await run.store.cancel("run", None)
    await do(run, "cancel", "run:N", [])
    assert [await it.status() for it in (run, child)] == ["cancelled", "cancelled"]


async def finish(run: Driver, child: Driver) -> None:
    await child.complete("X")
    await child.complete("Y")
    await do(run, "start", "run", ["N"])
    await run.complete("N")
    await run.complete("B")
    assert [await it.status() for it in (run, child)] == ["completed", "completed"]


@pytest.mark.parametrize("end_both", [fail_both, cancel_both])
@pytest.mark.parametrize("kind, run_id, instances", STALE)
async def test_what_is_left_over_ends_no_sub_run_that_is_retried(
    run: Driver, child: Driver, end_both: Any, kind: str, run_id: str, instances: list[str]
) -> None:
    await end_both(run, child)
    with pytest.raises(DiedError):
        await repair.retry(Dying(run.store, 1), "run")  # type: ignore[arg-type]  # it stands for a store
    assert await child.status() == "running"
    assert (await run.state()).is_final
    await do(run, kind, run_id, instances)
    assert await child.status() == "running"
    await repair.retry(run.store, "run")
    await do(run, kind, run_id, instances)
    assert [await it.status() for it in (run, child)] == ["running", "running"]
    await finish(run, child)


async def test_what_is_left_over_ends_no_sub_run_of_which_a_part_runs_again(
    run: Driver, child: Driver
) -> None:
    await begin(run, child)
    await finish(run, child)
    with pytest.raises(DiedError):
        await repair.rerun(Dying(run.store, 1), "run:N", "X")  # type: ignore[arg-type]  # it stands for a store
    await do(run, "start", "run", ["N"])
    await do(run, "cancel", "run:N", [""])
    assert [await it.status() for it in (run, child)] == ["completed", "running"]


async def test_a_run_that_is_cancelled_again_takes_its_retried_sub_run_along(
    run: Driver, child: Driver
) -> None:
    await cancel_both(run, child)
    await repair.retry(run.store, "run")
    await run.store.cancel("run", None)
    await do(run, "cancel", "run:N", [""])
    assert await child.status() == "cancelled"


async def test_a_sub_run_that_is_begun_again_during_its_cancellation_goes_on(
    run: Driver, child: Driver
) -> None:
    await begin(run, child)
    await run.store.cancel("run", None)

    class Slow(Dying):
        """While this one makes up its mind, others cancel the sub-run, and retry both."""

        async def cancel(self, run_id: str, reason: str | None, **more: Any) -> Effects:
            await do(run, "cancel", "run:N", [""])
            await repair.retry(run.store, "run")
            return await run.store.cancel(run_id, reason, **more)

    await Errands(Slow(run.store, 0), lambda *_: None).do("cancel", "run:N", [""])  # type: ignore[arg-type]  # as above
    assert [await it.status() for it in (run, child)] == ["running", "running"]


async def test_a_result_of_the_generation_before_is_not_given_to_the_next(run: Driver, child: Driver) -> None:
    await fail_both(run, child)

    class Slow(Dying):
        """While this one looks, others retry both."""

        async def glance(self, run_id: str) -> Any:
            if run_id == "run" and (await child.status()) == "failed":
                await repair.retry(run.store, "run")
            return await run.store.glance(run_id)

    class Slower(Dying):
        async def deliver(self, *args: Any, **more: Any) -> Effects:
            await repair.retry(run.store, "run")
            return await run.store.deliver(*args, **more)

    await deliver_result(Slow(run.store, 0), "run:N")  # type: ignore[arg-type]  # it stands for a store
    assert (await run.states())["N"] == "waiting"
    await child.fail("X")
    await do(run, "deliver", "run:N", [])
    await run.fail("N")
    await deliver_result(Slower(run.store, 0), "run:N")  # type: ignore[arg-type]  # it stands for a store
    assert (await run.states())["N"] == "waiting"
    await finish(run, child)


class Overtaken:
    """A store as a process sees it that others are a little faster than, at one verb."""

    def __init__(self, store: CoordinationStore, verb: str, before: Callable[[], Awaitable[Any]]) -> None:
        self._store = store
        self._verb = verb
        self._before = before

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name != self._verb:
            return verb

        async def overtaken(*args: Any, **more: Any) -> Any:
            self._verb = ""
            await self._before()
            return await verb(*args, **more)

        return overtaken


async def test_a_sub_run_that_starts_while_its_run_is_paused_is_paused_too(
    run: Driver, child: Driver
) -> None:
    await reach(run)
    slow: Any = Overtaken(run.store, "start", lambda: repair.pause(run.store, "run"))
    target, effects = await start_child(slow, "run", "N")
    assert (target, effects.ready) == ("run:N", [])
    assert await child.claim("X") is None
    assert await repair.unpause(run.store, "run")
    assert await child.claim("X") is not None


async def test_a_sub_run_that_starts_while_its_run_is_paused_for_a_moment_goes_on(
    run: Driver, child: Driver
) -> None:
    await reach(run)
    slow: Any = Overtaken(run.store, "start", lambda: repair.pause(run.store, "run"))
    slower: Any = Overtaken(slow, "pause", lambda: repair.unpause(run.store, "run"))
    _, effects = await start_child(slower, "run", "N")
    assert effects.ready == ["X"]
    assert await child.claim("X") is not None


async def test_a_sub_run_that_begins_while_its_run_is_unpaused_goes_on(run: Driver, child: Driver) -> None:
    await reach(run)

    async def start_paused() -> None:
        slow: Any = Overtaken(run.store, "start", lambda: repair.pause(run.store, "run"))
        await start_child(slow, "run", "N")

    slow: Any = Overtaken(run.store, "unpause", start_paused)
    await repair.unpause(slow, "run")
    assert await child.claim("X") is not None


async def test_a_sub_run_that_ends_while_its_run_is_paused_keeps_nobody_from_that(
    run: Driver, child: Driver
) -> None:
    await begin(run, child)

    async def glance(run_id: str) -> Any:
        plan, state = await run.store.glance(run_id)
        # As it is now: the state belongs to the store, and changes with the next step.
        found = plan, SimpleNamespace(is_final=state.is_final)
        await run.store.cancel(run_id, None)
        return found

    slow: Any = SimpleNamespace(glance=glance, pause=run.store.pause, tree=run.store.tree)
    assert await repair.pause(slow, "run")
    assert (await run.state()).paused_at is not None
