"""Names in expressions that are no node: which of them are told as mistakes, and which may be a context key."""

from __future__ import annotations

import pytest

from flowcraft_engine.blueprint import check_blueprint_text


def _warned(names: str, nodes: str = "", inputs: str = "") -> list[tuple[str, str | None]]:
    """Messages and hints for a message of these templates, behind `nodes`."""
    text = (
        f"{inputs}\nnodes:\n{nodes}\n  - {{id: told, uses: log, needs: [first], params: {{message: '{names}'}}}}\n"
        "  - {id: first, uses: noop}\n"
    )
    blueprint, findings = check_blueprint_text(text)
    assert blueprint is not None, findings
    return [(one.message, one.hint) for one in findings if one.code == "unknown_reference"]


USER_NODE = "  - {id: mine, uses: of-the-user}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("custmer", "customer"), ("cutsomer", "customer"), ("Customer", "customer"), ("firts", "first")],
)
def test_a_near_miss_is_told_although_a_node_of_the_user_may_set_the_key(name: str, meant: str) -> None:
    ((message, hint),) = _warned(f"${{{{ {name} }}}}", USER_NODE, "inputs: {customer: {}}")
    assert name in message
    assert hint == f"did you mean '{meant}'?"


@pytest.mark.parametrize("name", ["elsewhere", "customer_2", "cust", "first1", "c"])
def test_other_names_may_be_keys_of_the_users_nodes(name: str) -> None:
    assert _warned(f"${{{{ {name} }}}}", USER_NODE, "inputs: {customer: {}, customer_1: {}}") == []


def test_keys_that_nodes_evidently_set_are_known_and_are_meant_by_near_misses() -> None:
    nodes = (
        "  - {id: s, uses: set, params: {values: {amount: 1}}}\n"
        "  - {id: g, uses: set, for_each: first, params: {values: {discount: 2}}}\n"
        "  - {id: f, uses: subflow, params: {blueprint_id: child, outputs: {label: print-label}}}\n"
        + USER_NODE
    )
    assert _warned("${{ amount }} ${{ discount }} ${{ label }}", nodes) == []
    found = _warned("${{ amuont }} ${{ lable }}", nodes)
    assert [hint for _, hint in found] == ["did you mean 'amount'?", "did you mean 'label'?"]


def test_without_nodes_of_the_users_every_unknown_name_is_told_where_inputs_are_declared() -> None:
    ((message, hint),) = _warned("${{ elsewhere }}", inputs="inputs: {customer: {}}")
    assert message == "'elsewhere' is no node and no input, and no node sets it: it is null"
    assert hint == "known are: customer, first, told"
    assert _warned("${{ elsewhere }}") == [], "any input may be given to a blueprint that declares none"


def test_a_set_node_with_keys_that_only_the_run_knows_may_set_any_key() -> None:
    nodes = "  - {id: s, uses: set, params: {values: '${{ first }}'}}"
    assert _warned("${{ elsewhere }}", nodes, "inputs: {customer: {}}") == []


def test_an_input_that_is_not_declared_is_told_wherever_others_are() -> None:
    ((message, hint),) = _warned("${{ inputs.custmer }}", USER_NODE, "inputs: {customer: {}}")
    assert message == "'custmer' is no input of this blueprint: it is null"
    assert hint == "did you mean 'customer'?"
    assert _warned("${{ inputs.custmer }}", USER_NODE) == []
