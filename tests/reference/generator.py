"""Random workflows: blueprints as plain data, what their nodes do, their inputs, and the answers of people.

Two kinds. `exact_cases` have one admissible result, whatever the timing: no `any` joins, no `fail_fast`,
every context key belongs to one node (or to one loop and its start). `racing_cases` have all of that, and
shared keys, and are small, because every order of theirs is tried.

Left out because the contract leaves them open: fallbacks with actions and edges of their own; `inputs` that name a
loop controller from inside of its body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.reference.behaviours import (
    Add,
    Behaviour,
    Boom,
    BoomOn,
    Echo,
    ErrorSeen,
    Fatal,
    Flaky,
    GetKey,
    Inc,
    Json,
    NotJson,
    Ret,
    SetKey,
    States,
    Steps,
    Upper,
)
from tests.reference.case import Answer, Cancel, Case
from tests.reference.explore import first_result

T = TypeVar("T")
VALUES: list[Json] = [1, None, "t", 0, False, True, "", {"a": 1}, {"a": {"b": 2}}, ["x", "y"], [], 2.5]
ACTIONS = ["x", "y"]
CONDITIONS = [
    'result.output == "t"',
    "result.output",
    "not result.output",
    'result.action == "x"',
    "amount > 1",
    "1 / 0 > amount",
    'context["amount"] == 2 and inputs.rows[1] == "q"',
    "{me} == result.output",
    'outputs["{me}"].a or len(keys(outputs)) > 100',
    "len(result.output) > 1",
    "{key} == 7 or {before}.a",
    "{before} == result.output",
]
TRANSFORMS = [
    "input.a",
    '"told"',
    'input == "t"',
    "input",
    "input.A",
    "1 / 0",
    "[{before}, {key}, context.amount, inputs.rows]",
    'outputs["{me}"] == input',
]
#: What a run returns; some of it fails.
RETURNED = [
    "{me}",
    "{me}.a",
    "amount + 1",
    'context["rows"][0]',
    "[{me}, inputs.amount]",
    "len({me})",
    "1 / 0",
]
#: What a loop looks at, beside the count of its passes.
STOPS = [
    "",
    "",
    "",
    "",
    ' and {me} != "t"',
    " and not outputs['{me}'].a",
    ' and result.output != "t"',
    " and len({me}) > 0",
]
SHARED_KEYS = ["s1", "s2"]
RUN_INPUTS: dict[str, Json] = {"amount": 2, "rows": ["p", "q"]}


@dataclass(frozen=True)
class Options:
    """What a case may contain."""

    max_nodes: int = 12
    racing: bool = False
    fail_fast: bool = False
    loops: bool = True
    batches: bool = True
    subflows: bool = True
    waits: bool = True
    #: Of the batches with many items; none if there are no such batches.
    most_items: int = 0


@dataclass
class Draft:
    """A blueprint in the making."""

    id: str
    options: Options
    draw: Callable[[st.SearchStrategy[Any]], Any]
    children: list[dict[str, Any]]
    behaviours: dict[str, Behaviour]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    #: As people write them: some are texts in the end.
    edges: list[Any] = field(default_factory=list)

    # Choices; they shrink to the first alternative, and to no

    def pick(self, values: list[T]) -> T:
        chosen: T = self.draw(st.sampled_from(values))
        return chosen

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) >= 100 - percent)

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    # Nodes and edges

    @property
    def room(self) -> int:
        return self.options.max_nodes - len(self.nodes)

    def new_node(self, behaviour: Behaviour | None = None, **keys: Any) -> dict[str, Any]:
        """A further node; with a behaviour, of a type of its own."""
        name = self.next_id()
        node: dict[str, Any] = {"id": name}
        if behaviour is not None:
            node["uses"] = f"{self.id}.{name}"
            self.behaviours[node["uses"]] = behaviour
        node |= keys
        self.nodes.append(node)
        return node

    def next_id(self) -> str:
        """A letter, now and then with a hyphen."""
        count = len(self.nodes)
        return f"{chr(65 + count % 26)}{count // 26 or ''}{'-a' if count % 5 == 3 else ''}"

    def connect(self, source: dict[str, Any], target: dict[str, Any]) -> None:
        """One edge, or two of different actions, from `source` to `target`."""
        edge = {"source": source["id"], "target": target["id"]}
        if "loop" in source:
            self.edges.append(
                edge | self.pick([{}, {}, {"action": "break"}, {"condition": f"{_counter(source)} >= 1"}])
            )
            return
        if source.get("is_plain"):
            self.edges.append(edge)
            return
        if self.chance(25):
            edge["action"] = self.pick(ACTIONS)
        if self.chance(16):
            edge["condition"] = self.expression(CONDITIONS, source)
        if self.may_transform(source, target) and _join(target) != "all_done" and self.chance(16):
            edge["transform"] = self.expression(TRANSFORMS, source)
        self.edges.append(edge)
        if "action" in edge and self.chance(25):
            self.edges.append(edge | {"action": "y" if edge["action"] == "x" else "x"})

    def expression(self, pool: list[str], node: dict[str, Any]) -> str:
        """One that sees the node, a node before it, the node's own key or a shared one, and the run's inputs."""
        before = [edge["source"] for edge in self.edges if edge["target"] == node["id"]]
        key = _own_key(self, node["id"])
        return self.pick(pool).format(me=node["id"], before=self.pick([*before, node["id"]]), key=key)

    def may_transform(self, source: dict[str, Any], target: dict[str, Any]) -> bool:
        """Not if it would work on a node that may or may not have ended by then."""
        asked = target.get("inputs")
        if not isinstance(asked, str) or asked == "amount":
            return True
        before = {source["id"]}
        for edge in reversed(self.edges):
            before |= {edge["source"]} if edge["target"] in before else set()
        return asked.partition(".")[0] in before


def _counter(controller: dict[str, Any]) -> str:
    return f"count_{_word(controller['id'])}"


def _word(node_id: str) -> str:
    return node_id.replace("-", "_")


def _own_key(draft: Draft, node_id: str) -> str:
    """A context key that nobody else writes; in racing cases others do."""
    return draft.pick(SHARED_KEYS) if draft.options.racing else f"k_{_word(node_id)}"


def _join(node: dict[str, Any]) -> str:
    return str(node.get("config", {}).get("join_strategy", "all"))


# What nodes do


def _behaviour(draft: Draft, node_id: str) -> Behaviour:
    """For a node with an ordinary input."""
    own_key = _own_key(draft, node_id)
    value = draft.pick(VALUES)
    options: list[Behaviour] = [
        Echo(),
        Ret(value),
        Ret(value, "x"),
        Ret(value, "y"),
        Boom(),
        Add("+"),
        Ret("t"),
        Echo(),
        Ret("t", "x"),
        Flaky(2, value),
        SetKey(own_key, value),
        GetKey(own_key if draft.options.racing else "amount"),
        Inc("n1" if draft.options.racing else f"i_{_word(node_id)}"),
        Upper(),
        BoomOn(value),
        Fatal(),
        NotJson(),
        Flaky(3, value),
        Steps((SetKey(own_key, value), Boom())),
        Steps((SetKey(own_key, 7), GetKey(own_key))),
    ]
    return draft.pick(options)


def _item_behaviour(draft: Draft) -> Behaviour:
    options: list[Behaviour] = [Echo(), Upper(), BoomOn("q"), BoomOn(1), Flaky(2, "ok"), Boom(), NotJson()]
    return draft.pick([*options, Inc("n1")] if draft.options.racing else options)


def _fallback_behaviour(draft: Draft) -> Behaviour:
    options: list[Behaviour] = [Ret("saved"), Echo(), ErrorSeen(), Add("-f"), Boom("again"), Ret(1, "x")]
    return draft.pick(options)


# Kinds of nodes


def _add_plain(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    node = draft.new_node(_behaviour(draft, draft.next_id()))
    _configure(draft, node, before)
    return node


def _add_wait(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    node = draft.new_node(uses="wait")
    _configure(draft, node, before)
    return node


def _add_built_in(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    """One of those that need no code of the user."""
    key = _own_key(draft, draft.next_id())
    seen = draft.pick(["${{ input }}", "it is ${{ input.a }}!", *(f"${{{{ {it['id']} }}}}" for it in before)])
    kinds: list[dict[str, Any]] = [
        {"uses": "noop"},
        {"uses": "set", "params": {"values": {key: seen}}},
        {
            "uses": "check",
            "params": {"that": draft.pick(["input", "amount == 2", "len(input) > 0", "not input.a"])},
        },
        {"uses": "log", "params": {"message": seen}},
        {"uses": "sleep", "params": {"duration": 1}},
    ]
    node = draft.new_node(**draft.pick(kinds))
    _configure(draft, node, before)
    return node


def _add_batch(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    fed = [source for it in before for source in (it["id"], f"{it['id']}.a", f"${{{{ {it['id']} }}}}")]
    source: Json = draft.pick(
        [[], ["p", "q"], ["p", 1, "q"], "rows", "amount", "${{ input }}", "${{ [input, rows[0], 1] }}", *fed]
    )
    if draft.options.most_items and draft.chance(60):
        source = [f"{number}" for number in range(draft.number(4, draft.options.most_items))]
    node = _add_item(draft)
    node["for_each"] = source
    if draft.chance(50):
        node["on_item_error"] = "collect"
    if not draft.options.racing and "on_item_error" not in node:
        node["concurrency"] = 1
    elif draft.chance(40):
        node["concurrency"] = draft.number(1, 2)
    _configure(draft, node, before, takes_inputs=False)
    return node


def _add_item(draft: Draft) -> dict[str, Any]:
    """What runs for each item."""
    kind = draft.pick(["own", "own", "own", "own", "check", "sleep", "subflow"])
    if kind == "own" or (kind == "subflow" and (draft.options.racing or not draft.options.subflows)):
        return draft.new_node(_item_behaviour(draft))
    if kind == "check":
        return draft.new_node(
            uses="check", params={"that": draft.pick(['item != "q"', "index < 1", "item.a"])}
        )
    if kind == "sleep":
        return draft.new_node(uses="sleep", params={"duration": 1})
    return _add_subflow(draft, [], is_item=True)


def _add_subflow(draft: Draft, before: list[dict[str, Any]], *, is_item: bool = False) -> dict[str, Any]:
    if not draft.children or draft.chance(50):
        _add_child(draft)
    blueprint = draft.pick(draft.children)
    params: dict[str, Any] = {"blueprint_id": blueprint["id"]}
    if draft.chance(40):
        params["inputs"] = {
            "amount": "amount",
            "given": draft.pick(
                ["rows.0", *(node["id"] for node in before), *["item", "item.a", "index"] * is_item]
            ),
        }
    if draft.chance(40) and not is_item:
        params["outputs"] = {
            f"r_{_word(draft.next_id())}": draft.pick([node["id"] for node in blueprint["nodes"]])
        }
    node = draft.new_node(uses="subflow", params=params)
    if not is_item:
        _configure(draft, node, before)
    return node


def _add_child(draft: Draft) -> None:
    """A small blueprint for subflows; children of children are those that exist already."""
    options = replace(
        draft.options,
        max_nodes=draft.number(1, 4),
        fail_fast=draft.options.racing and draft.chance(25),
        subflows=len(draft.children) < 2,
    )
    inner = type(draft)(
        f"{draft.id}-{len(draft.children) + 1}", options, draft.draw, draft.children, draft.behaviours
    )
    _segment(inner, depth=1)
    draft.children.append(_finish(inner))


def _add_loop(draft: Draft, depth: int, before: list[dict[str, Any]]) -> dict[str, Any]:
    """A controller and its body; the start node counts the iterations."""
    controller = draft.new_node()
    _configure(draft, controller, before)
    if draft.options.fail_fast and _join(controller) == "all_done":
        del controller["config"]["join_strategy"]
    counter = _counter(controller)
    inside: Behaviour = Steps((Inc(counter), _behaviour(draft, draft.next_id())))
    start = draft.new_node(inside)
    _configure(draft, start, [], takes_inputs=False)
    body = [start]
    for _ in range(draft.number(0, max(0, min(3, draft.room)))):
        if draft.room > 0:
            body.append(_add_any_kind(draft, body, depth))
    end = draft.pick(body[::-1])
    controller["loop"] = {
        "start": start["id"],
        "end": end["id"],
        "condition": f"not {counter} >= {draft.number(1, 3)}{draft.expression(STOPS, end)}",
        "max_iterations": draft.pick([4, 4, 1]),
    }
    return controller


def _add_any_kind(draft: Draft, before: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    """A node of some kind after some of `before`."""
    kinds: list[str] = ["plain"] * 6
    options = draft.options
    kinds += (
        ["batch"] * options.batches
        + ["subflow"] * options.subflows
        + ["wait", "wait", "built_in", "built_in"] * options.waits
    )
    kinds += ["loop"] * (options.loops and depth > 0 and draft.room >= 2) * 3
    kind = draft.pick(kinds)
    chosen = _predecessors(draft, before)
    node = _add_loop(draft, depth - 1, chosen) if kind == "loop" else ADDERS[kind](draft, chosen)
    for source in chosen:
        draft.connect(source, node)
    return node


ADDERS: dict[str, Callable[[Draft, list[dict[str, Any]]], dict[str, Any]]] = {
    "plain": _add_plain,
    "batch": _add_batch,
    "subflow": _add_subflow,
    "wait": _add_wait,
    "built_in": _add_built_in,
}


def _predecessors(draft: Draft, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One to three of the nodes before, the latest preferred."""
    recent = before[-4:][::-1]
    count = min(draft.pick([1, 2, 2, 1, 3]), len(recent))
    chosen: list[dict[str, Any]] = []
    for _ in range(count):
        chosen.append(draft.pick([node for node in recent if node not in chosen]))
    return chosen


