"""A process that executes a run over a state file, to be killed: `-m tests.integration.workload STATE NAME LEDGER`.

Writes a line to the ledger whenever a node begins or ends its work: the effects that the outside sees. Says `go` when
it begins, and the run's document when it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from flowcraft_engine import Blueprint, FlowRuntime, NodeContext, NodeRegistry, RunResult, parse_blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.acceptance.notation import graph

RUN = "run"
_FAN = ", ".join(f"F{index}" for index in range(12))
_RETRY = {"max_retries": 3, "retry_delay": 20}

BLUEPRINTS: dict[str, dict[str, Any]] = {
    "chain": graph("A -> B -> C -> D -> E -> F -> G -> H -> I -> J"),
    "fan": graph(f"S -> {_FAN}; {_FAN} -> J -> E"),
    "loop": graph("L:loop(X..Y, n < 8); X -> Y; L -> E", inputs={"n": {"type": "integer", "default": 0}}),
    "each": graph(f"E:each({json.dumps(list(range(200)))}) -> Z"),
    "subflow": graph("A -> N:sub(child) -> B; C -> M:sub(child) -> B"),
    "sleeps": graph("A -> S:sleep(40) -> B; C -> T:sleep(80) -> B -> D"),
    "retry": graph("A -> R -> B; C -> Q -> B"),
}
for _node in BLUEPRINTS["retry"]["nodes"]:
    if _node["id"] in "RQ":
        _node["config"] = _RETRY
CHILD = graph("a -> b -> c; a -> d", id="child")
_TYPES = {node["uses"] for it in (*BLUEPRINTS.values(), CHILD) for node in it["nodes"] if "uses" in node}


def blueprint(name: str) -> Blueprint:
    return parse_blueprint(BLUEPRINTS[name])


def runtime(store: CoordinationStore | None = None, ledger: Path | None = None) -> FlowRuntime:
    registry = NodeRegistry()
    for uses in _TYPES - {"sleep", "subflow"}:
        registry.register(_node_of(ledger), uses)
    return FlowRuntime(registry=registry, blueprints=[parse_blueprint(CHILD)], store=store, concurrency=8)


def outcome(result: RunResult) -> dict[str, Any]:
    """What must not depend on interruptions."""
    return {
        "status": result.status,
        "outputs": result.outputs,
        "context": result.context,
        "nodes": {name: [node.state, node.attempts, node.output] for name, node in result.nodes.items()},
    }


def _node_of(ledger: Path | None) -> Any:
    async def work(ctx: NodeContext) -> Any:
        _tell(ledger, "begin", ctx)
        await asyncio.sleep(0.008)
        if ctx.node_id in "RQ" and ctx.attempt < 3:
            raise RuntimeError("not yet")
        if ctx.node_id == "X":
            await ctx.context.increment("n")
        _tell(ledger, "end", ctx)
        return [ctx.node_id, ctx.input]

    return work


def _tell(ledger: Path | None, what: str, ctx: NodeContext) -> None:
    if ledger is None:
        return
    line = f"{what} {ctx.run_id}/{ctx.instance} {ctx.attempt} {ctx.idempotency_key}\n"
    file = os.open(ledger, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(file, line.encode())
    os.close(file)


async def _main(state: str, name: str, ledger: str) -> None:
    store = SqliteStore(Path(state))
    print("go", flush=True)
    result = await runtime(store, Path(ledger)).run(blueprint(name), run_id=RUN)
    print(json.dumps(outcome(result)), flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
