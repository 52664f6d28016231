"""Groups of options that commands take and do not look at: `settings_of` and `manner_of` read them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flowcraft_cli import options

Command = TypeVar("Command", bound=Callable[..., int])
#: Options by the name of their parameter, with their type; the default of a flag is False, of others None.
Group = Mapping[str, Any]

SERVER: Group = {
    "redis_url": options.RedisUrl,
    "broker_url": options.BrokerUrl,
    "namespace": options.Namespace,
    "insecure": options.Insecure,
}
#: Where runs are kept.
PLACE: Group = {"state": options.State, "backend": options.Backend, **SERVER}
NODES: Group = {"app": options.App}
BLUEPRINTS: Group = {"blueprints": options.Blueprints}
CONCURRENCY: Group = {"concurrency": options.Concurrency}
LOGGING: Group = {
    "log_format": options.LogFormat,
    "log_level": options.LogLevel,
    "traces": options.Traces,
}
#: How long a command stays with a run, and how it shows it.
MANNER: Group = {
    "timeout": options.Timeout,
    "json": options.Json,
    "quiet": options.Quiet,
    "verbose": options.Verbose,
}
#: What commands take that execute what a kept run has left to do.
GOING_ON: Group = {**NODES, **CONCURRENCY, **PLACE, **MANNER}
_EVERYWHERE: Group = {"debug": options.Debug}


def takes(*groups: Group) -> Callable[[Command], Command]:
    """Let a command have the options of `groups`, after its own, and without being called with them."""
    shared = {name: kind for group in (*groups, _EVERYWHERE) for name, kind in group.items()}

    def extend(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(kind), annotation=kind)
            for name, kind in shared.items()
            if name not in own
        ]

        @functools.wraps(command)
        def call(**values: Any) -> int:
            return command(**{name: value for name, value in values.items() if name in own})

        parameters = [*own.values(), *more]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
        call.__annotations__ = {it.name: it.annotation for it in parameters}
        return call  # type: ignore[return-value]  # called as Typer does

    return extend


def _default(kind: Any) -> bool | None:
    return False if kind.__origin__ is bool else None