def _configure(
    draft: Draft, node: dict[str, Any], before: list[dict[str, Any]], *, takes_inputs: bool = True
) -> None:
    """Retries, joins, inputs and a fallback."""
    config: dict[str, Any] = {}
    if draft.chance(25):
        config["max_retries"] = draft.number(2, 3)
    if before and draft.chance(70 if draft.options.racing and len(before) > 1 else 20):
        config["join_strategy"] = draft.pick(
            ["any", "any", "all_done"] if draft.options.racing else ["all_done"]
        )
    if config:
        node["config"] = config
    if _join(node) == "all_done" and "for_each" not in node and node.get("uses") in draft.behaviours:
        options: list[Behaviour] = [States(), Ret("done"), Boom(), Ret(1, "x")]
        draft.behaviours[node["uses"]] = draft.pick(options)
    if takes_inputs and before and _join(node) != "all_done" and draft.chance(20):
        source = draft.pick(before)["id"]
        node["inputs"] = draft.pick(
            [
                source,
                f"{source}.a",
                "amount",
                {"p": source, "q": "rows.1", "r": "nope"},
                {"p": f"{source}.a.b", "q": f"{source}.0"},
            ]
        )
    if draft.room > 0 and draft.chance(25):
        _add_fallback(draft, node, before)


