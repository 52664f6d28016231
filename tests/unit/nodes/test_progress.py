"""`ctx.progress`: whoever watches never changes what becomes of a node."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("done", "total", "told"),
    [
        (1, 4, (1, 4)),
        (Decimal("0.5"), 1, (0.5, 1)),
        (1, None, None),
        ("a", 1, None),
        (float("nan"), 1, None),
        (1, float("inf"), None),
        (10**400, 1, None),
    ],
)
def test_only_what_can_be_shown_is_told(make_ctx, done, total, told) -> None:
    seen: list[Any] = []
    ctx = make_ctx(on_progress=lambda *it: seen.append(it))
    ctx.progress(done, total)
    assert seen == ([("run-1", "n", *told)] if told else [])


def test_a_watcher_that_fails_does_not_fail_the_node(make_ctx) -> None:
    def watch(*_: object) -> None:
        raise RuntimeError("nobody cares")

    make_ctx(on_progress=watch).progress(1, 2)
