"""The scale of a timeline: from the first start to the end of the run, or to now."""

from __future__ import annotations

from collections.abc import Iterator

from flowcraft_engine.frozen import frozen
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.values import format_duration

#: What people count in, in seconds.
_STEPS = (
    *(factor * 10.0**power for power in range(-3, 1) for factor in (1, 2, 5)),
    *(10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0),
    *(86400.0 * days for days in (1, 2, 5, 10, 30, 90, 365, 3650)),
)


@frozen
class Scale:
    """A stretch of time; never empty."""

    began: float
    ended: float

    @classmethod
    def of(cls, run: Dossier) -> Scale:
        """Of a whole run. The time after the last thing that happened is left out."""
        began = run.result.created_at
        ends = [
            span.ended if span.ended is not None else run.now
            for spans in run.timeline.values()
            for span in spans
        ]
        ended = max([began, *ends])
        return cls(began, max(ended, began + 0.001))

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def percent(self, at: float) -> float:
        """Where a moment stands, from 0 to 100."""
        return min(max((at - self.began) / self.seconds * 100, 0.0), 100.0)

    def ticks(self, most: int) -> Iterator[tuple[float, str]]:
        """Round moments, at most so many, and how long after the beginning each is: no two read alike."""
        step = next((step for step in _STEPS if self.seconds / step <= most), self.seconds / most)
        number = 0
        while number * step <= self.seconds and number <= most:
            yield self.began + number * step, format_duration(number * step * 1000)
            number += 1
