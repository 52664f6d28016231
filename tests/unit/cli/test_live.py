"""What the live tree shows where not everything fits."""

from __future__ import annotations

from flowcraft_cli.watching.live import most_telling
from flowcraft_cli.watching.progress import Line


def line(instance: str, state: str, changed_at: float) -> Line:
    return Line("run", instance, instance.partition("[")[0], 0, state, changed_at=changed_at)


def test_the_progress_of_a_batch_is_not_crowded_out_by_its_items():
    items = [line(f"each[{number}]", "running", 2.0 + number) for number in range(50)]
    lines = [
        line("old", "completed", 0.5),
        line("each", "running", 1.0),
        *items,
        line("last", "pending", 0.0),
    ]
    shown = [it.instance for it in most_telling(lines, 4)]
    assert shown == ["each", "each[47]", "each[48]", "each[49]"]


def test_what_failed_and_what_waits_comes_first():
    lines = [
        line("a", "completed", 9.0),
        line("b", "failed", 1.0),
        line("c", "waiting", 1.0),
        line("d", "pending", 0),
    ]
    assert [it.instance for it in most_telling(lines, 3)] == ["a", "b", "c"]


def test_nothing_took_less_than_no_time_whatever_the_clocks_say():
    it = line("a", "completed", 9.0)
    it.started_at = 9.5
    assert it.duration(10.0) == 0.0
