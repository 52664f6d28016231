"""Every blueprint of the table loads, and its shorthands mean to the loader what they mean to the model."""

from __future__ import annotations

import pytest

from flowcraft_engine.blueprint import parse_blueprint
from tests.acceptance.scenarios import SCENARIOS, Scenario
from tests.reference.desugar import desugar


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_the_blueprints_of_a_scenario_load(scenario: Scenario) -> None:
    for data in (scenario.case.blueprint, *scenario.case.children):
        loaded, ours = parse_blueprint(data), desugar(data)
        assert loaded.nodes == ours.nodes
        assert sorted(map(repr, loaded.edges)) == sorted(map(repr, ours.edges))
        assert (loaded.metadata, loaded.outputs) == (ours.metadata, ours.outputs)
        assert loaded.inputs.keys() == ours.inputs.keys()
