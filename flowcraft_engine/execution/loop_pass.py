"""One pass of a loop controller: its exits first, then its condition."""

from __future__ import annotations

from flowcraft_engine.errors import ErrorCode, NodeError
from flowcraft_engine.execution.inputs import node_input
from flowcraft_engine.execution.router import Router
from flowcraft_engine.kernel.commands import Continued, Outcome
from flowcraft_engine.kernel.routing import decision, route_loop_end, route_loop_exits
from flowcraft_engine.values import JsonValue


async def loop_pass(router: Router) -> Outcome:
    """Leave the loop, or begin another iteration. Raises `ExpressionError`, and `NodeError` after too many."""
    node, claim = router.node, router.claim
    loop = node.loop
    assert loop is not None
    value = await _input(router, loop.end)
    references = [loop.condition.references]
    references += [edge.condition.references for edge in node.edges if edge.condition is not None]
    scope = await router.deciding_scope(references, value, None)
    decided = route_loop_exits(node, scope)
    if decided.taken:
        return await router.routed(decided, value, None)
    why = decision(loop.condition, scope)
    if not why["holds"]:
        decided = route_loop_end(node, scope)
        decided.why["loop"] = why
        return await router.routed(decided, value, None)
    if claim.iteration >= loop.max_iterations:
        message = f"the loop's condition still holds after max_iterations: {loop.max_iterations} passes"
        raise NodeError(message, error_code=ErrorCode.MAX_ITERATIONS, retryable=False)
    return Continued(value, why)


async def _input(router: Router, end: str) -> JsonValue:
    """What entered the loop; after the first pass, what came back from the end of its body."""
    claim = router.claim
    store = router.env.store
    if not claim.iteration:
        return await node_input(store, router.facts, claim, router.node)
    values = claim.values or {}
    if end in values:
        return values[end]
    return (await store.outputs(claim.run_id, (end,), claim.path, router.node.scopes))[0]
