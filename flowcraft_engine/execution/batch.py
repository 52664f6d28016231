"""A `for_each` node as a whole: first the list of its items, then, when they have ended, their results."""

from __future__ import annotations

from flowcraft_engine.blueprint.input_source import InputSource
from flowcraft_engine.errors import ErrorCode, NodeError
from flowcraft_engine.execution.inputs import node_input, resolve_source
from flowcraft_engine.execution.router import Router
from flowcraft_engine.execution.scopes import param_scope
from flowcraft_engine.expressions import Scope, Template
from flowcraft_engine.kernel.commands import Failed, Outcome, Scattered
from flowcraft_engine.values import JsonValue


async def scatter_or_gather(router: Router) -> Outcome:
    """Begin the items, or complete with their results in item order.

    One failed item fails the whole with the error of the first of them, or shows in its place (`collect`).
    """
    claim, spec = router.claim, router.node.for_each
    assert spec is not None
    if claim.resumption is None:
        items = await _items(router)
        return Scattered(items) if items else await router.completed([], None)
    results = await router.env.store.item_results(claim.run_id, claim.instance)
    failed = [(index, error) for index, (_, error) in enumerate(results) if error is not None]
    if failed and spec.on_item_error == "fail":
        index, first = failed[0]
        message = f"item {index} failed: {first['message']}"
        return Failed({**first, "message": message, "item": f"{claim.instance}[{index}]"})
    output: list[JsonValue] = [
        {"error": {"code": error["code"], "message": error["message"]}} if error is not None else value
        for value, error in results
    ]
    return await router.completed(output, None)


async def _items(router: Router) -> list[JsonValue]:
    node, store = router.node, router.env.store
    source = node.items
    if isinstance(source, InputSource):
        value = await resolve_source(store, router.facts, router.claim, source, node.scopes)
    else:
        assert isinstance(source, Template)
        entry = await node_input(store, router.facts, router.claim, node)
        constant = source.is_constant
        scope = (
            Scope()
            if constant
            else await param_scope(store, router.facts, router.claim, source.references, entry)
        )
        value = source.render(scope)
    if not isinstance(value, list):
        found = "null" if value is None else type(value).__name__
        message = f"for_each needs a list, its source gave {found}"
        raise NodeError(message, error_code=ErrorCode.INPUT_INVALID, retryable=False)
    return value
