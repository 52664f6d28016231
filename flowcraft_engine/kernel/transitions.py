"""Transitions: what each command does to a run. The only place that decides.

Theory of operation. A `Transition` is one atomic step on one run. A command (`start`, `claim`, `commit`, ...)
looks at the state, emits events, and every event is folded into the state at once, so what follows sees it.
Edges that an event decides land in `state.touched`; `_settle` judges the joins of those instances and emits what
follows (ready, skipped, poisoned, cancelled), until nothing moves: skips and pills reach the end of the graph in
the same step. When no instance is left open the run ends, in this step too. The caller stores `events` and acts
on `effects`, which are hints: all of them can be recomputed from the state (`outstanding.py`).

Every command is guarded by the state alone, so that doing it twice, late or after a crash is boring. The file is long
because all commands, and all that follows from them, are one noun: what a retry or a rerun repeats is in
`generations.py`, what that means for the state in `rewind.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from flowcraft_engine.errors import ConflictError, ErrorCode
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.claims import claim_of
from flowcraft_engine.kernel.commands import (
    ABSENT,
    ALREADY,
    APPLIED,
    REFUSED,
    STALE,
    Claim,
    Commit,
    Committed,
    Completed,
    Continued,
    Effects,
    Failed,
    Scattered,
    Start,
    Suspended,
)
from flowcraft_engine.kernel.delta import DeltaConflictError, changed_keys, growth
from flowcraft_engine.kernel.event import MICROSECONDS, Event, Fact
from flowcraft_engine.kernel.fold import (
    FOLDS,
    controller_of,
    names_within,
    node_completed,
    node_ready,
    node_started,
)
from flowcraft_engine.kernel.generations import plan_rerun, plan_retry, refuse_unended
from flowcraft_engine.kernel.joins import judge
from flowcraft_engine.kernel.lineage import latest_generation
from flowcraft_engine.kernel.naming import END, child_run_id, instance_name, item_name
from flowcraft_engine.kernel.outcome import run_failed
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.plan import Plan, PlanNode
from flowcraft_engine.kernel.signals import find_addressee, refuse_late_answer
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, JsonValue, same_json

#: A node whose worker dies this often while it runs is given up.
CRASH_LIMIT = 3
#: What a wait goes on with when nobody has answered in time.
EXPIRED = "expired"

_new = object.__new__
# Reasons that say no more than their rule. Written with every node, so they are plain text.
_CLAIMED = "claimed"
_RETURNED = "returned"
# Written with every run. One object for all of them: reasons are never changed.
_STARTED: JsonObject = {"rule": "started"}
_START: JsonObject = {"rule": "start"}
_ALL_ENDED: JsonObject = {"rule": "all_ended"}


class Transition:
    """One atomic step on one run, at time `now` (seconds since the epoch)."""

    __slots__ = ("_at", "effects", "facts", "now", "plan", "state")

    def __init__(self, plan: Plan, state: RunState, now: float) -> None:
        self.plan = plan
        self.state = state
        self.now = now
        self._at = int(now * MICROSECONDS)
        #: What has happened so far, in this step.
        self.facts: list[Fact] = []
        # As `Effects()`, which would cost as much as the rest.
        self.effects = effects = _new(Effects)
        effects.ready = []
        effects.timers = effects.children = effects.orphans = ()
        effects.finished = effects.stopped = effects.idle = False

    @property
    def events(self) -> list[Event]:
        """What has happened so far, in this step."""
        return list(map(Event._make, self.facts))

    # ---- commands ------------------------------------------------------------------------------------------

    def start(self, command: Start) -> None:
        """Begin the run: its start nodes become ready."""
        plan = self.plan
        data: dict[str, Any] = {
            "blueprint_id": plan.blueprint.id,
            "version": plan.blueprint.version,
            "digest": plan.digest,
            "pins": dict(command.pins),
            "inputs": command.inputs,
            "context": command.inputs,
            "entry": command.entry,
            "parent": command.parent,
            "key_base": command.key_base or command.run_id,
            "deadline": self._new_deadline(),
        }
        self._emit(ev.RUN_STARTED, "", _STARTED, data)
        for node_id in plan.start_nodes:
            self._ready(node_id, _START)
        self._settle()

    def claim(self, name: str, nonce: str, owner: str) -> Claim | None:
        """Give the right to execute a ready instance; the same nonce again gets the same answer."""
        state = self.state
        instance = state.instances.get(name)
        if instance is None or state.status != "running" or state.paused_at is not None:
            return None
        if instance.state == st.READY and instance.nonce != nonce:  # else: a late copy of an ended claim
            return self._claim(instance, nonce, owner)
        if instance.state != st.RUNNING or instance.nonce != nonce:
            return None
        return claim_of(self.plan, state, instance, nonce)

    def commit(self, command: Commit) -> Committed:
        """Apply the outcome of an attempt, once, and only for whoever holds the claim."""
        state = self.state
        instance = state.instances.get(command.instance)
        if instance is None or instance.nonce != command.nonce:
            return Committed(REFUSED, self.effects)
        if instance.state != st.RUNNING:
            return Committed(ALREADY, self.effects)
        if command.expects is not None and not self._still_holds(command):
            return Committed(STALE, self.effects)
        outcome = command.outcome
        if isinstance(outcome, Completed):
            self._complete(instance, outcome, command.context_limit)
        elif isinstance(outcome, Failed):
            self._fail_attempt(instance, outcome)
        elif self._is_held_back(instance):
            # What would wait now is cancelled, like what waited when fail_fast struck.
            self._cancel_instance(instance, {"rule": "fail_fast"})
        elif isinstance(outcome, Suspended):
            self._suspend(instance, outcome, command.context_limit)
        elif isinstance(outcome, Continued):
            self._continue_loop(instance, outcome)
        else:
            self._scatter(instance, outcome)
        self._settle()
        claims: Sequence[Claim] = ()
        if command.places and (self.effects.ready or command.others) and state.paused_at is None:
            claims = self._claim_more(command)
        # As `Committed(...)`, for the same reason.
        committed = _new(Committed)
        committed.status, committed.effects, committed.claims = APPLIED, self.effects, claims
        return committed

    def signal(self, node: str | None, output: JsonValue, action: str | None) -> bool:
        """Answer a waiting instance. False if the very same answer was already given.

        Raises `NotFoundError` for an unknown node and `ConflictError` for a different second answer, a run
        that has ended, a node that cannot be told from others, or a wait whose time is over: that nobody has
        executed its timeout yet makes no answer of it.
        """
        answer: JsonObject = {"output": output, "action": action}
        addressee = find_addressee(self.plan, self.state, node, answer)
        if addressee is None:
            return False
        if isinstance(addressee, Instance):
            refuse_late_answer(self.state, addressee, self.now)
            self._resume(addressee, {"rule": "answered"}, {"kind": st.ANSWER, **answer})
        else:
            self._emit(ev.SIGNAL_BUFFERED, addressee, {"rule": "early"}, answer)
        return True

    def wake(self, name: str) -> bool:
        """Let a due timer fire: a retry, a sleep, or the timeout of a wait. False if it is not due (any more)."""
        instance = self.state.instances.get(name)
        if instance is None or instance.due is None or instance.due > self.now or self.state.is_final:
            return False
        if self.state.paused_at is not None:
            return False
        if instance.state == st.RETRYING:
            self._ready(name, {"rule": "retry", "attempt": instance.attempt + 1})
            return True
        if instance.state != st.WAITING or instance.wait is None:
            return False
        if instance.wait["kind"] == st.TIMER:
            self._resume(
                instance, {"rule": "timer"}, {"kind": st.TIMER, "output": instance.wait.get("output")}
            )
        else:
            self._resume(instance, {"rule": "expired"}, {"kind": EXPIRED})
        return True

    def deliver(self, name: str, child: str, result: JsonObject, generation: int | None = None) -> bool:
        """Give the result of child run `child` to the instance that waits for it. False if it does not (any more).

        With a `generation`, only if that is the run's: it may wait for what comes of the child once more.
        """
        instance = self.state.instances.get(name)
        if instance is None or instance.state != st.WAITING or instance.wait is None:
            return False
        if generation is not None and generation != self.state.generation:
            return False
        if instance.wait["kind"] != st.CHILD or instance.wait["child"] != child:
            return False
        self._resume(instance, {"rule": "child_ended", "child": child}, {"kind": st.CHILD, **result})
        return True

    def release(self, name: str, nonce: str | None, *, crashed: bool, why: str) -> bool:
        """Take back a claim: handed back by its holder, or its holder has died. No attempt is consumed."""
        instance = self.state.instances.get(name)
        if (
            instance is None
            or instance.state != st.RUNNING
            or (nonce is not None and instance.nonce != nonce)
        ):
            return False
        self._emit(ev.NODE_RELEASED, name, {"rule": why}, {"crash": crashed})
        if instance.crashes >= CRASH_LIMIT:
            message = f"cut off {instance.crashes} times while it ran, the last time because {why}"
            self._fail(instance, {"code": ErrorCode.CRASH_LOOP, "message": message})
            self._settle()
        else:
            self.effects.ready.append(name)
        return True

    def cancel(self, text: str | None, generation: int | None = None) -> bool:
        """End the run now: nothing more starts, late results are refused. False if it is cancelled already.

        With a `generation`, only if that is the run's; else False.
        """
        state = self.state
        if state.status == "cancelled" or (generation is not None and generation != state.generation):
            return False
        if state.is_final:
            raise ConflictError(f"run {state.run_id} has already ended: {state.status}")
        self._stop({"rule": "cancelled", "text": text}, "cancelled", None)
        return True

    def expire(self) -> bool:
        """End the run if its deadline has passed."""
        state = self.state
        if (
            state.is_final
            or state.deadline is None
            or state.deadline > self.now
            or state.paused_at is not None
        ):
            return False
        error: JsonObject = {
            "code": ErrorCode.RUN_TIMEOUT,
            "message": "the run took longer than metadata.timeout",
        }
        self._stop({"rule": "run_timeout", "text": error["message"]}, "failed", error)
        return True

    def pause(self) -> bool:
        """Let nothing more begin, in this run: no claim, no timer, no sub-run. False if it is paused already.

        Raises `ConflictError` for a run that has ended.
        """
        state = self.state
        if state.is_final:
            raise ConflictError(f"run {state.run_id} has already ended: {state.status}")
        if state.paused_at is not None:
            return False
        self._emit(ev.RUN_PAUSED, "", {"rule": "paused"}, None)
        return True

    def unpause(self) -> bool:
        """Go on; the effects are all that there is to do. False if it is not paused."""
        state = self.state
        if state.is_final or state.paused_at is None:
            return False
        deadline = state.deadline
        if deadline is not None:
            deadline += self.now - state.paused_at
        self._emit(ev.RUN_UNPAUSED, "", {"rule": "unpaused"}, {"deadline": deadline})
        self.effects = outstanding(state)
        return True

    def retry(self, children: Collection[str] = (), ahead_of: int = 0) -> None:
        """Begin a generation in which everything that went wrong is tried again, with its idempotency keys.

        `children` are instances whose sub-run has been retried, so that they wait for it again; `ahead_of` is the
        generation of the run above that will wait for this one. Raises `ConflictError` if the run has not ended,
        or nothing in it went wrong.
        """
        refuse_unended(self.state)
        self._begin_generation(plan_retry(self.plan, self.state, frozenset(children)), ahead_of)

    def rerun(self, node: str, children: Collection[str] = (), ahead_of: int = 0) -> None:
        """Begin a generation in which `node`, and all that follows from it, runs again, with new keys.

        Raises `ConflictError` if the run has not ended or the node did not run, `NotFoundError` if there is none.
        """
        refuse_unended(self.state)
        self._begin_generation(plan_rerun(self.plan, self.state, node, frozenset(children)), ahead_of)

    def take_over(self, events: Sequence[Event]) -> int:
        """Take in what happened to this run elsewhere; how many events these are. They have drawn all consequences."""
        for event in events:
            self.facts.append((*event,))
            FOLDS[event.type](self.plan, self.state, event)
            self.state.seq += 1
            self.state.touched.clear()
        self.effects = outstanding(self.state)
        return len(events)

    # ---- generations ---------------------------------------------------------------------------------------

    def _begin_generation(self, rewound: JsonObject, ahead_of: int) -> None:
        state = self.state
        generation = state.generation + 1
        data: dict[str, Any] = {"generation": generation, **rewound, "deadline": self._new_deadline()}
        if ahead_of:
            data["ahead_of"] = ahead_of
        self._emit(ev.GENERATION_BEGAN, "", {"rule": data["kind"], "generation": generation}, data)
        on = [state.instances[name] for name in data["on"]]
        idle_loops = [
            it for it in on if it.wait is not None and it.wait["kind"] == st.BODY and not it.body_open
        ]
        for name in data["anew"]:
            self._begin_again(state.instances[name], generation)
        # An `any` join that may start, although a failure was there before, is looked at twice: it is cancelled.
        state.touched.extend([it for it in state.touched if it.failed_by is not None and it.taken])
        self._judge_touched()
        for instance in reversed(on):
            kind = (instance.wait or {})["kind"]
            if instance.state != st.WAITING:
                continue
            if kind == st.ITEMS:
                self._go_on_with_items(instance)
            elif kind == st.CHILD:
                self.effects.children = [*self.effects.children, instance.name]
        for controller in idle_loops:
            if controller.state == st.WAITING:
                self._pass_ended(controller)
        self._settle()

    def _begin_again(self, instance: Instance, generation: int) -> None:
        """What no edge leads to begins by itself."""
        node = self.plan.nodes[instance.node_id]
        if node.rescues is not None:
            rescued = self.state.instances.get(instance_name(node.rescues, instance.path))
            if rescued is None or not rescued.is_terminal:
                return
            if rescued.state == st.FAILED and rescued.rescuer == instance.name:
                self._ready(instance.name, {"rule": "fallback", "node": rescued.name})
            else:
                self._skip_fallback(instance.name, rescued)
        elif not node.predecessors:
            self._ready(instance.name, {"rule": "start", "generation": generation})

    def _go_on_with_items(self, whole: Instance) -> None:
        self._more_items(whole)
        batch = whole.batch
        if batch is not None and batch.active == 0:
            self._resume(whole, {"rule": "items_ended"}, {"kind": st.ITEMS})

    def _new_deadline(self) -> float | None:
        timeout_ms = self.plan.timeout_ms
        return self.now + timeout_ms / 1000 if timeout_ms is not None else None

    # ---- outcomes ------------------------------------------------------------------------------------------

    def _complete(self, instance: Instance, outcome: Completed, limit: int | None) -> None:
        if outcome.delta and not self._delta_fits(instance, outcome.delta, limit):
            return
        data: dict[str, Any] = {"output": outcome.output}
        if outcome.action is not None:
            data["action"] = outcome.action
        if outcome.taken is not None:
            data["taken"] = outcome.taken
        if outcome.values:
            data["values"] = outcome.values
        if outcome.why:
            data["why"] = outcome.why
        if outcome.delta:
            data["delta"] = outcome.delta
        self.facts.append((ev.NODE_COMPLETED, self._at, instance.name, _RETURNED, data))
        node_completed(self.plan, self.state, instance, self._at, data)
        self.state.seq += 1
        self._after(instance)

    def _fail_attempt(self, instance: Instance, outcome: Failed) -> None:
        if outcome.retry_at is None:
            self._fail(instance, outcome.error)
            return
        if self._is_held_back(instance):
            # Like all that was between attempts when fail_fast struck.
            self._cancel_instance(instance, {"rule": "fail_fast"})
            return
        data = {"error": outcome.error, "due": outcome.retry_at, "carry": outcome.carry}
        self._emit(ev.NODE_RETRYING, instance.name, {"rule": "attempt_failed"}, data)
        self._set_timer(outcome.retry_at, instance.name)

    def _fail(self, instance: Instance, error: JsonObject) -> None:
        """The last attempt has failed: the fallback takes over, or the failure counts."""
        node = self.plan.nodes.get(instance.node_id)
        rescuer = None
        if node is not None and node.fallback is not None and instance.index is None:
            name = instance_name(node.fallback, instance.path)
            other = self.state.instances.get(name)
            if other is None or other.state == st.PENDING:
                rescuer = name
        data: dict[str, Any] = {"error": error}
        if rescuer is not None:
            data["fallback"] = rescuer
        self._emit(ev.NODE_FAILED, instance.name, {"rule": "failed"}, data)
        if instance.index is not None:
            self._after(instance)
            return
        if rescuer is not None:
            self._ready(rescuer, {"rule": "fallback", "node": instance.name})
        self._after(instance)
        if rescuer is None and self.plan.fail_fast and not self.state.tripped:
            # What the failure poisons is poisoned; the rest is cancelled.
            self._judge_touched()
            self._trip(instance)

    def _suspend(self, instance: Instance, outcome: Suspended, limit: int | None) -> None:
        if outcome.delta and not self._delta_fits(instance, outcome.delta, limit):
            return
        wait = outcome.wait
        kind = wait["kind"]
        if kind == st.CHILD:
            generation = latest_generation(self.plan, instance, self.state.begun_in)
            child = child_run_id(self.state.run_id, instance.name, instance.attempt, generation)
            wait = {**wait, "child": child}
            self.effects.children = [*self.effects.children, instance.name]
        if outcome.delta:
            wait = {**wait, "delta": [list(change) for change in outcome.delta]}
        self._emit(ev.NODE_WAITING, instance.name, {"rule": "suspended", "kind": kind}, wait)
        if instance.due is not None:
            self._set_timer(instance.due, instance.name)
        early = self.state.early.get(instance.node_id) if kind == st.ANSWER else None
        if early is not None:
            self._resume(instance, {"rule": "answered_early"}, {"kind": st.ANSWER, **early})

    def _continue_loop(self, instance: Instance, outcome: Continued) -> None:
        iteration = instance.iteration + 1
        data = {"iteration": iteration, "output": outcome.output, "why": outcome.why}
        self._emit(
            ev.LOOP_CONTINUED, instance.name, {"rule": "condition_holds", "iteration": iteration}, data
        )

    def _scatter(self, instance: Instance, outcome: Scattered) -> None:
        self._emit(
            ev.ITEMS_SCATTERED, instance.name, {"rule": "items", "count": len(outcome.items)}, outcome.items
        )
        self._more_items(instance)

    # ---- items of a for_each node --------------------------------------------------------------------------

    def _more_items(self, whole: Instance) -> None:
        """Make as many items ready as the node's concurrency allows."""
        batch = whole.batch
        spec = self.plan.nodes[whole.node_id].for_each
        assert batch is not None and spec is not None
        left = len(batch.items) - batch.cursor + len(batch.again)
        room = left if spec.concurrency is None else min(left, spec.concurrency - batch.active)
        if room <= 0 or self._is_held_back(whole):
            return
        while room > 0 and batch.again:
            # As many as follow each other: they are one event.
            again, first = batch.again, batch.again[0]
            count = 1
            while count < min(room, len(again)) and again[count] == first + count:
                count += 1
            self._items_ready(whole, first, first + count)
            room -= count
        if room > 0:
            self._items_ready(whole, batch.cursor, batch.cursor + room)

    def _items_ready(self, whole: Instance, first: int, end: int) -> None:
        self._emit(ev.ITEMS_READY, whole.name, {"rule": "items"}, (first, end))
        self.effects.ready.extend(item_name(whole.name, index) for index in range(first, end))

    def _item_ended(self, item: Instance) -> None:
        whole = self.state.instances[instance_name(item.node_id, item.path)]
        batch = whole.batch
        spec = self.plan.nodes[whole.node_id].for_each
        assert batch is not None and spec is not None
        if whole.state != st.WAITING:
            return  # cancelled meanwhile
        if item.state == st.FAILED and spec.on_item_error == "fail" and not batch.failed:
            self._emit(ev.ITEMS_GIVEN_UP, whole.name, {"rule": "item_failed", "item": item.name}, None)
        if batch.cursor < len(batch.items) or batch.again:
            self._more_items(whole)
        elif batch.active == 0:
            self._resume(whole, {"rule": "items_ended"}, {"kind": st.ITEMS})

    # ---- consequences --------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Draw all consequences of the decided edges; then end the run, if nothing is left open."""
        if self.state.touched:
            self._judge_touched()
        if self.state.open == 0 and not self.state.is_final:
            self._end_run()

    def _judge_touched(self) -> None:
        """Judge the joins of all instances that an edge has reached, until nothing moves."""
        touched = self.state.touched
        nodes = self.plan.nodes
        # The list grows while it is read.
        for instance in touched:
            node = nodes[instance.node_id]
            verdict = judge(node, instance)
            if verdict == "ready":
                if self.state.tripped and self._is_held_back(instance):
                    self._cancel_instance(instance, {"rule": "fail_fast"})
                else:
                    self._ready(instance.name, node.sole_reason or _join_reason(node, instance))
            elif verdict is not None:
                self._end_unstarted(instance, verdict)
        touched.clear()

    def _end_unstarted(self, instance: Instance, verdict: str) -> None:
        if verdict == "skip":
            self._emit(ev.NODE_SKIPPED, instance.name, {"rule": "no_edge_taken"}, None)
            self._after(instance)
            return
        by = instance.failed_by
        assert by is not None
        reason: JsonObject = {"rule": "predecessor_failed", "node": by, "origin": self._origin(by, instance)}
        if verdict == "poison":
            self._emit(ev.NODE_POISONED, instance.name, reason, None)
            self._after(instance)
        else:
            self._cancel_instance(instance, reason)

    def _after(self, instance: Instance) -> None:
        """An instance has ended: see to its item list, its fallback and the loop that it is in."""
        if instance.index is not None:
            self._item_ended(instance)
            return
        node = self.plan.nodes[instance.node_id]
        rescued_later = instance.state == st.FAILED and instance.rescuer is not None
        if instance.path and instance.node_id != END:
            self._tell_controller(
                instance, has_failed=instance.state in st.FAILURE_STATES and not rescued_later
            )
        # Only now: with the fallback the pass may have ended, and a failure comes before that.
        if node.fallback is not None and not rescued_later:
            self._skip_fallback(instance_name(node.fallback, instance.path), instance)

    def _tell_controller(self, instance: Instance, *, has_failed: bool) -> None:
        controller = controller_of(self.plan, self.state, instance)
        if controller.state != st.WAITING:
            return
        if has_failed:
            reason = {"rule": "body_failed", "node": instance.name, "origin": self._root_of(instance)}
            self._emit(ev.NODE_POISONED, controller.name, reason, None)
            self._after(controller)
        elif controller.body_open == 0:
            self._pass_ended(controller)

    def _pass_ended(self, controller: Instance) -> None:
        """All of the body has ended without a failure: look at the condition again, or leave the loop."""
        if controller.back is not None and controller.back[0] >= 0:
            self._resume(
                controller, {"rule": "pass_ended", "iteration": controller.iteration}, {"kind": st.BODY}
            )
            return
        data = {"output": controller.output, "taken": []}
        self._emit(
            ev.NODE_COMPLETED, controller.name, {"rule": "body_died", "iteration": controller.iteration}, data
        )
        self._after(controller)

    def _skip_fallback(self, name: str, rescued: Instance) -> None:
        instance = self.state.instances.get(name)
        if instance is None or instance.state == st.PENDING:
            self._emit(ev.NODE_SKIPPED, name, {"rule": "fallback_not_needed", "node": rescued.name}, None)
            self._after(self.state.instances[name])

    def _trip(self, cause: Instance) -> None:
        """`fail_fast`: cancel what has not started, is between attempts or waits; `all_done` nodes still run.

        What was woken has started long ago, and only has to finish: an answer that was accepted counts.
        """
        state = self.state
        self._emit(ev.FAIL_FAST_TRIPPED, "", {"rule": "fail_fast", "node": cause.name}, None)
        names = dict.fromkeys([*names_within(self.plan, state), *state.instances])
        stopped = [name for name in names if self._is_stopped(name)]
        for name in stopped:
            self._emit(ev.NODE_CANCELLED, name, {"rule": "fail_fast", "node": cause.name}, None)
            self._drop_child(state.instances[name])
        # Only now: what is cancelled itself does not suffer what its parts come to. A batch does not go on with the
        # items that are left, no controller is poisoned by its body, and no fallback is skipped.
        for name in stopped:
            self._after(state.instances[name])

    def _is_stopped(self, name: str) -> bool:
        """True for what `fail_fast` cancels when it strikes."""
        instance = self.state.instances.get(name)
        if instance is None:
            return self.plan.nodes[name.partition("#")[0]].join != "all_done"
        if instance.is_terminal or instance.state == st.RUNNING or _goes_on(instance):
            return False
        return self.plan.nodes[instance.node_id].join != "all_done"

    def _cancel_instance(self, instance: Instance, reason: JsonObject) -> None:
        self._emit(ev.NODE_CANCELLED, instance.name, reason, None)
        self._after(instance)

    def _is_held_back(self, instance: Instance) -> bool:
        """True if `fail_fast` lets nothing more begin here; clean-up (`all_done`) goes on."""
        return self.state.tripped and self.plan.nodes[instance.node_id].join != "all_done"

    def _end_run(self) -> None:
        failed = run_failed(self.state)
        if not failed and self.plan.outputs is not None and END not in self.state.instances:
            self._ready(END, {"rule": "all_ended"})
            return
        self._finish("failed" if failed else "completed", None, _ALL_ENDED)

    def _stop(self, reason: JsonObject, status: str, error: JsonObject | None) -> None:
        for instance in self.state.waiting.values():
            self._drop_child(instance)
        self._emit(ev.CANCEL_REQUESTED, "", reason, None)
        self.effects.ready.clear()
        self._finish(status, error, reason)
        self.effects.stopped = True

    def _finish(self, status: str, error: JsonObject | None, reason: JsonObject) -> None:
        self._emit(ev.RUN_FINISHED, "", reason, {"status": status, "error": error})
        self.effects.finished = True

    def _drop_child(self, instance: Instance) -> None:
        if instance.wait is not None and instance.wait["kind"] == st.CHILD:
            self.effects.orphans = [*self.effects.orphans, str(instance.wait["child"])]

    def _set_timer(self, due: float, name: str) -> None:
        self.effects.timers = [*self.effects.timers, (due, name)]

    def _ready(self, name: str, reason: Any) -> None:
        self.facts.append((ev.NODE_READY, self._at, name, reason, None))
        node_ready(self.plan, self.state, name, reason)
        self.state.seq += 1
        self.effects.ready.append(name)

    def _resume(self, instance: Instance, reason: JsonObject, data: JsonObject) -> None:
        self._emit(ev.NODE_RESUMED, instance.name, reason, data)
        self.effects.ready.append(instance.name)

    def _emit(self, kind: str, name: str, reason: Any, data: Any) -> None:
        # `_complete`, `_ready` and `_claim` write this out once more: theirs are the three events that every node has.
        fact = (kind, self._at, name, reason, data)
        self.facts.append(fact)
        state = self.state
        FOLDS[kind](self.plan, state, Event._make(fact))
        state.seq += 1

    def _claim(self, instance: Instance, nonce: str, owner: str) -> Claim:
        attempt = instance.attempt if instance.resumption is not None else instance.attempt + 1
        data = (attempt, nonce, owner)
        self.facts.append((ev.NODE_STARTED, self._at, instance.name, _CLAIMED, data))
        node_started(instance, self._at, data)
        self.state.seq += 1
        return claim_of(self.plan, self.state, instance, nonce)

    # ---- looking things up ---------------------------------------------------------------------------------

    def _claim_more(self, command: Commit) -> list[Claim]:
        """Claim ready instances in the same step; not `any` joins, whose cancellation needs the window."""
        claims: list[Claim] = []
        places, nonces, owner = command.places, command.nonces, command.owner
        if self.effects.ready and self.state.status == "running":
            instances, nodes = self.state.instances, self.plan.nodes
            left: list[str] = []
            for name in self.effects.ready:
                instance = instances[name]
                is_free = instance.state == st.READY and nodes[instance.node_id].join != "any"
                if is_free and len(claims) < places:
                    claims.append(self._claim(instance, next(nonces), owner))
                else:
                    left.append(name)
            self.effects.ready = left
        if len(claims) < places:
            for name in command.others:
                claim = self.claim(name, next(nonces), owner)
                if claim is not None:
                    claims.append(claim)
                    if len(claims) == places:
                        break
        return claims

    def _still_holds(self, command: Commit) -> bool:
        context, expects = self.state.context, command.expects or {}
        if command.expects_all and context.keys() != expects.keys():
            return False
        return all(same_json(context.get(key, ABSENT), value) for key, value in expects.items())

    def _delta_fits(self, instance: Instance, delta: Any, limit: int | None) -> bool:
        """Fail the instance if its changes cannot be applied, or would make the context too large."""
        context = self.state.context
        try:
            more = growth(context, changed_keys(context, delta))
        except DeltaConflictError as error:
            self._fail(instance, {"code": ErrorCode.CONTEXT_CONFLICT, "message": str(error)})
            return False
        if limit is not None and more > 0 and self.state.context_size + more > limit:
            message = f"the context would be larger than {limit:,} characters of JSON"
            self._fail(instance, {"code": ErrorCode.CONTEXT_TOO_LARGE, "message": message})
            return False
        return True

    def _origin(self, predecessor: str, instance: Instance) -> str:
        other = self.state.instances.get(instance_name(predecessor, instance.path))
        return self._root_of(other) if other is not None else predecessor

    def _root_of(self, instance: Instance) -> str:
        """The instance whose failure is behind this one's."""
        reason = instance.reason
        if instance.state in (st.POISONED, st.CANCELLED) and isinstance(reason, dict) and "origin" in reason:
            return str(reason["origin"])
        return instance.name


def _goes_on(instance: Instance) -> bool:
    """True if what the instance waited for has come. The next pass of a loop is none of that: it begins anew."""
    resumption = instance.resumption
    return instance.state == st.READY and resumption is not None and resumption["kind"] != st.BODY


def _join_reason(node: PlanNode, instance: Instance) -> JsonObject:
    arrivals = instance.arrivals or {}
    if instance.taken == len(arrivals) and tuple(arrivals) == node.predecessors:
        return node.full_reason
    taken: list[JsonValue] = [name for name, edge in arrivals.items() if edge >= 0]
    return {"rule": node.join, "taken": taken}
