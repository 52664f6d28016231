"""What consumers of one process share."""

from __future__ import annotations

from flowcraft_engine.backends.dramatiq.intake import Hands, Intake
from tests.unit.threads import in_threads


def test_consumers_that_come_and_go_at_once_are_all_known() -> None:
    intake = Intake()
    kept = list[Hands]()

    def come_and_go() -> None:
        for _ in range(2_000):
            intake.quit(intake.join())
        kept.append(intake.join())

    assert in_threads(come_and_go) == len(kept)
    assert set(map(id, intake._hands)) == set(map(id, kept))
