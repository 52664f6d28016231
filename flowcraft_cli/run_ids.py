"""Run ids as people type them: checked first; prefixes and `@latest` become full ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_engine.errors import NotFoundError, UsageError
from flowcraft_engine.execution.run_ids import RUN_ID, RUN_ID_RULE

if TYPE_CHECKING:
    from flowcraft_engine.stores.coordination_store import CoordinationStore, RunSummary

LATEST = "@latest"
#: Runs looked through for a prefix; older ones are found by their whole id.
_SEARCHED = 10_000


def check_run_reference(text: str) -> str:
    """What may stand for a run: an id, the beginning of one, `@latest`, or the id of a sub-run."""
    parent, colon, rest = text.partition(":")
    is_inner = not colon or (bool(rest) and len(text) <= 4_000 and rest.isprintable())
    if text != LATEST and not (RUN_ID.fullmatch(parent) and is_inner):
        raise UsageError(f"{text!r} cannot be the id of a run", hint=RUN_ID_RULE)
    return text


async def find_run(store: CoordinationStore, text: str) -> str:
    """The one run that `text` means. Raises `NotFoundError`, `UsageError` if it is ambiguous."""
    from flowcraft_engine.stores.coordination_store import RunQuery

    check_run_reference(text)
    if text != LATEST and await store.exists(text):
        return text
    if ":" in text:
        return await _find_sub_run(store, text)
    runs = await store.find_runs(RunQuery(limit=1 if text == LATEST else _SEARCHED))
    if not runs:
        raise NotFoundError(f"there is no run {text!r}: there are no runs yet")
    if text == LATEST:
        return runs[0].run_id
    found = [run for run in runs if run.run_id.startswith(text)]
    if len(found) == 1:
        return found[0].run_id
    if found:
        raise UsageError(f"{text!r} is the beginning of {len(found)} runs: {_listed(found)}")
    raise NotFoundError(f"there is no run {text!r}", hint=f"the latest are: {_listed(runs)}")


async def _find_sub_run(store: CoordinationStore, text: str) -> str:
    """A sub-run whose top run is given by its beginning."""
    top, _, rest = text.partition(":")
    full = f"{await find_run(store, top)}:{rest}"
    if await store.exists(full):
        return full
    raise NotFoundError(f"there is no run {text!r}", hint=f"flowcraft show {top} names its sub-runs")


def _listed(runs: list[RunSummary]) -> str:
    names = ", ".join(run.run_id for run in runs[:5])
    return f"{names}, …" if len(runs) > 5 else names
