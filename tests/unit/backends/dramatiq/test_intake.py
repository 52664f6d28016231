"""What consumers of one process share."""

from __future__ import annotations

import sys
import threading

from flowcraft_engine.backends.dramatiq.intake import Hands, Intake


def test_consumers_that_come_and_go_at_once_are_all_known() -> None:
    intake = Intake()
    kept = list[Hands]()

    def come_and_go() -> None:
        for _ in range(2_000):
            intake.quit(intake.join())
        kept.append(intake.join())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=come_and_go) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert set(map(id, intake._hands)) == set(map(id, kept))
