"""The axis of a timeline."""

from __future__ import annotations

import pytest

from flowcraft_engine.reports.scale import Scale


@pytest.mark.parametrize("most", [2, 6, 10, 14])
def test_no_two_ticks_read_alike(most: int) -> None:
    for exponent in range(110):
        seconds = 0.001 * 1.25**exponent  # to a year
        labels = [label for _, label in Scale(1000.0, 1000.0 + seconds).ticks(most)]
        assert 1 <= len(labels) <= most + 1
        assert len(set(labels)) == len(labels), labels


def test_ticks_are_round() -> None:
    assert [label for _, label in Scale(0.0, 0.211).ticks(6)] == ["0ms", "50ms", "100ms", "150ms", "200ms"]
