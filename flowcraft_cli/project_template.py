"""The small project that `flowcraft init` writes. A test writes it, runs it, and runs its test."""

from __future__ import annotations

from typing import Final

BLUEPRINT: Final = """\
# yaml-language-server: $schema=flowcraft.schema.json
id: order
metadata: {description: Price an order and say what becomes of it}

inputs:
  quantity: {type: integer, default: 3}
  price: {type: number, default: 20}

nodes:
  - id: total
    uses: order-total                 # a function in order_nodes.py
    params: {discount: 0.1}
    config: {max_retries: 3, retry_delay: 1s, backoff: 2}

  - id: approve
    uses: log
    params: {message: "approved: ${{ total.amount }}"}

  - id: review
    uses: log
    params: {message: "a person looks at ${{ total.amount }}", level: warning}

  - id: done
    uses: noop
    config: {join_strategy: any}

edges:
  - {source: total, target: approve, action: small}
  - {source: total, target: review, action: large}
  - approve -> done
  - review -> done

outputs:
  amount: total.amount
"""

NODES: Final = '''\
"""The nodes of this project: plain functions, async or not."""

from dataclasses import dataclass

from flowcraft_engine import NodeContext, NodeResult, node


@dataclass
class TotalParams:
    discount: float = 0.0


@node("order-total")
def order_total(ctx: NodeContext, params: TotalParams) -> NodeResult:
    """Price the order; the action says whether it is `small` or `large`."""
    amount = ctx.context.get("quantity") * ctx.context.get("price") * (1 - params.discount)
    return NodeResult(output={"amount": amount}, action="large" if amount > 1000 else "small")
'''

PROJECT: Final = """\
# Settings of flowcraft in this folder and below.
app = "order_nodes"
"""

TEST: Final = '''\
"""Run with: python -m pytest"""

import asyncio
from pathlib import Path

from flowcraft_engine import FlowRuntime, NodeRegistry, load_blueprint

import order_nodes

BLUEPRINT = Path(__file__).parent / "blueprint.yaml"


def run(**inputs):
    runtime = FlowRuntime(registry=NodeRegistry.from_module(order_nodes))
    return asyncio.run(runtime.run(load_blueprint(BLUEPRINT), inputs))


def test_small_orders_are_approved():
    result = run(quantity=3, price=20)
    assert result.status == "completed"
    assert result.outputs == {"amount": 54.0}
    assert result.nodes["review"].state == "skipped"


def test_large_orders_are_reviewed():
    assert run(quantity=100, price=20).nodes["approve"].state == "skipped"
'''

#: File name → text, in the order in which they are worth reading.
FILES: Final = {
    "blueprint.yaml": BLUEPRINT,
    "order_nodes.py": NODES,
    "flowcraft.toml": PROJECT,
    "test_blueprint.py": TEST,
}
SCHEMA_FILE: Final = "flowcraft.schema.json"
