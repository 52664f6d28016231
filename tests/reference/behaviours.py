"""What a node does, as data: the same description drives the reference model and real node functions.

A behaviour is pure: from the input, a snapshot of the context and the number of the attempt it gives an
outcome.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any


@dataclass(frozen=True)
class Ret:
    """Output `value`, and optionally an action."""

    value: Json = None
    action: str | None = None


@dataclass(frozen=True)
class Echo:
    """Output the input."""


@dataclass(frozen=True)
class Add:
    """Output `text(input) + suffix`."""

    suffix: str


@dataclass(frozen=True)
class Upper:
    """Output the input's text in capitals."""


@dataclass(frozen=True)
class SetKey:
    """Write a context key; output the value."""

    key: str
    value: Json


@dataclass(frozen=True)
class Inc:
    """Increment a context key (a missing one counts as 0); output what the node then sees."""

    key: str


@dataclass(frozen=True)
class GetKey:
    """Output the value of a context key."""

    key: str


@dataclass(frozen=True)
class Boom:
    """Raise; may be retried."""

    message: str = "boom"


@dataclass(frozen=True)
class Fatal:
    """Raise `FatalNodeError`; is not retried."""

    message: str = "fatal"


@dataclass(frozen=True)
class Flaky:
    """Raise in the first `n - 1` attempts, then output `value`."""

    n: int
    value: Json = None


@dataclass(frozen=True)
class BoomOn:
    """Raise if the input equals `value`, else do `otherwise`."""

    value: Json
    message: str = "boom"
    otherwise: Behaviour = Echo()


@dataclass(frozen=True)
class BoomIfKey:
    """Raise if the context key equals `value`, else output the input."""

    key: str
    value: Json
    message: str = "boom"


@dataclass(frozen=True)
class Choose:
    """Output the input; the action is the one listed for the text of the input, if any."""

    actions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class States:
    """For `all_done` nodes: output `{id: {state, output}}`, without the errors and their wording."""


@dataclass(frozen=True)
class ErrorSeen:
    """For fallbacks: output the code of `ctx.error` (null outside of a fallback)."""


@dataclass(frozen=True)
class NotJson:
    """Return something that is not a JSON value (a set, at `$.bad`)."""


@dataclass(frozen=True)
class Steps:
    """Do several things in order; the last output and action count, the first error ends it."""

    parts: tuple[Behaviour, ...]


@dataclass(frozen=True)
class Slow:
    """Work for `ms` milliseconds, then do `then`. The model has no time: there it may end at any moment."""

    ms: float
    then: Behaviour = Echo()


@dataclass(frozen=True)
class Late:
    """Start at once, but work only after node `node` has ended."""

    node: str
    then: Behaviour = Echo()


Behaviour: TypeAlias = (
    Ret
    | Echo
    | Add
    | Upper
    | SetKey
    | Inc
    | GetKey
    | Boom
    | Fatal
    | Flaky
    | BoomOn
    | BoomIfKey
    | Choose
    | States
    | ErrorSeen
    | NotJson
    | Steps
    | Slow
    | Late
)


def text(value: Json) -> str:
    """The text of a value: itself, or its JSON with sorted keys and without the wording of errors."""
    return value if isinstance(value, str) else json.dumps(without_wording(value), sort_keys=True)


def without_wording(value: Json) -> Json:
    """The value with every `{code, message, …}` reduced to its code: codes are promised, sentences are
    not.
    """
    if isinstance(value, dict):
        if "code" in value and "message" in value:
            return {"code": value["code"]}
        return {key: without_wording(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_wording(item) for item in value]
    return value


@dataclass
class Done:
    output: Json = None
    action: str | None = None
    writes: list[tuple[str, str, Json]] = field(default_factory=list)


@dataclass
class Failure:
    code: str
    message: str
    is_retryable: bool = True


@dataclass(frozen=True)
class Sight:
    """What a node sees in one attempt."""

    input: Json
    context: dict[str, Json]
    attempt: int
    error_code: str | None = None


def perform(behaviour: Behaviour, sight: Sight) -> Done | Failure:
    """What one attempt comes to."""
    value = sight.input
    match behaviour:
        case Ret(output, action):
            return Done(output, action)
        case Echo():
            return Done(value)
        case Add(suffix):
            return Done(text(value) + suffix)
        case Upper():
            return Done(text(value).upper())
        case SetKey(key, new):
            return Done(new, writes=[("set", key, new)])
        case Inc(key):
            return Done((sight.context.get(key) or 0) + 1, writes=[("increment", key, 1)])
        case GetKey(key):
            return Done(sight.context.get(key))
        case Boom(message):
            return Failure("node_failed", message)
        case Fatal(message):
            return Failure("node_failed", message, is_retryable=False)
        case Flaky(n, output):
            return Done(output) if sight.attempt >= n else Failure("node_failed", f"flaky {sight.attempt}")
        case BoomOn(bad, message, otherwise):
            return Failure("node_failed", message) if same(value, bad) else perform(otherwise, sight)
        case BoomIfKey(key, bad, message):
            return Failure("node_failed", message) if same(sight.context.get(key), bad) else Done(value)
        case Choose(actions):
            return Done(value, dict(actions).get(text(value)))
        case States():
            return Done(states_of(value))
        case ErrorSeen():
            return Done(sight.error_code)
        case NotJson():
            return Failure("output_not_serializable", "$.bad: a set is not a JSON value", is_retryable=False)
        case Steps(parts):
            return _in_order(parts, sight)
        case Slow(_, then) | Late(_, then):
            return perform(then, sight)
    raise TypeError(behaviour)


def same(one: Json, other: Json) -> bool:
    """Equal as JSON values: `true` is not 1."""
    return text(one) == text(other)


def states_of(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    return {
        key: {"state": entry.get("state"), "output": entry.get("output")}
        if isinstance(entry, dict)
        else entry
        for key, entry in value.items()
    }


def apply_writes(context: dict[str, Json], writes: list[tuple[str, str, Json]]) -> dict[str, Json]:
    """The context after a commit."""
    after = dict(context)
    for verb, key, value in writes:
        after[key] = value if verb == "set" else (after.get(key) or 0) + value
    return after


def _in_order(parts: tuple[Behaviour, ...], sight: Sight) -> Done | Failure:
    total = Done()
    for part in parts:
        seen = Sight(sight.input, apply_writes(sight.context, total.writes), sight.attempt, sight.error_code)
        outcome = perform(part, seen)
        if isinstance(outcome, Failure):
            return outcome
        total = Done(outcome.output, outcome.action, total.writes + outcome.writes)
    return total


def context_keys(behaviour: Behaviour) -> set[str]:
    """The context keys that a behaviour reads or writes."""
    match behaviour:
        case SetKey(key) | Inc(key) | GetKey(key) | BoomIfKey(key):
            return {key}
        case Steps(parts):
            return set().union(*(context_keys(part) for part in parts))
        case Slow(_, then) | Late(_, then):
            return context_keys(then)
        case BoomOn(_, _, otherwise):
            return context_keys(otherwise)
    return set()
