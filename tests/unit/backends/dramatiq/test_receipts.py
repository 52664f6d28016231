"""What is told to the server of messages changes it as Dramatiq's own commands do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue
from flowcraft_engine.backends.dramatiq.broker import HardenedBroker
from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import Layout
from flowcraft_engine.backends.dramatiq.receipts import Receipts
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.link import Link
from tests.unit.backends.dramatiq.valkey import Valkey
from tests.unit.backends.dramatiq.worker import jobs

pytestmark = pytest.mark.asyncio
LAYOUT = Layout()
NAME = "somebody"


class Holder:
    """Remembers what it was told."""

    keys = (LAYOUT.held(NAME, "default"), LAYOUT.messages("default"), LAYOUT.ids("default"))

    def __init__(self) -> None:
        self.told: list[str] = []
        self.late: list[tuple[str, bool]] = []

    def answered(self, message_id: str) -> None: ...

    def settled(self, ids: Sequence[str]) -> None:
        self.told += ids

    def unsettled(self, ids: Sequence[str], *, handed_back: bool) -> None:
        self.late += [(message_id, handed_back) for message_id in ids]


def broker(server: Valkey) -> HardenedBroker:
    return HardenedBroker(
        server.url, name=NAME, layout=LAYOUT, intake=Intake(), threads=1, hand_over=lambda _: False
    )


async def hold(server: Valkey, queue: DramatiqJobQueue, count: int) -> list[str]:
    """The ids of messages that `NAME` has fetched; one more waits."""
    with server.client() as client:
        client.flushall()
        await queue.publish(jobs(count))
        ids = [it.decode() for it in client.lrange(LAYOUT.ids("default"), 0, -1)]
    await queue.publish(jobs(1, count))
    made = broker(server)
    made.do_fetch("default", count)
    made.close()
    return ids


def books(server: Valkey, ids: list[str]) -> dict[str, Any]:
    """What stands in Redis, with our ids by their place."""
    with server.client() as client:
        messages = client.hkeys(LAYOUT.messages("default"))
        held = client.smembers(Holder.keys[0])
        return {
            "waiting": [_place(ids, it) for it in client.lrange(LAYOUT.ids("default"), 0, -1)],
            "messages": sorted(_place(ids, it) for it in messages),
            "held": sorted(_place(ids, it) for it in held),
        }


def _place(ids: list[str], found: bytes) -> int:
    return ids.index(found.decode()) if found.decode() in ids else -1


@pytest.mark.parametrize("handed_back", [False, True], ids=["ack", "requeue"])
async def test_many_at_once_leave_the_books_of_dramatiq(
    server: Valkey, queue: DramatiqJobQueue, *, handed_back: bool
) -> None:
    ids = await hold(server, queue, 3)
    link, holder = Link(RedisAddress.parse(server.url)), Holder()
    receipts = Receipts(link)
    for number in (0, 1):
        receipts.put(Delivery(ids[number], jobs(1)[0], holder, handed_back))
    await receipts.flush()
    await link.close()
    assert sorted(holder.told) == sorted(ids[:2])
    ours = books(server, ids)

    ids = await hold(server, queue, 3)
    made = broker(server)
    for message_id in ids[:2]:
        (made.do_requeue if handed_back else made.do_ack)("default", message_id)
    made.close()
    assert ours == books(server, ids)


@pytest.mark.parametrize("handed_back", [False, True], ids=["ack", "requeue"])
async def test_a_message_that_others_have_taken_meanwhile_stays_theirs(
    server: Valkey, queue: DramatiqJobQueue, *, handed_back: bool
) -> None:
    ids = await hold(server, queue, 1)
    with server.client() as client:
        client.srem(Holder.keys[0], ids[0])
    before = books(server, ids)
    link, holder = Link(RedisAddress.parse(server.url)), Holder()
    receipts = Receipts(link)
    receipts.put(Delivery(ids[0], jobs(1)[0], holder, handed_back))
    await receipts.flush()
    await link.close()
    assert holder.told == ids
    assert books(server, ids) == before


@pytest.mark.parametrize("error", [None, ValueError("a bug of a library")])
async def test_what_does_not_get_through_is_left_to_the_holder(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    link, holder = Link(RedisAddress.parse("redis://127.0.0.1:1/0"), patience_s=0), Holder()

    async def fail(*_: Any) -> Any:
        assert error is not None
        raise error

    if error is not None:
        monkeypatch.setattr(link, "run", fail)
    receipts = Receipts(link)
    receipts.put(Delivery("1", jobs(1)[0], holder))
    receipts.put(Delivery("2", jobs(1)[0], holder, handed_back=True))
    await receipts.flush()
    await link.close()
    assert holder.told == []
    assert holder.late == [("1", False), ("2", True)]
