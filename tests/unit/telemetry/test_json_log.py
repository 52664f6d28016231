"""Log records as JSON lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, node
from flowcraft_engine.telemetry.json_log import LONGEST_TEXT, JsonFormatter
from flowcraft_engine.values.masking import Masker
from tests.unit.telemetry.flows import flow

FLOW = flow(
    """
id: shop
metadata: {version: 1.2.0}
nodes:
  - {id: a, uses: talk, params: {word: "${{ secret('WORD') }}"}}
"""
)
SECRET = "quite-a-secret-word"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter({"worker": "w1"}))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def play(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", SECRET)
    runtime = FlowRuntime(registry=NodeRegistry([node("talk")(talk)]))
    result = await runtime.run(FLOW, run_id="order-1")
    assert result.status == "completed", result


@pytest.mark.asyncio
async def test_a_line_of_a_node_says_where_it_is_from(written, monkeypatch):
    async def talk(ctx: Any, params: Any) -> None:
        ctx.logger.warning("%d items", 3, extra={"ignored": "as ever by a LoggerAdapter"})

    await play(talk, monkeypatch)
    [line] = lines(written)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "flowcraft.node",
        "message": "3 items",
        "worker": "w1",
        "run": "order-1",
        "node": "a",
        "attempt": 1,
        "blueprint": "shop",
        "version": "1.2.0",
    }


@pytest.mark.asyncio
async def test_so_does_a_line_of_any_logger_in_the_thread_of_a_node(written, monkeypatch):
    def talk(ctx: Any, params: Any) -> None:
        logging.getLogger("shop.billing").info("charged", extra={"cents": 500, "card": f"x{SECRET}"})

    await play(talk, monkeypatch)
    [line] = lines(written)
    assert (line["logger"], line["run"], line["node"], line["version"]) == (
        "shop.billing", "order-1", "a", "1.2.0",
    )  # fmt: skip
    assert line["extra"] == {"cents": 500, "card": "x***"}


@pytest.mark.asyncio
async def test_secrets_are_masked_in_messages_and_tracebacks(written, monkeypatch):
    async def talk(ctx: Any, params: Any) -> None:
        logging.getLogger("other").info("the word is %s", params["word"])
        try:
            raise ValueError(params["word"])
        except ValueError:
            logging.getLogger("other").exception("it went wrong")

    await play(talk, monkeypatch)
    assert SECRET not in written.getvalue()
    told, failed = lines(written)
    assert told["message"] == "the word is ***"
    assert failed["exception"].endswith("ValueError: ***")


def formatted(message: Any, *args: Any, **more: Any) -> str:
    record = logging.LogRecord("x", logging.INFO, "", 0, message, args, None)
    record.__dict__.update(more)
    return JsonFormatter().format(record)


def test_no_text_can_move_a_cursor_or_begin_a_new_line():
    line = formatted("a\n\x1b[2J\x7f\x85\u2028\u202eb")
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == "a\n\x1b[2J\x7f\x85\u2028\u202eb"


def test_what_cannot_be_formatted_is_told_as_it_is():
    assert json.loads(formatted("%d items", "three"))["message"] == "%d items (TypeError while formatting)"

    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    assert json.loads(formatted("x", thing=Bad()))["extra"] == {"thing": "(RuntimeError while formatting)"}
    assert json.loads(formatted(Bad()))["message"] == "(RuntimeError while formatting)"
    round_: dict[str, Any] = {}
    round_["round"] = round_
    assert "{...}" in formatted("x", thing=round_)


@pytest.mark.asyncio
async def test_a_node_does_not_fail_for_what_it_logs(monkeypatch):
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    async def talk(ctx: Any, params: Any) -> None:
        ctx.logger.warning(Bad())

    await play(talk, monkeypatch)


def test_secrets_are_masked_in_the_names_of_what_is_logged_besides():
    masker = Masker()
    masker.add(SECRET)
    record = logging.LogRecord("x", logging.INFO, "", 0, "x", (), None)
    record.__dict__["thing"] = {SECRET: [SECRET]}
    assert SECRET not in JsonFormatter(masker=masker).format(record)


def test_a_long_text_is_cut():
    assert len(json.loads(formatted("x" * 100_000))["message"]) == LONGEST_TEXT + 1
