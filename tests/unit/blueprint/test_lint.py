"""What `lint_blueprint` finds: catalog, subflows, loops, and models that came from no file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import NodeRegistry
from flowcraft_engine.blueprint import (
    Blueprint,
    BlueprintError,
    Finding,
    check_blueprint_file,
    check_blueprint_text,
    find_blueprints,
    lint_blueprint,
    load_blueprint,
    load_blueprint_text,
    parse_blueprint,
)
from flowcraft_engine.blueprint.model import EdgeSpec, Loop, NodeSpec
from flowcraft_engine.blueprint.schema import blueprint_schema


class Catalog:
    """Two types: one with a schema, one that takes anything."""

    def __init__(self, is_complete: bool = True) -> None:
        self.is_complete = is_complete

    def names(self) -> Iterable[str]:
        return ["charge", "noop", "batch-gather"]

    def parameter_schema(self, name: str) -> dict[str, Any] | None:
        if name == "noop":
            return None
        if name == "charge":
            return {
                "type": "object",
                "properties": {
                    "amount": {"type": "integer"},
                    "currency": {"enum": ["EUR", "USD"]},
                    "card": {"type": "object", "required": ["number"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["amount"],
                "additionalProperties": False,
            }
        raise KeyError(name)


def _found(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    return [(one.code, one.location.line if one.location else 0) for one in findings]


def _check(text: str, catalog: Catalog | None = None) -> list[tuple[str, int]]:
    try:
        load_blueprint_text(text, catalog=catalog)
    except BlueprintError as error:
        return _found(error.findings)
    return []


def test_params_are_checked_by_the_schema_of_their_type_at_their_place() -> None:
    text = """\
nodes:
  - id: pay
    uses: charge
    params:
      amount: "7"
      currency: CHF
      card: {}
      note: 3
      amonut: 1
  - id: again
    uses: charge
"""
    assert _check(text, Catalog()) == [
        ("bad_param", 5),
        ("bad_param", 6),
        ("missing_param", 7),
        ("bad_param", 8),
        ("unknown_param", 9),
        ("missing_param", 10),
    ]


def test_values_with_templates_are_not_judged_by_the_schema() -> None:
    text = "nodes:\n  - {id: a, uses: charge, params: {amount: '${{ inputs.n }}', card: '${{ inputs.c }}'}}\n"
    assert _check(text, Catalog()) == []


def test_an_unknown_type_is_an_error_only_if_all_modules_are_named() -> None:
    text = "nodes:\n  - {id: a, uses: charg}\n"
    with pytest.raises(BlueprintError, match="did you mean 'charge'"):
        load_blueprint_text(text, catalog=Catalog())
    assert load_blueprint_text(text, catalog=Catalog(is_complete=False)).nodes[0].uses == "charg"


def test_the_worker_of_a_scatter_is_checked_where_it_is_written() -> None:
    text = """\
nodes:
  - {id: s, uses: batch-scatter, inputs: rows,
     params: {worker_uses_key: chrge, gather_node_id: g}}
  - {id: g, uses: batch-gather, needs: s, params: {amount: 1}}
