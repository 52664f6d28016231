"""Bugs, put into the engine on purpose: each of them is one that a system of this kind has had."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowcraft_engine.backends.redis import journal_codec, shared_runs
from flowcraft_engine.backends.redis.derived import Derived
from flowcraft_engine.backends.redis.scripts import Script, Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.shared_runs import SharedRuns
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.kernel.undo import _Remembered
from tests.interleaving import world

Mutant = Any


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def other_source(owner: Any, name: str, old: str, new: str) -> Iterator[None]:
    """A function with some of its text changed."""
    function = vars(owner)[name]
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{name} does not say {old!r} any more"
    made: dict[str, Any] = {}
    exec(source.replace(old, new), vars(inspect.getmodule(function)), made)
    with replaced(owner, name, made[name]):
        yield


@contextmanager
def other_script(names: str, old: str, new: str) -> Iterator[None]:
    """Lua scripts with some of their text changed."""
    make = world.make_scripts

    def make_changed() -> Scripts:
        scripts = make()
        for name in names.split():
            script: Script = getattr(scripts, name)
            assert old in script.text, f"{name}.lua does not say {old!r} any more"
            text = script.text.replace(old, new)
            setattr(scripts, name, Script(name, text, hashlib.sha1(text.encode()).hexdigest()))
        return scripts

    with replaced(world, "make_scripts", make_changed):
        yield


def no_compare_and_set() -> Mutant:
    return other_script("append", "if last ~= ARGV[3] then", "if false then")


def any_nonce_may_commit() -> Mutant:
    return other_source(
        Transition, "commit", "instance is None or instance.nonce != command.nonce", "instance is None"
    )


def no_from_a_stale_state() -> Mutant:
    return other_source(SharedRuns, "_apply", "is_fresh = False", "is_fresh = True")


def terminal_status_is_overwritten() -> Mutant:
    return other_source(Transition, "cancel", "if state.is_final:", "if False:")


def nothing_says_what_is_ready() -> Mutant:
    return other_script("append", "redis.call('ZADD', KEYS[5], now, a)", "")


def nothing_says_who_executes_what() -> Mutant:
    return other_script("append", "redis.call('SADD', KEYS[#KEYS - tonumber(a)], b)", "")


def sweeper_takes_from_the_living() -> Mutant:
    return other_script("take_dead", "KEYS[1], '-inf', now", "KEYS[1], '-inf', '+inf'")


def undo_forgets_arrivals() -> Mutant:
    return other_source(_Remembered, "restore", "_shorten(instance.arrivals, self.arrivals)", "pass")


def clock_of_the_client() -> Mutant:
    return other_source(ServerClock, "hear", "self._offset = offset", "self._offset = 0.0")


def action_is_forgotten_by_others() -> Mutant:
    def forgetful(events: Any, kept: Any) -> Any:
        decoded = decode_step(events, kept)
        for event in decoded:
            if event.type == "node_completed":
                event.data.pop("action", None)
                event.data.pop("taken", None)
        return decoded

    decode_step = journal_codec.decode_step
    return replaced(shared_runs, "decode_step", forgetful)


def live_keys_expire() -> Mutant:
    return other_script(
        "append",
        "redis.call('XADD', KEYS[2]",
        "redis.call('PEXPIRE', KEYS[2], 3600000); redis.call('XADD', KEYS[2]",
    )


def lost_reply_is_taken_for_failure() -> Mutant:
    return other_source(
        SharedRuns, "_append", "not _is_among(reply[2], run.last_append, append_id.encode())", "True"
    )


def cancelled_jobs_stay_ready() -> Mutant:
    return other_source(Derived, "_take", "self._cancel(event, self._run.state.instances)", "pass")


def retired_blueprints_are_kept() -> Mutant:
    return other_script("retire", "redis.call('HDEL', KEYS[4], ARGV[index])", "")


def children_are_not_retired() -> Mutant:
    return other_script("append", "redis.call('SADD', KEYS[8], a)", "")


def start_is_not_idempotent() -> Mutant:
    return other_source(
        RedisCoordinationStore,
        "start",
        'reply[0] == b"exists" and reply[2].decode() != append_id',
        'reply[0] == b"never"',
    )


#: (That a claim in vain strikes off a job that is ready again, that raced news are dropped and that readers see what
#: may be taken back needs an order so rare that it is tested step by step, in `test_shared_store.py`; so is settling
#: that removes a newer timer, in `test_scripts.py`.)
#:
#: Name → how to make it, and the seed from which to look for it: the first one that finds it is not far.
MUTANTS: dict[str, tuple[Any, int]] = {
    it.__name__: (it, first)
    for it, first in [
        (no_compare_and_set, 0),
        (any_nonce_may_commit, 2072),
        (no_from_a_stale_state, 0),
        (terminal_status_is_overwritten, 40),
        (nothing_says_what_is_ready, 0),
        (nothing_says_who_executes_what, 0),
        (sweeper_takes_from_the_living, 80),
        (undo_forgets_arrivals, 190),
        (clock_of_the_client, 0),
        (action_is_forgotten_by_others, 0),
        (live_keys_expire, 0),
        (lost_reply_is_taken_for_failure, 270),
        (cancelled_jobs_stay_ready, 100),
        (retired_blueprints_are_kept, 0),
        (children_are_not_retired, 0),
        (start_is_not_idempotent, 0),
    ]
}
