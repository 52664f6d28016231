"""A short slice of the storms, for every run of the tests; the rest is `nox -s chaos`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign

_SEED = int(os.environ.get("FLOWCRAFT_CHAOS_SEED", "7"))


@pytest.mark.timeout(240)
def test_nothing_is_lost_in_a_storm(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, _SEED, "slice")
    failed = campaign.run()
    print(campaign.tally.table())
    assert failed is None, "\n".join(campaign.violations[:5])
    assert campaign.tally["killed"] > 10
    assert campaign.tally["redis killed"] > 0
