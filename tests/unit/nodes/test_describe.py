from __future__ import annotations

import enum
import json
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from flowcraft_engine.nodes.decorator import node
from flowcraft_engine.nodes.describe import ParameterDescription, describe, describe_all
from flowcraft_engine.nodes.registry import NodeRegistry


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    city: str


class Params(BaseModel):
    limit: int = Field(description="how many")
    names: list[str] = []
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour | None = None
    address: Address | None = None
    anything: object = None


@node("charge")
def charge(input: Address, params: Params):
    """Charge the card.

    More words.
    """


def test_user_node_is_described_with_params_and_input():
    description = describe(NodeRegistry([charge]), "charge")
    assert description.summary == "Charge the card."
    assert description.origin.endswith("test_describe:charge")
    assert not description.is_builtin
    assert description.params == (
        ParameterDescription("limit", "integer", True, None, "how many"),
        ParameterDescription("names", "list of text", False, []),
        ParameterDescription("mode", "fast | slow", False, "fast"),
        ParameterDescription("colour", "red | blue", False),
        ParameterDescription("address", "Address", False),
        ParameterDescription("anything", "anything", False),
    )
    assert description.input_schema["required"] == ["city"]


@pytest.mark.parametrize(
    ("name", "param", "type_"),
    [
        ("sleep", "duration", "duration"),
        ("wait", "timeout", "duration"),
        ("shell", "run", "text | list of (text | number | true or false)"),
        ("shell", "ok_codes", "list of integer"),
        ("http", "ok_status", "list of (integer | text)"),
        ("set", "values", "object"),
        ("check", "that", "anything"),
    ],
)
def test_types_are_told_in_words(name, param, type_):
    params = {one.name: one for one in describe(NodeRegistry(), name).params}
    assert params[param].type == type_


def test_all_types_become_json():
    described = describe_all(NodeRegistry([charge]))
    assert described[0].name == "charge"
    assert len(described) == 14
    assert json.loads(json.dumps([one.to_json() for one in described]))[0]["params"][0]["required"] is True
