"""What helps a run that no worker can go on with, as lines for people."""

from __future__ import annotations


def remedies(run_id: str, missing: str) -> list[str]:
    """`missing` is what the fleet says that it lacks."""
    from flowcraft_engine.reports.remedies import remedies as found

    return [f"{remedy.words}: flowcraft {remedy.command}" for remedy in found(run_id, missing)]
