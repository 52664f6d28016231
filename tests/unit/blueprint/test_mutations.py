"""Damaged files: whatever happens to a blueprint's bytes, the answer is a finding, never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from flowcraft_engine.blueprint import check_blueprint_file
from flowcraft_engine.blueprint.loading import check_blueprint_text

CORPUS = Path(__file__).parents[2] / "corpus" / "blueprints"
#: What mutations are made of: the letters that mean something to YAML, JSON and expressions.
ALPHABET = "\n\t :-,[]{}\"'&*!|>#%@`?~<=+$\\0123456789abcdeé\u2028\ue1f0"
ROUNDS = 12


@pytest.mark.parametrize("path", sorted((CORPUS / "valid").iterdir()), ids=lambda path: path.name)
def test_a_damaged_text_is_checked_without_an_exception(path: Path) -> None:
    dice = random.Random(path.name)
    text = path.read_text()
    for _ in range(ROUNDS):
        damaged = _damage(text, dice)
        blueprint, findings = check_blueprint_text(damaged, path.name)
        assert blueprint is not None or findings


def test_damaged_bytes_are_checked_without_an_exception(tmp_path: Path) -> None:
    dice = random.Random(7)
    for path in sorted((CORPUS / "valid").iterdir()):
        data = bytearray(path.read_bytes())
        for _ in range(3):
            data[dice.randrange(len(data))] = dice.randrange(256)
        damaged = tmp_path / path.name
        damaged.write_bytes(data)
        blueprint, findings = check_blueprint_file(damaged)
        assert blueprint is not None or findings


def _damage(text: str, dice: random.Random) -> str:
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text))
        length = dice.choice((0, 0, 1, 1, 5, 30))
        put = "".join(dice.choices(ALPHABET, k=dice.choice((0, 1, 1, 3))))
        text = text[:at] + put + text[at + length :] or " "
    return text
