"""A figure: what was measured, round for round, beside its yardstick, and the target that it must keep."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`measured` and `yardstick` are pairs: the two values of one index were taken one after the other.

    It passes if it keeps one of its bounds: `at_most` for the median, `at_most_ratio` for the median of the
    ratios of the pairs. Without a bound it is there to be read beside the others.
    """

    subject: str
    name: str
    unit: str
    measured: tuple[float, ...]
    against: str = ""
    yardstick: tuple[float, ...] = ()
    at_most: float | None = None
    at_most_ratio: float | None = None

    def __post_init__(self) -> None:
        assert self.measured
        assert not self.yardstick or len(self.yardstick) == len(self.measured)

    @property
    def median(self) -> float:
        return median(self.measured)

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of the rounds; not the ratio of the medians, which load would bend."""
        if not self.yardstick:
            return None
        return median(mine / other for mine, other in zip(self.measured, self.yardstick, strict=True))

    @property
    def passes(self) -> bool | None:
        """None if there is no target."""
        verdicts = []
        if self.at_most is not None:
            verdicts.append(self.median <= self.at_most)
        if self.at_most_ratio is not None and self.ratio is not None:
            verdicts.append(self.ratio <= self.at_most_ratio)
        return any(verdicts) if verdicts else None
