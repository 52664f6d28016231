"""What the tests of a fleet share: a real server, the command, real workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import ROOT
from tests.acceptance.fleet.workers import FleetOfTest


@pytest.fixture
def fleet(tmp_path: Path, redis_url: str) -> Iterator[FleetOfTest]:
    """On the session's server, which is empty."""
    found = FleetOfTest(tmp_path, redis_url)
    yield found
    found.end()


@pytest.fixture
def payment(fleet: FleetOfTest) -> FleetOfTest:
    """A fleet in the folder of the payment example."""
    shutil.copytree(ROOT / "blueprints" / "payment", fleet.folder, dirs_exist_ok=True)
    return fleet
