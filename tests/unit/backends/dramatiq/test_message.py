"""Whatever bytes are in a queue, reading them ends in a job or in a reason."""

from __future__ import annotations

import contextlib
import json
import pickle
from typing import Any

import pytest
from dramatiq import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.backends.dramatiq.layout import ACTOR, checked_queue
from flowcraft_engine.backends.dramatiq.message import (
    MAX_BYTES,
    PoisonMessageError,
    decode,
    encode,
    new_id,
    published_ms,
)
from flowcraft_engine.errors import UsageError
from flowcraft_engine.stores.job_queue import JobPayload

JOB = JobPayload("run-1", "a", "flow@1.0.0")
BODY = {"v": 1, "run": "r", "instance": "i", "blueprint": ""}


def message(**changes: Any) -> bytes:
    whole = json.loads(encode(JOB, queue="q", message_id="1-00", now_ms=1))
    return json.dumps(whole | changes).encode()


def body(**changes: Any) -> bytes:
    return message(kwargs={name: value for name, value in (BODY | changes).items() if value is not ...})


def test_a_job_survives_its_message() -> None:
    read = decode(encode(JOB, queue="q", message_id="7-abc", now_ms=7), queue="q")
    assert (read.id, read.job) == ("7-abc", JOB)


def test_a_message_is_what_dramatiq_itself_would_write() -> None:
    data = encode(JOB, queue="q", message_id="7-abc", now_ms=7)
    theirs = Message.decode(data)
    assert theirs.encode() == data
    assert (theirs.queue_name, theirs.actor_name, theirs.message_id) == ("q", ACTOR, "7-abc")
    assert theirs.options == {"redis_message_id": "7-abc"}


POISON = {
    "empty": b"",
    "zero": b"\0",
    "not UTF-8": b"\xff\xfe{}",
    "all bytes": bytes(range(256)),
    "pickle": pickle.dumps({"queue_name": "q"}),
    "brackets without end": b"[" * 60_000,
    "a number of many digits": b'{"a": ' + b"9" * 20_000 + b"}",
    "too long": b'{"a": "' + b"x" * MAX_BYTES + b'"}',
    "a list": b"[]",
    "null": b"null",
    "an empty object": b"{}",
    "another actor": message(actor_name="os.system"),
    "another queue": message(queue_name="other"),
    "arguments": message(args=[1]),
    "no options": message(options=None),
    "an id that is a number": message(options={"redis_message_id": 1}),
    "no body": message(kwargs=None),
    "an old version": body(v=0),
    "a newer version": body(v=2),
    "true for 1": body(v=True),
    "no run": body(run=...),
    "an extra field": body(extra=1),
    "a run that is a list": body(run=[]),
    "a run without a name": body(run=""),
    "a run with an endless name": body(run="x" * 5000),
    "half a character": body(run="\ud800"),
    "a blueprint that is a number": body(blueprint=1),
}


@pytest.mark.parametrize("data", POISON.values(), ids=list(POISON))
def test_bytes_that_are_no_job_have_a_reason(data: bytes) -> None:
    with pytest.raises(PoisonMessageError, match=r"\w"):
        decode(data, queue="q")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    with pytest.raises(PoisonMessageError):
        decode(data, queue="q")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(["args", "kwargs", "options", "queue_name", "actor_name", "message_id"]), JSON)
def test_a_field_of_any_kind_is_read_or_refused(field: str, value: Any) -> None:
    with contextlib.suppress(PoisonMessageError):
        assert isinstance(decode(message(**{field: value}), queue="q").job, JobPayload)


def test_an_id_tells_when_it_was_published() -> None:
    made = new_id(1_700_000_000_123)
    assert published_ms(made) == 1_700_000_000_123
    assert made != new_id(1_700_000_000_123)


@pytest.mark.parametrize(
    "foreign", ["", "x", "-", "12-34", "9f8b1c1e-8a52-4b6e-9d0f-0c8a3f1f2f10", "1" * 4000]
)
def test_an_id_of_others_tells_nothing(foreign: str) -> None:
    assert published_ms(foreign) == 0


@pytest.mark.parametrize("name", ["", "a.DQ", "b.msgs", "__acks__.x", "a b", "a:b", "ä", "1a", "x" * 200])
def test_a_queue_has_a_name_that_its_keys_can_bear(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a queue"):
        checked_queue(name)
