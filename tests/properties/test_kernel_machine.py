"""The kernel under everything that can happen to a run, in any order: the invariants hold after every step."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowcraft_engine import ConflictError
from flowcraft_engine.kernel import state as states
from flowcraft_engine.kernel.commands import (
    ALREADY,
    APPLIED,
    REFUSED,
    Claim,
    Commit,
    Completed,
    Continued,
    Effects,
    Failed,
    Outcome,
    Scattered,
    Start,
    Suspended,
)
from flowcraft_engine.kernel.event import GENERATION_BEGAN, Event
from flowcraft_engine.kernel.fold import extend, replay
from flowcraft_engine.kernel.generations import is_lost, lost_children
from flowcraft_engine.kernel.lineage import latest_generation
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.kernel.undo import UndoableState
from tests.contracts.same_state import assert_same_state, plain
from tests.properties.invariants import check, touched_by
from tests.properties.random_plans import random_plan

PICK = st.integers(0, 10_000)
MAX_PASSES = 3
ERROR = {"code": "node_failed", "message": "boom"}


def and_work(function: Callable[..., None]) -> Callable[..., None]:
    """A rule after which the run goes on a little."""

    @functools.wraps(function)
    def both(machine: KernelMachine, **drawn: Any) -> None:
        function(machine, **drawn)
        machine.work()

    return both


class KernelMachine(RuleBasedStateMachine):
    """One run of a random plan. `claims` has the claims under way, `done` commits that were applied."""

    plan: Plan

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.events: list[Event] = []
        self.state = RunState("run")
        self.claims: dict[str, Claim] = {}
        self.done: list[Commit] = []
        self.zombies: list[Commit] = []
        self.frozen: dict[str, Any] = {}
        self.count = 0

    # ---- steps ---------------------------------------------------------------------------------------------

    def step(self, command: Callable[[Transition], Any]) -> Any:
        """One transition, as a store does it; what it tells to do must be all that there is to do."""
        before = self._to_do()
        was_final = self.state.is_final
        transition = Transition(self.plan, self.state, self.now)
        result = command(transition)
        self.events += transition.events
        claimed = getattr(result, "claims", ())
        told = self._told(transition.effects, claimed)
        assert self._to_do() - before <= told, f"nobody is told of {self._to_do() - before - told}"
        has_begun_again = bool(transition.events) and transition.events[0].type == GENERATION_BEGAN
        assert transition.effects.finished == (self.state.is_final and (has_begun_again or not was_final))
        if has_begun_again:
            for name in touched_by(transition.events[0]):
                self.frozen.pop(name, None)
        self.claims.update((claim.instance, claim) for claim in claimed)
        return result

    def _to_do(self) -> set[tuple[Any, ...]]:
        found = outstanding(self.state)
        return {("ready", name) for name in found.ready} | self._told(found, ())

    def _told(self, effects: Effects, claimed: Sequence[Claim]) -> set[tuple[Any, ...]]:
        told: set[tuple[Any, ...]] = {("ready", name) for name in effects.ready}
        told |= {("timer", *timer) for timer in effects.timers}
        told |= {("child", name) for name in effects.children}
        return told | {("ready", claim.instance) for claim in claimed}

    def nonce(self) -> str:
        self.count += 1
        return f"nonce-{self.count}"

    def pick(self, found: list[Any], number: int) -> Any:
        return found[number % len(found)] if found else None

    def those(self, *kinds: str) -> list[Instance]:
        return [instance for instance in self.state.instances.values() if instance.state in kinds]

    def waiting_for(self, kind: str) -> list[Instance]:
        return [it for it in self.state.waiting.values() if (it.wait or {})["kind"] == kind]

    def commit(self, claim: Claim, outcome: Outcome, **more: Any) -> Any:
        command = Commit(claim.instance, claim.nonce, outcome, "me", **more)
        del self.claims[claim.instance]
        committed = self.step(lambda transition: transition.commit(command))
        if not self.state.is_final or committed.status == APPLIED:
            assert committed.status == APPLIED
            self.done.append(command)
        return committed

    # ---- the run -------------------------------------------------------------------------------------------

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.random = Random(seed)
        self.plan = random_plan(self.random)
        self.step(lambda transition: transition.start(Start("run", {"n": 0})))

    @rule()
    def work(self) -> None:
        """Some claims and outcomes. Every rule ends with it, because Hypothesis leaves out rules at random."""
        for _ in range(self.random.randint(1, 3)):
            choice = self.random.randrange(30)
            ready = self.those(states.READY)
            if self.state.paused_at is not None and not self.claims:
                break
            if ready and self.state.paused_at is None and (not self.claims or choice % 3 == 0):
                self.claim_one(self.random.choice(ready))
            elif self.claims:
                claim = self.random.choice(list(self.claims.values()))
                places = choice % 3
                nonces = iter([self.nonce() for _ in range(places)])
                edges = set(self.random.sample(range(31), self.random.choice([31, 25, 15, 0])))
                self.commit(claim, self.outcome(claim, choice, edges), places=places, nonces=nonces)
            check(self.plan, self.state, self.events)

    def outcome(self, claim: Claim, choice: int, edges: set[int]) -> Outcome:
        if choice % 10 in (4, 7) and choice < 23:
            return self.failure(claim, again=choice % 10 == 4)
        if choice % 10 in (5, 8, 9) and claim.resumption is None:
            return self.suspension(claim, choice) or self.success(claim, choice, edges)
        return self.success(claim, choice, edges)

    def claim_one(self, instance: Instance) -> Claim:
        nonce = self.nonce()
        claim = self.step(lambda transition: transition.claim(instance.name, nonce, "me"))
        assert claim is not None
        assert (claim.instance, claim.nonce) == (instance.name, nonce)
        self.claims[claim.instance] = claim
        return claim

    @precondition(lambda self: self.claims)
    @rule(number=PICK)
    @and_work
    def claim_again(self, number: int) -> None:
        claim = self.pick(list(self.claims.values()), number)
        seen = len(self.events)
        again = self.step(lambda transition: transition.claim(claim.instance, claim.nonce, "me"))
        if again is not None:
            assert plain(vars_of(again)) == plain(vars_of(claim))
        assert self.step(lambda transition: transition.claim(claim.instance, "other", "me")) is None
        assert len(self.events) == seen

    def success(self, claim: Claim, choice: int, edges: set[int]) -> Outcome:
        node = self.plan.nodes[claim.node_id]
        if node.loop is not None:
            if claim.iteration < MAX_PASSES and choice % 3:
                return Continued(choice)
            return Completed(
                choice,
                None,
                [edge.index for edge in node.edges if edge.hop == 0 and edge.index % 31 in edges],
            )
        if node.for_each is not None and claim.index is None and claim.resumption is None and choice % 4:
            return Scattered([choice] * (choice % 4))
        if claim.index is not None or choice % 2:
            return Completed(choice, delta=[("increment", "n", 1)])
        own = [edge.index for target in node.targets for edge in target.edges]
        taken = [index for index in own if index % 31 in edges]
        return Completed(choice, taken=taken, values={str(index): choice for index in taken[:1]})

    def failure(self, claim: Claim, again: bool) -> Failed:
        may_retry = again and claim.attempt < self.plan.nodes[claim.node_id].max_attempts
        retry_at = self.now + 1 if may_retry and not self.is_whole(claim) else None
        return Failed(dict(ERROR), retry_at, {"kept": claim.attempt})

    def suspension(self, claim: Claim, choice: int) -> Suspended | None:
        if self.is_whole(claim) or claim.node_id == END:
            return None
        kind = (states.ANSWER, states.TIMER, states.CHILD)[choice % 3]
        wait: dict[str, Any] = {"kind": kind, "due": None}
        if kind == states.TIMER or (kind == states.ANSWER and choice % 2):
            wait["due"] = self.now + 2
        return Suspended(wait, [("append", "log", claim.instance)])

    def is_whole(self, claim: Claim) -> bool:
        node = self.plan.nodes[claim.node_id]
        return claim.index is None and (node.for_each is not None or node.loop is not None)

    # ---- what goes wrong -----------------------------------------------------------------------------------

    @precondition(lambda self: self.done)
    @rule(number=PICK)
    @and_work
    def commit_again(self, number: int) -> None:
        command = self.pick(self.done, number)
        self.unchanged(lambda transition: transition.commit(command).status, {ALREADY, REFUSED})

    @precondition(lambda self: self.zombies)
    @rule(number=PICK)
    @and_work
    def commit_late(self, number: int) -> None:
        command = self.pick(self.zombies, number)
        self.unchanged(lambda transition: transition.commit(command).status, {REFUSED})

    @rule(number=PICK)
    @and_work
    def commit_forged(self, number: int) -> None:
        instance = self.pick(list(self.state.instances.values()), number)
        command = Commit(instance.name, "forged", Completed("forged"), "me")
        self.unchanged(lambda transition: transition.commit(command).status, {REFUSED})

    def unchanged(self, command: Callable[[Transition], Any], answers: set[Any]) -> None:
        seen = len(self.events)
        assert self.step(command) in answers
        assert len(self.events) == seen

    @precondition(lambda self: self.claims)
    @rule(number=PICK, crashed=st.booleans())
    @and_work
    def hand_back(self, number: int, crashed: bool) -> None:
        claim = self.pick(list(self.claims.values()), number)
        del self.claims[claim.instance]
        self.zombies.append(Commit(claim.instance, claim.nonce, Completed("zombie"), "me"))
        self.step(lambda it: it.release(claim.instance, claim.nonce, crashed=crashed, why="test"))
        self.unchanged(
            lambda it: it.release(claim.instance, claim.nonce, crashed=crashed, why="test"), {False}
        )

    # ---- time and people -----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    @and_work
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.wake()

    def wake(self) -> None:
        for name in list(self.state.instances):
            self.step(lambda transition, name=name: transition.wake(name))
            self.unchanged(lambda transition, name=name: transition.wake(name), {False})

    @precondition(lambda self: self.plan.timeout_ms is not None and self.count > 12 and not self.is_paused)
    @rule()
    @and_work
    def deadline_passes(self) -> None:
        self.now += 60
        self.step(lambda transition: transition.expire())
        self.claims.clear()
        assert self.state.is_final

    @precondition(lambda self: self.waiting_for(states.ANSWER))
    @rule(number=PICK)
    @and_work
    def answer(self, number: int) -> None:
        instance = self.pick(self.waiting_for(states.ANSWER), number)
        assert self.step(lambda transition: transition.signal(instance.name, number, None))
        self.unchanged(lambda it: it.signal(instance.name, number, None), {False})
        with pytest.raises(ConflictError):
            self.step(lambda transition: transition.signal(instance.name, "other", None))

    @rule(number=PICK)
    @and_work
    def answer_early(self, number: int) -> None:
        node = self.pick([node for node in self.plan.nodes.values() if node.uses == "wait"], number)
        if node is None or any(it.node_id == node.id for it in self.waiting_for(states.ANSWER)):
            return
        try:
            given = self.step(lambda transition: transition.signal(node.id, 1, None))
        except ConflictError:
            return
        if given:
            self.unchanged(lambda transition: transition.signal(node.id, 1, None), {False})

    @precondition(lambda self: self.waiting_for(states.CHILD))
    @rule(number=PICK)
    @and_work
    def child_ends(self, number: int) -> None:
        instance = self.pick(self.waiting_for(states.CHILD), number)
        child = (instance.wait or {})["child"]
        result = {"status": "failed" if number % 4 == 0 else "completed", "outputs": number}
        self.unchanged(lambda it: it.deliver(instance.name, "other", result), {False})
        assert self.step(lambda transition: transition.deliver(instance.name, child, result))
        self.unchanged(lambda transition: transition.deliver(instance.name, child, result), {False})

    @precondition(lambda self: self.count > 25 and not self.state.is_final)
    @rule()
    @and_work
    def cancel(self) -> None:
        assert self.step(lambda transition: transition.cancel("enough"))
        self.claims.clear()
        self.unchanged(lambda transition: transition.cancel("again"), {False})

    # ---- generations and pauses ----------------------------------------------------------------------------

    @property
    def is_paused(self) -> bool:
        return self.state.paused_at is not None and not self.state.is_final

    @precondition(lambda self: not self.state.is_final)
    @rule()
    @and_work
    def pause_or_unpause(self) -> None:
        if not self.is_paused:
            assert self.step(lambda transition: transition.pause())
            self.unchanged(lambda transition: transition.pause(), {False})
            for instance in self.those(states.READY):
                self.unchanged(lambda it, name=instance.name: it.claim(name, "other", "me"), {None})
            return
        assert self.step(lambda transition: transition.unpause())
        self.unchanged(lambda transition: transition.unpause(), {False})

    @precondition(lambda self: self.state.is_final)
    @rule(number=PICK)
    @and_work
    def retry(self, number: int) -> None:
        lost = [it.name for it in self.state.instances.values() if is_lost(self.state, it)]
        with_child = [name for name, _ in lost_children(self.state)]
        children = with_child[: number % (len(with_child) + 1)]
        if not lost:
            with pytest.raises(ConflictError):
                self.step(lambda transition: transition.retry(children))
            return
        kept = {it.name for it in self.state.instances.values() if it.is_terminal} - set(lost)
        renewed = dict(self.state.renewed_in)
        self.can_be_taken_back(lambda transition: transition.retry(children))
        self.step(lambda transition: transition.retry(children))
        again = touched_by(self.last_generation())
        assert set(lost) - {END} <= again
        for name in children:
            instance = self.state.instances.get(name)
            assert instance is None or instance.state in {states.WAITING, states.PENDING, states.READY}
        assert not [name for name in kept - again if not self.state.instances[name].is_terminal]
        assert self.state.renewed_in == renewed, "a retry keeps the keys"

    @precondition(lambda self: self.state.is_final)
    @rule(number=PICK)
    @and_work
    def rerun(self, number: int) -> None:
        instance = self.pick([it for it in self.state.instances.values() if it.node_id != END], number)
        try:
            self.can_be_taken_back(lambda transition: transition.rerun(instance.name))
            self.step(lambda transition: transition.rerun(instance.name))
        except ConflictError:
            assert not instance.has_started
            return
        assert instance.name in touched_by(self.last_generation())
        renewed = latest_generation(self.plan, instance, self.state.renewed_in)
        assert renewed == self.state.generation

    def can_be_taken_back(self, command: Callable[[Transition], Any]) -> None:
        """As a store does it that applies a step before it knows that it counts."""
        undoable = UndoableState("run")
        extend(self.plan, undoable.state, [Event(*fields) for fields in self.events])
        before = self.read_back()
        undoable.begin()
        transition = Transition(self.plan, undoable.state, self.now)
        command(transition)
        undoable.undo()
        assert_same_state(before, undoable.state)

    def last_generation(self) -> Event:
        return next(event for event in reversed(self.events) if event.type == GENERATION_BEGAN)

    @rule()
    @and_work
    def go_on_in_another_process(self) -> None:
        """From here on, the state is the one that was read back."""
        self.state = self.read_back()

    def read_back(self) -> RunState:
        stored = json.loads(json.dumps(self.events))
        return replay(self.plan, "run", [Event(*fields) for fields in stored])

    # ---- what holds ----------------------------------------------------------------------------------------

    @invariant()
    def invariants_hold(self) -> None:
        check(self.plan, self.state, self.events)

    @invariant()
    def what_was_stored_is_what_is(self) -> None:
        assert_same_state(self.state, self.read_back())

    @invariant()
    def what_has_ended_never_changes(self) -> None:
        ended = {
            it.name: plain([it.state, it.output, it.error, it.finished_at, it.attempt])
            for it in self.state.instances.values()
            if it.is_terminal
        }
        changed = [name for name, was in self.frozen.items() if ended.get(name) != was]
        assert not changed
        self.frozen = ended

    def teardown(self) -> None:
        """Whatever has happened, the run can be brought to its end, by doing what there is to do."""
        self.end()
        if self.state.status != "completed":
            # Nothing fails any more, so there is nothing left to be retried after that.
            self.step(lambda transition: transition.retry())
            self.end()
            assert self.state.status == "completed", self.state.status

    def end(self) -> None:
        for _ in range(2_000):
            if self.state.is_final:
                break
            self.do_something()
        assert self.state.is_final, "the run does not end"
        self.invariants_hold()
        self.what_has_ended_never_changes()

    def do_something(self) -> None:
        if self.is_paused:
            self.pause_or_unpause()
        for instance in self.those(states.READY):
            if instance.state == states.READY:
                self.claim_one(instance)
        for claim in list(self.claims.values()):
            if claim.instance in self.claims:
                self.commit(claim, self.success(claim, 3, set(range(31))))
        for instance in self.waiting_for(states.ANSWER):
            self.step(lambda transition, name=instance.name: transition.signal(name, 1, None))
        for instance in self.waiting_for(states.CHILD):
            child = (instance.wait or {})["child"]
            self.step(lambda it, name=instance.name, child=child: it.deliver(name, child, {"status": "x"}))
        self.now += 10
        self.wake()


def vars_of(claim: Claim) -> dict[str, Any]:
    return {slot: getattr(claim, slot) for slot in Claim.__slots__}


@pytest.mark.parametrize("seed", range(0, 1_000, 100))
def test_random_walks(seed: int) -> None:
    """A hundred long walks: Hypothesis finds odd corners and small examples, these go far."""
    for number in range(seed, seed + 100):
        try:
            walk(number)
        except BaseException as error:
            error.add_note(f"walk({number})")
            raise


def walk(seed: int) -> None:
    machine = KernelMachine()
    machine.start(seed)
    random = machine.random
    for _ in range(40):
        for _ in range(random.randint(0, 3)):
            machine.work()
        misfortune(machine, random)
        machine.invariants_hold()
        machine.what_has_ended_never_changes()
        if random.random() < 0.3:
            machine.what_was_stored_is_what_is()
        if machine.state.is_final and random.random() < 0.3:
            break
    machine.teardown()
    machine.what_was_stored_is_what_is()


def misfortune(machine: KernelMachine, random: Random) -> None:
    """One of the other things that can happen now."""
    number = random.randrange(1_000)
    possible: list[Callable[[], None]] = [
        machine.go_on_in_another_process,
        lambda: machine.time_passes(seconds=random.choice([0.5, 1.0, 5.0])),
        lambda: machine.answer_early(number=number),
        lambda: machine.commit_forged(number=number),
    ]
    if machine.claims:
        possible.append(lambda: machine.hand_back(number=number, crashed=random.random() < 0.3))
        possible.append(lambda: machine.claim_again(number=number))
    if machine.done:
        possible.append(lambda: machine.commit_again(number=number))
    if machine.zombies:
        possible.append(lambda: machine.commit_late(number=number))
    if machine.waiting_for(states.ANSWER):
        possible.append(lambda: machine.answer(number=number))
    if machine.waiting_for(states.CHILD):
        possible.append(lambda: machine.child_ends(number=number))
    if random.random() < 0.01 and not machine.state.is_final:
        possible = [machine.cancel]
    elif machine.state.is_final:
        possible += [lambda: machine.retry(number=number), lambda: machine.rerun(number=number)]
    elif machine.is_paused or random.random() < 0.1:
        possible.append(machine.pause_or_unpause)
    random.choice(possible)()


TestKernel = KernelMachine.TestCase
TestKernel.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
