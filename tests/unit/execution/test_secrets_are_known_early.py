"""Secrets that a blueprint names are masked from its first node on, whichever node uses them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, node, parse_blueprint
from flowcraft_engine.errors import BackendError, NodeError
from flowcraft_engine.execution import secrets
from flowcraft_engine.kernel.compile import compile_plan

pytestmark = pytest.mark.asyncio
VALUE = "quite-a-secret-value"


class Vault:
    """A place that counts who asks; what is not in it raises."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def find(self, name: str) -> str | None:
        self.asked.append(name)
        self.open.wait(20)
        if name == "LOCKED":
            raise NodeError("the vault is locked")
        return self.known.get(name)


@node("blabber")
async def blabber(ctx: Any) -> str:
    """Knows the secret from somewhere else."""
    return VALUE


def runtime(vault: Vault, **more: Any) -> FlowRuntime:
    return FlowRuntime(registry=NodeRegistry([blabber]), secret_providers=[vault], **more)


def naming(*names: str, **more: Any) -> Any:
    params = {f"p{place}": f'${{{{ secret("{name}") }}}}' for place, name in enumerate(names)}
    nodes = [
        {"id": "a", "uses": "blabber"},
        {"id": "b", "uses": "noop", "needs": ["a"], "params": {"values": params}},
    ]
    return parse_blueprint({"id": "f", "nodes": nodes, "outputs": {"a": "a"}, **more})


async def test_a_value_that_is_said_before_its_secret_is_used_is_masked() -> None:
    vault = Vault(TOKEN=VALUE)
    result = await runtime(vault).run(naming("TOKEN"))
    assert (result.status, result.outputs) == ("completed", {"a": "***"})
    assert vault.asked == ["TOKEN", "TOKEN"], "once to know it, once to use it"


async def test_each_process_asks_once_for_a_blueprint() -> None:
    vault = Vault(TOKEN=VALUE)
    async with runtime(vault) as working:
        for _ in range(3):
            await working.run(naming("TOKEN"))
    assert len(vault.asked) == 4


async def test_a_secret_that_cannot_be_had_is_no_matter_until_it_is_used() -> None:
    nodes = [
        {"id": "a", "uses": "blabber"},
        {"id": "b", "uses": "noop", "params": {"x": '${{ secret("LOCKED") }}'}},
        {"id": "c", "uses": "noop", "params": {"x": '${{ secret("TOKEN") }}'}},
    ]
    result = await runtime(Vault(TOKEN=VALUE)).run(parse_blueprint({"id": "f", "nodes": nodes}))
    states = {name: it.state for name, it in result.nodes.items()}
    assert states == {"a": "completed", "b": "failed", "c": "completed"}
    assert result.nodes["a"].output == "***"


async def test_secrets_of_sub_runs_are_known_to_the_run_above() -> None:
    child = parse_blueprint(
        {"id": "child", "nodes": [{"id": "i", "uses": "noop", "params": {"x": '${{ secret("TOKEN") }}'}}]}
    )
    nodes = [
        {"id": "a", "uses": "blabber"},
        {"id": "s", "uses": "subflow", "needs": ["a"], "params": {"blueprint_id": "child"}},
    ]
    made = parse_blueprint({"id": "f", "nodes": nodes, "outputs": {"a": "a"}})
    result = await runtime(Vault(TOKEN=VALUE), blueprints=[child]).run(made)
    assert (result.status, result.outputs) == ("completed", {"a": "***"})


async def test_a_slow_place_does_not_hold_up_the_run_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_LEARNING_S", 0.05)
    vault = Vault(TOKEN=VALUE)
    vault.open.clear()
    nodes = [
        {"id": "a", "uses": "blabber"},
        {"id": "b", "uses": "wait", "needs": ["a"]},
        {"id": "c", "uses": "noop", "needs": ["b"], "params": {"x": '${{ secret("TOKEN") }}'}},
    ]
    async with runtime(vault) as working:
        result = await working.run(parse_blueprint({"id": "f", "nodes": nodes}), run_id="r")
        assert result.nodes["a"].state == "completed"
        vault.open.set()
        assert (await working.resume("r")).status == "completed"


async def test_a_store_that_is_away_while_secrets_are_looked_for_fails_no_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = parse_blueprint({"id": "child", "nodes": [{"id": "i", "uses": "noop"}]})
    nodes = [
        {"id": "a", "uses": "noop"},
        {"id": "s", "uses": "subflow", "needs": ["a"], "params": {"blueprint_id": "child"}},
    ]
    async with runtime(Vault(), blueprints=[child]) as working:
        plan, away = working.store.plan, [True]

        async def absent(digest: str) -> Any:
            if away and away.pop():
                raise BackendError("away")
            return await plan(digest)

        monkeypatch.setattr(working.store, "plan", absent)
        result = await working.run(parse_blueprint({"id": "f", "nodes": nodes}))
    assert result.status == "completed"
    assert away == []


async def test_what_an_interrupted_program_was_learning_is_asked_for_again() -> None:
    """A program may interrupt one event loop and go on in another."""
    vault, plan = Vault(TOKEN=VALUE), compile_plan(naming("TOKEN"))
    vault.open.clear()
    known = secrets.Secrets([vault])

    async def interrupted() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(known.learn(plan), 0.05)

    await asyncio.to_thread(asyncio.run, interrupted())
    vault.open.set()
    await asyncio.to_thread(asyncio.run, known.learn(plan))
    assert known.masker.text(VALUE) == "***"
