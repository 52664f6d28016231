"""What a journal entry says is what was appended, with large values in their places once they are fetched."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.backends.redis import journal_codec as codec
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.values import KeptValue, has_kept_values, json_rows, json_size, json_text

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
)
#: Texts of all lengths around the limits, with characters that JSON escapes.
TEXTS = st.builds(
    lambda part, times: part * times, st.text(max_size=3), st.sampled_from([1, 100, 255, 256, 510, 512, 700])
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
DELTAS = st.lists(
    st.tuples(st.sampled_from(["set", "append", "delete"]), st.text(max_size=4), VALUES).map(list), max_size=3
)
DATA = (
    st.none()
    | st.lists(VALUES, max_size=4)
    | st.fixed_dictionaries(
        {},
        optional={
            "output": VALUES,
            "outputs": VALUES,
            "entry": VALUES,
            "carry": VALUES,
            "inputs": st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
            "context": st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
            "values": st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
            "delta": DELTAS,
            "kind": st.just("run"),
            "due": st.none() | st.floats(0, 2e9),
        },
    )
)
EVENTS = st.lists(
    st.builds(Event, st.just("kind"), st.integers(0, 2**50), st.text(max_size=5), st.none(), DATA), max_size=4
)


def whole(events: list[Event], values: dict[str, str]) -> list[Any]:
    parsed = {digest: json.loads(text) for digest, text in values.items()}
    return [codec.fill_in(list(event), parsed) for event in events]


def plain(events: list[Event]) -> list[Any]:
    return [list(event) for event in events]


@given(EVENTS, st.booleans())
@settings(deadline=None, max_examples=300, derandomize=True)
def test_events_come_back_as_they_were_written(events: list[Event], has_kept: bool) -> None:
    step = codec.encode_step(events, has_kept=has_kept)
    decoded = codec.decode_step(step.events, json_text(step.kept) if step.kept else "")
    assert whole(decoded, step.values) == plain(events)


@given(EVENTS)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_what_was_kept_before_stays_kept_when_it_is_written_again(events: list[Event]) -> None:
    first = codec.encode_step(events, has_kept=True)
    decoded = codec.decode_step(first.events, json_text(first.kept) if first.kept else "")
    again = codec.encode_step(decoded, has_kept=True)
    assert not again.values
    twice = codec.decode_step(again.events, json_text(again.kept) if again.kept else "")
    assert twice == decoded
    assert whole(twice, first.values) == plain(events)


@given(VALUES)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_a_kept_value_is_as_large_as_the_value(value: Any) -> None:
    event = Event("kind", 1, "a", None, {"output": value})
    step = codec.encode_step([event], has_kept=True)
    [decoded] = codec.decode_step(step.events, json_text(step.kept) if step.kept else "")
    assert json_size(decoded.data["output"]) == json_size(value)


@given(st.lists(VALUES, min_size=1), st.lists(VALUES, max_size=4))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_a_kept_list_grows_like_the_list(base: list[Any], more: list[Any]) -> None:
    text = json_text(base)
    kept = KeptValue("digest", len(text), True)
    for item in more:
        kept = kept.with_added(item)
    assert json_size(kept) == json_size([*base, *more])
    assert codec.fill_in(kept, {"digest": base}) == [*base, *more]
    assert not more or has_kept_values([kept])


def test_short_values_stay_where_they_are_and_long_ones_go() -> None:
    for length, is_kept in ((511, False), (512, True)):
        event = Event(
            "node_completed", 1, "a", None, {"output": "x" * length, "delta": [["set", "k", "y" * length]]}
        )
        step = codec.encode_step([event], has_kept=True)
        assert bool(step.kept) is is_kept
        assert len(step.values) == 2 * is_kept


def test_a_step_of_small_events_is_written_in_one_go() -> None:
    event = Event("node_started", 1, "a", "claimed", (1, "nonce", "me"))
    assert codec.encode_step([event], has_kept=False).events == json_rows([event])
