"""Options that mean nothing where the runs of a command are: refused when they were typed, never passed over.

What stands in the environment or in the project file is meant for many commands, and is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from flowcraft_cli.options import is_flag, settings_of
from flowcraft_engine.errors import UsageError

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings

#: For runs in Redis, which workers execute: the option, and what there is instead.
_NOT_IN_REDIS = {
    "state": "leave it out: the runs are in Redis; --backend sqlite looks in a state file",
    "concurrency": "it is that of the workers: flowcraft worker --concurrency N",
    "app": "the nodes are those of the workers: flowcraft worker --app MODULE",
    "traces": "attempts are told by those who execute them: flowcraft worker --traces",
}
#: For runs in a state file.
_IN_REDIS_ONLY = ("redis_url", "broker_url", "namespace", "insecure")
_PLACE = ("state", "backend", *_IN_REDIS_ONLY)


def refuse_ignored(
    context: typer.Context, *, in_redis: bool, but: tuple[str, ...] = (), instead: str = "--backend redis"
) -> None:
    """For a command whose run, or runs, are in Redis, or are not. Raises `UsageError`.

    `but`: what means something to this command all the same; `instead`: what would take it to Redis.
    """
    for name, hint in _NOT_IN_REDIS.items() if in_redis else ():
        if name not in but and is_flag(context, name):
            raise UsageError(f"{_spelled(name)} means nothing to runs in Redis", hint=hint)
    if in_redis and is_flag(context, "backend") and context.params["backend"] == "sqlite":
        raise UsageError("--backend sqlite contradicts what else was given", hint="leave out one of them")
    for name in () if in_redis else _IN_REDIS_ONLY:
        if is_flag(context, name):
            raise UsageError(
                f"{_spelled(name)} means nothing to runs in a state file", hint=f"{instead} goes to Redis"
            )


def refuse_place(context: typer.Context, what: str) -> None:
    """For a command about files that say themselves where they are. Raises `UsageError`."""
    for name in _PLACE:
        if is_flag(context, name):
            raise UsageError(f"{_spelled(name)} means nothing to {what}", hint="leave it out")


def refuse_without(context: typer.Context, name: str, other: str) -> None:
    """For an option that means something together with another flag only. Raises `UsageError`."""
    if is_flag(context, name) and not context.params[other]:
        raise UsageError(
            f"{_spelled(name)} means nothing without {_spelled(other)}",
            hint=f"add {_spelled(other)}, or leave it out",
        )


def refuse_with(context: typer.Context, other: str, names: Iterable[str]) -> None:
    """For options that mean nothing together with the flag `other`. Raises `UsageError`."""
    for name in names:
        if context.params[other] and is_flag(context, name):
            raise UsageError(f"{_spelled(name)} means nothing with {_spelled(other)}", hint="leave out one")


def settings_of_runs(context: typer.Context) -> Settings:
    """The settings of a command about many runs. Raises `UsageError` for an option that means nothing to them."""
    from flowcraft_engine.assembly.backend import is_distributed

    settings = settings_of(context)
    refuse_ignored(context, in_redis=is_distributed(settings))
    return settings


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"
