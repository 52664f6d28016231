"""What happens to a fleet in a storm. A seed chooses; the operating system adds its own."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from flowcraft_engine.backends.dramatiq.layout import Layout
from flowcraft_engine.backends.dramatiq.message import encode, new_id
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import DEFAULT_QUEUE
from tests.chaos.crew import Crew
from tests.chaos.tally import Tally
from tests.chaos.worker import LEASE_S, NAMESPACE
from tests.faults.tcp_proxy import TcpProxy

_GARBAGE = (b"", b"\x80\x04\x95garbage", b"{", b'"text"', b"[1,2", b"{}" * 40, b"\xff\xfe\xfd", b"null")

_ALL = 1_000_000


class Faults:
    """The storm: `run` does one fault after the other until `stop`. `jobs` names jobs that are worth repeating."""

    def __init__(
        self,
        server: EmbeddedRedis,
        proxy: TcpProxy,
        crew: Crew,
        tally: Tally,
        *,
        seed: int,
        jobs: Callable[[], list[tuple[str, str]]],
        cuts_tails: bool,
        kills_redis: bool = True,
    ) -> None:
        self._server = server
        self._proxy = proxy
        self._crew = crew
        self._tally = tally
        self._random = random.Random(seed)
        self._jobs = jobs
        self._cuts_tails = cuts_tails
        self._layout = Layout(NAMESPACE)
        self._end = threading.Event()
        #: The bytes that were put in the place of messages, to be compared with the dead letters.
        self.poison: set[bytes] = set()
        #: Those of them that were neither lost again nor put where a worker had just looked.
        self.certain_poison: set[bytes] = set()
        self._faults: dict[Callable[[], None], float] = {
            self._kill: 6,
            self._freeze: 1.5,
            self._roll: 1,
            self._cut: 2,
            self._lose_reply: 3,
            self._refuse: 0.5,
            self._black_hole: 0.4,
            self._latency: 0.7,
            self._client_kill: 2,
            self._client_pause: 1,
            self._script_flush: 1,
            self._duplicate: 3,
            self._forge: 1,
            self._reorder: 1,
            self._drop: 1,
            self._corrupt: 3,
            self._flush_queue: 0.4,
            self._kill_redis: 1.5 if kills_redis else 0,
        }

    def run(self, pause_s: float) -> None:
        """In a thread."""
        for fault_number in itertools.count():
            if self._end.is_set():
                return
            self._crew.keep_full()
            (fault,) = self._random.choices(list(self._faults), list(self._faults.values()))
            if fault_number == 1 and self._faults[self._kill_redis]:
                fault = self._kill_redis  # however short the storm is
            # Where Redis is away or out of reach there is nothing to spoil.
            with contextlib.suppress(redis.RedisError, OSError):
                fault()
            self._end.wait(self._random.uniform(0.2, 1.8) * pause_s)

    def stop(self) -> None:
        self._end.set()

    # ---- processes -----------------------------------------------------------------------------------------

    def _kill(self) -> None:
        self._crew.kill_one()

    def _freeze(self) -> None:
        """Past the lease, mostly: what wakes up later is a zombie."""
        self._tally["frozen"] += 1
        pid = self._crew.freeze_one()
        timer = threading.Timer(LEASE_S * self._random.uniform(0.5, 2.5), self._crew.thaw, (pid,))
        timer.daemon = True
        timer.start()

    def _roll(self) -> None:
        self._tally["rolled"] += 1
        self._crew.terminate_one()

    # ---- connections ---------------------------------------------------------------------------------------

    def _cut(self) -> None:
        self._tally["cut"] += 1
        self._proxy.cut()

    def _lose_reply(self) -> None:
        """The request arrives, and nobody learns what came of it."""
        times = self._random.randint(1, 4)
        before = self._proxy.dropped
        self._proxy.drop_reply_to(
            self._random.choice((b"EVALSHA", b"EVALSHA", b"XRANGE", b"HMGET")), times=times
        )
        self._end.wait(0.2)
        self._tally["reply lost"] += self._proxy.dropped - before

    def _refuse(self) -> None:
        self._tally["refuse"] += 1
        self._proxy.refuse()
        self._heal_after(self._random.uniform(0.1, 1.0))

    def _black_hole(self) -> None:
        self._tally["black hole"] += 1
        self._proxy.black_hole()
        self._heal_after(self._random.uniform(0.1, 1.0))

    def _latency(self) -> None:
        self._tally["latency"] += 1
        self._proxy.delay(self._random.uniform(0.005, 0.1))
        self._heal_after(self._random.uniform(0.2, 1.0))

    def _heal_after(self, seconds: float) -> None:
        self._end.wait(seconds)
        self._proxy.heal()

    def _client_kill(self) -> None:
        self._tally["client kill"] += 1
        with self._client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def _client_pause(self) -> None:
        self._tally["client pause"] += 1
        with self._client() as client:
            client.execute_command("CLIENT", "PAUSE", self._random.randint(20, 600), "ALL")

    def _script_flush(self) -> None:
        self._tally["script flush"] += 1
        with self._client() as client:
            client.script_flush()

    # ---- messages ------------------------------------------------------------------------------------------

    def _duplicate(self) -> None:
        """Jobs of all ages, the done ones included, are delivered again."""
        jobs = self._jobs()
        chosen = [self._random.choice(jobs) for _ in range(self._random.randint(5, 40))] if jobs else []
        self._tally["duplicate"] += len(chosen)
        self._push(chosen)

    def _forge(self) -> None:
        jobs = self._jobs()
        run_id = self._random.choice(jobs)[0] if jobs else "nobody"
        forged = [
            ("nobody", "A"),
            (run_id, "no-such-node"),
            (run_id, "A#7"),
            (run_id, "$end"),
            (run_id, "A[99]"),
        ]
        self._tally["forged"] += len(forged)
        self._push(forged)

    def _push(self, jobs: list[tuple[str, str]]) -> None:
        now_ms = int(time.time() * 1000)
        with self._client(db=1) as client, client.pipeline(transaction=False) as pipe:
            for run_id, instance in jobs:
                message = new_id(now_ms)
                data = encode(
                    JobPayload(run_id, instance, ""), queue=DEFAULT_QUEUE, message_id=message, now_ms=now_ms
                )
                pipe.hset(self._layout.messages(DEFAULT_QUEUE), message, data)
                pipe.rpush(self._layout.ids(DEFAULT_QUEUE), message)
            pipe.execute()

    def _reorder(self) -> None:
        key = self._layout.ids(DEFAULT_QUEUE)
        with self._client(db=1) as client:
            ids: Any = client.lrange(key, 0, -1)
            self._random.shuffle(ids)
            self._tally["reordered"] += len(ids)
            with client.pipeline(transaction=False) as pipe:
                for message in ids:
                    pipe.lrem(key, 1, message)
                    pipe.rpush(key, message)
                pipe.execute()

    def _drop(self) -> None:
        """From the list, from what a worker holds, or the body alone."""
        with self._client(db=1) as client:
            self._doubt_poison(client)
            for key in client.scan_iter(f"{self._layout.prefix}*"):
                kind: Any = client.type(key)
                if kind == b"list":
                    dropped: Any = client.lpop(key, _ALL)
                    self._tally["dropped"] += len(dropped or ())
                elif kind == b"set" and self._random.random() < 0.5:
                    self._tally["dropped"] += bool(client.spop(key))
                elif kind == b"hash" and (fields := client.hkeys(key)):
                    self._tally["dropped"] += int(client.hdel(key, self._random.choice(fields)))

    def _corrupt(self) -> None:
        """Bytes that are no message take the place of messages that wait, or come beside them."""
        key = self._layout.messages(DEFAULT_QUEUE)
        with self._client(db=1) as client:
            ids: Any = client.lrange(self._layout.ids(DEFAULT_QUEUE), 0, -1)
            for message in self._random.sample(ids, min(2, len(ids))):
                self._spoil(client, key, message)
            message = new_id(int(time.time() * 1000)).encode()
            self.certain_poison.add(self._spoil(client, key, message))
            client.rpush(self._layout.ids(DEFAULT_QUEUE), message)

    def _doubt_poison(self, client: redis.Redis) -> None:
        """What is still there may be lost now, before anybody reads it."""
        self.certain_poison.difference_update(client.hvals(self._layout.messages(DEFAULT_QUEUE)))  # type: ignore[arg-type]

    def _spoil(self, client: redis.Redis, key: str, message: bytes) -> bytes:
        data = self._random.choice(_GARBAGE) + b"#%d" % self._random.getrandbits(24)
        self.poison.add(data)
        client.hset(key, message, data)  # type: ignore[arg-type]
        self._tally["corrupted"] += 1
        return data

    def _flush_queue(self) -> None:
        with self._client(db=1) as client:
            self._tally["queue flushed at all"] += 1
            self._tally["queue flushed"] += int(client.llen(self._layout.ids(DEFAULT_QUEUE)))  # type: ignore[arg-type]
            self._doubt_poison(client)
            client.flushdb()

    # ---- the server ----------------------------------------------------------------------------------------

    def _kill_redis(self) -> None:
        self._tally["redis killed"] += 1
        self._server.kill()
        if self._cuts_tails and self._random.random() < 0.85:
            self._cut_tail()
        self._end.wait(self._random.uniform(0, 0.5))
        self._server.restart()

    def _cut_tail(self) -> None:
        """What a power failure does; the kill of a process leaves everything to the system's cache."""
        logs = sorted((self._server.data_dir / "appendonlydir").glob("*.incr.aof"))
        size = logs[-1].stat().st_size
        if size > 0:
            self._tally["tail cut"] += 1
            with logs[-1].open("r+b") as log:
                log.truncate(max(0, size - self._random.randint(1, 60_000)))

    @contextlib.contextmanager
    def _client(self, db: int = 0) -> Any:
        address = self._server.address
        client = redis.Redis(host=address.host, port=address.port, db=db, socket_timeout=3)
        try:
            yield client
        finally:
            client.close()
