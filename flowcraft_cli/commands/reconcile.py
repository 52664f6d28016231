"""`flowcraft reconcile`: why a run is stuck, and going on with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.ending import WAITS
from flowcraft_cli.manner import Manner
from flowcraft_cli.options import OptionalRunArgument, manner_of, option
from flowcraft_cli.shared_options import GOING_ON, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.distributed.client import FleetClient
    from flowcraft_engine.execution.evidence import Evidence
    from flowcraft_engine.history.run_result import RunResult
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime

FOUND_SOMETHING = 8
_MOST_RUNS = 1_000_000


@takes(GOING_ON)
def reconcile_command(
    context: typer.Context,
    run: OptionalRunArgument = None,
    all: Annotated[bool, option("--all", help="Every run that has not ended.")] = False,
    check: Annotated[
        bool, option("--check", help="Only look: exit code 8 if something is to be repaired.")
    ] = False,
) -> int:
    """Say why a run does not move, with the evidence, and go on with it: after a crash, Ctrl-C or --timeout.

    In Redis it repairs what is wrong, at once, and leaves the run to the workers; ends with 0.

    Never runs a branch that was not taken, nor a node that has its result. Ends like `flowcraft run`; with 0
    if there was nothing to do. With --json the document has the evidence, and in `result` that of `run --json`
    for a run that was gone on with; null for one that was not.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_engine.errors import UsageError

    if (run is None) != all:
        raise UsageError("name one RUN, or --all", hint="flowcraft list shows the runs")
    manner = manner_of(context)
    if all:
        return run_async(_all(context, manner, check=check))
    assert run is not None
    return run_async(_one(context, run, manner, check=check))


async def _one(context: typer.Context, run: str, manner: Manner, *, check: bool) -> int:
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.options import is_flag
    from flowcraft_cli.output import emit_json
    from flowcraft_engine.errors import UsageError

    async with kept_run(context, run) as kept:
        if kept.place.fleet is not None and is_flag(context, "timeout"):
            raise UsageError(
                "--timeout means nothing to runs in Redis, which are left to the workers",
                hint=f"flowcraft wait {run} --timeout follows one",
            )
        document, code, _ = await _reconcile(kept, manner, check=check)
    if manner.json:
        emit_json({"schema": 1, **document})
    return code


async def _all(context: typer.Context, manner: Manner, *, check: bool) -> int:
    from flowcraft_cli.kept_run import run_in
    from flowcraft_cli.mode_options import settings_of_runs
    from flowcraft_cli.output import emit_json, tell
    from flowcraft_cli.run_place import open_place
    from flowcraft_engine.stores.coordination_store import RunQuery

    documents: list[dict[str, Any]] = []
    codes: list[int] = []
    async with open_place(settings_of_runs(context)) as place:
        query = RunQuery(limit=_MOST_RUNS, status="running")
        for summary in await place.store.find_runs(query) if place is not None else []:
            assert place is not None
            kept = await run_in(place, summary.run_id)
            document, code, was_interrupted = await _reconcile(kept, manner, check=check)
            documents.append(document)
            # One that only waits for somebody is in order, here where nobody asked for it.
            codes.append(0 if code == WAITS and document["result"] is None else code)
            if was_interrupted:
                break
    if manner.json:
        emit_json({"schema": 1, "runs": documents})
    elif not codes:
        tell("nothing to do: every run has ended")
    return max(codes, default=0)


async def _reconcile(kept: KeptRun, manner: Manner, *, check: bool) -> tuple[dict[str, Any], int, bool]:
    """Look at a run and go on with it: its JSON document, the exit code, and whether a signal ended it."""
    from flowcraft_cli.ending_text import print_ending

    result, evidence, needs_work = await _look(kept)
    document = _document(result, evidence, needs_work)
    if not manner.json:
        _tell_evidence(result, evidence, needs_work)
    if check:
        return document, FOUND_SOMETHING if needs_work else 0, False
    if kept.place.fleet is not None:
        if needs_work:
            document["result"] = (await _repair(kept.place.fleet, kept.run_id, manner)).to_json()
        return document, 0, False
    if not needs_work:
        return document, WAITS if result.status == "waiting" else 0, False
    ending = await _continue(kept, manner)
    document["result"] = ending.result.to_json()
    code = ending.exit_code if manner.json else print_ending(ending, manner)
    return document, code, ending.signal is not None


async def _repair(fleet: FleetClient, run_id: str, manner: Manner) -> RunResult:
    """Repair the run, and leave it to the workers."""
    from flowcraft_cli.output import tell
    from flowcraft_cli.text import safe

    result = await fleet.reconcile(run_id)
    if not manner.json:
        missing = next((wait.message for wait in result.waiting if wait.reason == "worker"), None)
        tell(f"repaired; the run is {result.status}" + (f": {safe(missing)}" if missing else ""))
    return result


async def _look(kept: KeptRun) -> tuple[RunResult, list[Evidence], bool]:
    """The run, what was found, and whether this process has something to do for it."""
    result = await kept.place.show(kept.run_id)
    evidence = await kept.place.runs.evidence(kept.run_id)
    if kept.place.fleet is not None:
        return result, evidence, any(item.repair for item in evidence)
    # Of a paused run no timer fires.
    sleeps = result.status != "paused" and any(wait.until is not None for wait in result.waiting)
    is_left_alone = await kept.store.is_orphaned(kept.run_id)
    needs_work = any(item.repair for item in evidence) or (is_left_alone and sleeps)
    return result, evidence, not result.is_final and (needs_work or result.status == "interrupted")


async def _continue(kept: KeptRun, manner: Manner) -> Ending:
    from flowcraft_cli.kept_run import go_on
    from flowcraft_cli.output import stdout_for_results_only

    async def begin(_: FlowRuntime) -> str:
        return kept.run_id

    with stdout_for_results_only():
        return await go_on(kept, begin, manner)


def _tell_evidence(result: RunResult, evidence: list[Evidence], needs_work: bool) -> None:
    from flowcraft_cli.output import tell
    from flowcraft_cli.text import safe

    if result.is_final:
        tell(f"nothing to do: run {result.run_id} is {result.status}")
        return
    tell(f"run {result.run_id} is {result.status}")
    for item in evidence:
        inner = f"{item.run_id.partition(':')[2]} › " if ":" in item.run_id else ""
        repair = f" → {item.repair}" if item.repair else ""
        tell(f"  {safe(inner + item.instance)}: {safe(item.finding)}{repair}")
    if not needs_work:
        tell("nothing to repair")


def _document(result: RunResult, evidence: list[Evidence], needs_work: bool) -> dict[str, Any]:
    """How the run was found; `result` is how it stands after it was gone on with, and null if it was not."""
    return {
        "run_id": result.run_id,
        "status": result.status,
        "needs_repair": needs_work,
        "evidence": [asdict(item) for item in evidence],
        "result": None,
    }
