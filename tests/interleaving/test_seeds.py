"""Hundreds of small worlds, each with its own order of everything and its own misfortunes. See `experiment.py`.

A failure names its seed and tells what happened last; `FLOWCRAFT_SEED=4711 pytest tests/interleaving/test_seeds.py`
runs that one again. `FLOWCRAFT_SEEDS=20000` runs more of them than CI does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from tests.interleaving.experiment import experiment
from tests.interleaving.server import Server

_PARTS = 6
_SEEDS = int(os.environ.get("FLOWCRAFT_SEEDS", "300"))
_ONE = os.environ.get("FLOWCRAFT_SEED")


@pytest.fixture
def server(redis_server: EmbeddedRedis) -> Iterator[Server]:
    server = Server(redis_server.address)
    yield server
    server.close()


@pytest.mark.timeout(max(120, _SEEDS))
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_order_of_events_comes_to_an_admissible_end(part: int, server: Server) -> None:
    seeds = range(part, _SEEDS, _PARTS) if _ONE is None else [int(_ONE)]
    reports = [experiment(seed, server) for seed in seeds]
    assert _ONE is not None or sum(report.has_oracle for report in reports) > len(reports) / 2


def test_the_same_seed_is_the_same_world(server: Server) -> None:
    assert experiment(7, server) == experiment(7, server)
