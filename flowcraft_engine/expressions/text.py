"""A value as text: what `str()` gives, and what an expression inside of a template's text becomes."""

from __future__ import annotations

import json

from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.values import JsonValue

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def text_of(value: JsonValue, meter: Meter) -> str:
    """Text is itself, null is empty, booleans are `true` and `false`; the rest is compact JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    meter.charge_value(value)
    meter.charge_value(value)  # once for looking, once for writing
    text = _encode(value)
    meter.charge_text(len(text))
    return text