def _add_fallback(draft: Draft, node: dict[str, Any], before: list[dict[str, Any]]) -> None:
    fallback = draft.new_node(_fallback_behaviour(draft))
    node.setdefault("config", {})["fallback"] = fallback["id"]
    if before and draft.chance(25):
        fallback["inputs"] = draft.pick([it["id"] for it in before] + ["rows.0"])
    if draft.room > 0 and draft.chance(20):
        _add_fallback(draft, fallback, before)


def _segment(draft: Draft, depth: int) -> None:
    """Fill the draft with nodes, each after some of those before it, or at the start."""
    before: list[dict[str, Any]] = []
    wanted = draft.number(1, max(1, draft.room))
    while len(draft.nodes) < wanted:
        if not before or draft.chance(20):
            node = (
                _add_loop(draft, depth - 1, []) if _starts_with_loop(draft, depth) else _add_plain(draft, [])
            )
        else:
            node = _add_any_kind(draft, before, depth)
        before.append(node)


def _starts_with_loop(draft: Draft, depth: int) -> bool:
    return draft.options.loops and depth > 0 and draft.room >= 2 and draft.chance(15)


def _finish(draft: Draft) -> dict[str, Any]:
    blueprint: dict[str, Any] = {"id": draft.id, "nodes": draft.nodes, "edges": draft.edges}
    if draft.options.fail_fast:
        blueprint["metadata"] = {"fail_fast": True}
    if draft.chance(20):
        blueprint["outputs"] = {
            name: draft.pick(RETURNED).format(me=draft.pick(draft.nodes)["id"])
            for name in ("first", "second")
        }
    _write_shortly(draft)
    return blueprint


