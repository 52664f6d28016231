"""A shop in which something of everything happens, on a clock that stands still between timers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowcraft_engine import FlowRuntime, NodeContext, NodeRegistry, load_blueprint
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.reports.dossier import Dossier, read_dossier

HOSTILE = 'card declined | <b>bold</b> @octocat `x` & "quotes" \x1b[31m ]]> </script>\n::error::no'


class CardError(Exception):
    """A card that cannot be charged."""


def charge() -> None:
    raise CardError(HOSTILE)


def parse() -> Any:
    return json.loads("{broken")


async def flaky(ctx: NodeContext) -> dict[str, bool]:
    if ctx.attempt < 3:
        raise RuntimeError(f"no luck at {ctx.attempt}")
    return {"ok": True}


CHILD = """\
id: child
nodes:
  - {id: parse, uses: parse}
"""
FLOW = """\
id: payments
metadata: {version: "1.2.0", description: Take a payment}
inputs: {count: {type: integer, default: 3}}
nodes:
  - {id: check, uses: noop}
  - {id: flaky, uses: flaky, needs: [check], config: {max_retries: 3, retry_delay: 2s, backoff: 2}}
  - {id: charge, uses: charge, config: {fallback: manual}}
  - {id: manual, uses: noop}
  - {id: rows, uses: noop, for_each: [1, 2], needs: [flaky]}
  - {id: sub, uses: subflow, params: {blueprint_id: child}, needs: [flaky]}
  - {id: send, uses: noop, needs: [sub, rows]}
  - {id: bulk, uses: noop}
  - {id: nap, uses: sleep, params: {duration: 5s}, needs: [check]}
  - {id: tidy, uses: noop, needs: [send, nap], config: {join_strategy: all_done}}
edges:
  - check -> charge
  - {source: check, target: bulk, condition: count > 5}
"""


async def shop_run(folder: Path) -> Dossier:
    """The run, from files in `folder`, which should be the current one: places are told as seen from there."""
    (folder / "flow.yaml").write_text(FLOW)
    (folder / "child.yaml").write_text(CHILD)
    clock = ManualClock(jumps=True)
    runtime = FlowRuntime(
        registry=_registry(),
        blueprints=[load_blueprint("child.yaml")],
        clock=clock,
        concurrency=1,
        root=Path(__file__).parent,
    )
    await runtime.run(load_blueprint("flow.yaml"), run_id="golden")
    return await read_dossier(runtime.store, "golden", clock.now())


def _registry() -> NodeRegistry:
    registry = NodeRegistry()
    for function in (charge, parse, flaky):
        registry.register(function, function.__name__)
    return registry
