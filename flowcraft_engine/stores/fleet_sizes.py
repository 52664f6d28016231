"""How much there is in a fleet, counted from indexes: cheap, however many runs are kept."""

from __future__ import annotations

from collections.abc import Mapping

from flowcraft_engine.frozen import frozen


@frozen
class FleetSizes:
    """`runs` by stored status (sub-runs too), `queues`: messages that wait, by queue."""

    runs: Mapping[str, int]
    queues: Mapping[str, int]
