"""From a kept run to a case that can be played again, and whether playing it comes to the same."""

from __future__ import annotations

import os
from pathlib import Path

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.errors import ConflictError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.testing.case import Case
from flowcraft_engine.testing.recording import record_of
from flowcraft_engine.testing.replay import Blueprints, expectation_of, mismatches, replay

_RECORDABLE = ("completed", "failed", "waiting")


@frozen
class MadeCase:
    """`doubts` says where the replay came to something else than the run."""

    case: Case
    doubts: list[str]


async def make_case(store: CoordinationStore, run: Dossier, folder: Path) -> MadeCase:
    """The case of a run, for a file in `folder`. Raises `ConflictError` for a run that is no whole story.

    Status, states and outputs are those of the run; the path is that of the replay, one node at a time.
    """
    status = run.result.status
    if status not in _RECORDABLE:
        raise ConflictError(
            f"run {run.run_id} is {status}: only a run that has ended by itself, or waits, can be recorded"
        )
    top = run.plan.blueprint
    plans = [await store.plan(digest) for digest in run.state.pins.values()]
    others = tuple(plan.blueprint for plan in plans if plan.blueprint.id != top.id)
    case = Case(_named(top, folder), dict(run.state.inputs), record_of(run))
    played = await replay(case, Blueprints(top, others))
    expected, found = expectation_of(run), expectation_of(played)
    expected.path = found.path
    case.expect = expected
    return MadeCase(case, mismatches(expected, played))


def _named(blueprint: Blueprint, folder: Path) -> str | dict[str, object]:
    """The file of a blueprint, as seen from `folder`; the blueprint itself, if it came from none."""
    place = next(iter(blueprint.locations.values()), None)
    if place is None or blueprint.folder is None or place.file.startswith("<"):
        return blueprint.canonical()
    file = Path(blueprint.folder) / Path(place.file).name
    return (
        Path(os.path.relpath(file, folder.absolute())).as_posix() if file.exists() else blueprint.canonical()
    )
