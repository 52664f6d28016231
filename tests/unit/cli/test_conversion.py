"""What options are converted to without Typer's validators is what Typer would have made of them."""

from __future__ import annotations

import copy

import pytest

from flowcraft_cli.catalogue import COMMANDS
from flowcraft_cli.lazy_group import load_command
from flowcraft_engine.errors import UsageError

#: As the parser hands them on: nothing, one word, a list of words, a word that is not UTF-8.
VALUES = [None, "", "text", "json", "a b", "ä", "true", ("a",), ("a", "b"), (), "\udcff", ("\udcff",)]


def result_of(parameter, context, value):
    try:
        return parameter.process_value(context, value)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_becomes_what_typer_makes_of_it(name):
    command = load_command(name)
    context = command.make_context(name, [], resilient_parsing=True)
    for parameter in command.get_params(context):
        if parameter.name == "help":
            continue
        for value in [*VALUES, parameter.default]:
            typers = copy.copy(parameter)
            typers._runtime_param = None
            ours = copy.copy(parameter)
            assert result_of(ours, context, value) == result_of(typers, context, value), (parameter, value)


def test_a_choice_that_is_none_is_refused(flowcraft):
    assert flowcraft("validate", "--format", "nonsense", "x.yaml").code == UsageError("").exit_code
