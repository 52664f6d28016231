"""The example of `docs/fleet.md` does what it says."""

from __future__ import annotations

from tests.acceptance.command import ROOT
from tests.docs.blocks import blocks_of


def test_the_example_of_the_page_runs(fleet):
    [block] = [it for it in blocks_of(ROOT / "docs" / "fleet.md") if it.language == "python"]
    done = fleet.command.python(block.text)
    assert (done.code, done.out) == (0, "completed {'twice': 42}\n"), done.err
