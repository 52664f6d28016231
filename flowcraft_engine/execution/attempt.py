"""One attempt of one claimed instance: from the claim to the outcome that will be committed.

Reads as it happens: find the handler, gather input and params, call through the middleware, turn what comes back
or is raised into an outcome, decide the edges. Commits nothing itself.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from flowcraft_engine.errors import BackendError, ErrorCode, NodeError, NotFoundError
from flowcraft_engine.execution.batch import scatter_or_gather
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.failure import Failure, failure_of
from flowcraft_engine.execution.inputs import node_input, resolve_sources
from flowcraft_engine.execution.loop_pass import loop_pass
from flowcraft_engine.execution.router import Router
from flowcraft_engine.execution.scopes import param_scope, read_scope
from flowcraft_engine.execution.waits import check_schema
from flowcraft_engine.expressions import ExpressionError, Program, References, Scope
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import (
    ABSENT,
    Claim,
    Completed,
    Failed,
    Outcome,
    Suspended,
)
from flowcraft_engine.kernel.naming import END, key_base
from flowcraft_engine.kernel.plan import PlanNode
from flowcraft_engine.kernel.retry import retry_delay_s
from flowcraft_engine.kernel.routing import decision, is_true
from flowcraft_engine.kernel.transitions import EXPIRED
from flowcraft_engine.nodes.context_buffer import AsyncContextView, SyncContextView
from flowcraft_engine.nodes.handler import CallNext, Handler
from flowcraft_engine.nodes.node_context import CancelSignal, NodeContext
from flowcraft_engine.nodes.node_output import current_attempt
from flowcraft_engine.nodes.node_thread import call_in_thread
from flowcraft_engine.nodes.result import NodeResult, Sleep, StartRun, Suspension, Wait
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.values import JsonObject, JsonValue, copy_json, format_duration, json_size, to_json

_new = object.__new__
_SUSPENSIONS = frozenset({Wait, Sleep, StartRun})
#: What is worth measuring.
_SIZED = frozenset({str, list, dict})


class Attempt:
    """One attempt; used once."""

    __slots__ = ("_action", "_output", "claim", "ctx", "env", "facts", "node", "router", "signal", "view")

    def __init__(self, env: Environment, facts: RunFacts, claim: Claim) -> None:
        self.env = env
        self.facts = facts
        self.claim = claim
        self.node: PlanNode = facts.plan.nodes[claim.node_id]
        self.signal = CancelSignal()
        self.view = AsyncContextView(facts.context)
        self.ctx: NodeContext | None = None
        #: What has decided the edges, if there was anything to decide.
        self.router: Router | None = None
        self._output: JsonValue = None
        self._action: str | None = None

    async def run(self) -> Outcome:
        """The outcome of the attempt. Raises only `CancelledError`, when this task is cancelled."""
        env, claim, node = self.env, self.claim, self.node
        handler: Handler | None = None
        try:
            learned, facts = env.secrets.learned, self.facts
            if facts.plan.digest not in learned or not learned.issuperset(facts.pins.values()):
                await self._learn_secrets()
            if node.loop is not None:
                return await loop_pass(self._open_router())
            if node.for_each is not None and claim.index is None:
                return await scatter_or_gather(self._open_router())
            if node.id == END:
                return await self._run_outputs()
            handler = env.handlers.get(node.uses)
            value: Any = claim.input
            if value is ABSENT:
                value = await node_input(env.store, self.facts, claim, node)
            value = copy_json(value)
            params = {} if node.is_bare else await self._params(value)
            view = self._shown_to(handler)
            self.ctx = ctx = NodeContext.of(
                claim,
                self.facts,
                value,
                params,
                view,
                self.signal,
                node.max_attempts,
                env.dependencies,
                env.on_progress,
            )
            if claim.keys:
                ctx.renew_keys(key_base(self.facts.key_base, claim.keys))
            if env.secrets.masker.is_active:
                ctx.masker = env.secrets.masker
            ctx.output = env.output
            current_attempt.set(ctx)
            if claim.resumption is not None:
                value = await self._resume(handler, ctx, claim.resumption)
            elif handler.is_async and node.timeout_ms is None and not env.middleware:
                value = await handler.call(ctx)
            else:
                value = await self._call(handler, ctx)
            # As `_outcome_of`, written out: this is the way of every node.
            if type(value) in _SUSPENSIONS:
                return self._suspension(value)
            output, action = self._checked(value)
            if node.is_plain or claim.index is not None:
                return self._completed(output, action)
            return await self._routed(output, action)
        except BaseException as error:  # nothing that a node raises may end the worker
            if _is_cancelled(error):
                raise
            return await self._failed(error, handler)

    async def decide_again(self) -> Outcome:
        """The outcome, with conditions evaluated on the context as it is now."""
        try:
            if self.node.loop is not None:
                return await loop_pass(self._open_router())
            if self.node.for_each is not None and self.claim.index is None:
                return await scatter_or_gather(self._open_router())
            return await self._routed(self._output, self._action)
        except Exception as error:  # what an expression raises fails its node
            return await self._failed(error, None)

    def _shown_to(self, handler: Handler) -> AsyncContextView | SyncContextView:
        """The context as the node uses it."""
        return self.view if handler.is_async else SyncContextView(self.view, asyncio.get_running_loop())

    # ---- calling the node ----------------------------------------------------------------------------------

    async def _learn_secrets(self) -> None:
        """Those of the sub-runs, too: their values may come from here."""
        secrets = self.env.secrets
        await secrets.learn(self.facts.plan)
        for digest in self.facts.pins.values():
            try:
                await secrets.learn(await self.env.store.plan(digest))
            except NotFoundError:
                secrets.learned.add(digest)  # it will be missed when the sub-run is to begin
            except BackendError:
                return  # out of reach at the moment, which is no failure of this node: the next one asks again

    async def _params(self, value: JsonValue) -> dict[str, Any]:
        node, claim = self.node, self.claim
        params: dict[str, Any] = {}
        if node.params is not None:
            scope = Scope() if node.params.is_constant else await self._scope(node.params.references, value)
            params = node.params.render(scope)  # type: ignore[assignment]  # an object renders to an object
        for key, program in node.expressions.items():
            scope = await self._scope(program.references, value)
            params[key] = found = program.evaluate(scope)
            if not is_true(found):
                params[f"__{key}__"] = decision(program, scope)
        if node.child_inputs is not None:
            params["inputs"] = copy_json(
                await resolve_sources(self.env.store, self.facts, claim, node.child_inputs, node.scopes)
            )
        return params

    async def _scope(self, references: References, value: JsonValue) -> Scope:
        scope = await param_scope(self.env.store, self.facts, self.claim, references, value)
        if references.secrets:
            scope.secrets = await self.env.secrets.resolve(references.secrets)
        return scope

    async def _call(self, handler: Handler, ctx: NodeContext) -> Any:
        """Call the node through the middleware, within its timeout."""
        call: CallNext = handler.call if handler.is_async else _in_thread(handler)
        for middleware in reversed(self.env.middleware):
            call = _wrap(middleware, call)
        timeout_ms = self.node.timeout_ms
        if timeout_ms is None:
            return await call(ctx)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        late = NodeError(
            f"the attempt took longer than its timeout of {format_duration(timeout_ms)}",
            error_code=ErrorCode.TIMEOUT,
        )
        try:
            async with asyncio.timeout_at(deadline):
                value = await call(ctx)
        except TimeoutError as error:
            if loop.time() < deadline:
                raise  # the node's own
            self.signal.set("timeout")
            raise late from error
        if loop.time() >= deadline:
            # It did not heed its cancellation, or held up the event loop: its late result is refused.
            raise late
        return value

    async def _resume(self, handler: Handler, ctx: NodeContext, resumption: JsonObject) -> Any:
        """Go on after a suspension: what it was waiting for is there, or will not come."""
        kind = resumption["kind"]
        if kind == EXPIRED:
            raise NodeError("nobody answered within the timeout of the wait", error_code=ErrorCode.TIMEOUT)
        if kind == st.TIMER:
            return NodeResult(resumption.get("output"))
        if kind == st.CHILD and resumption["status"] != "completed":
            failure = NodeError(
                str(resumption["message"]),
                error_code=ErrorCode.SUBFLOW_FAILED,
                retryable=resumption["status"] != "cancelled",  # somebody wanted it to end
            )
            failure.failure_cause = resumption.get("cause")
            raise failure
        if kind == st.CHILD:
            values = resumption.get("values")
            for key, value in values.items() if isinstance(values, dict) else ():
                await self.view.set(key, value)
            return NodeResult(resumption.get("outputs"))
        action = resumption.get("action")
        output = resumption.get("output")
        if handler.resume is not None:
            output = handler.resume(ctx, output)
            output = await output if inspect.isawaitable(output) else output
        if isinstance(output, NodeResult):
            return output
        return NodeResult(output, str(action) if action is not None else None)

    async def _run_outputs(self) -> Completed:
        """The declared outputs of the run, evaluated by its last instance."""
        programs = self.facts.plan.outputs or {}
        references = [program.references for program in programs.values()]
        scope = (await read_scope(self.env.store, self.facts, self.claim, references)).scope
        return Completed({name: _evaluate_output(name, program, scope) for name, program in programs.items()})

    # ---- outcomes ------------------------------------------------------------------------------------------

    async def _outcome_of(self, value: Any) -> Outcome:
        if type(value) in _SUSPENSIONS:
            return self._suspension(value)
        output, action = self._checked(value)
        if self.node.is_plain or self.claim.index is not None:
            return self._completed(output, action)
        return await self._routed(output, action)

    def _completed(self, output: JsonValue, action: str | None) -> Completed:
        """A result with no edges to decide, made field by field: one is made for every node."""
        completed = _new(Completed)
        completed.output, completed.action = output, action
        completed.taken = completed.values = completed.why = None
        completed.delta = self.view.changes
        return completed

    def _suspension(self, value: Suspension) -> Outcome:
        if isinstance(value, Wait):
            if value.schema is not None:
                check_schema(value.schema)
            due = self._due(value.timeout_ms) if value.timeout_ms is not None else None
            wait: JsonObject = {
                "kind": st.ANSWER,
                "message": value.message,
                "schema": value.schema,
                "due": due,
            }
            return self._suspended(wait)
        if isinstance(value, Sleep):
            output, _ = self._checked(value.output)
            return self._suspended({"kind": st.TIMER, "due": self._due(value.duration_ms), "output": output})
        return self._suspended(self._child_wait(value))

    def _due(self, after_ms: float) -> float:
        return self.env.clock.now() + after_ms / 1000

    def _child_wait(self, value: StartRun) -> JsonObject:
        if value.blueprint_id not in self.facts.pins:
            raise NodeError(
                f"no blueprint is called {value.blueprint_id!r}; a run takes those of its file's folder and of "
                "--blueprints when it starts",
                error_code=ErrorCode.NOT_REGISTERED,
                retryable=False,
            )
        return {
            "kind": st.CHILD,
            "blueprint_id": value.blueprint_id,
            "inputs": to_json(value.inputs),
            "outputs": to_json(value.outputs),
            "entry": to_json(value.entry),
        }

    def _suspended(self, wait: JsonObject) -> Suspended:
        return Suspended(to_json(wait), self.view.changes)  # type: ignore[arg-type]  # an object stays one

    def _checked(self, value: Any) -> tuple[JsonValue, str | None]:
        """The output as JSON, within the limit; and the action."""
        action = None
        if type(value) is NodeResult:
            value, action = value.output, _checked_action(value.action)
        output = to_json(value)
        if type(output) in _SIZED:
            self._check_size(output)
        return output, action

    def _check_size(self, output: JsonValue) -> None:
        limit = self.env.limits.output
        if json_size(output) > limit:
            message = f"the output is {json_size(output):,} characters of JSON, the limit is {limit:,}"
            raise NodeError(message, error_code=ErrorCode.OUTPUT_TOO_LARGE, retryable=False)

    async def _routed(self, output: JsonValue, action: str | None) -> Completed:
        """Decide the edges: conditions see the result and the node's own context changes."""
        self._output, self._action = output, action
        return await self._open_router().completed(output, action)

    def _open_router(self) -> Router:
        self.router = Router(self.env, self.facts, self.claim, self.view)
        return self.router

    async def _failed(self, error: BaseException, handler: Handler | None) -> Outcome:
        """Another attempt, or the node's own rescue, or its clean-up and the end of it."""
        failure = failure_of(error, self.env.root)
        node, claim, ctx = self.node, self.claim, self.ctx
        is_whole = claim.index is None and (node.for_each is not None or node.loop is not None)
        if failure.is_retryable and claim.attempt < node.max_attempts and not is_whole:
            delay = retry_delay_s(
                claim.attempt, node.retry_delay_ms, node.backoff, node.jitter, self.env.chance()
            )
            carry = ctx.carry if ctx is not None else None
            return Failed(failure.error, self.env.clock.now() + delay, carry)
        if handler is None or ctx is None:
            return Failed(failure.error)
        return await self._rescue(error, failure, handler, ctx)

    async def _rescue(
        self, error: BaseException, failure: Failure, handler: Handler, ctx: NodeContext
    ) -> Outcome:
        try:
            if handler.rescue is not None:
                # A buffer of its own: a thread of the attempt that goes on beyond its timeout has the old one.
                self.view = AsyncContextView(self.facts.context)
                ctx.context = self._shown_to(handler)
                value = await handler.rescue(ctx, error)
                if value is not NotImplemented:
                    return await self._outcome_of(value)
        except BaseException as second:  # a rescue that fails, whatever it raises, is the node's failure
            if _is_cancelled(second):
                raise
            error, failure = second, failure_of(second, self.env.root)
        if handler.recover is not None:
            try:
                await handler.recover(ctx, error)
            except BaseException as third:  # cleaning up must not hide what went wrong
                if _is_cancelled(third):
                    raise
                trouble = failure_of(third, self.env.root)
                ctx.logger.warning("recover() of node %s failed: %s", ctx.instance, trouble.sentence)
        return Failed(failure.error)


def _evaluate_output(name: str, program: Program, scope: Scope) -> JsonValue:
    try:
        return copy_json(program.evaluate(scope))
    except ExpressionError as error:
        failure = NodeError(
            f"output {name!r}: {error}", error_code=ErrorCode.EXPRESSION_ERROR, retryable=False
        )
        failure.failure_cause = {"output": name}
        raise failure from error


def _in_thread(handler: Handler) -> CallNext:
    async def call(ctx: NodeContext) -> Any:
        return await call_in_thread(handler.call, ctx)

    return call


def _wrap(middleware: Any, call: CallNext) -> CallNext:
    async def wrapped(ctx: NodeContext) -> Any:
        return await middleware(ctx, call)

    return wrapped


def _is_cancelled(error: BaseException) -> bool:
    """True if this task is being cancelled; a node may raise `CancelledError` by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _checked_action(action: Any) -> str | None:
    if action is None:
        return None
    if isinstance(action, str):
        return str(to_json(action))  # refuses text that no store can keep
    raise NodeError(f"an action is text, not {action!r}", retryable=False)
