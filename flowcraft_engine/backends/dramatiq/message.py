"""The message of a job, to bytes and back. Whatever the bytes are, reading them ends in a job or a reason.

JSON only, and not through Dramatiq's encoder: that one is global, so an application that embeds flowcraft may
have set it to something that executes what it reads.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from flowcraft_engine.backends.dramatiq.layout import ACTOR
from flowcraft_engine.frozen import frozen
from flowcraft_engine.stores.job_queue import JobPayload

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
_MAX_NAME: Final = 4096
_BODY: Final = {"v", "run", "instance", "blueprint"}
#: Made once: an encoder for each message would cost more than the message.
_TO_JSON: Final = json.JSONEncoder(separators=(",", ":")).encode


class PoisonMessageError(Exception):
    """The bytes are no message for us; the text says why."""


@frozen
class ReadMessage:
    """`id` is the one under which the message is to be acknowledged."""

    id: str
    job: JobPayload


def new_id(now_ms: int) -> str:
    """An id that tells when it was published, so that one look at the head of a queue tells how far it is."""
    return f"{now_ms}-{secrets.token_hex(8)}"


def published_ms(message_id: str) -> int:
    """When the message was published. 0 for ids that others made."""
    head, _, tail = message_id.partition("-")
    return int(head) if len(tail) == 16 and head.isascii() and head.isdigit() and len(head) < 16 else 0


def encode(job: JobPayload, *, queue: str, message_id: str, now_ms: int) -> bytes:
    """The job as Dramatiq would write it."""
    return _TO_JSON(
        {
            "queue_name": queue,
            "actor_name": ACTOR,
            "args": (),
            "kwargs": {
                "v": job.version,
                "run": job.run_id,
                "instance": job.instance,
                "blueprint": job.blueprint,
            },
            "options": {"redis_message_id": message_id},
            "message_id": message_id,
            "message_timestamp": now_ms,
        }
    ).encode()


def decode(data: bytes, *, queue: str) -> ReadMessage:
    """Raises `PoisonMessageError`, and nothing else."""
    if len(data) > MAX_BYTES:
        raise PoisonMessageError(f"longer than {MAX_BYTES} bytes")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        # Not UTF-8, not JSON, a number of ten thousand digits, or brackets without end.
        raise PoisonMessageError("not JSON") from error
    if not isinstance(message, dict):
        raise PoisonMessageError("not a message")
    if message.get("actor_name") != ACTOR:
        raise PoisonMessageError("for an unknown actor")
    if message.get("queue_name") != queue:
        raise PoisonMessageError("for another queue")
    if message.get("args") not in ([], None):
        raise PoisonMessageError("arguments without names")
    options = message.get("options")
    found = options.get("redis_message_id") if isinstance(options, dict) else None
    return ReadMessage(_name(found, "id"), _job(message.get("kwargs")))


def _job(body: Any) -> JobPayload:
    if not isinstance(body, dict):
        raise PoisonMessageError("without a job")
    if type(body.get("v")) is not int or body["v"] != VERSION:
        raise PoisonMessageError("of an unknown version")
    if body.keys() != _BODY:
        raise PoisonMessageError("with missing or unknown fields")
    blueprint = body["blueprint"]
    return JobPayload(
        _name(body["run"], "run"),
        _name(body["instance"], "instance"),
        _name(blueprint, "blueprint") if blueprint != "" else "",
    )


def _name(value: Any, field: str) -> str:
    """Text that Redis can keep: neither empty, nor endless, nor half a character."""
    if isinstance(value, str) and 0 < len(value) <= _MAX_NAME:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    raise PoisonMessageError(f"{field} is no name")
