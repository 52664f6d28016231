"""Durations as people write them: `250ms 2s 5m 1h 1d`, or a number of milliseconds."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_UNITS_MS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_PATTERN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)\s*")
#: Ten years: longer ones are typing errors, and would overflow dates.
MAX_DURATION_MS = 10 * 365 * 86_400_000.0


def parse_duration(value: object) -> float:
    """The milliseconds that `value` stands for.

    Accepts a finite, non-negative number of milliseconds, or text like `"1h"`, `"2.5s"`, `"1h 30m"`.
    Raises `ValueError` with a sentence that says what is accepted.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(
            f"a duration is text like '250ms', '2s', '5m', '1h', '1d' or a number of milliseconds, not {value!r}"
        )
    milliseconds = _parse_text(value) if isinstance(value, str) else float(value)
    if not math.isfinite(milliseconds) or milliseconds < 0:
        raise ValueError(f"a duration cannot be {value!r}: it must be zero or more")
    if milliseconds > MAX_DURATION_MS:
        raise ValueError(f"the duration {value!r} is longer than ten years")
    return milliseconds


@lru_cache(maxsize=256)
def _parse_text(text: str) -> float:
    total, position = 0.0, 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            break
        total += float(match[1]) * _UNITS_MS[match[2]]
        position = match.end()
    if position == 0 or position != len(text):
        raise ValueError(f"{text!r} is not a duration: write it like '250ms', '2s', '5m', '1h' or '1d'")
    return total


def format_duration(milliseconds: float) -> str:
    """The duration for people: `0.4ms`, `250ms`, `2.5s`, `1m 30s`, `2h 5m`, `3d 4h`."""
    if milliseconds < 1:
        return f"{milliseconds:.1f}ms" if milliseconds else "0ms"
    if milliseconds < 1_000:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1_000:.1f}".removesuffix(".0") + "s"
    seconds = round(milliseconds / 1_000)
    for size, unit, rest_size, rest_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // rest_size
            return f"{seconds // size}{unit} {rest}{rest_unit}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"
