"""What the tests of the whole command share: a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.command import Command, Outcome


@pytest.fixture
def flowcraft(tmp_path: Path) -> Callable[..., Outcome]:
    return Command(tmp_path)
