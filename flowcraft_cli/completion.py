"""Shell completion of run ids: quick, or nothing, for nobody waits for a completion."""

from __future__ import annotations

import os

_MOST_S = 0.15
_MOST_RUNS = 40


def complete_run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Ids that begin like `incomplete`, the newest first, each with its blueprint and status. Never fails."""
    try:
        found = _look_up(incomplete)
    except Exception:  # whatever is wrong, a person who presses Tab must not see it
        return []
    if "@latest".startswith(incomplete):
        found.append(("@latest", "the newest run"))
    return found


def _look_up(incomplete: str) -> list[tuple[str, str]]:
    from flowcraft_engine.assembly.run_ids import runs_beginning_with
    from flowcraft_engine.settings import read_settings

    rows = runs_beginning_with(read_settings({}, os.environ), incomplete, limit=_MOST_RUNS, within_s=_MOST_S)
    return [(run_id, f"{blueprint} {status}") for run_id, blueprint, status in rows]
