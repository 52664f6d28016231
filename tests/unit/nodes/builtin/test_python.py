from __future__ import annotations

import sys

import pytest

from flowcraft_engine.errors import NodeError
from flowcraft_engine.nodes.builtin import builtin_handlers

pytestmark = pytest.mark.asyncio

MODULE = """
import sys, threading, asyncio

def add(a, b=1):
    return a + b

async def later(a):
    await asyncio.sleep(0)
    return threading.current_thread() is threading.main_thread()

def thread():
    return threading.current_thread() is threading.main_thread()

def leave():
    sys.exit(3)

number = 3
"""


@pytest.fixture
def call(make_ctx, tmp_path, monkeypatch):
    (tmp_path / "shop_python_node.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    handler = builtin_handlers()["python"]

    async def run(**params):
        return await handler.call(make_ctx(params=params))

    yield run
    sys.modules.pop("shop_python_node", None)


async def test_function_is_called_with_its_arguments(call):
    assert await call(call="shop_python_node:add", args=[2], kwargs={"b": 5}) == 7
    assert await call(call="math:hypot", args=[3, 4]) == 5.0


async def test_async_function_is_awaited_and_sync_one_runs_in_a_thread(call):
    assert await call(call="shop_python_node:later", args=[1]) is True
    assert await call(call="shop_python_node:thread") is False


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"call": "shop_none:f"}, "there is no module 'shop_none'"),
        ({"call": "shop_python_node:ad"}, "has no 'ad' (did you mean shop_python_node:add?)"),
        ({"call": "shop_python_node:number"}, "shop_python_node:number is a int, not a function"),
        (
            {"call": "shop_python_node:add"},
            "add(a, b=1) cannot be called like this: missing a required argument",
        ),
        ({"call": "shop_python_node:leave"}, "sys.exit(3)"),
    ],
)
async def test_what_cannot_be_called_fails_with_a_sentence(call, params, message):
    with pytest.raises(NodeError) as caught:
        await call(**params)
    assert message in caught.value.message