def _write_shortly(draft: Draft) -> None:
    """Some loops by their primitives, and some edges as people write them; one or another twice."""
    by_id = {node["id"]: node for node in draft.nodes}
    for node in draft.nodes:
        if "loop" in node and draft.chance(25):
            loop = node.pop("loop")
            node |= {
                "uses": "loop-controller",
                "params": {k: loop[k] for k in ("condition", "max_iterations")},
            }
            draft.edges.append({"source": node["id"], "target": loop["start"], "action": "continue"})
            draft.edges.append({"source": loop["end"], "target": node["id"]})
    written = list(draft.edges)
    draft.edges.clear()
    for edge in written:
        if draft.chance(5):
            draft.edges.append(edge)
        if edge.keys() == {"source", "target"} and draft.chance(20):
            by_id[edge["target"]].setdefault("needs", []).append(edge["source"])
        elif edge.keys() == {"source", "target"} and draft.chance(20):
            draft.edges.append(f"{edge['source']} -> {edge['target']}")
        else:
            draft.edges.append(edge)


def _answered(draft: Draft, case: Case) -> Case:
    """The case with answers for its waits, in some order; now and then one is left open."""
    waits = [node["id"] for node in case.blueprint["nodes"] if node.get("uses") == "wait"]
    for _ in range(8):
        result = first_result(case)
        waiting = sorted(
            name for name, state in result.nodes.items() if state == "waiting" and "[" not in name
        )
        named = sorted({name.partition("#")[0] for name in waiting} & _answerable(case))
        if result.status != "waiting" or not named or draft.chance(10):
            break
        if draft.chance(5):
            case = replace(case, answers=(*case.answers, Cancel()))
            break
        answer = Answer(draft.pick(named), draft.pick(VALUES), draft.pick([None, "x", "y"]))
        if draft.chance(15):  # early, or too late, or as one before
            answer = draft.pick(
                [replace(answer, node=node) for node in waits] + list(case.answers) + [answer]
            )
        case = replace(case, answers=(*case.answers, answer))
    return case


