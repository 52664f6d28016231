"""The core schema of YAML 1.2: what an unquoted scalar stands for.

`yes`, `no`, `on`, `off`, dates, `1:30` and `1_000` are text. `017` is the number 17, `0o17` is 15 and
`0x1f` is 31.
"""

from __future__ import annotations

import re

#: The first characters of everything that is not text; whatever begins otherwise needs no second look.
NOT_TEXT_STARTS = frozenset("0123456789+-.~nNtTfF")
_WORDS: dict[str, bool | None] = {
    "null": None,
    "Null": None,
    "NULL": None,
    "~": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
#: What begins so is one of the words, or text: most ids and names of node types do.
_WORD_STARTS = frozenset("~nNtTfF")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS = 4_000


class NumberError(ValueError):
    """A number that JSON cannot carry."""


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar. Raises `NumberError` for what is a number but not a usable one."""
    if not text:
        return None
    if len(text) < 19 and text.isascii() and text.isdigit():
        return int(text)  # by far the most frequent one
    if text[0] in _WORD_STARTS:
        return _WORDS.get(text, text)
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise NumberError(f"{text} is not a number that JSON can carry")
    return text


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise NumberError(f"an integer of {len(text)} digits is too long")
    if text[:2] == "0o":
        return int(text[2:], 8)
    return int(text[2:], 16) if text[:2] == "0x" else int(text)


def finite(text: str) -> float:
    """The decimal number written as `text`. Raises `NumberError` when it is out of range."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NumberError(f"{text[:40]} is larger than any number that JSON can carry")
    return number