"""
    assert _check(text, _Gathers()) == [("unknown_node_type", 3)]


class _Gathers(Catalog):
    def parameter_schema(self, name: str) -> dict[str, Any] | None:
        if name not in self.names():
            raise KeyError(name)
        return None


def test_a_model_without_a_file_is_linted_all_the_same() -> None:
    nodes = (NodeSpec(id="a", uses="noop"), NodeSpec(id="L", uses="loop-controller", loop=_LOOP))
    blueprint = Blueprint(id="x", nodes=nodes, edges=(EdgeSpec(source="a", target="b"),))
    findings = lint_blueprint(blueprint)
    assert {one.code for one in findings} == {"unknown_node"}
    assert len(findings) == 3
    assert all(one.location is None for one in findings)


_LOOP = Loop(start="s", end="e", condition="n < 1")


def test_a_valid_blueprint_has_no_findings() -> None:
    assert lint_blueprint(parse_blueprint({"nodes": {"a": {"uses": "noop"}}})) == []


def test_subflows_are_looked_up_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("inputs: {n: {required: true}}\nnodes:\n  - {id: c, uses: noop}\n")
    parent = tmp_path / "parent.yaml"
    parent.write_text("nodes:\n  - {id: a, uses: subflow, params: {blueprint_id: child, inputs: {m: x}}}\n")
    assert _found(check_blueprint_file(parent)[1]) == [
        ("missing_child_input", 2),
        ("undeclared_child_input", 2),
    ]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("c", None),
        ("label", None),
        ("n", None),
        ("lable", "did you mean 'label'?"),
        ("answer", "what the child declares as output is in the output of 'a', whatever is named here"),
        ("elsewhere", ""),
    ],
)
def test_what_a_subflow_takes_from_its_child_is_there(tmp_path: Path, source: str, hint: str | None) -> None:
    (tmp_path / "child.yaml").write_text(
        "inputs: {n: {}}\nnodes:\n  - {id: c, uses: set, params: {values: {label: 1}}}\noutputs: {answer: c}\n"
    )
    parent = tmp_path / "parent.yaml"
    parent.write_text(
        f"nodes:\n  - {{id: a, uses: subflow, params: {{blueprint_id: child, outputs: {{mine: {source}}}}}}}\n"
    )
    found = [(one.code, one.hint or "") for one in check_blueprint_file(parent)[1]]
    assert found == ([] if hint is None else [("unknown_child_output", hint)])


def test_a_missing_subflow_is_an_error_once_the_places_to_search_are_named(tmp_path: Path) -> None:
    parent = tmp_path / "parent.yaml"
    parent.write_text("nodes:\n  - {id: a, uses: subflow, params: {blueprint_id: child}}\n")
    blueprint, findings = check_blueprint_file(parent)
    assert blueprint is not None
    assert _found(findings) == [("unknown_subflow", 2)]
    with pytest.raises(BlueprintError, match="no blueprint 'child'"):
        load_blueprint(parent, search=[tmp_path])


def test_a_subflow_that_is_missing_further_below_is_told_once(tmp_path: Path) -> None:
    below = "nodes:\n  - {id: b, uses: subflow, params: {blueprint_id: nowhere}}\n"
    (tmp_path / "child.yaml").write_text(
        below + "  - {id: c, uses: subflow, params: {blueprint_id: parent}}\n"
    )
    parent = tmp_path / "parent.yaml"
    parent.write_text("nodes:\n  - {id: a, uses: subflow, params: {blueprint_id: child}}\n")
    told = [(one.code, one.message) for one in check_blueprint_file(parent)[1]]
    assert told[0] == ("unknown_subflow", "there is no blueprint 'nowhere', which 'child' runs as a subflow")
    assert [code for code, _ in told[1:]] == ["recursive_subflow"]


def test_each_item_of_a_batch_of_sub_runs_can_be_given_to_its_child(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("nodes: []\n")
    parent = tmp_path / "parent.yaml"
    params = "params: {blueprint_id: child, inputs: {x: item.id, i: index}}"
    text = "inputs: {rows: {type: array}}\nnodes:\n  - {id: a, uses: subflow, %s}\n"
    parent.write_text(text % f"for_each: rows, {params}")
    assert check_blueprint_file(parent)[1] == []
    parent.write_text(text % params)
    assert _found(check_blueprint_file(parent)[1]) == [("unknown_source", 3), ("unknown_source", 3)]


def test_a_child_that_is_not_valid_is_named(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text("nodes:\n  - {id: c}\n")
    parent = tmp_path / "parent.yaml"
    parent.write_text("nodes:\n  - {id: a, uses: subflow, params: {blueprint_id: child}}\n")
    assert "child.yaml" in str(check_blueprint_file(parent)[1][0].hint)


def test_a_check_of_a_list_is_told_and_secrets_by_reference_are_not() -> None:
    text = "nodes:\n  - {id: a, uses: check, params: {that: [1], token: $TOKEN, max_token: '1000'}}\n"
    assert _check(text) == [("wrong_type", 2)]


def test_a_side_branch_of_a_body_is_part_of_it() -> None:
    text = """\
nodes:
  - {id: L, loop: {start: a, end: b, condition: n < 1}}
  - {id: a, uses: noop}
  - {id: b, uses: noop, needs: a}
  - {id: note, uses: log, needs: a}
  - {id: after, uses: noop, needs: L}
