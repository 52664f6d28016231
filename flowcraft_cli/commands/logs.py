"""`flowcraft logs`: what nodes printed and logged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.options import Json, RunArgument, option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.stores.log_store import LogLine, LogPart

#: How often a run that is followed is asked for news.
_POLL_S = 0.2


@takes(PLACE)
def logs_command(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str | None,
        typer.Argument(
            metavar="NODE",
            help="Only this node, or one instance of it; a subflow shows its sub-run.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, option("--follow", "-f", help="Go on until the run has ended, or waits.")
    ] = False,
    json: Json = False,
) -> int:
    """Print what the nodes of a run printed and logged, attempt by attempt; sub-runs included.

    Of every attempt 64 KiB are kept; what was left out is counted. Control characters are shown escaped.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit_json

    documents = run_async(_logs(context, run, node, follow=follow, json=json))
    if json:
        emit_json(documents)
    return 0


async def _logs(context: typer.Context, run: str, node: str | None, *, follow: bool, json: bool) -> Any:
    import asyncio

    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.watching.output_news import LATE_S
    from flowcraft_engine.execution.standing import is_left

    loop = asyncio.get_running_loop()
    #: When nothing more is to come: the last words of a run come after its end.
    end: float | None = None
    async with kept_run(context, run, only_looks=not follow) as kept:
        if node is not None:
            await _check_node(kept, node)
        seen: dict[str, int] = {}
        lines: list[dict[str, Any]] = []
        while True:
            await kept.store.refresh()
            # Asked first: what is written until then is read below.
            now = loop.time()
            if not follow:
                end = now
            elif not await is_left(kept.store, kept.run_id):
                end = None
            elif end is None:
                end = now + LATE_S
            for part in await _new_parts(kept, node, seen):
                _take(kept, part, lines if json else None)
            if end is not None and now >= end:
                return {"schema": 1, "run_id": kept.run_id, "lines": lines}
            await asyncio.sleep(_POLL_S)


async def _check_node(kept: KeptRun, node: str) -> None:
    from flowcraft_engine.errors import NotFoundError

    plan, state = await kept.store.glance(kept.run_id)
    if node not in plan.nodes and node not in state.instances:
        raise NotFoundError(
            f"run {kept.run_id} has no node {node!r}", hint=f"flowcraft show {kept.run_id} names them"
        )


async def _new_parts(kept: KeptRun, node: str | None, seen: dict[str, int]) -> list[LogPart]:
    """What was written since the last time, in the order of time."""
    found: list[LogPart] = []
    for run_id in await kept.store.tree(run_id=kept.run_id):
        parts = await kept.logs.read_logs(run_id, seen.get(run_id, 0))
        if parts:
            seen[run_id] = parts[-1].number
        found.extend(part for part in parts if node is None or _is_of(kept.run_id, part, node))
    found = _counted_once(found)
    return sorted(found, key=lambda part: part.lines[0].at if part.lines else float("inf"))


def _counted_once(parts: list[LogPart]) -> list[LogPart]:
    """Each part says what was left out so far: only the last one of an attempt has it here."""
    last = {(part.run_id, part.instance, part.generation, part.attempt): part.number for part in parts}
    return [
        part
        if last[part.run_id, part.instance, part.generation, part.attempt] == part.number
        else replace(part, left_out=0)
        for part in parts
    ]


def _is_of(run_id: str, part: LogPart, node: str) -> bool:
    """True for lines of the node itself, and for those of a sub-run that it has started."""
    top = part.instance
    if part.run_id != run_id:
        top = part.run_id[len(run_id) + 1 :].partition(":")[0]
    return node in (top, top.partition("[")[0], top.partition("[")[0].partition("#")[0])


def _take(kept: KeptRun, part: LogPart, lines: list[dict[str, Any]] | None) -> None:
    if lines is not None:
        lines.extend(_document(part, line) for line in part.lines)
        if part.left_out:
            lines.append({**_place(part), "left_out_bytes": part.left_out})
        return
    from flowcraft_cli.output import emit

    name = _name(kept.run_id, part)
    for line in part.lines:
        for text in _texts(line):
            emit(f"{_clock(line.at)} {name} | {text}")
    if part.left_out:
        emit(f"{name} | … {part.left_out:,} bytes left out …")


def _texts(line: LogLine) -> list[str]:
    from flowcraft_cli.text import safe

    mark = f"{line.level.lower()}: " if line.level in ("WARNING", "ERROR", "CRITICAL") else ""
    return [f"{mark}{safe(text)}" for text in line.text.split("\n")]


def _name(run_id: str, part: LogPart) -> str:
    """`sub › node`, with the attempt where it is not the first one of the first generation."""
    from flowcraft_cli.text import safe
    from flowcraft_cli.watching.watcher import source_name

    name = safe(source_name(part.run_id[len(run_id) :], part.instance))
    if part.generation > 1:
        name += f" (generation {part.generation}"
        return name + (f", attempt {part.attempt})" if part.attempt > 1 else ")")
    return f"{name} (attempt {part.attempt})" if part.attempt > 1 else name


def _clock(at: float) -> str:
    import time

    return time.strftime("%H:%M:%S", time.localtime(at))


def _place(part: LogPart) -> dict[str, Any]:
    return {
        "run_id": part.run_id,
        "instance": part.instance,
        "generation": part.generation,
        "attempt": part.attempt,
    }


def _document(part: LogPart, line: LogLine) -> dict[str, Any]:
    from flowcraft_engine.history.run_result import iso_time

    return {
        **_place(part),
        "at": iso_time(line.at),
        "stream": line.stream,
        "level": line.level,
        "text": line.text,
    }
