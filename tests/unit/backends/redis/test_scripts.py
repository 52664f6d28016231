"""Every Lua script alone: done twice, out of order, and after its reply was lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from redis.exceptions import ResponseError

from flowcraft_engine.backends.redis.scripts import Script, Scripts
from tests.interleaving.server import CLOCK_KEY, Server

NOW = 1_700_000_000_000
RUN = ["run", "events", "context", "values", "unclaimed", "due", "dead", "children"]
ENDS = ["runs", "runs:running", "finished", "runs:done", "stopped"]
FOR_START = ["blueprints", "users", "queues", "blueprint"]


def start(server: Server, scripts: Scripts, append_id: str = "first", *operations: str) -> Any:
    arguments = ["r", append_id, 2, "[1,2]", "", "bp", "", "default", 1, "digest", *operations]
    return server.run(scripts.start, [*RUN, *ENDS, *FOR_START], *arguments)


def begun(server: Server, scripts: Scripts) -> None:
    server.call("HSET", "blueprints", "digest", "{}")
    assert start(server, scripts, "first", "R", "r\x1fA")[0] == b"ok"


def append(server: Server, scripts: Scripts, position: int, append_id: str, *operations: str) -> Any:
    last = {2: "first", 3: "a"}.get(position, "?")
    arguments = ["r", position, last, position + 1, append_id, "[3]", "", *operations]
    return server.run(scripts.append, [*RUN, *ENDS, "claims:me"], *arguments)


# ---- start -------------------------------------------------------------------------------------------------


def test_start_wants_the_blueprint_first_and_changes_nothing_without(
    server: Server, scripts: Scripts
) -> None:
    assert start(server, scripts) == [b"missing", NOW, b"digest"]
    assert server.keys() == set()


def test_start_repeated_says_who_began_it_and_changes_nothing(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    assert start(server, scripts, "second") == [b"exists", NOW, b"first"]
    assert start(server, scripts, "first") == [b"exists", NOW, b"first"]
    assert server.call("XLEN", "events") == 1
    assert server.call("HGET", "users", "digest") == b"1"


# ---- append ------------------------------------------------------------------------------------------------


def test_append_at_the_wrong_position_answers_with_what_came_between(
    server: Server, scripts: Scripts
) -> None:
    begun(server, scripts)
    assert append(server, scripts, 2, "a") == [b"ok", NOW]
    assert append(server, scripts, 3, "b") == [b"ok", NOW]
    word, _, entries = append(server, scripts, 2, "c", "r", "r\x1fA")
    assert word == b"conflict"
    assert [fields[1] for _, fields in entries] == [b"first", b"a", b"b"]
    assert server.call("ZCARD", "unclaimed") == 1, "a refused append must not change what is derived"


def test_append_whose_reply_was_lost_finds_itself(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    append(server, scripts, 2, "mine")
    word, _, entries = append(server, scripts, 2, "mine")
    assert (word, entries[1][1][1]) == (b"conflict", b"mine")
    assert server.call("XLEN", "events") == 2


def test_append_from_ahead_is_refused(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    assert append(server, scripts, 7, "a") == [b"conflict", NOW, []]


def test_append_to_no_run_is_told_so(server: Server, scripts: Scripts) -> None:
    assert append(server, scripts, 2, "a") == [b"gone", NOW]


def test_derived_keys_follow_the_operations(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    operations = [
        "r",
        "r\x1fA",
        "L",
        "0",
        "r\x1fA",
        "me",
        "T",
        "+3000",
        "start",
        "T",
        "5",
        "wake",
        "H",
        "child",
    ]
    append(server, scripts, 2, "a", *operations, "C", "k", "1", "V", "d", "{}", "S", "status", "x")
    assert server.call("ZCARD", "unclaimed") == 0
    assert server.call("SMEMBERS", "claims:me") == [b"r\x1fA"]
    assert server.call("ZRANGE", "due", 0, -1, "WITHSCORES") == [
        b"wake",
        b"5",
        b"start",
        b"%d" % (NOW + 3000),
    ]
    assert server.call("HGETALL", "values") == [b"d", b"{}"]
    append(
        server, scripts, 3, "b", "l", "0", "r\x1fA", "t", "wake", "D", "k", "F", "done", "K", "r", "X", "r"
    )
    assert not server.keys() & {"claims:me"}
    assert server.call("HEXISTS", "context", "k") == 0
    assert server.call("ZRANGE", "runs:done", 0, -1) == [b"r"]
    assert server.call("ZRANGE", "finished", 0, -1) == [b"r"]
    assert server.call("XLEN", "stopped") == 1


def test_a_claim_by_a_buried_owner_has_it_watched_again(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    server.call("ZADD", "dead", NOW + 86_400_000, "me")
    append(server, scripts, 2, "a", "L", "0", "r\x1fA", "me")
    assert server.call("ZSCORE", "dead", "me") == b"%d" % (NOW + 10_000)


def test_a_claim_by_an_owner_that_the_server_has_lost_has_it_watched(
    server: Server, scripts: Scripts
) -> None:
    begun(server, scripts)
    append(server, scripts, 2, "a", "L", "0", "r\x1fA", "me")
    assert server.call("ZSCORE", "workers", "me") == b"%d" % (NOW + 10_000)
    server.call("ZADD", "workers", NOW + 15_000, "me")
    append(server, scripts, 3, "b", "L", "0", "r\x1fB", "me")
    assert server.call("ZSCORE", "workers", "me") == b"%d" % (NOW + 15_000), "who is heard of keeps its lease"


def test_an_unknown_operation_is_an_error(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    with pytest.raises(ResponseError, match="unknown operation"):
        append(server, scripts, 2, "a", "?", "x")


def test_reindex_does_nothing_once_the_run_has_moved_on(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    assert server.run(scripts.reindex, [*RUN, *ENDS], "r", "other", "r", "r\x1fA") == [b"conflict", NOW]
    assert server.call("ZCARD", "unclaimed") == 1
    assert server.run(scripts.reindex, [*RUN, *ENDS], "r", "first", "r", "r\x1fA") == [b"ok", NOW]
    assert server.call("ZCARD", "unclaimed") == 0


def test_a_run_that_the_index_has_lost_is_listed_as_one_of_now(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    server.call("DEL", "runs")
    append(server, scripts, 2, "a", "F", "done")
    assert server.call("ZSCORE", "runs:done", "r") == b"%d" % (NOW * 1000)


# ---- a server without memory -------------------------------------------------------------------------------


@pytest.fixture
def full(server: Server, scripts: Scripts) -> Iterator[Server]:
    """A run that has ended, and no memory for another one."""
    begun(server, scripts)
    append(server, scripts, 2, "a", "F", "done", "S", "status", "done", "r", "r\x1fA")
    server.call("ZADD", "finished", NOW - 1_000, "r")
    server.call("ZADD", "workers", NOW, "me")
    server.call("HSET", "manifests", "me", "{}")
    server.call("CONFIG", "SET", "maxmemory", "1")
    try:
        yield server
    finally:
        server.call("CONFIG", "SET", "maxmemory", "0")


def test_without_memory_nothing_is_appended(full: Server, scripts: Scripts) -> None:
    before = full.call("XLEN", "events")
    with pytest.raises(ResponseError, match="maxmemory"):
        append(full, scripts, 3, "b")
    assert full.call("XLEN", "events") == before


def test_without_memory_a_lease_is_renewed(full: Server, scripts: Scripts) -> None:
    assert full.run(scripts.renew, ["workers", "the dead", "manifests"], "me", 1000) == [NOW, 1]
    assert full.call("ZSCORE", "workers", "me") == b"%d" % (NOW + 1000)


def test_without_memory_old_runs_make_room(full: Server, scripts: Scripts) -> None:
    assert full.run(scripts.take_expired, ["finished"], 20, 500, 60_000) == [NOW, [b"r"]]
    assert retire(full, scripts, "done") == 1
    assert not full.call("EXISTS", "run", "events")


# ---- retire ------------------------------------------------------------------------------------------------


def retire(server: Server, scripts: Scripts, status: str) -> Any:
    keys = ["runs", "runs:done", "finished", "blueprints", "users", *RUN[:4], "children", "blueprint"]
    return server.run(scripts.retire, keys, "r", status, "digest")


def test_retire_takes_all_once_and_the_snapshot_with_its_last_user(server: Server, scripts: Scripts) -> None:
    begun(server, scripts)
    server.call("HINCRBY", "users", "digest", 1)
    append(server, scripts, 2, "a", "S", "status", "done", "F", "done", "K", "r", "H", "child", "r", "r\x1fA")
    assert retire(server, scripts, "running") == 0
    assert retire(server, scripts, "done") == 1
    assert retire(server, scripts, "done") == 0
    assert server.keys() == {"blueprints", "users", "queues"}
    assert server.call("HGET", "users", "digest") == b"1"


# ---- errands -----------------------------------------------------------------------------------------------


def take_due(server: Server, scripts: Scripts) -> tuple[list[bytes], bytes]:
    _, _, token, members = server.run(scripts.take_due, ["due"], 10, 10_000)
    return members, token


def test_what_is_due_is_taken_once_until_patience_ends(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "due", NOW, "now", NOW + 1, "later")
    assert take_due(server, scripts)[0] == [b"now"]
    assert take_due(server, scripts)[0] == []
    server.set_clock(NOW + 10_001)
    assert set(take_due(server, scripts)[0]) == {b"now", b"later"}


def test_settling_strikes_off_what_was_taken_and_nothing_newer(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "due", NOW, "a", NOW, "b")
    _, token = take_due(server, scripts)
    server.call("ZADD", "due", NOW + 10_000, "b")  # set anew, by chance for nearly the same time
    for _ in range(2):
        server.run(scripts.settle, ["due"], "a", token, "b", token, "never", token)
        assert server.call("ZRANGE", "due", 0, -1) == [b"b"]


def test_what_has_failed_is_put_off_and_nothing_newer(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "due", NOW, "a", NOW, "b")
    _, token = take_due(server, scripts)
    server.call("ZADD", "due", NOW + 10_000, "b")
    for _ in range(2):
        server.run(scripts.put_off, ["due"], 30_000, "a", token, "b", token, "never", token)
        due = server.call("ZRANGE", "due", 0, -1, "WITHSCORES")
        assert due == [b"b", b"%d" % (NOW + 10_000), b"a", b"%d.5" % (NOW + 30_000)]


def test_settling_after_another_has_taken_it_changes_nothing(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "due", NOW, "a")
    _, late = take_due(server, scripts)
    server.set_clock(NOW + 20_000)
    take_due(server, scripts)
    server.run(scripts.settle, ["due"], "a", late)
    assert server.call("ZCARD", "due") == 1


# ---- lost messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [("", [b"old"]), (str(NOW - 9_000), []), (str(NOW - 7_000), [b"old"]), (str(NOW), [b"old"])],
)
def test_a_message_is_lost_if_a_later_one_is_at_the_head(
    server: Server, scripts: Scripts, head: str, found: list[bytes]
) -> None:
    server.call("ZADD", "unclaimed", NOW - 8_000, "old", NOW - 1_000, "young")
    assert server.run(scripts.take_unclaimed, ["unclaimed"], 10, 5_000, head, 300_000)[1] == found
    assert server.run(scripts.take_unclaimed, ["unclaimed"], 10, 5_000, head, 300_000)[1] == []


def test_a_job_is_looked_for_after_twice_the_time_each_time(server: Server, scripts: Scripts) -> None:
    now = NOW
    server.call("ZADD", "unclaimed", NOW, "a")
    waited = []
    for _ in range(5):
        since = now
        while not server.run(scripts.take_unclaimed, ["unclaimed"], 10, 5_000, "", 30_000)[1]:
            now += 1_000
            server.set_clock(now)
        waited.append((now - since) // 1000)
    assert waited == [6, 6, 11, 21, 36]


# ---- old runs ----------------------------------------------------------------------------------------------


def test_runs_that_cannot_be_retired_go_behind_all_others(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "finished", 1, "a", 2, "b", 3, "c", NOW, "new")

    def take() -> list[bytes]:
        found: list[bytes] = server.run(scripts.take_expired, ["finished"], 2, 1_000, 60_000)[1]
        return found

    assert [take(), take(), take()] == [[b"a", b"b"], [b"c"], []]
    server.set_clock(NOW + 60_001)
    assert set(take() + take()) == {b"a", b"b", b"c", b"new"}


def test_one_is_the_first_and_nobody_brings_a_run_back(server: Server, scripts: Scripts) -> None:
    assert server.run(scripts.first, ["run"], "told:1") == 0
    assert server.call("EXISTS", "run") == 0
    server.call("HSET", "run", "status", "failed")
    assert [server.run(scripts.first, ["run"], name) for name in ("told:1", "told:1", "told:2")] == [1, 0, 1]


def test_only_of_a_run_that_is_gone_is_anything_forgotten(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "finished", 1, "r", 2, "other")
    server.call("HSET", "run", "status", "running")
    server.call("HSET", "parked", "r", "default")
    assert server.run(scripts.forget, ["run", "parked", "finished"], "r") == 0
    assert server.call("HLEN", "parked") == 1
    server.call("DEL", "run")
    assert server.run(scripts.forget, ["run", "parked", "finished", "nothing"], "r") == 1
    assert server.call("HLEN", "parked") == 0
    assert server.call("ZRANGE", "finished", 0, -1) == [b"other"]


# ---- members -----------------------------------------------------------------------------------------------


def renew(server: Server, scripts: Scripts) -> bool:
    return bool(server.run(scripts.renew, ["workers", "dead", "manifests"], "me", 15_000)[1])


def take_dead(
    server: Server, scripts: Scripts, grace_ms: int = -1, heard_ms: int = 10**12, sent: int = NOW * 2
) -> list[bytes]:
    found: list[bytes] = server.run(
        scripts.take_dead, ["workers", "dead"], 10, 10_000, grace_ms, heard_ms, sent
    )[1]
    return found


def bury(server: Server, scripts: Scripts, **stale: str) -> int:
    """`stale`: what it does not execute, as the journal of the run `<name>-run` says that ends with that append."""
    keys = ["claims", "workers", "dead", "manifests", *(f"{name}-run" for name in stale)]
    return int(server.run(scripts.bury, keys, "me", 86_400_000, *chain(*stale.items())))


def test_an_owner_is_dead_once_its_lease_is_over_and_stays_dead(server: Server, scripts: Scripts) -> None:
    assert renew(server, scripts)
    assert take_dead(server, scripts) == []
    server.set_clock(NOW + 15_001)
    assert take_dead(server, scripts) == [b"me"]
    assert take_dead(server, scripts) == [], "one sweeper at a time"
    assert not renew(server, scripts)


def test_nobody_is_dead_before_the_server_was_up_for_a_lease(server: Server, scripts: Scripts) -> None:
    renew(server, scripts)
    server.set_clock(NOW + 60_000)
    assert take_dead(server, scripts, grace_ms=10**12) == []


def test_nobody_is_dead_before_the_server_was_heard_for_a_lease(server: Server, scripts: Scripts) -> None:
    renew(server, scripts)
    server.set_clock(NOW + 60_000)
    while b"uptime_in_seconds:0\r" in server.call("INFO", "server"):  # it counts whole seconds
        time.sleep(0.05)
    assert take_dead(server, scripts, grace_ms=10, heard_ms=10) == []
    assert take_dead(server, scripts, grace_ms=10, sent=NOW + 1_000) == [], "the server stood still meanwhile"
    assert take_dead(server, scripts, grace_ms=10, heard_ms=11, sent=NOW + 59_995) == [b"me"]


def test_an_owner_that_is_dead_cannot_register_itself_back_to_life(server: Server, scripts: Scripts) -> None:
    renew(server, scripts)
    server.set_clock(NOW + 15_001)
    assert take_dead(server, scripts) == [b"me"]
    keys = ["workers", "dead", "manifests", "registrations", "parked"]
    assert server.run(scripts.register, keys, "me", 15_000, "{}")[1:] == [0, []]
    assert server.call("ZSCORE", "workers", "me") is None
    assert server.call("HEXISTS", "manifests", "me") == 0
    assert not renew(server, scripts)


@pytest.mark.parametrize("lost", ["its lease", "what it can execute", "nothing"])
def test_an_owner_that_was_forgotten_is_told_to_register(server: Server, scripts: Scripts, lost: str) -> None:
    server.run(
        scripts.register, ["workers", "dead", "manifests", "registrations", "parked"], "me", 15_000, "{}"
    )
    if lost == "its lease":
        server.set_clock(NOW + 15_001)
    elif lost == "what it can execute":
        server.call("DEL", "manifests")
    told = server.run(scripts.renew, ["workers", "dead", "manifests"], "me", 15_000)[1]
    assert told == (1 if lost == "nothing" else 2)


def test_a_buried_owner_learns_that_it_was_dead(server: Server, scripts: Scripts) -> None:
    server.call("HSET", "manifests", "me", "{}")
    renew(server, scripts)
    server.set_clock(NOW + 20_000)
    take_dead(server, scripts)
    assert bury(server, scripts) == 1
    assert not renew(server, scripts)
    server.set_clock(NOW + 20_000 + 86_400_001)
    assert take_dead(server, scripts) == [b"me"]
    assert bury(server, scripts) == 1
    assert server.keys() == set()


def test_who_has_claimed_meanwhile_is_not_buried(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "dead", NOW, "me")
    server.call("HSET", "stale-run", "last", "here")
    server.call("HSET", "anew-run", "last", "further")
    server.call("SADD", "claims", "new", "stale", "anew", "gone")
    assert bury(server, scripts, stale="here", anew="here", gone="") == 0
    assert set(server.call("SMEMBERS", "claims")) == {b"new", b"anew"}
    assert server.call("ZSCORE", "dead", "me") is not None


@pytest.mark.parametrize("has_claims", [False, True])
def test_who_leaves_with_claims_is_dead(server: Server, scripts: Scripts, has_claims: bool) -> None:
    renew(server, scripts)
    server.call("HSET", "manifests", "me", "{}")
    if has_claims:
        server.call("SADD", "claims", "job")
    for _ in range(2):
        assert server.run(scripts.leave, ["claims", "workers", "dead", "manifests"], "me") == (not has_claims)
        assert server.keys() == ({"claims", "dead", "manifests"} if has_claims else set())


def test_no_job_is_parked_past_a_registration(server: Server, scripts: Scripts) -> None:
    server.call("ZADD", "unclaimed", NOW, "job")
    register = ["workers", "dead", "manifests", "registrations", "parked"]
    park = ["registrations", "parked", "unclaimed"]
    assert server.run(scripts.register, register, "me", 15_000, "{}") == [NOW, 1, []]
    assert server.run(scripts.park, park, "0", "job", "default") == 0
    assert server.call("ZCARD", "unclaimed") == 1
    assert server.run(scripts.park, park, "1", "job", "default") == 1
    assert server.run(scripts.park, park, "1", "job", "default") == 1
    assert server.call("ZCARD", "unclaimed") == 0
    assert server.run(scripts.register, register, "you", 15_000, "{}") == [NOW, 2, [b"job", b"default"]]


def test_only_what_is_looked_for_or_set_aside_is_published_again(server: Server, scripts: Scripts) -> None:
    def unpark(job: str) -> Any:
        return server.run(scripts.unpark, ["unclaimed", "parked"], job)

    server.call("ZADD", "unclaimed", NOW - 5_000, "lost")
    server.call("HSET", "parked", "aside", "default")
    assert (unpark("lost"), unpark("aside"), unpark("claimed")) == (1, 1, 0)
    assert server.call("ZRANGE", "unclaimed", 0, -1, "WITHSCORES") == [
        b"aside",
        b"%d" % NOW,
        b"lost",
        b"%d" % NOW,
    ]
    assert server.call("HLEN", "parked") == 0


def test_what_belongs_to_a_run_is_written_only_if_there_is_one(server: Server, scripts: Scripts) -> None:
    def amend() -> Any:
        return server.run(
            scripts.amend, ["run", "run", "context", "text"], "options", "o", "id", "i", "", "t"
        )

    assert amend() == 0
    assert server.keys() == set()
    server.call("HSET", "run", "last", "here")
    assert amend() == 1
    assert (server.call("HGET", "run", "options"), server.call("HGET", "context", "id")) == (b"o", b"i")
    assert server.call("GET", "text") == b"t"


def test_a_page_of_runs_leaves_out_what_does_not_fit(server: Server, scripts: Scripts) -> None:
    for score, (run, blueprint, parent) in enumerate(
        [("one", "bp", ""), ("two", "other", ""), ("three", "bp", "one")], 1
    ):
        server.call("ZADD", "runs", score, run)
        server.call("HSET", f"<{run}>", "status", "running", "blueprint_id", blueprint, "parent", parent)
    server.call("ZADD", "runs", 4, "gone")

    def page(blueprint: str, top: str) -> Any:
        return server.run(scripts.find_runs, ["runs"], 0, 9, "<", ">", blueprint, top)

    assert page("", "") == [4, b"1", b"three", b"two", b"one"]
    assert page("bp", "1") == [4, b"1", b"one"]
    assert server.run(scripts.find_runs, ["runs"], 4, 9, "<", ">", "", "") == [0, b"0"]


def test_what_was_said_is_kept_once_and_only_of_a_run_that_is_there(server: Server, scripts: Scripts) -> None:
    def write(*parts: str, behind: int | str = "") -> Any:
        return server.run(scripts.write_logs, ["run", "logs"], behind, *parts)

    assert write("one") == 0
    assert server.call("EXISTS", "logs") == 0
    server.call("HSET", "run", "status", "running")
    assert [write("one", "two"), write("three"), write("one", "two")] == [1, 1, 0]
    assert server.call("LRANGE", "logs", 0, -1) == [b"one", b"two", b"three"]


def test_a_flushed_script_is_sent_again(server: Server, scripts: Scripts) -> None:
    renew(server, scripts)
    server.call("SCRIPT", "FLUSH", "SYNC")
    assert renew(server, scripts)


def test_every_script_is_tried_here(scripts: Scripts) -> None:
    names = {name for name, value in vars(scripts).items() if isinstance(value, Script)}
    with open(__file__) as file:
        text = file.read()
    assert names == {name for name in names if f"scripts.{name}," in text}
    assert CLOCK_KEY in scripts.append.text