def _answerable(case: Case) -> set[str]:
    return {node["id"] for node in case.blueprint["nodes"] if node.get("uses") in ("wait", "subflow")}


@st.composite
def cases(draw: st.DrawFn, options: Options) -> Case:
    """A workflow with everything that the options allow."""
    return _case(Draft("main", options, draw, [], {}))


def random_case(random: Random, options: Options) -> Case:
    """The same, from a generator of random numbers: the same case for the same seed, in no time."""
    return _case(_RandomDraft("main", options, _NothingToDraw(random), [], {}))


class _NothingToDraw:
    """Stands in for Hypothesis, which is not asked here; hands the random numbers on to drafts of sub-flows."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def __call__(self, strategy: st.SearchStrategy[Any]) -> Any:
        raise AssertionError("random drafts make their own choices")


class _RandomDraft(Draft):
    """A draft whose choices are made by random numbers."""

    @property
    def _random(self) -> Random:
        assert isinstance(self.draw, _NothingToDraw)
        return self.draw.random

    def pick(self, values: list[T]) -> T:
        return self._random.choice(values)

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent


def _case(draft: Draft) -> Case:
    _segment(draft, depth=2)
    case = Case(_finish(draft), draft.behaviours, dict(RUN_INPUTS), tuple(draft.children))
    return _answered(draft, case)


def exact_cases(max_nodes: int = 12) -> st.SearchStrategy[Case]:
    """Workflows with one admissible result."""
    return cases(Options(max_nodes))


def racing_cases(max_nodes: int = 6) -> st.SearchStrategy[Case]:
    """Small workflows whose result may depend on the order of events."""
    everything = Options(max_nodes, racing=True)
    stopping = replace(everything, fail_fast=True)
    return cases(everything) | cases(stopping)
