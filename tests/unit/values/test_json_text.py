from __future__ import annotations

import json
from datetime import date

import pytest

from flowcraft_engine.kernel.event import Event
from flowcraft_engine.values import KeptValue, json_rows, json_text


@pytest.mark.parametrize(
    "value", [None, True, 2**63, 2**64, -(10**400), 1e300, "ü\u2028", {"a": [1, {"b": None}]}]
)
def test_what_is_written_is_read_back_as_it_was(value: object) -> None:
    assert json.loads(json_text([value])) == [value]


def test_events_are_arrays() -> None:
    event = Event("node_started", 1, "a", "claimed", (1, "nonce", "owner"))
    assert json.loads(json_rows([event])) == [["node_started", 1, "a", "claimed", [1, "nonce", "owner"]]]


@pytest.mark.parametrize("value", [KeptValue("digest", 600), date(2026, 1, 1), {1, 2}])
def test_what_is_no_json_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        json_text([value])
