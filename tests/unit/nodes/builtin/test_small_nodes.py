from __future__ import annotations

import logging

import pytest

from flowcraft_engine.blueprint.special_params import SCRIPT_PARAMS
from flowcraft_engine.errors import NodeError
from flowcraft_engine.kernel.compile import EXPRESSION_PARAMS
from flowcraft_engine.nodes.builtin import builtin_handlers
from flowcraft_engine.nodes.result import Sleep, StartRun, Wait

pytestmark = pytest.mark.asyncio
HANDLERS = builtin_handlers()


@pytest.fixture
def call(make_ctx, execute):
    async def run(name, params=None, input=None, **changes):
        return await execute(HANDLERS[name], make_ctx(params=params or {}, input=input, **changes))

    return run


async def test_noop_gives_its_input(call):
    assert await call("noop", input={"a": 1}) == {"a": 1}


async def test_log_writes_message_and_level_and_gives_its_input(call, caplog):
    caplog.set_level(logging.DEBUG, "flowcraft.node")
    assert await call("log", {"message": "sold %s", "level": "warning"}, 5) == 5
    assert await call("log", {"level": "debug"}, 6) == 6
    assert [(record.levelname, record.getMessage(), record.node_id) for record in caplog.records] == [
        ("WARNING", "sold %s", "n"),
        ("DEBUG", "6", "n"),
    ]


async def test_set_writes_the_context_and_gives_the_values(make_ctx):
    ctx = make_ctx(params={"values": {"a": 1, "b": [2]}})
    assert await HANDLERS["set"].call(ctx) == {"a": 1, "b": [2]}
    assert ctx.context.changes == [("set", "a", 1), ("set", "b", [2])]


async def test_set_refuses_keys_that_are_not_the_users(call):
    with pytest.raises(NodeError, match="not begin with '_'"):
        await call("set", {"values": {"_run": 1}})


async def test_sleep_suspends_and_keeps_the_input(call):
    assert await call("sleep", {"duration": "1m 30s"}, 7) == Sleep(90_000, 7)
    assert await call("sleep", {"duration": 250}, 7) == Sleep(250, 7)


async def test_wait_suspends(call):
    params = {"message": "Ship?", "schema": {"type": "object"}, "timeout": "2d"}
    assert await call("wait", params) == Wait("Ship?", {"type": "object"}, 2 * 86_400_000)
    assert await call("wait") == Wait()


async def test_subflow_starts_a_run(call):
    params = {"blueprint_id": "child", "inputs": {"x": 1}, "outputs": {"r": "b"}}
    assert await call("subflow", params, 5) == StartRun("child", {"x": 1}, {"r": "b"}, 5)
    assert await call("subflow", {"blueprint_id": "child"}, 5) == StartRun("child", None, {}, 5)


@pytest.mark.parametrize("value", [True, 1, "x", [0]])
async def test_check_that_holds_gives_true(call, value):
    assert await call("check", {"that": value}) is True


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"that": False, "message": "Sold out"}, "Sold out"),
        ({"that": None, "__that__": {"text": "a.b > 3"}}, "this does not hold: a.b > 3"),
        ({"that": 0}, "the check does not hold"),
    ],
)
async def test_check_that_does_not_hold_fails_for_good(call, params, message):
    with pytest.raises(NodeError) as caught:
        await call("check", params)
    assert caught.value.message == message
    assert not caught.value.retryable


async def test_gather_gives_the_list_also_to_the_context(make_ctx):
    ctx = make_ctx(input=[1, 2], params={"output_key": "r", "gather_node_id": "n"})
    assert await HANDLERS["batch-gather"].call(ctx) == [1, 2]
    assert ctx.context.changes == [("set", "r", [1, 2])]


async def test_gather_needs_a_list(call):
    with pytest.raises(NodeError, match="collects a list, and received str"):
        await call("batch-gather", input="x")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("sleep", {}, "duration: Field required"),
        ("sleep", {"duration": "soon"}, "duration: 'soon' is not a duration"),
        ("wait", {"timeout": "-1"}, "timeout: '-1' is not a duration"),
        ("wait", {"mesage": "x"}, "mesage: Extra inputs are not permitted"),
        ("log", {"level": "loud"}, "level: Input should be 'debug'"),
        ("set", {"values": 3}, "values: Input should be a valid dictionary"),
        ("subflow", {}, "blueprint_id: Field required"),
        ("python", {"call": "os.getcwd"}, "call: String should match"),
    ],
)
async def test_wrong_params_are_named(call, name, params, message):
    with pytest.raises(NodeError) as caught:
        await call(name, params)
    assert caught.value.error_code == "input_invalid"
    assert message in caught.value.message


async def test_engine_executed_types_have_parameters_too():
    for name, required in [
        ("loop-controller", ["condition"]),
        ("batch-scatter", ["worker_uses_key", "gather_node_id"]),
    ]:
        assert HANDLERS[name].params_schema["required"] == required


async def test_params_that_the_engine_treats_specially_exist():
    for table in (EXPRESSION_PARAMS, SCRIPT_PARAMS):
        for name, keys in table.items():
            assert set(keys) <= set(HANDLERS[name].params_schema["properties"])