"""
    assert _check(text) == []


def test_subflows_that_come_back_are_told_with_their_chain(tmp_path: Path) -> None:
    for name, child in (("a", "b"), ("b", "c"), ("c", "a")):
        text = f"nodes:\n  - {{id: go, uses: subflow, params: {{blueprint_id: {child}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(BlueprintError, match="a -> b -> c -> a"):
        load_blueprint(tmp_path / "a.yaml")


def test_subflows_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    for index in range(25):
        text = (
            f"id: n{index}\nnodes:\n  - {{id: go, uses: subflow, params: {{blueprint_id: n{index + 1}}}}}\n"
        )
        (tmp_path / f"{index}.yaml").write_text(text)
    with pytest.raises(BlueprintError, match="nested more than 20 deep"):
        load_blueprint(tmp_path / "0.yaml")


def test_a_folder_gives_its_blueprints_and_names_the_broken_ones(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("nodes:\n  - {id: a, uses: noop}\n")
    (tmp_path / "bad.yaml").write_text("nodes:\n  - {id: a}\n")
    (tmp_path / "other.yaml").write_text("services: {}\n")
    (tmp_path / "case.yaml").write_text("# a case\nschema: 1\nnodes: {}\n")
    (tmp_path / "schema.json").write_text(json.dumps(blueprint_schema(), indent=2))
    found, broken = find_blueprints([tmp_path])
    assert list(found) == ["good"]
    assert list(broken) == [str(tmp_path / "bad.yaml")]


def test_expressions_are_placed_in_folded_quoted_and_block_texts() -> None:
    text = """\
nodes:
  - {id: a, uses: noop}
  - id: b
    uses: log
    needs: a
    params:
      plain: x ${{ a + }}
      double: "\\t\\u0041 ${{ a + }}"
      single: 'it''s ${{ a + }}'
      folded: >-
        some words
        and ${{ a + }}
      literal: |
        one
          two ${{ a + }}
"""
    with pytest.raises(BlueprintError) as caught:
        load_blueprint_text(text)
    places = [(one.location.line, one.location.column) for one in caught.value.findings if one.location]
    lines = text.split("\n")
    assert [line for line, _ in places] == [7, 8, 9, 12, 15]
    for line, column in places:
        # The error is that the expression ends after the `+`.
        assert lines[line - 1][: column - 1].rstrip().endswith("+"), (line, column)


def test_the_environment_is_for_params_only() -> None:
    text = "nodes:\n  - {id: a, uses: log, params: {message: '${{ env.HOME }}'}}\noutputs: {x: env.HOME}\n"
    assert _check(text) == [("env_outside_params", 3)]


def test_two_loops_that_overlap_are_told() -> None:
    text = """\
nodes:
  - {id: a, uses: noop}
  - {id: b, uses: noop, needs: a}
  - {id: c, uses: noop, needs: b}
  - {id: one, loop: {start: a, end: b, condition: n < 1}}
  - {id: two, loop: {start: b, end: c, condition: n < 1}}
