"""Each drawing against the kept one. To keep new ones after looking at them: FLOWCRAFT_KEEP_GOLDEN=1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.drawing import Format, Outcomes, draw

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES: dict[Format, str] = {
    "svg": "svg",
    "mermaid": "mmd",
    "dot": "dot",
    "terminal": "txt",
    "json": "json",
}


def agree(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("FLOWCRAFT_KEEP_GOLDEN"):
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode(), (
        f"{name} differs; FLOWCRAFT_KEEP_GOLDEN=1 keeps the new drawing"
    )


@pytest.mark.parametrize("format", SUFFIXES)
def test_a_drawing_is_the_kept_one(
    format: Format, sample: str, samples: dict[str, Blueprint], runs: dict[str, Outcomes]
) -> None:
    agree(f"{sample}.{SUFFIXES[format]}", draw(samples[sample], format, runs.get(sample)))


@pytest.mark.parametrize("name", ["pipeline", "loops", "kinds"])
def test_a_wide_terminal_shows_boxes_and_a_narrow_one_a_list(
    name: str, samples: dict[str, Blueprint], runs: dict[str, Outcomes]
) -> None:
    agree(f"{name}-200.txt", draw(samples[name], "terminal", runs.get(name), width=200))
    agree(f"{name}-200-lr.txt", draw(samples[name], "terminal", runs.get(name), width=200, direction="LR"))
    agree(f"{name}-40.txt", draw(samples[name], "terminal", runs.get(name), width=40))


def test_ascii_and_left_to_right_are_kept_too(
    samples: dict[str, Blueprint], runs: dict[str, Outcomes]
) -> None:
    agree("loops-ascii.txt", draw(samples["loops"], "terminal", ascii=True))
    agree("states-ascii.txt", draw(samples["states"], "terminal", runs["states"], ascii=True))
    agree("loops-lr.svg", draw(samples["loops"], "svg", direction="LR"))
    agree("fallback-lr.mmd", draw(samples["fallback"], "mermaid", direction="LR"))
