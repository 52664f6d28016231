"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import pytest

from flowcraft_engine import errors
from flowcraft_engine.errors import ErrorCode, FlowcraftError
from tests.docs.failures import COMMAND_FAILURES, NODE_FAILURES
from tests.docs.generate import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    page = ROOT / "docs" / name
    assert page.read_text(encoding="utf-8") == PAGES[name](), "run: python -m tests.docs.generate"


def test_every_code_of_a_failed_node_has_a_cause_and_a_cure() -> None:
    assert set(NODE_FAILURES) == set(ErrorCode)


def test_every_code_of_an_error_class_is_explained() -> None:
    codes = {error.code for error in vars(errors).values() if _is_error(error)}
    assert codes <= set(COMMAND_FAILURES) | set(ErrorCode)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, FlowcraftError)