"""
    assert "loop_crossing" in {code for code, _ in _check(text)}


def test_findings_stand_in_the_order_of_the_file() -> None:
    nodes = ["{id: a, uses: noop, x: 1}", "{id: a, uses: noop}", "{id: b, uses: noop, needs: [q]}"]
    text = "nodes:\n" + "".join(f"  - {node}\n" for node in nodes)
    assert [line for _, line in _check(text)] == [2, 3, 4]


def test_a_param_is_explained_in_the_words_of_its_author() -> None:
    text = (
        "nodes:\n  - {id: s, uses: sleep, params: {duration: 5 minutes}}\n"
        "  - {id: w, uses: wait, params: {timeout: soon}}\n"
    )
    _, findings = check_blueprint_text(text, catalog=NodeRegistry())
    told = [(one.message, one.hint) for one in findings if one.code == "bad_param"]
    assert told == [
        (
            "`duration` in params of 's' cannot be the text '5 minutes'",
            "how long: `250ms`, `2s`, `5m`, or a number of milliseconds",
        ),
        (
            "`timeout` in params of 'w' cannot be the text 'soon'",
            "how long to wait before the node fails; durations are like 250ms, 2s, 5m, 1h, 1d, or a number of "
            "milliseconds",
        ),
    ]


def test_what_a_param_may_be_is_listed_also_when_it_may_be_left_out() -> None:
    text = "nodes:\n  - {id: s, uses: shell, params: {run: ls, parse: auto}}\n"
    _, findings = check_blueprint_text(text, catalog=NodeRegistry())
    assert [one.message for one in findings if one.code == "bad_param"] == [
        "`parse` in params of 's' must be one of text, json, lines, not the text 'auto'"
    ]


def test_what_is_wrong_inside_of_a_list_is_told_there() -> None:
    text = "nodes:\n  - {id: s, uses: shell, params: {run: [echo, [a]]}}\n"
    _, findings = check_blueprint_text(text, catalog=NodeRegistry())
    assert [(one.message, one.location and one.location.column) for one in findings] == [
        ("`run.1` in params of 's' must be of type string or number or boolean, not a list", 47)
    ]


def test_words_of_other_tools_are_told_by_ours() -> None:
    text = (
        "inputs: {n: {type: int}}\nnodes:\n  - {id: a, type: shell, with: {x: 1}, depends_on: [], run: ls}\n"
        "edges:\n  - {from: a, to: a}\n  - a -> b: {when: x}\n"
    )
    _, findings = check_blueprint_text(text)
    hints = {one.hint for one in findings if one.code in ("unknown_key", "unknown_type", "bad_edge")}
    words = ("integer", "uses", "params", "needs", "source", "target")
    assert hints == {
        *(f"it is called '{word}' here" for word in words),
        "'run' belongs into params",
        "write {source: a, target: b, …}",
    }


def test_words_of_other_tools_are_told_where_they_belong() -> None:
    text = (
        "schedule: '0 2 * * *'\nnodes:\n  - {id: a, uses: shell, retries: 3, if: x, command: ls, depends: [b]}\n"
        "  - {id: b, uses: noop, outputs: x, on_failure: a}\n"
        "edges:\n  - {source: a, target: a, on: ok}\nparams: [x]\n"
    )
    hints = [one.hint for one in check_blueprint_text(text)[1] if one.code == "unknown_key"]
    assert hints == [
        "flowcraft has no schedules: let cron or a timer of systemd start `flowcraft run`",
        "it is called 'max_retries' here, and belongs into config",
        "it is called 'condition' here, and belongs into an edge",
        "it is called 'run' here, and belongs into params",
        "it is called 'needs' here",
        "'outputs' belongs into the blueprint itself",
        "it is called 'fallback' here, and belongs into config",
        "it is called 'action' here",
        "'params' belongs into a node; what a run is given are its inputs",
    ]


def test_a_list_of_inputs_is_told_how_sources_are_written() -> None:
    (finding,) = check_blueprint_text("nodes: [{id: a, uses: noop}, {id: b, uses: noop, inputs: [a]}]\n")[1]
    assert (finding.code, finding.message) == (
        "wrong_type",
        "inputs of node 'b' must be text or a mapping, not a list",
    )
    assert finding.hint == "name one source, like order.id, or several, like {order: order, day: day}"


def test_an_input_that_is_called_like_a_name_of_expressions_is_told() -> None:
    text = 'inputs: {env: {}, item: {}}\nnodes:\n  - {id: a, uses: log, params: {message: "${{ env }}"}}\n'
    found = [(one.code, one.hint) for one in check_blueprint_text(text)[1]]
    assert found == [
        ("reserved_input", "there this input is inputs.env; or rename it"),
        ("reserved_input", "there this input is inputs.item; or rename it"),
        ("bad_expression", "write 'env.NAME'; an input that is called so is 'inputs.env'"),
    ]


def test_a_quote_that_ends_within_a_template_is_told_wherever_it_was_opened() -> None:
    text = 'nodes:\n  - {id: a, uses: log, params: {message: "Bearer ${{ secret("TOKEN") }}"}}\n'
    (finding,) = check_blueprint_text(text)[1]
    assert finding.code == "unquoted_template"
    assert finding.message == 'the quote " before this ${{ ends inside of the expression'
    plain = "nodes:\n  - {id: a, uses: log, params: {message: Bearer ${{ secret('TOKEN') }}}}\n"
    (finding,) = check_blueprint_text(plain)[1]
    assert finding.message.startswith("this ${{ is not quoted")


@pytest.mark.parametrize("language", ["safe", "path"])
def test_a_condition_that_can_only_read_null_is_told_with_what_was_meant(language: str) -> None:
    text = (
        "expressions: %s\nnodes: [{id: a, uses: own}, {id: b, uses: own}, {id: c, uses: own}]\nedges:\n"
        "  - {source: a, target: b, condition: result.total}\n"
        "  - {source: a, target: c, condition: output.total}\n"
        "  - {source: b, target: c, condition: result.output}\n"
    )
    found = [(one.code, one.location.line, one.hint) for one in check_blueprint_text(text % language)[1]]
    assert found == [
        ("unknown_reference", 4, "did you mean result.output.total?"),
        ("unknown_reference", 5, "did you mean 'result.output'?"),
    ]


def test_a_template_where_an_expression_stands_is_told_to_go() -> None:
    text = (
        "nodes: [{id: a, uses: noop}, {id: b, uses: noop}]\n"
        "edges:\n  - {source: a, target: b, condition: '${{ result.output }}', transform: $a}\n"
        "outputs: {x: '${{ a }}'}\n"
    )
    hints = [one.hint for one in check_blueprint_text(text)[1]]
    alone = "write the expression alone, without ${{ }}"
    assert hints == [alone, "names have no dollar here", alone]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("a.rows[0]", "write a.rows.0"),
        ("a['rows'].n", "write a.rows.n"),
        ("key[0].n", "write key.0.n"),
        ("a.n + 1", "a constant belongs into params; a `set` node before it can work a value out"),
        ("\"'text'\"", "a constant belongs into params; a `set` node before it can work a value out"),
        ("3", 'quote it: "3" if a node or a key is called so; a constant belongs into params'),
        ("a.rows.0", None),
    ],
)
def test_a_source_that_is_written_like_a_value_is_told(source: str, hint: str | None) -> None:
    text = (
        "nodes:\n  - {id: a, uses: own}\n"
        f"  - id: b\n    uses: own\n    needs: [a]\n    inputs:\n      x: {source}\n"
    )
    found = [(one.code, one.hint) for one in check_blueprint_text(text)[1]]
    code = "unquoted_text" if source == "3" else "unknown_source"
    assert found == ([] if hint is None else [(code, hint)])


def test_names_that_other_tools_have_in_expressions_are_told() -> None:
    text = (
        "nodes:\n  - {id: a, uses: own}\n  - {id: b, uses: own, needs: [a], params: {t: '${{ secrets.TOKEN }}',\n"
        "     n: '${{ steps.a.n }}'}}\n  - {id: c, uses: set, params: {values: {nodes: 1}}}\n"
        "edges:\n  - {source: c, target: a, condition: nodes == 1}\n"
    )
    hints = [(one.code, one.hint) for one in check_blueprint_text(text)[1]]
    assert hints == [
        ("unknown_reference", 'write secret("NAME")'),
        ("unknown_reference", "the id of a node is its output: write it by itself"),
    ]


def test_params_of_a_loop_controller_that_mean_nothing_are_told() -> None:
    text = """\
