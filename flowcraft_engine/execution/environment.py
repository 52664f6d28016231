"""What every attempt of a process shares."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from flowcraft_engine.clock import Clock, SystemClock
from flowcraft_engine.execution.output_log import OutputLog
from flowcraft_engine.execution.secrets import Secrets
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.handler import Handler, Middleware
from flowcraft_engine.stores.coordination_store import CoordinationStore


class HandlerSource(Protocol):
    def get(self, name: str) -> Handler:
        """Raises `RegistryError` if there is no such node."""
        ...


@frozen
class ValueLimits:
    """The largest values, as characters of JSON."""

    output: int = 1024 * 1024
    context: int = 16 * 1024 * 1024


@frozen
class Environment:
    store: CoordinationStore
    handlers: HandlerSource
    #: Who claims here: unique for each process start.
    owner: str
    clock: Clock = field(default_factory=SystemClock)
    dependencies: Mapping[str, Any] = field(default_factory=dict)
    middleware: Sequence[Middleware] = ()
    limits: ValueLimits = ValueLimits()
    #: A random number in [0, 1), for jitter.
    chance: Callable[[], float] = random.random
    on_progress: Callable[[str, str, float, float], None] | None = None
    #: Keeps what nodes print and log; None: nobody does.
    output: OutputLog | None = None
    secrets: Secrets = field(default_factory=Secrets)
    #: The folder of the project: errors name files as seen from here.
    root: str = field(default_factory=os.getcwd)
