"""What the params of the built-in nodes have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from flowcraft_engine.nodes.function_node import function_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.values import parse_duration

#: A duration as people write it, held as milliseconds.
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$"},
                {"type": "number", "minimum": 0},
            ],
            "format": "duration",
        }
    ),
]


class Parameters(BaseModel):
    """Params of a built-in node: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False)


def builtin_handler(function: Callable[..., Any], name: str) -> Handler:
    return function_handler(function, name, origin=f"flowcraft_engine:{name}", is_builtin=True)
