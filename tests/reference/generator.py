"""Random workflows: blueprints as plain data, what their nodes do, their inputs, and the answers of people.

Two kinds. `exact_cases` have one admissible result, whatever the timing: no `any` joins, no `fail_fast`,
every context key belongs to one node (or to one loop and its start). `racing_cases` have all of that, and
shared keys, and are small, because every order of theirs is tried.

Left out because the contract leaves them open: `fail_fast` with loops, batches or subflows; fallbacks with
actions and edges of their own; `inputs` that name a loop controller from inside of its body.
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
from tests.reference.case import Answer, Case
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
]
TRANSFORMS = ["input.a", '"told"', 'input == "t"', "input", "input.A", "1 / 0"]
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


@dataclass
class Draft:
    """A blueprint in the making."""

    id: str
    options: Options
    draw: Callable[[st.SearchStrategy[Any]], Any]
    children: list[dict[str, Any]]
    behaviours: dict[str, Behaviour]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)

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
        name = f"{chr(65 + len(self.nodes) % 26)}{len(self.nodes) // 26 or ''}"
        node: dict[str, Any] = {"id": name}
        if behaviour is not None:
            node["uses"] = f"{self.id}.{name}"
            self.behaviours[node["uses"]] = behaviour
        node |= keys
        self.nodes.append(node)
        return node

    def next_id(self) -> str:
        return f"{chr(65 + len(self.nodes) % 26)}{len(self.nodes) // 26 or ''}"

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
        if self.chance(12):
            edge["condition"] = self.pick(CONDITIONS)
        may_transform = not isinstance(target.get("inputs"), str)
        if may_transform and _join(target) != "all_done" and self.chance(12):
            edge["transform"] = self.pick(TRANSFORMS)
        self.edges.append(edge)
        if "action" in edge and self.chance(25):
            self.edges.append(edge | {"action": "y" if edge["action"] == "x" else "x"})


def _counter(controller: dict[str, Any]) -> str:
    return f"count_{controller['id']}"


def _join(node: dict[str, Any]) -> str:
    return str(node.get("config", {}).get("join_strategy", "all"))


# What nodes do


def _behaviour(draft: Draft, node_id: str) -> Behaviour:
    """For a node with an ordinary input."""
    own_key = f"k_{node_id}" if not draft.options.racing else draft.pick(SHARED_KEYS)
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
        Inc("n1" if draft.options.racing else f"i_{node_id}"),
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
    return draft.new_node(uses="wait")


def _add_sleep(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    return draft.new_node(uses="sleep", params={"duration": 1})


def _add_batch(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    source = draft.pick([[], ["p", "q"], ["p", 1, "q"], "rows", "amount"])
    node = draft.new_node(_item_behaviour(draft), for_each=source)
    if draft.chance(50):
        node["on_item_error"] = "collect"
    if not draft.options.racing and "on_item_error" not in node:
        node["concurrency"] = 1
    elif draft.chance(40):
        node["concurrency"] = draft.number(1, 2)
    _configure(draft, node, before, takes_inputs=False)
    return node


def _add_subflow(draft: Draft, before: list[dict[str, Any]]) -> dict[str, Any]:
    if not draft.children or draft.chance(50):
        _add_child(draft)
    blueprint = draft.pick(draft.children)
    params: dict[str, Any] = {"blueprint_id": blueprint["id"]}
    if draft.chance(40):
        params["inputs"] = {
            "amount": "amount",
            "given": draft.pick(["rows.0", *(node["id"] for node in before)]),
        }
    if draft.chance(40):
        params["outputs"] = {f"r_{draft.next_id()}": draft.pick([node["id"] for node in blueprint["nodes"]])}
    node = draft.new_node(uses="subflow", params=params)
    _configure(draft, node, before, takes_inputs=False)
    return node


def _add_child(draft: Draft) -> None:
    """A small blueprint for subflows; children of children are those that exist already."""
    options = replace(
        draft.options, max_nodes=draft.number(1, 4), fail_fast=False, subflows=len(draft.children) < 2
    )
    inner = type(draft)(
        f"{draft.id}-{len(draft.children) + 1}", options, draft.draw, draft.children, draft.behaviours
    )
    _segment(inner, depth=1)
    draft.children.append(_finish(inner))


def _add_loop(draft: Draft, depth: int) -> dict[str, Any]:
    """A controller and its body; the start node counts the iterations."""
    controller = draft.new_node()
    counter = _counter(controller)
    inside: Behaviour = Steps((Inc(counter), _behaviour(draft, draft.next_id())))
    start = draft.new_node(inside)
    _configure(draft, start, [], takes_inputs=False)
    body = [start]
    for _ in range(draft.number(0, min(3, draft.room))):
        if draft.room > 0:
            body.append(_add_any_kind(draft, body, depth))
    end = draft.pick(body[::-1])
    controller["loop"] = {
        "start": start["id"],
        "end": end["id"],
        "condition": f"not {counter} >= {draft.number(1, 3)}",
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
        + ["wait", "wait", "sleep"] * options.waits
    )
    kinds += ["loop"] * (options.loops and depth > 0 and draft.room >= 2) * 3
    kind = draft.pick(kinds)
    chosen = _predecessors(draft, before)
    node = _add_loop(draft, depth - 1) if kind == "loop" else ADDERS[kind](draft, chosen)
    for source in chosen:
        draft.connect(source, node)
    return node


ADDERS: dict[str, Callable[[Draft, list[dict[str, Any]]], dict[str, Any]]] = {
    "plain": _add_plain,
    "batch": _add_batch,
    "subflow": _add_subflow,
    "wait": _add_wait,
    "sleep": _add_sleep,
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
    if _join(node) == "all_done" and "for_each" not in node and node["uses"] in draft.behaviours:
        options: list[Behaviour] = [States(), Ret("done"), Boom(), Ret(1, "x")]
        draft.behaviours[node["uses"]] = draft.pick(options)
    if takes_inputs and before and _join(node) != "all_done" and draft.chance(20):
        source = draft.pick(before)["id"]
        node["inputs"] = draft.pick(
            [source, f"{source}.a", "amount", {"p": source, "q": "rows.1", "r": "nope"}]
        )
    if draft.room > 0 and draft.chance(25):
        _add_fallback(draft, node)


def _add_fallback(draft: Draft, node: dict[str, Any]) -> None:
    fallback = draft.new_node(_fallback_behaviour(draft))
    node.setdefault("config", {})["fallback"] = fallback["id"]
    if draft.room > 0 and draft.chance(20):
        _add_fallback(draft, fallback)


def _segment(draft: Draft, depth: int) -> None:
    """Fill the draft with nodes, each after some of those before it, or at the start."""
    before: list[dict[str, Any]] = []
    wanted = draft.number(1, max(1, draft.room))
    while len(draft.nodes) < wanted:
        if not before or draft.chance(20):
            node = _add_loop(draft, depth - 1) if _starts_with_loop(draft, depth) else _add_plain(draft, [])
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
        blueprint["outputs"] = {"first": draft.nodes[0]["id"], "walked": f"{draft.pick(draft.nodes)['id']}.a"}
    return blueprint


def _answered(draft: Draft, case: Case) -> Case:
    """The case with answers for its waits, in some order; now and then one is left open."""
    for _ in range(8):
        result = first_result(case)
        waiting = sorted(
            name for name, state in result.nodes.items() if state == "waiting" and "[" not in name
        )
        named = sorted({name.partition("#")[0] for name in waiting} & _answerable(case))
        if result.status != "waiting" or not named or draft.chance(10):
            break
        answer = Answer(draft.pick(named), draft.pick(VALUES), draft.pick([None, "x", "y"]))
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


def racing_cases(max_nodes: int = 7) -> st.SearchStrategy[Case]:
    """Small workflows whose result may depend on the order of events."""
    everything = Options(max_nodes, racing=True)
    stopping = replace(everything, fail_fast=True, loops=False, batches=False, subflows=False)
    return cases(everything) | cases(stopping)
