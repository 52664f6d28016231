"""A process that does one thing to a run of a shared state file: `-m tests.integration.neighbour STATE WHAT [..]`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from flowcraft_engine import Blueprint, FlowRuntime, NodeContext, NodeRegistry, parse_blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from tests.acceptance.notation import graph

RUN = "run"
BUILT_IN = {"wait", "sleep", "shell"}
_WIDE = ", ".join(f"F{index}" for index in range(40))

BLUEPRINTS: dict[str, dict[str, Any]] = {
    "slow": graph("A -> B; C"),
    "wait": graph("A -> W:wait -> E; S:sleep(600000)"),
    "wide": graph(f"S -> {_WIDE}; {_WIDE} -> J"),
    "shell": {
        "id": "shell",
        "nodes": [{"id": "A", "uses": "shell", "params": {"run": "./work.sh"}}, {"id": "B", "uses": "work"}],
        "edges": ["A -> B"],
    },
}


def blueprint(name: str, folder: Path) -> Blueprint:
    made = parse_blueprint(BLUEPRINTS[name])
    return made.with_locations({}, str(folder))


def runtime(state: Path) -> FlowRuntime:
    async def work(ctx: NodeContext) -> Any:
        if ctx.node_id == "C":
            await asyncio.sleep(60)
        await asyncio.sleep(0.005)
        with (state.parent / "ledger").open("a") as ledger:
            ledger.write(f"{ctx.instance}\n")
        return await ctx.context.increment("n")

    registry = NodeRegistry()
    for name in {node["uses"] for data in BLUEPRINTS.values() for node in data["nodes"]} - BUILT_IN:
        registry.register(work, name)
    return FlowRuntime(registry=registry, store=SqliteStore(state), concurrency=4)


async def _main(state: Path, what: str, *details: str) -> None:
    async with runtime(state) as process:
        print("go", os.getpid(), flush=True)
        match what:
            case "run":
                result = await process.run(blueprint(details[0], state.parent), run_id=RUN)
            case "proceed":
                result = await process.proceed(RUN)
            case "cancel":
                result = await process.cancel(RUN, "from next door")
            case "answer":
                await process.answer(RUN, details[0], output=json.loads(details[1]))
                result = await process.show(RUN)
        nodes = {name: [node.state, node.attempts] for name, node in result.nodes.items()}
        print(json.dumps({"status": result.status, "context": result.context, "nodes": nodes}), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), *sys.argv[2:]))
