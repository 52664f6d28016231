from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_cli.catalogue import COMMANDS
from flowcraft_cli.lazy_group import load_command
from flowcraft_cli.reference import reference

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cli.md"


def test_the_reference_is_what_the_commands_say():
    assert DOCUMENT.read_text(encoding="utf-8") == reference(), (
        "python -m flowcraft_cli.reference > docs/cli.md"
    )


def test_every_option_has_its_variable():
    for name in COMMANDS:
        for param in load_command(name).params:
            if param.param_type_name == "option" and param.name != "input":
                assert param.envvar == f"FLOWCRAFT_{param.opts[0].lstrip('-').replace('-', '_').upper()}"


@pytest.mark.parametrize("command", ["validate", "test", "dev", "worker"])
def test_what_may_be_repeated_is_marked_once(flowcraft, command):
    usage = flowcraft(command, "--help").out.splitlines()[0]
    assert usage.endswith("...")
    assert "......" not in usage.replace("}", "").replace("]", "")
    assert "[[" not in usage
