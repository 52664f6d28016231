"""The test of the tests: bugs that were put in on purpose are found, within 5,000 seeds and mostly within a few."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from tests.interleaving.experiment import experiment
from tests.interleaving.mutants import MUTANTS
from tests.interleaving.server import Server

_MOST_SEEDS = 5_000


@pytest.fixture
def server(redis_server: EmbeddedRedis) -> Iterator[Server]:
    server = Server(redis_server.address)
    yield server
    server.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_bug_is_found(name: str, server: Server) -> None:
    mutant, first = MUTANTS[name]
    # `first` is where it was found last; another schedule may need other seeds.
    for seed in (*range(first, _MOST_SEEDS), *range(first)):
        try:
            with mutant():
                experiment(seed, server)
        except AssertionError:
            experiment(seed, server)  # it is the bug that was found, and nothing else
            return
    pytest.fail(f"{name} was not found within {_MOST_SEEDS} seeds")
