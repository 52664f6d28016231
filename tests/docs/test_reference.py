"""The table of expressions in the blueprint reference gives the values that it shows."""

from __future__ import annotations

import json
import re

import pytest

from flowcraft_engine.expressions import SafeEvaluator, Scope
from tests.docs.session import ROOT

_TEXT = (ROOT / "docs" / "blueprints.md").read_text(encoding="utf-8")
_TABLE = _TEXT.partition("| expression | value |\n|---|---|\n")[2].partition("\n\n")[0]
ROWS = re.findall(r"^\| `(.+)` \| `(.+)` \|$", _TABLE, re.MULTILINE)


def test_the_table_is_found() -> None:
    assert len(ROWS) == len(_TABLE.splitlines()) > 5


@pytest.mark.parametrize(("expression", "value"), ROWS)
def test_an_expression_of_the_reference_has_the_value_it_shows(expression: str, value: str) -> None:
    scope = Scope(
        context={"order": {"net": 100, "tags": ["new", "gift"]}}, outputs={"check-it": {"total": 7}}
    )
    program = SafeEvaluator().compile(expression, node_ids=frozenset({"check-it"}))
    assert json.dumps(program.evaluate(scope)) == json.dumps(json.loads(value))
