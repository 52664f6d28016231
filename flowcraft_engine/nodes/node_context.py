"""What a node sees of its run."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flowcraft_engine.nodes.context_buffer import AsyncContextView, SyncContextView
from flowcraft_engine.nodes.node_output import NodeLogger, Output
from flowcraft_engine.values.masking import Masker

if TYPE_CHECKING:
    from flowcraft_engine.kernel.commands import Claim
    from flowcraft_engine.kernel.plan import Plan
    from flowcraft_engine.stores.coordination_store import RunFacts

_LOGGER_NAME = "flowcraft.node"
_new = object.__new__


class CancelSignal:
    """Tells a running node that nobody waits for its result any more; async nodes are cancelled besides."""

    # Values of the class until it is set, which is seldom: one is made for every attempt.
    is_set = False
    reason: str | None = None

    def set(self, reason: str) -> None:
        self.is_set, self.reason = True, reason


class NodeContext:
    """The argument of every node: its input and params, the run's context, and who it is.

    `input` and `params` are private copies. `error` is set in a fallback: `{code, message, node}`. `attempt`
    counts from 1. `signal.is_set` turns true when the run is cancelled or the attempt has timed out.
    """

    __slots__ = (
        "_idempotency_base",
        "_on_progress",
        "_plan",
        "attempt",
        "blueprint_dir",
        "blueprint_id",
        "carry",
        "context",
        "dependencies",
        "error",
        "input",
        "instance",
        "is_last_attempt",
        "masker",
        "node_id",
        "output",
        "page",
        "params",
        "run_id",
        "scratch",
        "signal",
    )

    #: An async view in async nodes, a sync one in sync nodes.
    context: Any

    def __init__(
        self,
        *,
        run_id: str,
        blueprint_id: str,
        node_id: str,
        instance: str,
        attempt: int,
        is_last_attempt: bool,
        input: Any,
        params: dict[str, Any],
        context: AsyncContextView,
        dependencies: Mapping[str, Any],
        signal: CancelSignal,
        idempotency_base: str,
        error: Mapping[str, Any] | None = None,
        carry: Any = None,
        blueprint_dir: str | None = None,
        on_progress: Callable[[str, str, float, float], None] | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.run_id = run_id
        self.blueprint_id = blueprint_id
        self.node_id = node_id
        #: The full instance name, such as `row#2[17]`.
        self.instance = instance
        self.attempt = attempt
        self.is_last_attempt = is_last_attempt
        self.input = input
        self.params = params
        self.context = context
        self.dependencies = dependencies
        self.signal = signal
        self.error = error
        #: What an earlier attempt of a class node prepared; see `BaseNode.prep`.
        self.carry = carry
        #: The folder of the blueprint file; None for blueprints that came from no file.
        self.blueprint_dir = blueprint_dir
        #: Free for the handler during one attempt.
        self.scratch: Any = None
        #: Who keeps what this attempt prints and logs, and where it keeps that.
        self.output: Output | None = None
        self.page: Any = None
        #: Takes secrets out of what is logged; None: there are none.
        self.masker: Masker | None = None
        self._idempotency_base = idempotency_base
        self._on_progress = on_progress
        self._plan = plan

    @classmethod
    def of(
        cls,
        claim: Claim,
        facts: RunFacts,
        input: Any,
        params: dict[str, Any],
        context: AsyncContextView | SyncContextView,
        signal: CancelSignal,
        max_attempts: int,
        dependencies: Mapping[str, Any],
        on_progress: Callable[[str, str, float, float], None] | None,
    ) -> NodeContext:
        """The context of a claimed instance, made field by field: a third of what the constructor costs."""
        self = _new(cls)
        self.run_id = claim.run_id
        self.blueprint_id = facts.plan.blueprint.id
        self.node_id = claim.node_id
        self.instance = claim.instance
        self.attempt = claim.attempt
        self.is_last_attempt = claim.attempt >= max_attempts
        self.input = input
        self.params = params
        self.context = context
        self.dependencies = dependencies
        self.signal = signal
        self.error = claim.error
        self.carry = claim.carry
        self.blueprint_dir = facts.plan.folder
        self.scratch = None
        self.output = None
        self.page = None
        self.masker = None
        self._idempotency_base = facts.key_base
        self._on_progress = on_progress
        self._plan = facts.plan
        return self

    def renew_keys(self, base: str) -> None:
        """Make idempotency keys from `base` from now on: a rerun wants new ones."""
        self._idempotency_base = base

    @property
    def idempotency_key(self) -> str:
        """The same text in every attempt of this instance, another one for every other instance."""
        text = f"{self._idempotency_base}\0{self.instance}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def node_type(self) -> str:
        """What `uses` says in the blueprint."""
        return self._plan.nodes[self.node_id].uses if self._plan is not None else ""

    @property
    def blueprint_version(self) -> str | None:
        return self._plan.blueprint.version if self._plan is not None else None

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A standard logger whose records say where they are from (`run_id`, `node_id`, `attempt`, and the blueprint).

        `flowcraft logs` shows what it is told.
        """
        extra: dict[str, object] = {
            "run_id": self.run_id,
            "node_id": self.instance,
            "attempt": self.attempt,
            "blueprint_id": self.blueprint_id,
            "blueprint_version": self.blueprint_version,
        }
        return NodeLogger(logging.getLogger(_LOGGER_NAME), extra, self)

    def progress(self, done: float, total: float) -> None:
        """Tell whoever watches the run how far this node is. Not stored, never fails."""
        if self._on_progress is None:
            return
        try:
            how_far = _number(done), _number(total)
            if all(map(math.isfinite, how_far)):  # a total that is not known is nothing that can be shown
                self._on_progress(self.run_id, self.instance, *how_far)
        except Exception as error:  # nobody who watches may change what becomes of a node
            self.logger.debug("progress of node %s was not told: %s", self.instance, error)


def _number(value: Any) -> float:
    return value if type(value) in (int, float) else float(value)
