"""Several processes on one run: what each of them sees, what they leave behind, and what they cost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from redis.exceptions import ConnectionError as RedisConnectionError

from flowcraft_engine import ConflictError, NotFoundError
from flowcraft_engine.backends.redis import store as store_module
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Script, Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.clock import SystemClock
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.execution.output_log import OutputLog
from flowcraft_engine.execution.run_control import RunControl
from flowcraft_engine.kernel.commands import APPLIED, Commit, Completed, Failed, Start, Suspended
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.coordination_store import RunQuery
from flowcraft_engine.stores.log_store import LogLine, LogPart
from flowcraft_engine.values.masking import Masker
from tests.contracts.driver import OWNER, plan_of
from tests.interleaving.road import Road, SteppedLink
from tests.interleaving.server import Server

NOW = 1_700_000_000_000
RUN = "run"
MakeStore = Callable[[], RedisCoordinationStore]


@pytest_asyncio.fixture
async def make_store(
    redis_address: RedisAddress, server: Server, scripts: Scripts
) -> AsyncIterator[MakeStore]:
    stores: list[RedisCoordinationStore] = []

    def make() -> RedisCoordinationStore:
        clock = ServerClock(monotonic=lambda: 0.0)
        clock.hear(NOW)
        stores.append(RedisCoordinationStore(Link(redis_address), scripts=scripts, server_clock=clock))
        return stores[-1]

    yield make
    for store in stores:
        await store.close()


async def begin(store: RedisCoordinationStore, text: str, inputs: dict[str, Any] | None = None) -> None:
    await store.start(plan_of(text), Start(RUN, inputs or {}))


async def complete(store: RedisCoordinationStore, name: str, output: Any = None, delta: Any = None) -> None:
    assert await store.claim(RUN, [(name, f"nonce-{name}")], OWNER)
    committed = await store.commit(RUN, Commit(name, f"nonce-{name}", Completed(output, delta=delta), OWNER))
    assert committed.status == APPLIED


async def fail_once(store: RedisCoordinationStore) -> None:
    """A fails, and is to be tried again after a second."""
    await store.claim(RUN, [("A", "n")], OWNER)
    await store.commit(RUN, Commit("A", "n", Failed({"code": "x", "message": "x"}, NOW / 1000 + 1), OWNER))


async def requests(road: Road, count: int = 1) -> None:
    """Return when so many requests of a stepped process are under way."""
    while len(road.trips) < count:
        await asyncio.sleep(0)


async def let_pass(road: Road, count: int = 1) -> None:
    """Let requests of a stepped process through, with their replies."""
    for _ in range(count):
        await requests(road)
        trip = road.trips.popleft()
        trip.pass_on(trip.perform())


async def let_pass_until(road: Road, what: str) -> None:
    """Let requests through until the next one is `what`."""
    while True:
        await requests(road)
        if road.trips[0].what.startswith(what):
            return
        await let_pass(road)


# ---- what others have made -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_others_can_fold_what_was_appended_to_a_large_list(make_store: MakeStore) -> None:
    one, other, third = make_store(), make_store(), make_store()
    large = [f"item {number}" for number in range(200)]
    await begin(one, "A -> B -> C -> D -> E")
    await complete(one, "A", delta=[["set", "log", large]])
    await complete(one, "B", delta=[["append", "log", "one"]])
    await complete(other, "C", delta=[["append", "log", "x" * 600]])
    await complete(one, "D", delta=[["append", "log", "last"]])
    expected = [*large, "one", "x" * 600, "last"]
    for store in (one, other, third):
        facts = await store.facts(RUN)
        await store.glance(RUN)
        assert await facts.context.read(("log",)) == {"log": expected}
    sizes = {(await store.glance(RUN))[1].context_size for store in (one, other, third)}
    assert len(sizes) == 1
    assert (await third.snapshot(RUN))[1].context["log"] == expected


@pytest.mark.asyncio
async def test_nothing_can_be_appended_to_a_large_text(make_store: MakeStore) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A -> B")
    await complete(one, "A", delta=[["set", "log", "x" * 600]])
    assert await other.claim(RUN, [("B", "n")], OWNER)
    await other.commit(RUN, Commit("B", "n", Completed(1, delta=[["append", "log", 1]]), OWNER))
    error = (await one.glance(RUN))[1].instances["B"].error
    assert error is not None
    assert error["code"] == "context_conflict"


@pytest.mark.asyncio
async def test_a_start_whose_reply_was_lost_forgets_nothing_that_was_done_since(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    run = one.link.run

    async def lossy(script: Script, *arguments: Any) -> Any:
        reply = await run(script, *arguments)
        if script is one.scripts.start and reply[0] == b"ok":
            # A sweep publishes A meanwhile, this very process executes it, and goes on with B.
            assert await one.claim(RUN, [("A", "n")], OWNER)
            commit = Commit("A", "n", Completed("out of A"), OWNER, places=1, nonces=iter("m"))
            assert (await one.commit(RUN, commit)).claims
            reply = await run(script, *arguments)
        return reply

    monkeypatch.setattr(one.link, "run", lossy)
    await begin(one, "A -> B")
    assert await one.outputs(RUN, ["A"]) == ["out of A"]


@pytest.mark.asyncio
async def test_a_large_answer_given_twice_is_one_answer(make_store: MakeStore) -> None:
    one, other, third = make_store(), make_store(), make_store()
    await begin(one, "A -> W:wait")
    answer = {"text": "x" * 600}
    assert await one.signal(RUN, "W", answer, None) is not None
    assert await other.signal(RUN, "W", answer, None) is None
    with pytest.raises(ConflictError):
        await third.signal(RUN, "W", {"text": "y" * 600}, None)


@pytest.mark.asyncio
async def test_a_run_of_the_same_id_is_not_the_one_that_was_retired(make_store: MakeStore) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A")
    await complete(other, "A", 1)
    await one.retire(RUN)
    await begin(one, "A -> B -> C")
    with pytest.raises(NotFoundError):
        await other.claim(RUN, [("A", "n1")], OWNER)
    assert await other.claim(RUN, [("A", "n2")], OWNER)
    assert list((await other.glance(RUN))[1].instances) == ["A"]


@pytest.mark.asyncio
async def test_a_run_whose_journal_cannot_be_read_can_be_forgotten(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    await begin(one, "A")
    await complete(one, "A", 1)
    server.call("DEL", f"flowcraft:{{{RUN}}}:events")
    await make_store().retire(RUN)
    assert not [key for key in sorted(server.keys()) if "{run}" in key]


# ---- races ---------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_run_that_begins_again_while_it_is_forgotten_stays(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A")
    await one.cancel(RUN, None)
    run, begun = one.link.run, []

    async def late(script: Any, *args: Any) -> Any:
        if script is one.scripts.retire and not begun:
            begun.append(await other.retry(RUN))
        return await run(script, *args)

    monkeypatch.setattr(one.link, "run", late)
    with pytest.raises(ConflictError):
        await one.retire(RUN)
    await complete(other, "A", 1)
    await one.retire(RUN)
    assert not await one.exists(RUN)


def stepped(server: Server, scripts: Scripts) -> tuple[RedisCoordinationStore, Road]:
    road, clock = Road(), ServerClock(monotonic=lambda: 0.0)
    clock.hear(NOW)
    return RedisCoordinationStore(SteppedLink(road, server), scripts=scripts, server_clock=clock), road


async def claimed(slow: RedisCoordinationStore, road: Road, name: str) -> None:
    claiming = asyncio.create_task(slow.claim(RUN, [(name, "n")], OWNER))
    while not claiming.done():
        if road.trips:
            await let_pass(road)
        await asyncio.sleep(0)
    assert await claiming


@pytest.mark.asyncio
async def test_news_that_two_readers_bring_are_all_taken_in(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    one = make_store()
    slow, road = stepped(server, scripts)
    await begin(one, "A -> B -> C")
    loading = asyncio.create_task(slow.glance(RUN))
    await let_pass(road, 3)
    await loading
    replies = []
    readers = []
    for name in ("A", "B"):
        readers.append(asyncio.create_task(slow.glance(RUN)))
        await requests(road)
        await complete(one, name)
        trip = road.trips.popleft()
        replies.append((trip, trip.perform()))
    for trip, reply in replies:
        trip.pass_on(reply)
    _, state = (await asyncio.gather(*readers))[1]
    assert state.seq == (await one.glance(RUN))[1].seq


@pytest.mark.asyncio
async def test_a_claim_in_vain_strikes_off_nothing_that_is_ready_again(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    one = make_store()
    slow, road = stepped(server, scripts)
    await begin(one, "A -> B")
    assert await one.claim(RUN, [("A", "n")], OWNER)
    vain = asyncio.create_task(slow.claim(RUN, [("A", "other")], "somebody else"))
    await let_pass_until(road, "reindex")
    await one.release(RUN, "A", "n", crashed=False, why="test")
    await let_pass(road)
    assert await vain == []
    assert server.call("ZRANGE", "flowcraft:unclaimed:default", 0, -1) == [b"run\x1fA"]


@pytest.mark.asyncio
async def test_readers_see_no_output_that_may_be_taken_back(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    one = make_store()
    slow, road = stepped(server, scripts)
    await begin(one, "A -> B")
    await claimed(slow, road, "A")
    committing = asyncio.create_task(slow.commit(RUN, Commit("A", "n", Completed("late"), OWNER)))
    await requests(road)
    reading = asyncio.create_task(slow.outputs(RUN, ["A"]))
    await asyncio.sleep(0)
    await one.cancel(RUN, None)
    await let_pass(road)
    assert (await committing).status != APPLIED
    assert await reading == [None]


@pytest.mark.asyncio
async def test_a_reader_that_a_step_has_overtaken_reads_no_journal_again(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    slow, road = stepped(server, scripts)
    await begin(make_store(), "A -> B")
    await claimed(slow, road, "A")
    reading = asyncio.create_task(slow.glance(RUN))
    await requests(road)
    look = road.trips.popleft()
    reply = look.perform()
    committing = asyncio.create_task(slow.commit(RUN, Commit("A", "n", Completed(1), OWNER)))
    await requests(road)
    look.pass_on(reply)
    await asyncio.sleep(0)
    await let_pass(road)
    assert (await committing).status == APPLIED
    await asyncio.sleep(0)
    assert reading.done(), [trip.what for trip in road.trips]
    assert (await reading)[1].instances["A"].state == "completed"


@pytest.mark.asyncio
async def test_a_journal_that_is_read_again_takes_back_nothing_that_was_appended_meanwhile(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    slow, road = stepped(server, scripts)
    await begin(make_store(), "A -> B")
    loading = [asyncio.create_task(slow.glance(RUN)) for _ in range(2)]
    await requests(road, 4)
    early, late = [[road.trips.popleft() for _ in range(2)] for _ in range(2)]
    replies = [trip.perform() for trip in late]
    for trip in early:
        trip.pass_on(trip.perform())
    await let_pass(road)  # the blueprint
    await loading[0]
    await claimed(slow, road, "A")
    for trip, reply in zip(late, replies, strict=True):
        trip.pass_on(reply)  # which knows less: the journal is read again
    await let_pass_until(road, "HGET flowcraft:{run}:run digest")
    again = [road.trips.popleft() for _ in range(2)]
    replies = [trip.perform() for trip in again]
    committing = asyncio.create_task(slow.commit(RUN, Commit("A", "n", Completed(1), OWNER)))
    await let_pass(road)
    assert (await committing).status == APPLIED
    for trip, reply in zip(again, replies, strict=True):
        trip.pass_on(reply)
    for _ in range(5):
        await asyncio.sleep(0)
    assert (await slow.outputs(RUN, ["A"])) == [1]
    await let_pass(road)
    await loading[1]


# ---- memory --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_runs_that_have_ended_leave_memory_however_they_came_there(
    make_store: MakeStore, no_collection: None
) -> None:
    one, other = make_store(), make_store()
    names = [f"run-{number}" for number in range(12)]
    plan = plan_of("; ".join(f"A -> B{number}" for number in range(4_000)))
    for name in names:
        await one.start(plan, Start(name, {}))
        assert await one.claim(name, [("A", "n")], OWNER)
        await one.commit(name, Commit("A", "n", Completed(None), OWNER))
        await one.facts(name)
        await one.cancel(name, None)
    assert in_memory(names) < 8
    for name in names:
        assert (await other.glance(name))[1].is_final
    assert in_memory(names) < 16
    await other.rerun(names[0], "A")
    assert not (await one.glance(names[0]))[1].is_final


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def in_memory(names: list[str]) -> int:
    """Whatever would need the garbage collector to go, a worker keeps for long."""
    return sum(isinstance(it, RunState) and it.run_id in names for it in gc.get_objects())


# ---- time ----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_clock_of_a_client_sets_no_deadline(
    redis_address: RedisAddress, server: Server, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 5_000_000_000.0)
    slow, road = stepped(server, scripts)
    slow.server_clock._offset = None
    starting = asyncio.create_task(slow.start(plan_of("A", metadata={"timeout": "60s"}), Start(RUN, {})))
    while not starting.done():
        if road.trips:
            await let_pass(road)
        await asyncio.sleep(0)
    state = slow.runs._runs[RUN].state
    assert state.deadline == NOW / 1000 + 60


@pytest.mark.asyncio
async def test_a_timer_that_is_not_due_after_all_is_not_lost(make_store: MakeStore, server: Server) -> None:
    one = make_store()
    fleet = RedisFleet(one)
    await begin(one, "A")
    await fail_once(one)
    server.set_clock(NOW + 2_000)
    errands = (await fleet.take_due()).errands
    assert [errand.kind for errand in errands] == ["wake"]
    one.server_clock.hear(NOW)  # the server's clock was set back
    assert (await one.wake(RUN, ["A"])).is_empty
    await fleet.settle(errands)
    assert server.call("ZSCORE", "flowcraft:due", "wake\x1frun\x1fA") == b"%d" % (NOW + 1_001)


@pytest.mark.asyncio
async def test_an_errand_that_has_failed_is_due_later_unless_it_was_set_anew(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    fleet = RedisFleet(one)
    await begin(one, "A")
    await fail_once(one)
    server.set_clock(NOW + 2_000)
    errands = (await fleet.take_due()).errands
    await fleet.put_off(errands, 30)
    assert server.call("ZSCORE", "flowcraft:due", "wake\x1frun\x1fA") == b"%d.5" % (NOW + 32_000)
    await fleet.put_off(errands, 60)
    await fleet.settle(errands)
    assert server.call("ZSCORE", "flowcraft:due", "wake\x1frun\x1fA") == b"%d.5" % (NOW + 32_000)
    server.set_clock(NOW + 33_000)
    again = (await fleet.take_due()).errands
    assert [errand.instance for errand in again] == ["A"]
    await fleet.settle(again)
    assert server.call("ZSCORE", "flowcraft:due", "wake\x1frun\x1fA") is None


@pytest.mark.asyncio
async def test_a_timer_that_is_not_due_here_is_not_lost_when_the_run_moves_on(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    other, (behind, road) = make_store(), stepped(server, scripts)
    await begin(other, "A, B")
    await fail_once(other)
    server.set_clock(NOW + 2_000)
    errands = (await RedisFleet(other).take_due()).errands
    behind.server_clock.hear(NOW)  # by a reply that was on its way for two seconds
    waking = asyncio.create_task(behind.wake(RUN, ["A"]))
    await let_pass_until(road, "reindex")
    await complete(other, "B")
    while not waking.done():
        if road.trips:
            await let_pass(road)
        await asyncio.sleep(0)
    await RedisFleet(other).settle(errands)
    assert server.call("ZSCORE", "flowcraft:due", "wake\x1frun\x1fA") == b"%d" % (NOW + 1_001)


@pytest.mark.asyncio
async def test_the_time_limit_of_a_run_is_not_lost_when_a_timer_is_due_with_it(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    fleet = RedisFleet(one)
    await one.start(plan_of("A", metadata={"timeout": "1s"}), Start(RUN, {}))
    await fail_once(one)
    server.set_clock(NOW + 2_000)
    errands = (await fleet.take_due()).errands
    assert sorted(errand.instance for errand in errands) == ["", "A"]
    one.server_clock.hear(NOW)
    await Errands(one, lambda *_: None).do("wake", RUN, [errand.instance for errand in errands])
    await fleet.settle(errands)
    due = server.call("ZRANGE", "flowcraft:due", 0, -1, "WITHSCORES")
    assert due == [b"wake\x1frun\x1f", b"%d" % (NOW + 1_001), b"wake\x1frun\x1fA", b"%d" % (NOW + 1_001)]


# ---- keys and bytes ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_keys_of_runs_never_expire_and_a_retired_run_leaves_none(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    plan, child = plan_of("A -> B"), plan_of("a", id="child")
    await one.pin(child)
    await one.start(plan, Start(RUN, {"big": "x" * 1000}, {"main": plan.digest, "child": child.digest}))
    await one.start(child, Start("other", {}))
    for name in ("A", "B"):
        await complete(one, name, "y" * 1000)
        assert server.mortal_keys() == []
    await one.retire(RUN)
    assert not [key for key in sorted(server.keys()) if "{run}" in key]
    assert server.call("HKEYS", "flowcraft:blueprints") == [child.digest.encode()]
    assert server.call("ZRANGE", "flowcraft:runs", 0, -1) == [b"other"]
    assert not await one.exists(RUN)


async def bytes_of_a_chain(make_store: MakeStore, server: Server, context_size: int) -> tuple[int, int]:
    """What the server received and sent while two processes executed a chain in turn."""
    server.call("FLUSHDB")
    server.set_clock(NOW)
    names = [f"N{number}" for number in range(20)]
    stores = [make_store(), make_store()]
    await begin(stores[0], " -> ".join(names), {"ballast": "x" * context_size})
    for store in stores:
        await store.glance(RUN)
    before = traffic(server)
    for number, name in enumerate(names):
        await complete(stores[number % 2], name, {"number": number})
    after = traffic(server)
    assert (await stores[0].glance(RUN))[1].status == "completed"
    return after[0] - before[0], after[1] - before[1]


def traffic(server: Server) -> tuple[int, int]:
    lines = server.call("INFO", "stats").decode().split()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(facts["total_net_input_bytes"]), int(facts["total_net_output_bytes"])


@pytest.mark.asyncio
async def test_steps_do_not_move_the_context(make_store: MakeStore, server: Server) -> None:
    small = await bytes_of_a_chain(make_store, server, 1_000)
    large = await bytes_of_a_chain(make_store, server, 1_000_000)
    for less, more in zip(small, large, strict=True):
        assert more <= 1.05 * less, (small, large)


@pytest.mark.asyncio
@pytest.mark.parametrize(("behind_ms", "is_taken_back"), [(3, False), (3_600_000, True)])
async def test_the_journal_goes_back_in_time_only_with_the_clock_of_the_server(
    make_store: MakeStore, behind_ms: int, is_taken_back: bool
) -> None:
    one, other = make_store(), make_store()
    other.server_clock.hear(NOW - behind_ms)
    await begin(one, "A -> B")
    assert await other.claim(RUN, [("A", "nonce")], OWNER)
    await one.commit(RUN, Commit("A", "nonce", Completed(1), OWNER))
    times = [event.at for event in await one.events(RUN)]
    assert (times == sorted(times)) is not is_taken_back


@pytest.mark.asyncio
async def test_a_client_that_goes_on_for_long_pins_again_what_was_forgotten_with_the_last_run(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    child, parent = plan_of("A", id="child").blueprint, plan_of("N:sub(child)").blueprint
    control = RunControl(one, [child])
    await control.start(parent, {}, "first")
    # The run is retired, and this process has had to do with many other blueprints since.
    await one.cancel("first", None)
    await one.retire("first")
    assert server.call("HLEN", "flowcraft:blueprints") == 0
    one._plans.clear()
    await control.start(parent, {}, "second")
    assert server.call("HLEN", "flowcraft:blueprints") == 2


@pytest.mark.asyncio
async def test_a_blueprint_without_a_folder_takes_none_away(make_store: MakeStore) -> None:
    plan = plan_of("A")
    placed = compile_plan(plan.blueprint.with_locations({}, "/flows"), plan.digest)
    await make_store().pin(placed)
    await make_store().pin(plan)
    assert (await make_store().plan(plan.digest)).blueprint.folder == "/flows"


@pytest.mark.asyncio
async def test_runs_that_began_long_before_are_not_looked_through(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin_many(one, 120)
    pages = noted_pages(one, monkeypatch)
    assert await one.find_runs(RunQuery(limit=1_000, since=NOW / 1000 + 60)) == []
    assert len(pages) == 1


@pytest.mark.asyncio
async def test_a_run_that_begins_while_the_list_is_read_lets_none_be_listed_twice(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin_many(one, 120)
    pages = noted_pages(one, monkeypatch, then=lambda: one.start(plan_of("A"), Start("zz", {})))
    found = [it.run_id for it in await one.find_runs(RunQuery(limit=1_000))]
    assert len(pages) > 1
    assert len(found) == len(set(found)) == 120


async def begin_many(store: RedisCoordinationStore, count: int) -> None:
    plan = plan_of("A")
    for number in range(count):
        await store.start(plan, Start(f"many-{number}", {}))


def noted_pages(
    store: RedisCoordinationStore, monkeypatch: pytest.MonkeyPatch, then: Callable[[], Any] | None = None
) -> list[Any]:
    """The pages of a list of runs that are asked for, of 50 runs each; `then` is called after each."""
    monkeypatch.setattr(store_module, "_LARGEST_PAGE", 50)
    run, pages = store.link.run, list[Any]()

    async def noted(script: Script, *arguments: Any) -> Any:
        reply = await run(script, *arguments)
        if script is store.scripts.find_runs:
            pages.append(reply)
            if then is not None:
                await then()
        return reply

    monkeypatch.setattr(store.link, "run", noted)
    return pages


@pytest.mark.asyncio
async def test_whoever_looks_for_news_survives_that_a_run_was_retired(make_store: MakeStore) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A")
    await other.glance(RUN)
    await complete(one, "A")
    await one.retire(RUN)
    assert await other.refresh() == []


@pytest.mark.asyncio
async def test_a_history_is_not_mixed_with_what_others_do_meanwhile(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A -> B")
    await complete(one, "A")
    plan, _ = await one.snapshot(RUN)
    begun = await one.events(RUN)
    await complete(one, "B")
    whole = await one.events(RUN)
    await one.retire(RUN)
    await one.restore(plan, RUN, begun)
    events = one.events

    async def overtaken(*arguments: Any) -> Any:
        found = await events(*arguments)
        if len(found) == len(begun):
            assert await other.claim(RUN, [("B", "another")], OWNER)
            await other.commit(RUN, Commit("B", "another", Failed({"code": "x", "message": "y"}), OWNER))
        return found

    monkeypatch.setattr(one, "events", overtaken)
    with pytest.raises(ConflictError, match="differently"):
        await one.restore(plan, RUN, whole)
    assert [it.type for it in await events(RUN)].count("run_finished") == 1


@pytest.mark.asyncio
async def test_what_becomes_ready_in_a_paused_run_is_not_looked_for(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    await begin(one, "A -> B")
    assert await one.claim(RUN, [("A", "n")], OWNER)
    await one.pause(RUN)
    await one.commit(RUN, Commit("A", "n", Completed(1), OWNER))
    assert server.call("ZCARD", "flowcraft:unclaimed:default") == 0
    await one.unpause(RUN)
    assert server.call("ZRANGE", "flowcraft:unclaimed:default", 0, -1) == [b"run\x1fB"]


@pytest.mark.asyncio
async def test_a_claim_that_is_given_again_and_ends_in_one_append_is_struck_off(
    make_store: MakeStore, server: Server
) -> None:
    one = make_store()
    await begin(one, "A:wait; B")
    await one.signal(RUN, "A", "early", None)
    assert await one.claim(RUN, [("A", "n")], OWNER)
    # While another append is under way, A waits, finds its answer, goes on here, and the run is cancelled.
    wait = Suspended({"kind": "answer", "due": None})
    commit = Commit("A", "n", wait, OWNER, places=1, nonces=iter("m"))
    await asyncio.gather(
        one.claim(RUN, [("B", "b")], OWNER), one.commit(RUN, commit), one.cancel(RUN, "enough")
    )
    assert (await one.glance(RUN))[1].instances["A"].nonce == "m"
    assert server.call("SMEMBERS", f"flowcraft:claims:{OWNER}") in ([], set())


@pytest.mark.asyncio
async def test_an_events_list_is_the_journal(make_store: MakeStore) -> None:
    one, other = make_store(), make_store()
    await begin(one, "A -> B")
    await complete(one, "A", {"text": "x" * 2_000})
    plan, state = await one.snapshot(RUN)
    told = replay(plan, RUN, await other.events(RUN))
    assert told.instances["A"].output == state.instances["A"].output == {"text": "x" * 2_000}


@pytest.mark.asyncio
async def test_large_values_of_a_history_come_together(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin(one, "; ".join(f"A -> B{number}" for number in range(100)))
    await complete(one, "A")
    for number in range(100):
        await complete(one, f"B{number}", "x" * (2_000 + number))
    commands = noted_commands(one, monkeypatch)
    events = await one.events(RUN)
    assert len(commands) < 5, commands
    outputs = [event.data["output"] for event in events if event.type == "node_completed"]
    assert outputs[1:] == ["x" * (2_000 + number) for number in range(100)]
    monkeypatch.setattr("flowcraft_engine.backends.redis.store._FETCHED_AT_ONCE", 50_000)
    commands.clear()
    assert await one.events(RUN) == events
    assert 4 < len(commands) < 10, commands


@pytest.mark.asyncio
async def test_what_nodes_print_is_kept_without_reading_the_history_of_their_run(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin(one, "A -> B")
    await complete(one, "A", "x" * 2_000)
    log = OutputLog(one, one, SystemClock(), Masker())
    for number in range(50):
        speaker: Any = SimpleNamespace(run_id=RUN, instance=f"B[{number}]", attempt=1, page=None)
        log.note(speaker, "out", "a line\n")
    commands = noted_commands(one, monkeypatch)
    await log.stop()
    monkeypatch.undo()
    assert len(await one.read_logs(RUN)) == 50
    assert commands == ["XRANGE"]


@pytest.mark.asyncio
async def test_what_nodes_print_is_kept_once_although_the_reply_was_lost(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin(one, "A")
    send, lost = one.link.pipe.send, list[str]()

    def lossy(*command: Any) -> asyncio.Future[Any]:
        reply = send(*command)
        if one.scripts.write_logs.sha not in command or lost:
            return reply
        lost.append(command[0])
        cut = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda _: cut.set_exception(RedisConnectionError("cut")))
        return cut

    monkeypatch.setattr(one.link.pipe, "send", lossy)
    parts = [LogPart(RUN, "A", 1, 1, (LogLine(at, "stdout", None, "a line"),)) for at in (1.0, 2.0)]
    await one.write_logs(parts)
    assert lost
    assert [it.lines for it in await one.read_logs(RUN)] == [it.lines for it in parts]
    await one.write_logs([])


def noted_commands(store: RedisCoordinationStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    call, commands = store.link.call, []

    async def noted(*command: Any) -> Any:
        commands.append(command[0])
        return await call(*command)

    monkeypatch.setattr(store.link, "call", noted)
    return commands


@pytest.mark.asyncio
async def test_a_tree_costs_a_round_trip_for_each_level(
    make_store: MakeStore, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_store()
    await begin(one, "A")
    expected = sorted(f"{RUN}:A[{number}]" for number in range(20))
    for child in expected:
        await one.start(plan_of("A"), Start(child, {}, parent=(RUN, "A")))
    server.call("SADD", "flowcraft:{run}:children", *expected, "run:never-begun")
    trips, calls = [], one.link.calls

    async def noted(commands: Any) -> Any:
        trips.append(commands)
        return await calls(commands)

    monkeypatch.setattr(one.link, "calls", noted)
    assert await one.tree(RUN) == [RUN, *expected]
    assert len(trips) == 4


@pytest.mark.asyncio
async def test_a_step_whose_reply_was_lost_was_made_once_and_says_so(
    make_store: MakeStore, server: Server, scripts: Scripts
) -> None:
    one = make_store()
    slow, road = stepped(server, scripts)
    await begin(one, "A -> W:wait")
    answering = asyncio.create_task(slow.signal(RUN, "W", 1, None))
    await let_pass_until(road, "append")
    road.trips[0].perform()  # the reply is lost, the link asks again
    await let_pass(road)
    assert await answering is not None, "not 'already answered'"
    assert [event.type for event in await one.events(RUN)].count("signal_buffered") == 1
