"""Secrets of one process: resolved at the attempt, masked in everything that leaves it, never stored.

A secret that is known here is masked in the output, context changes, errors, waits and logs of all nodes of this
process, whoever says it. Those that a blueprint names are asked for before the first node of such a run begins.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from flowcraft_engine.errors import ErrorCode, NodeError
from flowcraft_engine.kernel.commands import Completed, Continued, Failed, Outcome, Scattered, Suspended
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.nodes.node_thread import call_in_thread
from flowcraft_engine.nodes.secret_providers import EnvironmentSecrets, SecretProvider, find_secret
from flowcraft_engine.task import new_task
from flowcraft_engine.values.masking import SHORTEST, Masker

#: Names may become parts of paths and commands.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
#: How long a first node waits for secrets that it may not need; places that are slower go on in the background.
_LEARNING_S = 5.0
_log = logging.getLogger("flowcraft.worker")


class Secrets:
    def __init__(self, providers: Sequence[SecretProvider] = (EnvironmentSecrets(),)) -> None:
        self._providers = tuple(providers)
        self.masker = Masker()
        #: Digests of the blueprints whose secrets are known here, as far as they can be.
        self.learned: set[str] = set()
        self._learning: dict[str, asyncio.Task[None]] = {}

    async def learn(self, plan: Plan) -> None:
        """Have the secrets masked that the blueprint names, whichever node says them first.

        One that cannot be had is of no interest before a node asks for it.
        """
        if plan.digest in self.learned:
            return
        names = _names_in(plan)
        if names:
            task = self._learning.get(plan.digest)
            if task is None or task.done():  # cancelled with its event loop, while nobody waited
                task = self._learning[plan.digest] = new_task(self._learn(names))
            await asyncio.wait({task}, timeout=_LEARNING_S)
        self.learned.add(plan.digest)

    async def _learn(self, names: Collection[str]) -> None:
        found = await asyncio.gather(*(self.resolve([name]) for name in names), return_exceptions=True)
        for error in found:
            if isinstance(error, BaseException) and not isinstance(error, NodeError):
                _log.debug("a secret could not be asked for: %s", type(error).__name__)

    async def resolve(self, names: Iterable[str]) -> dict[str, str]:
        """The secrets of these names. Raises `NodeError`, with a message that has no secret in it."""
        found = {}
        for name in sorted(names):
            if not _NAME.fullmatch(name) or ".." in name:
                raise _refused(f"{name!r} cannot be the name of a secret")
            value = await call_in_thread(find_secret, self._providers, name)
            if len(value.strip()) < SHORTEST:
                raise _refused(
                    f"the secret {name!r} has fewer than {SHORTEST} characters: it could not be told from"
                    " ordinary text, to be masked"
                )
            self.masker.add(value)
            found[name] = value
        return found


def _names_in(plan: Plan) -> set[str]:
    names: set[str] = set()
    for node in plan.nodes.values():
        if node.params is not None and not node.params.is_constant:
            names |= node.params.references.secrets
        for program in node.expressions.values():
            names |= program.references.secrets
    return names


def _refused(message: str) -> NodeError:
    return NodeError(message, error_code=ErrorCode.SECRET_UNAVAILABLE, retryable=False)


def masked_outcome(outcome: Outcome, masker: Masker) -> Outcome:
    """The outcome as it may be kept."""
    mask = masker.json
    match outcome:
        case Completed():
            return Completed(
                mask(outcome.output),
                mask(outcome.action),
                outcome.taken,
                mask(outcome.values),
                mask(outcome.why),
                _changes(outcome.delta, masker),
            )
        case Failed():
            # What was prepared with a secret cannot be kept: it is prepared again.
            carry = outcome.carry if mask(outcome.carry) is outcome.carry else None
            return Failed(mask(outcome.error), outcome.retry_at, carry)
        case Suspended():
            return Suspended(mask(outcome.wait), _changes(outcome.delta, masker))
        case Continued():
            return Continued(mask(outcome.output), mask(outcome.why))
        case Scattered():
            return Scattered(mask(outcome.items))


def _changes(delta: Any, masker: Masker) -> Any:
    if delta is None:
        return None
    return [(change[0], *masker.json(tuple(change[1:]))) for change in delta]
