"""Threads of one attempt that print at the same time."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flowcraft_engine.nodes.node_output import TappedStream, current_attempt
from flowcraft_engine.values.masking import Masker
from tests.unit.threads import in_threads


def test_nothing_is_lost_when_threads_of_one_attempt_print_pieces_of_lines() -> None:
    shown = io.StringIO()
    stream = TappedStream(shown, "stdout")
    speaker: Any = SimpleNamespace(run_id="run", instance="A", attempt=1, output=None, masker=Masker())

    def speak() -> None:
        current_attempt.set(speaker)
        for _ in range(5_000):
            stream.write("x")

    count = in_threads(speak)
    stream.release()
    assert shown.getvalue().count("x") == 5_000 * count


def test_whoever_prints_while_the_rest_is_shown_disturbs_nobody() -> None:
    speaker: Any = SimpleNamespace(run_id="run", instance="A", attempt=1, output=None, masker=Masker())

    class Shown(io.StringIO):
        def write(self, text: str) -> int:
            if not self.tell():
                current_attempt.set(SimpleNamespace(**{**vars(speaker), "instance": "B"}))
                stream.write("of a thread")
            return super().write(text)

    shown = Shown()
    stream = TappedStream(shown, "stdout")
    before = current_attempt.set(speaker)
    try:
        stream.write("rest")
        stream.release()
    finally:
        current_attempt.reset(before)
    assert shown.getvalue() == "rest\n"
