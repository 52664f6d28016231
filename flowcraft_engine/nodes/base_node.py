"""Nodes in steps: `prep -> exec -> post`, where only `exec` is retried."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.nodes.node_context import NodeContext


class BaseNode:
    """A node written as a class; override what you need, each step sync or async. One instance per execution.

    Class annotations `params: Model` and `input: Model` are checked and set on the instance before `prep`;
    an annotated first argument of `exec` is checked too. Sync steps run in a thread and get a sync view of
    the context.

        @node("charge")
        class Charge(BaseNode):
            params: ChargeParams

            def prep(self, ctx):
                return ctx.input["order"]

            async def exec(self, order, ctx):
                return await pay(order, key=ctx.idempotency_key)
    """

    def prep(self, ctx: NodeContext) -> Any:
        """Collect what `exec` needs; the default is the node's input.

        A JSON value is kept, with the context changes made here, when `exec` is tried again; for anything
        else `prep` runs again.
        """
        return ctx.input

    def exec(self, value: Any, ctx: NodeContext) -> Any:
        """Do the work; the only step that is retried."""
        return value

    def post(self, value: Any, ctx: NodeContext) -> Any:
        """Make the node's result (a value or a `NodeResult`) of what `exec` or `fallback` returned."""
        return value

    def fallback(self, error: BaseException, ctx: NodeContext) -> Any:
        """Rescue the node after the last attempt of `exec`: what this returns goes to `post`."""
        raise error

    def recover(self, error: BaseException, ctx: NodeContext) -> Any:
        """Clean up when the node has really failed. Cannot change the result."""
