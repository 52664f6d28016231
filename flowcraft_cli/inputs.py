"""The inputs of a run from the command line: `-i key=value`, `-i key=@file`, `--inputs FILE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowcraft_engine.errors import InputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.model import Blueprint, InputSpec

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64
_WORDS = {"true": True, "false": False}
#: How a value is written whose text was none.
_LIKE = {"array": ', like ["a", "b"]', "object": ', like {"a": 1}', "boolean": ", true or false"}


def collect_inputs(blueprint: Blueprint, pairs: Sequence[str], file: str | None) -> dict[str, Any]:
    """All inputs; those of `-i` win over the file. Raises `UsageError`, `InputError`, `NotFoundError`."""
    given = _read_file(file) if file is not None else {}
    problems: list[str] = []
    seen: set[str] = set()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"-i {pair!r} is not key=value", hint="write -i name=value, or -i name=@file")
        if name in seen:
            raise UsageError(f"-i {name} is given twice")
        seen.add(name)
        if text.startswith("@"):
            text = read_text(text[1:], f"-i {name}")
        try:
            given[name] = typed(text, blueprint.inputs.get(name))
        except ValueError as error:
            problems.append(f"input '{name}': {error}")
    if problems:
        raise InputError(problems)
    return given


def typed(text: str, spec: InputSpec | None) -> Any:
    """A value as the blueprint declares it; undeclared: JSON if it parses, else text. Raises `ValueError`."""
    kind = spec.type if spec is not None else None
    if kind == "string":
        return text
    if kind == "boolean" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return strict_json(text)
    except NoNumberError:
        if kind is None:
            return text
        raise
    except json.JSONDecodeError as error:
        if kind is None:
            return text
        if kind in ("object", "array") and text.lstrip()[:1] in ("{", "["):
            place = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"is not JSON: {error.msg} at {place}") from error
        raise ValueError(f"must be of type {kind}{_LIKE.get(kind, '')}, not {text[:60]!r}") from error


def strict_json(text: str) -> Any:
    """JSON without duplicate keys, NaN, or a depth that nobody means. Raises `ValueError` with the place."""
    try:
        value = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError(f"the JSON is nested deeper than {_MAX_DEPTH}") from None
    _check_depth(value, 0)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} is there twice")
        result[key] = value
    return result


class NoNumberError(ValueError):
    """What Python reads as a number, and JSON cannot hold: `NaN`, or `1234e567`, which may be the name of a commit."""


def _no_constant(name: str) -> Any:
    raise NoNumberError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NoNumberError(f"{text[:60]} is too large for a number")
    return value


def _check_depth(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"the JSON is nested deeper than {_MAX_DEPTH}")
    if isinstance(value, dict):
        for item in value.values():
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_depth(item, depth + 1)


def _read_file(name: str) -> dict[str, Any]:
    text = read_text(name, "--inputs")
    shown = "<stdin>" if name == "-" else name
    try:
        value = strict_json(text)
    except json.JSONDecodeError as error:
        if name.endswith(".json"):
            raise UsageError(f"{shown}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
        from flowcraft_engine.blueprint.data_text import read_data_text

        if not text.strip():
            raise UsageError(f"{shown}: there are no inputs in it", hint="write {} to give none") from None
        value = read_data_text(shown, text)
    except ValueError as error:
        raise UsageError(f"{shown}: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{shown}: inputs are a mapping of names to values, not a {type(value).__name__}")
    return dict(value)


def read_text(name: str, option: str) -> str:
    """The text of a file, `-` for stdin. Raises `NotFoundError`, `UsageError`."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"{option}: there is no file {name!r}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option}: {name!r} cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{option}: {name!r} is larger than {MAX_BYTES // 1_048_576} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option}: {name!r} is not UTF-8 text (byte {error.start})") from error
