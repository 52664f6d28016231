"""How much runs at a time, and that nothing waits for what it does not depend on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from flowcraft_engine import NodeContext
from flowcraft_engine.backends.sqlite import SqliteStore
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


class Gauge:
    """How many calls are under way, at most."""

    def __init__(self) -> None:
        self.now = self.most = self.calls = 0

    async def work(self, ctx: NodeContext) -> None:
        self.now += 1
        self.calls += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now -= 1


@pytest.mark.parametrize("concurrency", [1, 2, 7])
@pytest.mark.parametrize("text", ["S -> {many} ; {many} -> J", "E:each({list})", "{many}"])
async def test_no_more_attempts_than_allowed_are_under_way(text: str, concurrency: int) -> None:
    names = [f"N{index}" for index in range(30)]
    gauge = Gauge()
    text = text.replace("{many}", ", ".join(names)).replace("{list}", json.dumps(list(range(30))))
    text = "; ".join(names) if text == ", ".join(names) else text
    nodes = {name: gauge.work for name in [*names, "S", "J", "E"] if name in text}
    result = await play(text, nodes, options={"concurrency": concurrency})
    assert result.status == "completed"
    assert gauge.most == concurrency
    assert gauge.calls >= 30


async def test_branches_that_widen_in_one_turn_share_the_places(tmp_path: Path) -> None:
    """What a step of a group claims, the next one of the same group must see."""
    widening = [f"{branch} -> {', '.join(f'{branch}{i}' for i in range(8))}" for branch in "AB"]
    gauge = Gauge()
    nodes = {f"{branch}{i}": gauge.work for branch in "AB" for i in range(8)}
    store = SqliteStore(tmp_path / "state.db")
    result = await play("; ".join(widening), nodes, options={"concurrency": 4, "store": store})
    await store.close()
    assert result.status == "completed"
    assert (gauge.most, gauge.calls) == (4, 16)


async def test_branches_that_go_on_in_one_turn_are_written_together(tmp_path: Path) -> None:
    chains = [" -> ".join(f"{chain}{i}" for i in range(10)) for chain in "ABCDEFGH"]
    written: list[str] = []
    store = SqliteStore(tmp_path / "state.db")
    store._db.set_trace_callback(lambda text: written.append(text) if text == "COMMIT" else None)
    await play("; ".join(chains), options={"store": store})
    await store.close()
    assert len(written) < 20


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_a_batch_keeps_to_its_own_concurrency(limit: int) -> None:
    gauge = Gauge()
    items = list(range(20))
    await play(f"E:each({items})", {"E": gauge.work}, patch={"E": {"concurrency": limit}})
    assert (gauge.most, gauge.calls) == (limit, 20)


async def test_several_runs_share_the_places_of_a_runtime() -> None:
    gauge = Gauge()
    made = blueprint("A; B; C")
    process = runtime(made, dict.fromkeys("ABC", gauge.work), concurrency=4)
    results = await asyncio.gather(*(process.run(made) for _ in range(20)))
    assert {result.status for result in results} == {"completed"}
    assert (gauge.most, gauge.calls) == (4, 60)


async def test_there_are_no_waves() -> None:
    """A branch goes on while another one of the same depth still runs."""
    far = asyncio.Event()

    async def waits(ctx: NodeContext) -> None:
        await asyncio.wait_for(far.wait(), 30)

    async def gets_there(ctx: NodeContext) -> None:
        far.set()

    result = await play("R -> Q1 -> Q2 -> Q3; R -> S", {"S": waits, "Q3": gets_there})
    assert result.status == "completed"


async def test_ten_thousand_items() -> None:
    result = await play(f"E:each({list(range(10_000))}) -> Z", {"Z": lambda input: sum(input)})
    assert result.outputs == {"Z": sum(range(10_000))}
    assert len(result.nodes) == 10_002


async def test_a_thousand_runs_at_once() -> None:
    made = blueprint("A -> B, C; B, C -> D")
    process = runtime(made)
    results = await asyncio.gather(*(process.run(made, {"n": n}) for n in range(1_000)))
    assert {result.status for result in results} == {"completed"}
    assert len({result.run_id for result in results}) == 1_000


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize(
    "text", [" -> ".join(f"N{i}" for i in range(400)), "; ".join(f"N{i}" for i in range(400))]
)
async def test_a_long_run_lets_a_short_one_have_its_turn(text: str, store: str, tmp_path: Path) -> None:
    long, short = blueprint(text, id="long"), blueprint("A -> B", id="short")
    order: list[str] = []

    async def work(ctx: NodeContext) -> None:
        order.append(ctx.blueprint_id)

    nodes = dict.fromkeys([*(node.id for node in long.nodes), "A", "B"], work)
    kept = SqliteStore(tmp_path / "state.db") if store == "sqlite" else None
    async with runtime(long, nodes, blueprints=[short], concurrency=1, store=kept) as process:
        await asyncio.gather(process.run(long), process.run(short))
    assert len(order) == 402
    assert order.index("short") < 200


async def test_a_cancelled_run_gives_its_places_back() -> None:
    """Also those of tasks that were cancelled before their first step."""
    made = blueprint("; ".join(f"N{index}" for index in range(8)))

    async def slow(ctx: NodeContext) -> None:
        await asyncio.sleep(30)

    async with runtime(
        made, dict.fromkeys((f"N{index}" for index in range(8)), slow), concurrency=8
    ) as process:
        for turns in range(12):
            await process.start(made, run_id=f"run{turns}")
            proceeding = asyncio.create_task(process.proceed(f"run{turns}"))
            for _ in range(turns):
                await asyncio.sleep(0)
            assert (await process.cancel(f"run{turns}")).status == "cancelled"
            assert (await asyncio.wait_for(proceeding, 30)).status == "cancelled"
        gauge = Gauge()
        for index in range(8):
            process.registry.register(gauge.work, f"G{index}")
        last = blueprint("; ".join(f"G{index}" for index in range(8)), id="last")
        assert (await asyncio.wait_for(process.run(last), 30)).status == "completed"
        assert gauge.most == 8


async def test_an_interruption_at_any_turn_hands_everything_back() -> None:
    made = blueprint("A -> B, C; B, C -> D")

    async def work(ctx: NodeContext) -> str:
        await asyncio.sleep(0)
        return ctx.instance

    for turns in range(25):
        process = runtime(made, dict.fromkeys("ABCD", work))
        running = asyncio.create_task(process.run(made, run_id="run"))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if await process.store.exists("run"):
            _, state = await process.store.snapshot("run")
            assert "running" not in {instance.state for instance in state.instances.values()}, turns
        result = await asyncio.wait_for(process.run(made, run_id="run"), 30)
        assert result.status == "completed"
        assert {node.attempts for node in result.nodes.values()} == {1}
