"""The node that waits for somebody's answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Duration, Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.result import Wait


class WaitParams(Parameters):
    message: str | None = Field(default=None, description="what the person is asked")
    answer_schema: dict[str, Any] | None = Field(
        default=None,
        alias="schema",
        description="JSON Schema of the answer; one that does not fit is refused",
    )
    timeout: Duration | None = Field(default=None, description="how long to wait before the node fails")


async def wait(params: WaitParams) -> Wait:
    """Wait until somebody answers with `flowcraft resume`; the output is the answer, its action routes.

    - {id: approval, uses: wait, params: {message: "Ship ${{ order.id }}?", timeout: 2d}}
    """
    return Wait(params.message, params.answer_schema, params.timeout)


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(wait, "wait")
