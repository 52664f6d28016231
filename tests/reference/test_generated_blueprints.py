"""Random blueprints are valid ones: the loader finds nothing wrong with them."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from flowcraft_engine.blueprint import parse_blueprint
from tests.reference.case import Case
from tests.reference.desugar import desugar
from tests.reference.generator import exact_cases, racing_cases


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(exact_cases() | racing_cases())
def test_the_loader_takes_every_generated_blueprint_and_agrees_on_its_shorthands(case: Case) -> None:
    for data in (case.blueprint, *case.children):
        loaded, ours = parse_blueprint(data), desugar(data)
        ids = {it.id for it in loaded.nodes if it.loop is None}
        # The loader gives a loop of primitives its start and end; the model needs neither.
        assert [it for it in loaded.nodes if it.loop is None] == [it for it in ours.nodes if it.id in ids]
        assert sorted(map(repr, loaded.edges)) == sorted(map(repr, ours.edges))
