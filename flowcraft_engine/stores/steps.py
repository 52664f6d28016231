"""The verbs of coordination as steps: what each of them does to a run, and what it answers.

A step is applied by a store that makes it atomic, whatever that takes. It may be applied again, from a newer state,
if somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias, TypeVar

from flowcraft_engine.kernel.commands import Claim, Commit, Committed, Effects
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.values import JsonObject, JsonValue

T = TypeVar("T")
Step: TypeAlias = Callable[[Transition], T]


def claim(jobs: Sequence[tuple[str, str]], owner: str) -> Step[list[Claim]]:
    """Claim those of `jobs` (instance and nonce) that are ready."""

    def step(transition: Transition) -> list[Claim]:
        claims = (transition.claim(instance, nonce, owner) for instance, nonce in jobs)
        return [claim for claim in claims if claim is not None]

    return step


def commit(command: Commit) -> Step[Committed]:
    return lambda transition: transition.commit(command)


def signal(node: str | None, output: JsonValue, action: str | None) -> Step[Effects | None]:
    """None: the very same answer was given before."""

    def step(transition: Transition) -> Effects | None:
        return transition.effects if transition.signal(node, output, action) else None

    return step


def wake(instances: Sequence[str]) -> Step[Effects]:
    """Fire what is due of `instances`, unless the run itself is over its time."""

    def step(transition: Transition) -> Effects:
        if not transition.expire():
            for instance in instances:
                transition.wake(instance)
        return transition.effects

    return step


def deliver(instance: str, child: str, result: JsonObject, generation: int | None) -> Step[Effects]:
    def step(transition: Transition) -> Effects:
        transition.deliver(instance, child, result, generation)
        return transition.effects

    return step


def release(instance: str, nonce: str | None, *, crashed: bool, why: str) -> Step[Effects]:
    def step(transition: Transition) -> Effects:
        transition.release(instance, nonce, crashed=crashed, why=why)
        return transition.effects

    return step


def cancel(reason: str | None, generation: int | None) -> Step[Effects]:
    def step(transition: Transition) -> Effects:
        transition.cancel(reason, generation)
        return transition.effects

    return step


def pause() -> Step[bool]:
    return lambda transition: transition.pause()


def unpause() -> Step[Effects | None]:
    """None: the run is not paused."""

    def step(transition: Transition) -> Effects | None:
        return transition.effects if transition.unpause() else None

    return step


def retry(children: Collection[str], ahead_of: int) -> Step[Effects]:
    def step(transition: Transition) -> Effects:
        transition.retry(children, ahead_of)
        return transition.effects

    return step


def rerun(node: str, children: Collection[str], ahead_of: int) -> Step[Effects]:
    def step(transition: Transition) -> Effects:
        transition.rerun(node, children, ahead_of)
        return transition.effects

    return step


def take_over(events: Sequence[Event], known: int) -> Step[int]:
    """Append what `events` have beyond the first `known` ones; how many that are, 0 if the run has gone on since."""

    def step(transition: Transition) -> int:
        return transition.take_over(events[known:]) if transition.state.seq == known else 0

    return step
