"""`flowcraft wait`: follows a run that another process executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import (
    Backend,
    BrokerUrl,
    Debug,
    Insecure,
    Json,
    Namespace,
    Quiet,
    RedisUrl,
    RunArgument,
    State,
    Timeout,
    Verbose,
    duration_s,
)

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending


def wait_command(
    context: typer.Context,
    run: RunArgument,
    timeout: Timeout = None,
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Follow a run that another process executes, and end with its exit code.

    5 when it waits for somebody, or when nobody executes it; 6 after --timeout.
    """
    from flowcraft_cli.ending import print_ending
    from flowcraft_cli.execution import run_async

    manner = Manner(duration_s(context, "timeout"), quiet, verbose, json)
    return print_ending(run_async(_wait(context, run, manner)), manner)


async def _wait(context: typer.Context, run: str, manner: Manner) -> Ending:
    from flowcraft_cli.following import follow
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.watching.choose import choose_watcher
    from flowcraft_cli.watching.run_news import RunNews

    async with kept_run(context, run) as kept:
        watcher = choose_watcher(manner, kept.settings)
        plan, _ = await kept.store.glance(kept.run_id)
        watcher.follow(kept.run_id, [node.id for node in plan.blueprint.nodes])
        news = RunNews(kept.store, watcher, kept.run_id)
        await news.catch_up()

        async def begin() -> str:
            return kept.run_id

        return await follow(kept.place, begin, manner, watcher, news)
