"""The inputs of a run against what its blueprint declares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowcraft_engine.blueprint.model import Blueprint, InputSpec
from flowcraft_engine.blueprint.nearest import did_you_mean
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.errors import InputError
from flowcraft_engine.values import JsonValue, NotSerializableError, to_json


def bind_inputs(blueprint: Blueprint, given: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The first context of a run: `given`, with the defaults of what is missing.

    Raises `InputError` with every problem. A blueprint that declares no inputs takes any.
    """
    problems: list[str] = []
    bound: dict[str, JsonValue] = {}
    for name, value in given.items():
        try:
            bound[name] = to_json(value)
        except NotSerializableError as error:
            problems.append(f"input '{printable(name, 60)}' is not JSON: {error}")
        problem = name_problem(blueprint, name)
        if problem:
            problems.append(problem)
    for name, spec in blueprint.inputs.items():
        if name in bound:
            problem = value_problem(bound[name], spec)
            if problem:
                problems.append(f"input '{printable(name, 60)}' {problem}")
        elif name not in given and spec.required:
            wanted = f" ({spec.type})" if spec.type else ""
            problems.append(f"input '{printable(name, 60)}'{wanted} is required and missing")
        elif name not in given and (spec.default is not None or _allows_null(spec)):
            bound[name] = to_json(spec.default)
    if problems:
        raise InputError(problems)
    return bound


def name_problem(blueprint: Blueprint, name: str) -> str | None:
    """Why a run of the blueprint takes no input of this name; None if it does."""
    shown = printable(name, 60)
    if not name or name.startswith("_"):
        return f"input '{shown}' is not possible: names with _ are flowcraft's own"
    if not blueprint.inputs or name in blueprint.inputs:
        return None
    hint = did_you_mean(name, blueprint.inputs)
    return f"input '{shown}' is not declared by the blueprint" + (f"; {hint}" if hint else "")


def value_problem(value: Any, spec: InputSpec) -> str | None:
    """Why a value does not fit, as the rest of a sentence; None if it does. Types as in JSON Schema."""
    if spec.type is not None and not fits_type(value, spec.type):
        return f"must be of type {spec.type}, not {_kind(value)}"
    if spec.enum is not None and not any(_same(value, choice) for choice in spec.enum):
        choices = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in spec.enum)
        return f"must be one of {printable(choices, 200)}"
    return None


def fits_type(value: Any, type_name: str) -> bool:
    """Whether a JSON value has a JSON Schema type; true and false are no integers, 3.0 is one."""
    if type_name == "string":
        return isinstance(value, str)
    if type_name == "boolean":
        return isinstance(value, bool)
    if type_name == "object":
        return isinstance(value, dict)
    if type_name == "array":
        return isinstance(value, list)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return type_name == "number" or isinstance(value, int) or value.is_integer()


def _allows_null(spec: InputSpec) -> bool:
    return "default" in spec.model_fields_set


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 is 1.0, but not true."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number" if isinstance(value, float) else "integer"
    return "array" if isinstance(value, list) else "object"