nodes:
  - {id: a, uses: loop-controller, params: {condition: n < 3, max_iteration: 5}}
  - {id: b, uses: noop}
  - {id: c, loop: {start: d, end: d, condition: n < 3}, params: {max_iterations: 5}}
  - {id: d, uses: noop}
edges: [b -> a, {source: a, target: b, action: continue}]
"""
    _, findings = check_blueprint_text(text, catalog=NodeRegistry())
    assert _found(findings) == [("unknown_param", 2), ("unknown_param", 4)]
    assert [one.hint for one in findings] == [
        "did you mean 'max_iterations'?",
        "what belongs to the loop is written in `loop`",
    ]


def test_the_condition_of_a_loop_that_lacks_something_else_is_not_missed() -> None:
    text = "nodes:\n  - {id: a, uses: loop-controller, params: {condition: n < 3}}\n"
    _, findings = check_blueprint_text(text, catalog=NodeRegistry())
    assert _found(findings) == [("loop_incomplete", 2)]


def test_all_fallbacks_of_a_chain_have_ended_before_what_follows() -> None:
    text = """\
nodes:
  - {id: a, uses: noop, config: {fallback: b}}
  - {id: b, uses: noop, config: {fallback: c}}
  - {id: c, uses: noop}
  - {id: d, uses: noop, needs: a, inputs: {a: a, b: b, c: c}}
"""
    assert not check_blueprint_text(text)[1]


def test_a_transform_is_warned_of_that_works_on_a_node_beside_its_source() -> None:
    text = """\
nodes:
  - {id: a, uses: noop, config: {fallback: f}}
  - {id: f, uses: noop}
  - {id: b, uses: noop}
  - {id: c, uses: noop, needs: a, inputs: a}
edges:
  - {source: b, target: c, transform: input.x}
  - {source: a, target: c, transform: input.x}
"""
    _, findings = check_blueprint_text(text)
    assert _found(findings) == [("not_an_ancestor", 7)]
    assert findings[0].message == (
        "a transform of 'b' works on 'a' (`inputs` of 'c'), which does not come before it"
    )
