"""The behaviours of flowcraft as a table of small cases: data, for the reference model and for real runs
alike.

A row is a graph in the notation of `notation.py`, what its nodes do (`Echo` unless said), and what must be
seen. Ids group the rows: X execution and data, R routing, J joins, F failing, L loops, B batches, S
subflows, W waiting, E expressions, P blueprints. Where the order of events matters, a row fixes it by
`Late`, never by time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.notation import child, graph
from tests.reference.behaviours import (
    Add,
    Behaviour,
    Boom,
    BoomIfKey,
    BoomOn,
    Echo,
    ErrorSeen,
    Fatal,
    Flaky,
    GetKey,
    Inc,
    Json,
    Late,
    NotJson,
    Ret,
    SetKey,
    Slow,
    States,
    Steps,
    Upper,
)
from tests.reference.case import Answer, Cancel, Case

BUILT_IN = frozenset({"noop", "log", "set", "check", "sleep", "wait", "subflow", "loop-controller", None})


class Anything:
    """Equal to every value."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ANY"


ANY: Any = Anything()


@dataclass(frozen=True)
class Expected:
    """What must be seen; what is not named is free.

    `out`: instance → output, `ctx`: key → value, `calls`: node → executions over all instances, `states`:
    instance → state, `errors`: all unrescued failures as (node, code),
    `told`: node → a text that its error contains, `answers`: what became of each answer.
    """

    status: str = "completed"
    outs: Json = ANY
    out: Mapping[str, Json] = field(default_factory=dict)
    ctx: Mapping[str, Json] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    errors: frozenset[tuple[str, str]] | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Scenario:
    """One row: `id` is the row's in the list of behaviours, with a letter where it became several."""

    id: str
    case: Case
    expected: Expected


def failed(*errors: tuple[str, str], **more: Any) -> Expected:
    """A failed run with exactly these unrescued failures, as (node, code)."""
    return Expected(status="failed", errors=frozenset(errors), **more)


def row(
    id: str,
    text: str,
    does: Mapping[str, Behaviour],
    expected: Expected,
    *,
    inputs: Mapping[str, Json] | None = None,
    answers: tuple[Answer | Cancel, ...] = (),
    children: tuple[dict[str, Any], ...] = (),
    patch: Mapping[str, Mapping[str, Any]] | None = None,
    **extra: Any,
) -> Scenario:
    """A scenario; `patch` adds keys to nodes, `extra` are further top-level keys of the blueprint."""
    blueprint = graph(text, **extra)
    for node in blueprint["nodes"]:
        _merge(node, (patch or {}).get(node["id"], {}))
    return Scenario(id, case_of(blueprint, does, dict(inputs or {}), children, answers), expected)


def case_of(
    blueprint: dict[str, Any],
    does: Mapping[str, Behaviour],
    inputs: dict[str, Json] | None = None,
    children: tuple[dict[str, Any], ...] = (),
    answers: tuple[Answer | Cancel, ...] = (),
) -> Case:
    """A case in which every node type that `does` leaves out echoes."""
    used = {node.get("uses") for part in (blueprint, *children) for node in part["nodes"]}
    unknown = set(does) - used
    assert not unknown, f"no node uses {unknown}"
    behaviours = {uses: Echo() for uses in used if uses not in BUILT_IN} | dict(does)
    return Case(blueprint, behaviours, inputs or {}, children, answers)


def _merge(target: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            target[key] |= value
        else:
            target[key] = value


FAILED = "node_failed"
POISONED, SKIPPED, CANCELLED, COMPLETED = "poisoned", "skipped", "cancelled", "completed"

EXECUTION = [
    row("X01", "A -> B", {"A": Ret("x"), "B": Add("y")}, Expected(outs={"B": "xy"}, calls={"A": 1, "B": 1})),
    row(
        "X02",
        "A; B; C; D; E",
        {node: Slow(20, Ret(node)) for node in "ABCDE"},
        Expected(outs={node: node for node in "ABCDE"}),
    ),
    row(
        "X03",
        "A, B -> C",
        {"A": Ret("a"), "B": Boom("Fail")},
        failed(("B", FAILED), told={"B": "Fail"}, states={"C": POISONED}, out={"A": "a"}, calls={"C": 0}),
    ),
    row(
        "X04",
        "R -> Q1 -> Q2; R -> S",
        {"S": Late("Q2", Ret("s")), "Q2": Ret("q")},
        Expected(outs={"Q2": "q", "S": "s"}),
    ),
    row("X05", "A", {"A": Ret(None)}, Expected(outs={"A": None}, out={"A": None})),
    row("X06", "A -> B<A>", {"A": Ret("data"), "B": Add("_B")}, Expected(out={"B": "data_B"})),
    row("X07", "A -> B<{data: A}>", {"A": Ret({"key": "v"})}, Expected(out={"B": {"data": {"key": "v"}}})),
    row(
        "X08",
        "C -> D<{id: C.cart.id, no: C.nope}>",
        {"C": Ret({"cart": {"id": 456}})},
        Expected(out={"D": {"id": 456, "no": None}}),
    ),
    row("X09", "A -{input * 2}-> B", {"A": Ret(10)}, Expected(out={"A": 10, "B": 20})),
    row(
        "X10",
        "S -> M -{input.deep.v}-> E<S>",
        {"S": Ret({"deep": {"v": "e"}}), "M": Ret("m")},
        Expected(out={"E": "e"}),
    ),
    row(
        "X10b",
        "S -> M, N; M -{[0, input]}-> E<S>; N -{[1, input]}-> E",
        {"S": Ret("s"), "M": Late("N", Ret("m"))},
        Expected(out={"E": [0, "s"]}),
    ),
    row("X10c", "A!F -{[input]}-> E<A>", {"A": Boom(), "F": Ret("f")}, Expected(out={"E": ["f"]})),
    row(
        "X10d",
        "A!F -{[input]}-> E<F>; F!G",
        {"A": Boom(), "F": Boom(), "G": Ret("g")},
        Expected(out={"E": ["g"]}),
    ),
    row("X10e", "S -{[input]}-> A!F; F<S>", {"S": Ret("s"), "A": Boom()}, Expected(out={"F": "s"})),
    row("X11", "A<amount>", {}, Expected(out={"A": 42}, ctx={"amount": 42}), inputs={"amount": 42}),
    row("X12", "A -> B", {"A": Ret(False)}, Expected(out={"B": False})),
    row(
        "X13",
        "A -> B",
        {"A": SetKey("k", {"a": 1}), "B": GetKey("k")},
        Expected(out={"B": {"a": 1}}, ctx={"k": {"a": 1}}),
    ),
    row(
        "X13b",
        "A*2",
        {"A": Steps((Inc("n"), BoomIfKey("m", None), Ret(1)))},
        failed(("A", FAILED), calls={"A": 2}, ctx={"n": None}),
    ),
    row("X13c", "A", {"A": Steps((SetKey("k", 1), GetKey("k")))}, Expected(out={"A": 1}, ctx={"k": 1})),
    row("X13d", "A, B, C -> D", {n: Inc("n") for n in "ABC"} | {"D": GetKey("n")}, Expected(out={"D": 3})),
    row("X16", "A", {}, Expected(out={"A": None})),
    row("X17", "A -{input.nope.x}-> B", {"A": Ret({"x": 1})}, Expected(out={"B": None})),
    row("X18", "A<order.lines.1>", {}, Expected(out={"A": "b"}), inputs={"order": {"lines": ["a", "b"]}}),
]

ROUTING = [
    row(
        "R01",
        "A -[success]-> B; A -[fail]-> C",
        {"A": Ret(1, "success")},
        Expected(outs={"B": 1}, states={"B": COMPLETED, "C": SKIPPED}, calls={"C": 0}),
    ),
    row(
        "R02",
        "A -[known]-> B; A -> C",
        {"A": Ret(1, "unknown")},
        Expected(outs={"C": 1}, states={"B": SKIPPED}),
    ),
    row(
        "R03",
        "A -[y]-> B; A -[z]-> C",
        {"A": Ret(1, "x")},
        Expected(outs={}, states={"B": SKIPPED, "C": SKIPPED}),
    ),
    row("R03b", "A -[y]-> B", {"A": Ret(1)}, Expected(states={"B": SKIPPED})),
    row("R04", "A -(result.output > 100)-> B", {"A": Ret(1)}, Expected(states={"B": SKIPPED}, outs={})),
    row(
        "R05",
        "A -[go](result.output > 9)-> B; A -> C; A -(result.output > 3)-> D",
        {"A": Ret(5, "go")},
        Expected(outs={"C": 5, "D": 5}, states={"B": SKIPPED}),
    ),
    row(
        "R06", "check-it -(check-it.total > 3)-> B", {"check-it": Ret({"total": 5})}, Expected(calls={"B": 1})
    ),
    row(
        "R07",
        "A -[high]-> P; A -[low]-> Q -> T",
        {"A": Ret(75, "high")},
        Expected(outs={"P": 75}, states={"Q": SKIPPED, "T": SKIPPED}),
    ),
    row(
        "R08",
        "A -[x]-> B; A -> C",
        {"A": Ret(1, "x")},
        Expected(outs={"B": 1}, states={"C": SKIPPED}),
    ),
    row(
        "R09",
        "A -(k == 7)-> B; A -(k != 7)-> C",
        {"A": SetKey("k", 7)},
        Expected(states={"B": COMPLETED, "C": SKIPPED}),
    ),
    row(
        "R10",
        "A -(1 / result.output > 1)-> B; A -> C",
        {"A": Steps((SetKey("k", 1), Ret(0)))},
        failed(
            ("A", "expression_error"), states={"B": POISONED, "C": POISONED}, ctx={"k": None}, calls={"A": 1}
        ),
        patch={"A": {"config": {"max_retries": 3}}},
    ),
    row(
        "R11",
        "A -{1 / input}-> B",
        {"A": Ret(0)},
        failed(("A", "expression_error"), states={"A": "failed", "B": POISONED}),
    ),
    row("R12", "A -[x]{input + 1}-> B; A -[y]{input + 2}-> B", {"A": Ret(1, "y")}, Expected(out={"B": 3})),
    row(
        "R13", "A -{input + 1}-> B; A -{input + 2}-> B", {"A": Ret(1)}, Expected(out={"B": 2}, calls={"B": 1})
    ),
]

JOINS = [
    row(
        "J01",
        "A, B, C -> D",
        {n: Ret(n) for n in "ABC"},
        Expected(out={"D": {"A": "A", "B": "B", "C": "C"}}, calls={"D": 1}),
    ),
    row(
        "J02",
        "A -(result.output)-> B; A -(not result.output)-> C; B, C -> D",
        {"A": Ret(True), "B": Ret("b")},
        Expected(out={"D": {"B": "b"}}, states={"C": SKIPPED}),
    ),
    row(
        "J03",
        "V -[ok]-> P -> U -> F; V -[issue]-> F",
        {"V": Ret(1, "ok"), "U": Ret("u")},
        Expected(out={"F": {"U": "u"}}, calls={"F": 1}),
    ),
    row(
        "J04",
        "A -[a]-> T; A -[b]-> T; T -> E",
        {"A": Ret(1, "b")},
        Expected(out={"T": 1, "E": 1}, calls={"T": 1}),
    ),
    row(
        "J05",
        "A, B -> D:any",
        {"A": Late("D", Ret(1)), "B": Ret(2)},
        Expected(out={"D": 2}, calls={"D": 1, "A": 1}),
    ),
    row(
        "J06",
        "A, B, C -> D:any",
        {n: Ret(1) for n in "ABC"},
        Expected(out={"D": 1}, calls={"D": 1}, errors=frozenset()),
    ),
    row(
        "J07",
        "A, B -> D:any",
        {"A": Late("B", Ret(1)), "B": Boom()},
        failed(("B", FAILED), states={"D": CANCELLED, "A": COMPLETED}, calls={"D": 0}),
    ),
    row(
        "J07b",
        "A, B -> D:any; D, C -> E",
        {"A": Late("B", Ret(1)), "B": Boom()},
        failed(("B", FAILED), states={"D": CANCELLED, "E": POISONED, "C": COMPLETED}),
    ),
    row(
        "J08",
        "A, B -> D:any",
        {"A": Ret(1), "B": Late("D", Boom())},
        failed(("B", FAILED), states={"D": COMPLETED}, out={"D": 1}),
    ),
    row(
        "J09",
        "A -[x]-> D:any; B -[x]-> D -> E",
        {"A": Ret(1), "B": Ret(2)},
        Expected(states={"D": SKIPPED, "E": SKIPPED}),
    ),
    row(
        "J09b",
        "A -[x]-> D:any; B -> D",
        {"A": Ret(1), "B": Late("A", Ret(2))},
        Expected(out={"D": 2}),
    ),
    row(
        "J10",
        "A, B -> J -> E",
        {"A": Boom(), "B": Late("E", Ret("b"))},
        failed(("A", FAILED), states={"J": POISONED, "E": POISONED, "B": COMPLETED}),
    ),
    row(
        "J11",
        "A -> M -> J; B -> J",
        {"A": Boom()},
        failed(("A", FAILED), states={"M": POISONED, "J": POISONED}),
    ),
    row(
        "J12",
        "A, B -> D:done",
        {"A": Boom(), "B": Ret(3)},
        failed(
            ("A", FAILED),
            out={
                "D": {
                    "A": {"state": "failed", "output": None, "error": ANY},
                    "B": {"state": "completed", "output": 3, "error": None},
                }
            },
        ),
    ),
    row(
        "J12b",
        "A -[x]-> B; A, B -> D:done",
        {"A": Ret(1), "D": States()},
        Expected(
            out={"D": {"A": {"state": "completed", "output": 1}, "B": {"state": "skipped", "output": None}}},
        ),
    ),
    row(
        "J12c",
        "A!F, B -> D:done",
        {"A": Boom(), "F": Ret("f"), "B": Ret(3)},
        Expected(
            out={
                "D": {
                    "A": {"state": "completed", "output": "f", "error": None},
                    "B": {"state": "completed", "output": 3, "error": None},
                }
            },
        ),
    ),
    row(
        "J12d",
        "A -> B -> D:done -> E",
        {"A": Boom(), "D": States()},
        failed(
            ("A", FAILED), out={"D": {"B": {"state": "poisoned", "output": None}}}, states={"E": COMPLETED}
        ),
    ),
    row(
        "J13",
        "A!F, B -> J",
        {"A": Boom(), "F": Ret("f"), "B": Ret("b")},
        Expected(out={"J": {"A": "f", "B": "b"}}, states={"A": "failed"}, errors=frozenset()),
    ),
    row(
        "J13b",
        "A!F, B -> J:any",
        {"A": Boom(), "F": Ret("f"), "B": Late("J")},
        Expected(out={"J": "f"}, calls={"J": 1}),
    ),
    row("J15", "A, B -> J<A>", {"A": Ret("a"), "B": Ret("b")}, Expected(out={"J": "a"})),
]

FAILING = [
    row("F01", "A*2", {"A": Flaky(2, "ok")}, Expected(out={"A": "ok"}, calls={"A": 2})),
    row("F02", "A*3", {"A": Fatal("no")}, failed(("A", FAILED), calls={"A": 1}, told={"A": "no"})),
    row(
        "F03",
        "A*3",
        {"A": Flaky(3, 1)},
        Expected(calls={"A": 3}),
        patch={"A": {"config": {"retry_delay": 2, "backoff": 3, "jitter": 0}}},
    ),
    row("F03b", "A*2", {"A": Flaky(3, 1)}, failed(("A", FAILED), calls={"A": 2})),
    row(
        "F04",
        "S -> A*2!F; A -> E",
        {"S": Ret("s"), "A": Boom(), "F": Add("-F")},
        Expected(
            outs={"E": "s-F"}, out={"F": "s-F", "E": "s-F"}, calls={"A": 2, "F": 1}, states={"A": "failed"}
        ),
    ),
    row(
        "F05",
        "A!F; F -> G; A -> B",
        {"A": Ret(1)},
        Expected(outs={"B": 1}, states={"F": SKIPPED, "G": SKIPPED}),
    ),
    row(
        "F05b",
        "A!F; F -> G; A -> B",
        {"A": Boom(), "F": Ret("f")},
        Expected(outs={"B": "f", "G": "f"}),
    ),
    row("F05c", "A!F", {"A": Boom(), "F": Ret("f")}, Expected(outs={"F": "f"}, states={"A": "failed"})),
    row(
        "F05d",
        "X -> A!F -> B",
        {"X": Boom()},
        failed(("X", FAILED), states={"A": POISONED, "F": SKIPPED, "B": POISONED}),
    ),
    row(
        "F05e",
        "S, T -> A!F; F<S>!G",
        {"S": Ret("s"), "T": Ret("t"), "A": Boom(), "F": Boom(), "G": Echo()},
        Expected(outs={"G": "s"}),
    ),
    row("F06", "A!F", {"A": Boom("one"), "F": Boom("two")}, failed(("A", FAILED), ("F", FAILED))),
    row(
        "F06b",
        "A!F -> B; F!G",
        {"A": Boom(), "F": Boom(), "G": Ret("g")},
        Expected(outs={"B": "g"}, errors=frozenset(), states={"A": "failed", "F": "failed", "G": COMPLETED}),
    ),
    row(
        "F06c",
        "A!F -> B; F!G",
        {"A": Boom(), "F": Boom(), "G": Boom()},
        failed(("A", FAILED), ("F", FAILED), ("G", FAILED), states={"B": POISONED}),
    ),
    row(
        "F07",
        "A!F; A -[x]-> P; A -[y]-> Q",
        {"A": Boom(), "F": Ret(1, "y")},
        Expected(outs={"Q": 1}, states={"P": SKIPPED}),
    ),
    row("F07b", "A!F; A -> B<A>", {"A": Fatal(), "F": Ret("f")}, Expected(out={"B": "f"})),
    row("F07c", "A!F", {"A": NotJson(), "F": ErrorSeen()}, Expected(out={"F": "output_not_serializable"})),
    row(
        "F10",
        "A -> B; C -> D",
        {"A": Boom()},
        failed(("A", FAILED), states={"B": POISONED, "C": COMPLETED, "D": COMPLETED}),
    ),
    row(
        "F11",
        "A -> B; C -> D",
        {"A": Boom(), "C": Late("B", Ret("c"))},
        failed(("A", FAILED), states={"C": ANY, "D": CANCELLED}, calls={"D": 0}),
        metadata={"fail_fast": True},
    ),
    row(
        "F11b",
        "A!F -> B; C -> D",
        {"A": Boom(), "F": Ret("f")},
        Expected(states={"B": COMPLETED, "D": COMPLETED}),
        metadata={"fail_fast": True},
    ),
    row(
        "F11c",
        "A -> B; C -> D:done -> E",
        {"A": Boom(), "C": Late("B"), "D": States()},
        failed(("A", FAILED), states={"D": COMPLETED, "E": CANCELLED}),
        metadata={"fail_fast": True},
    ),
    row(
        "F16",
        "W:wait -> E",
        {},
        Expected("cancelled", states={"W": CANCELLED}, calls={"E": 0}, answers=("accepted", "refused")),
        answers=(Cancel(), Answer("W", 1)),
    ),
    row(
        "F18",
        "A*3",
        {"A": NotJson()},
        failed(("A", "output_not_serializable"), calls={"A": 1}, told={"A": "$.bad"}),
    ),
]

COUNT_TO_2 = "I -> L; L:loop(B..B, n < 2)"
LOOPS = [
    row(
        "L01",
        COUNT_TO_2 + "; L -> E",
        {"I": SetKey("n", 0), "B": Inc("n")},
        Expected(calls={"B": 2, "E": 1}, ctx={"n": 2}, out={"E": 2}, outs={"E": 2}),
    ),
    row(
        "L01b",
        COUNT_TO_2 + "; L -[break]-> E",
        {"I": SetKey("n", 0), "B": Inc("n")},
        Expected(calls={"B": 2, "E": 1}, states={"B#1": COMPLETED, "B#2": COMPLETED, "L": COMPLETED}),
    ),
    row(
        "L01c",
        "I -> L; L:loop(B..B, len(result.output) < 4); L -> E",
        {"I": Ret("a"), "B": Add("b")},
        Expected(out={"B#1": "ab", "B#2": "abb", "B#3": "abbb", "E": "abbb", "L": "abbb"}),
    ),
    row(
        "L01d",
        COUNT_TO_2 + "; L -> E<B>",
        {"I": SetKey("n", 0), "B": Inc("n")},
        Expected(out={"E": 2}),
    ),
    row(
        "L02",
        "I -> L; L:loop(B1..B3, n < 3); B1 -> B2 -> B3",
        {"I": SetKey("n", 0), "B2": Inc("n")},
        Expected(calls={"B1": 3, "B2": 3, "B3": 3}, outs={"L": 3}),
    ),
    row("L03", COUNT_TO_2, {"I": SetKey("n", 0), "B": Inc("n")}, Expected(calls={"B": 2}, outs={"L": 2})),
    row(
        "L04",
        "I -> L; L:loop(B..B, n < 9); L -> E; L -(n == 1)-> X",
        {"I": SetKey("n", 0), "B": Inc("n"), "X": GetKey("n")},
        Expected(outs={"X": 1}, calls={"X": 1, "E": 0, "B": 1}, states={"E": SKIPPED}),
    ),
    row(
        "L05",
        COUNT_TO_2 + "; L -> E",
        {"I": Steps((SetKey("n", 5), Ret("i")))},
        Expected(calls={"B": 0}, out={"E": "i"}),
    ),
    row(
        "L06",
        "L:loop(B..B, true) -> E",
        {"B": Ret(1)},
        failed(("L", "max_iterations"), calls={"B": 5}, told={"L": "5"}, states={"E": POISONED}),
        patch={"L": {"loop": {"max_iterations": 5}}},
    ),
    row(
        "L06b",
        "L:loop(B..B, true)!F -> E",
        {"B": Ret(1), "F": Ret("f")},
        Expected(outs={"E": "f"}, calls={"B": 2}),
        patch={"L": {"loop": {"max_iterations": 2}}},
    ),
    row(
        "L06c",
        "I -> L; L:loop(B..B, true); L!F; L -> E",
        {"I": Ret("i"), "B": Add("+"), "F": Add("!")},
        Expected(states={"L": "failed"}, out={"F": "i++!", "E": "i++!"}),
        patch={"L": {"loop": {"max_iterations": 2}}},
    ),
    row(
        "L07",
        "I -> O; O:loop(R..T, i < 2); R -> N -> T; N:loop(B..B, j < 3)",
        {"I": SetKey("i", 0), "R": SetKey("j", 0), "B": Inc("j"), "T": Inc("i")},
        Expected(
            calls={"B": 6, "T": 2, "R": 2},
            ctx={"i": 2, "j": 3},
            outs={"O": 2},
            out={"B#1.1": 1, "B#2.3": 3, "T#2": 2, "N#1": 3, "N#2": 3},
        ),
    ),
    row(
        "L08",
        'I -> L; L:loop(E..B, n < 3); E:each(["a", "b"]) -> B',
        {"I": SetKey("n", 0), "E": Upper(), "B": Steps((Inc("n"), Echo()))},
        Expected(
            calls={"E": 6, "B": 3}, out={"E#3": ["A", "B"], "L": ["A", "B"]}, states={"E#2[1]": COMPLETED}
        ),
    ),
    row(
        "L09",
        "I -> L; L:loop(B..B, n < 5); L -> E",
        {"I": SetKey("n", 0), "B": Steps((Inc("n"), BoomIfKey("n", 2)))},
        failed(
            ("B", FAILED),
            calls={"B": 2},
            states={"B#1": COMPLETED, "B#2": "failed", "L": POISONED, "E": POISONED},
            ctx={"n": 1},
        ),
    ),
    row(
        "L09b",
        "I -> L; L:loop(B..B, n < 2); B!F; L -> E",
        {"I": SetKey("n", 0), "B": Boom(), "F": Inc("n")},
        Expected(calls={"B": 2, "F": 2}, out={"E": 2}, states={"B#2": "failed", "F#2": COMPLETED}),
    ),
    row(
        "L09c",
        "O:loop(N..N, true); N:loop(B..B, true); O -> E",
        {"B": Boom()},
        failed(("B", FAILED), states={"B#1.1": "failed", "N#1": POISONED, "O": POISONED, "E": POISONED}),
    ),
    row(
        "L09d",
        "O:loop(N..N, true); N:loop(B..B, true); N!F; O -> E",
        {"B": Boom()},
        failed(("B", FAILED), states={"N#1": POISONED, "F#1": SKIPPED, "O": POISONED, "E": POISONED}),
    ),
    row(
        "L10",
        "I -> L; L:loop(B..D, true); B -[x]-> D; L -> E",
        {"I": Ret("i"), "B": Ret("b")},
        Expected(calls={"B": 1, "D": 0, "E": 0}, states={"D#1": SKIPPED, "L": COMPLETED, "E": SKIPPED}),
    ),
    row(
        "L11",
        "I -> L; L:loop(B..D, n < 2); B -> P, Q; P, Q -> D; L -> E",
        {"I": SetKey("n", 0), "B": Inc("n"), "P": Add("p"), "Q": Add("q")},
        Expected(out={"D#2": {"P": "2p", "Q": "2q"}, "E": {"P": "2p", "Q": "2q"}}, calls={"P": 2, "D": 2}),
    ),
    row(
        "L12",
        "A -[x]-> L; L:loop(B..B, true); L -> E",
        {"A": Ret(1)},
        Expected(calls={"B": 0}, states={"L": SKIPPED, "E": SKIPPED}),
    ),
    row(
        "L13",
        "I -> L; L:loop(W..W, result.output != 3); W:wait; L -> E",
        {"I": Ret(0)},
        Expected(out={"E": 3, "W#1": 1, "W#2": 3}, answers=("accepted", "accepted")),
        answers=(Answer("W", 1), Answer("W", 3)),
    ),
    row(
        "L13b",
        "L:loop(W..W, result.output != 3); W:wait; L -> V; V:wait",
        {},
        Expected(
            "waiting", out={"L": 3}, answers=("accepted", "accepted", "repeated", "repeated", "refused")
        ),
        answers=(Answer("W", 1), Answer("W", 3), Answer("W", 1), Answer("W", 3), Answer("W", 2)),
    ),
    row(
        "L15",
        "I -> L; L:loop(B..B, n < 2); B -> S; L -> E",
        {"I": SetKey("n", 0), "B": Inc("n")},
        Expected(outs={"E": 2}, calls={"S": 2}, out={"S#1": 1, "S#2": 2}),
    ),
    row(
        "L14",
        "L:loop(B..B, 1 / 0); L -> E",
        {},
        failed(("L", "expression_error"), states={"E": POISONED}, calls={"B": 0}),
    ),
]

EACH = "P -> E:each(P) -> V"
BATCHES = [
    row(
        "B01",
        EACH,
        {"P": Ret(["a", "b", "c"]), "E": Upper()},
        Expected(out={"V": ["A", "B", "C"]}, calls={"E": 3}),
    ),
    row("B02", EACH, {"P": Ret([]), "E": Upper()}, Expected(out={"V": []}, calls={"E": 0})),
    row(
        "B03",
        EACH,
        {"P": Ret("text"), "E": Upper()},
        Expected("failed", told={"E": "list"}, states={"E": "failed", "V": POISONED}, calls={"E": 0, "V": 0}),
    ),
    row(
        "B04",
        EACH,
        {"P": Ret(["a", "b", "c"]), "E": BoomOn("b", "bad b")},
        failed(("E", FAILED), told={"E": "bad b"}, states={"E": "failed", "V": POISONED}, calls={"V": 0}),
    ),
    row(
        "B04b",
        EACH,
        {"P": Ret(["a", "b", "c"]), "E": BoomOn("b")},
        failed(("E", FAILED), calls={"E": 2}, states={"E[0]": COMPLETED, "E[1]": "failed"}),
        patch={"E": {"concurrency": 1}},
    ),
    row(
        "B04c",
        EACH.replace("each(P)", "each(P)!F"),
        {"P": Ret(["a", "b"]), "E": BoomOn("b"), "F": Ret("f")},
        Expected(out={"V": "f"}, errors=frozenset()),
    ),
    row(
        "B05",
        EACH,
        {"P": Ret(["a", "b", "c"]), "E": BoomOn("b", "bad b", Upper())},
        Expected(out={"V": ["A", {"error": {"code": FAILED, "message": ANY}}, "C"]}, errors=frozenset()),
        patch={"E": {"on_item_error": "collect"}},
    ),
    row(
        "B06",
        EACH,
        {"P": Ret([1, 2, 3, 4, 5, 6]), "E": Slow(5)},
        Expected(out={"V": [1, 2, 3, 4, 5, 6]}, calls={"E": 6}),
        patch={"E": {"concurrency": 2}},
    ),
    row(
        "B08",
        EACH.replace("each(P)", "each(P)*2"),
        {"P": Ret(["a", "b"]), "E": Flaky(2, "ok")},
        Expected(out={"V": ["ok", "ok"]}, calls={"E": 4}),
    ),
    row(
        "B09",
        "P -> E:each(P.rows) -> V",
        {"P": Ret({"rows": [1, None, [2]]})},
        Expected(out={"V": [1, None, [2]]}),
    ),
    row("B10", EACH, {"P": Ret([1, 2, 3]), "E": Inc("n")}, Expected(ctx={"n": 3}, calls={"E": 3})),
    row(
        "B11",
        "P -> N:sub(c) -> V",
        {"P": Ret(["x", "y"]), "c.a": Upper()},
        Expected(out={"V": ["X", "Y"]}),
        children=(child("c", "a"),),
        patch={"N": {"for_each": "P"}},
    ),
]

WAITING_CHILD = child("c", "a -> w:wait -> b")
SUBFLOWS = [
    row(
        "S01",
        "A -> N:sub(c) -> B",
        {"c.a": Ret("s")},
        Expected(out={"N": "s", "B": "s"}),
        children=(child("c", "a"),),
    ),
    row(
        "S01b",
        "A -> N:sub(c)",
        {"A": Ret("x"), "c.a": Add("!")},
        Expected(out={"N": "x!"}),
        children=(child("c", "a"),),
    ),
    row(
        "S02",
        "A -> N:sub(c; in x=A.v; out r=b)",
        {"A": Steps((SetKey("secret", 1), Ret({"v": 5}))), "c.b": GetKey("secret")},
        Expected(out={"N": {"x": 5, "seen": None, "all": ["x"]}}, ctx={"r": None, "secret": 1, "x": None}),
        children=(child("c", "a<x> -> b", outputs={"x": "a", "seen": "b", "all": "sorted(keys(context))"}),),
    ),
    row(
        "S02b",
        "A -> N:sub(c; in x=A.v; out r=b, k=made)",
        {"A": Ret({"v": 5}), "c.b": Add("-b"), "c.a": SetKey("made", "m")},
        Expected(ctx={"r": "m-b", "k": "m", "made": None}),
        children=(child("c", "a -> b"),),
    ),
    row(
        "S02c",
        "A -> N:sub(c; in x=item.v, i=index, rows=A)",
        {"A": Ret([{"v": 5}, {"v": 6}])},
        Expected(out={"N": [{"x": 5, "i": 0, "n": 2}, {"x": 6, "i": 1, "n": 2}]}),
        children=(child("c", "a<x>", outputs={"x": "a", "i": "i", "n": "len(rows)"}),),
        patch={"N": {"for_each": "A"}},
    ),
    row(
        "S03",
        "N:sub(c)",
        {"c.a": Ret(1), "c.b": Ret(2)},
        Expected(out={"N": {"a": 1, "b": 2}}),
        children=(child("c", "a; b"),),
    ),
    row(
        "S04",
        "N:sub(c) -> B",
        {"c.a": Boom("m")},
        failed(("N", "subflow_failed"), told={"N": "m"}, states={"B": POISONED}),
        children=(child("c", "a"),),
    ),
    row(
        "S05",
        "N:sub(c)!F -> B",
        {"c.a": Boom("m"), "F": Ret("f")},
        Expected(out={"B": "f"}),
        children=(child("c", "a"),),
    ),
    row("S06a", "N:sub(c)", {}, Expected("waiting", states={"N": "waiting"}), children=(WAITING_CHILD,)),
    row(
        "S06b",
        "N:sub(c) -> B",
        {"c.b": Add("!")},
        Expected(out={"N": "5!", "B": "5!"}, answers=("accepted",)),
        children=(WAITING_CHILD,),
        answers=(Answer("N", 5),),
    ),
    row(
        "S07",
        "N:sub(c)",
        {"c.a": Ret(1)},
        Expected(out={"N": 1}),
        children=(child("c", "a -> s:sleep(5)"),),
    ),
    row(
        "S08",
        "N:sub(c)",
        {},
        Expected("cancelled", states={"N": CANCELLED}),
        children=(WAITING_CHILD,),
        answers=(Cancel(),),
    ),
    row(
        "S09a",
        "A -> N:sub(c) -> B",
        {"A": Ret("x"), "d.a": Add("!")},
        Expected(out={"B": "x!"}),
        children=(child("c", "m:sub(d)"), child("d", "a")),
    ),
    row(
        "S09b",
        "N:sub(c)",
        {"d.a": Boom("deep")},
        failed(("N", "subflow_failed"), told={"N": "deep"}),
        children=(child("c", "m:sub(d)"), child("d", "a")),
    ),
    row(
        "S09c",
        "N:sub(c)",
        {},
        Expected(out={"N": 5}),
        children=(child("c", "m:sub(d)"), child("d", "w:wait")),
        answers=(Answer("N", 5),),
    ),
    row(
        "S10",
        "I -> L; L:loop(N..N, n < 2); N:sub(c; in x=n; out n=a)",
        {"I": SetKey("n", 0), "c.a": Steps((Inc("x"),))},
        Expected(ctx={"n": 2}, outs={"L": 2}),
        children=(child("c", "a"),),
    ),
    row(
        "S11",
        "N:sub(c)",
        {"c.a": Boom("m"), "c.f": Ret("saved")},
        Expected(out={"N": "saved"}),
        children=(child("c", "a!f"),),
    ),
]

APPROVAL = "A -> W:wait -> E"
TWO_WAITS = "A -> W1:wait, W2:wait; W1, W2 -> E"
CHAIN_OF_WAITS = "W1:wait -> W2:wait -> E"
WAITING = [
    row("W01", APPROVAL, {}, Expected("waiting", states={"A": COMPLETED, "W": "waiting"}, calls={"E": 0})),
    row(
        "W02",
        APPROVAL,
        {},
        Expected(out={"E": {"ok": 1}}, calls={"A": 1}, answers=("accepted",)),
        answers=(Answer("W", {"ok": 1}),),
    ),
    row(
        "W03",
        "W:wait; W -[approve]-> Y; W -[reject]-> N",
        {},
        Expected(outs={"Y": None}, states={"N": SKIPPED}),
        answers=(Answer("W", action="approve"),),
    ),
    row(
        "W04",
        "W:wait; W -[approve]-> Y; W -> D",
        {},
        Expected(outs={"D": 1}, states={"Y": SKIPPED}),
        answers=(Answer("W", 1, "other"),),
    ),
    row(
        "W05a",
        CHAIN_OF_WAITS,
        {},
        Expected("waiting", states={"W1": COMPLETED, "W2": "waiting"}),
        answers=(Answer("W1", 1),),
    ),
    row("W05b", CHAIN_OF_WAITS, {}, Expected(out={"E": 2}), answers=(Answer("W1", 1), Answer("W2", 2))),
    row(
        "W06",
        TWO_WAITS,
        {},
        Expected(out={"E": {"W1": "a", "W2": "b"}}, calls={"E": 1}),
        answers=(Answer("W2", "b"), Answer("W1", "a")),
    ),
    row(
        "W07",
        CHAIN_OF_WAITS,
        {},
        Expected(out={"E": 2}, answers=("kept", "accepted")),
        answers=(Answer("W2", 2), Answer("W1", 1)),
    ),
    row(
        "W07b",
        "V:wait -> L; L:loop(W..W, result.output != 3); W:wait",
        {},
        Expected(
            "waiting", states={"W#1": COMPLETED, "W#2": "waiting"}, answers=("kept", "refused", "accepted")
        ),
        answers=(Answer("W", 1), Answer("W", 2), Answer("V", 0)),
    ),
    row(
        "W08",
        TWO_WAITS,
        {},
        Expected(
            "waiting", out={"W1": "a"}, states={"W2": "waiting"}, answers=("accepted", "refused", "repeated")
        ),
        answers=(Answer("W1", "a"), Answer("W1", "b"), Answer("W1", "a")),
    ),
    row(
        "W09",
        APPROVAL,
        {},
        Expected(out={"E": 1}, calls={"E": 1}, answers=("accepted", "refused", "repeated")),
        answers=(Answer("W", 1), Answer("W", 2), Answer("W", 1)),
    ),
    row("W10", APPROVAL, {}, Expected("waiting", answers=("unknown",)), answers=(Answer("nobody", 1),)),
    row("W11", "A -> S:sleep(5) -> B", {"A": Ret(2)}, Expected(out={"B": 2})),
    row("W12a", "X; W:wait -> E", {"X": Boom()}, Expected("waiting", states={"X": "failed"})),
    row(
        "W12b",
        "X; W:wait -> E",
        {"X": Boom()},
        failed(("X", FAILED), calls={"X": 1, "E": 1}),
        answers=(Answer("W"),),
    ),
    row("W14", "W:wait", {}, Expected(out={"W": None}), answers=(Answer("W"),)),
    row(
        "W15",
        "A, W:wait -> D:any",
        {"A": Ret(1)},
        Expected("waiting", out={"D": 1}, states={"W": "waiting"}),
    ),
    row(
        "W16",
        "A; W:wait -> E",
        {"A": Boom()},
        failed(("A", FAILED), states={"W": CANCELLED, "E": CANCELLED}, calls={"E": 0}),
        metadata={"fail_fast": True},
    ),
    row(
        "W16b",
        "W:wait -> S:sleep(5) -> A; V:wait",
        {"A": Boom()},
        failed(("A", FAILED), states={"W": COMPLETED, "S": COMPLETED, "V": CANCELLED}),
        metadata={"fail_fast": True},
        answers=(Answer("W", 1),),
    ),
]

VALUE = {
    "n": 4,
    "x": "x",
    "y": 0,
    "none": None,
    "tags": ["k", "l"],
    "list": [3, 1, 2],
    "map": {"b": 1, "a": 2},
}
EXPRESSIONS = [
    row(
        "E01",
        "a",
        {"a": Ret(VALUE)},
        Expected(
            outs={"sum": 9, "between": True, "choice": 3, "has": True, "item": 2, "call": "x!", "logic": True}
        ),
        outputs={
            "sum": "a.n * 2 + 1",
            "between": "1 < a.n < 9",
            "choice": "a.x if a.y else 3",
            "has": '"k" in a.tags',
            "item": 'a["map"]["a"]',
            "call": 'a.x + "!"',
            "logic": "not a.y and (a.n == 4 or a.n > 9)",
        },
    ),
    row(
        "E02",
        "a",
        {"a": Ret(VALUE)},
        Expected(
            outs={
                "len": 3,
                "sum": 6,
                "min": 1,
                "max": 3,
                "round": 3,
                "sorted": [1, 2, 3],
                "keys": ["a", "b"],
                "values": [1, 2],
                "lower": "x",
                "upper": "X",
                "any": True,
                "all": True,
                "int": 4,
                "float": 4.5,
                "str": "4",
            }
        ),
        outputs={
            "len": "len(a.list)",
            "sum": "sum(a.list)",
            "min": "min(a.list)",
            "max": "max(a.list)",
            "round": "round(2.7)",
            "sorted": "sorted(a.list)",
            "keys": "sorted(keys(a.map))",
            "values": "sorted(values(a.map))",
            "lower": "lower(a.x)",
            "upper": "upper(a.x)",
            "any": "any(a.list)",
            "all": "all(a.list)",
            "int": 'int("4")',
            "float": 'float("4.5")',
            "str": "str(a.n)",
        },
    ),
    row(
        "E03",
        "a",
        {"a": Ret(VALUE)},
        Expected(outs={"missing": None, "through_null": None, "more": False, "less": False}),
        outputs={
            "missing": "missing.a.b",
            "through_null": "a.none.x",
            "more": "missing > 3",
            "less": "missing < 3",
        },
    ),
    row(
        "E05",
        "a -> S",
        {"a": Ret({"n": 4})},
        Expected(out={"S": {"n": 4, "t": "n=4"}}, ctx={"n": 4, "t": "n=4"}),
        patch={"S": {"uses": "set", "params": {"values": {"n": "${{ a.n }}", "t": "n=${{ a.n }}"}}}},
    ),
    row(
        "E07",
        "a -> C -> b",
        {"a": Ret(3)},
        failed(("C", FAILED), told={"C": "too small"}, states={"b": POISONED}),
        patch={"C": {"uses": "check", "params": {"that": "a > 3", "message": "too small"}}},
    ),
    row(
        "E08",
        "a -> C -> b",
        {"a": Ret(4)},
        Expected(out={"C": True, "b": True}),
        patch={"C": {"uses": "check", "params": {"that": "a > 3"}}},
    ),
    row(
        "E09",
        "a",
        {"a": Ret(4)},
        Expected("failed", outs={}, errors=frozenset({("$end", "expression_error")})),
        outputs={"bad": "a / 0"},
    ),
]

SUGARED = {
    "id": "main",
    "nodes": [
        {"id": "a", "uses": "a"},
        {"id": "b", "uses": "b", "needs": ["a"]},
        {"id": "c", "uses": "c"},
        {"id": "d", "uses": "d"},
    ],
    "edges": ["a -> c", {"source": "b", "target": "d"}, "c -> d", {"source": "c", "target": "d"}],
}
BLUEPRINTS = [
    Scenario("P01", case_of(SUGARED, {"a": Ret(1)}), Expected(outs={"d": {"b": 1, "c": 1}}, calls={"d": 1})),
    Scenario(
        "P04",
        case_of(
            graph(
                "A<{c: currency, o: order}>",
                inputs={"order": {"required": True}, "currency": {"default": "EUR"}},
            ),
            {},
            {"order": 1},
        ),
        Expected(out={"A": {"c": "EUR", "o": 1}}, ctx={"currency": "EUR", "order": 1}),
    ),
    row(
        "P06",
        "A -[x]-> S",
        {"A": Ret({"receipt": 7})},
        Expected(outs={"r": 7, "s": None}),
        outputs={"r": "A.receipt", "s": "S"},
    ),
    row("P07", "A -> B; A -> C; A -[x]-> D", {"A": Ret(1)}, Expected(outs={"B": 1, "C": 1})),
    row(
        "P07b",
        "A -> B; C",
        {"A": Ret(1), "C": Boom()},
        failed(("C", FAILED), outs={"B": 1}),
    ),
    row("P07c", "A; C", {"C": Boom()}, failed(("C", FAILED), outs={}), outputs={"a": "A"}),
    Scenario("P13", case_of({"id": "main", "nodes": []}, {}), Expected(outs={})),
]

SCENARIOS: list[Scenario] = [
    *EXECUTION,
    *ROUTING,
    *JOINS,
    *FAILING,
    *LOOPS,
    *BATCHES,
    *SUBFLOWS,
    *WAITING,
    *EXPRESSIONS,
    *BLUEPRINTS,
]

#: Rows of the list of behaviours that are not data: they need the command line, time, classes or a second
#: process.
ELSEWHERE = {
    "X14": "a second start with the same run id",
    "X15": "idempotency keys, seen from inside of nodes",
    "J14": "a message delivered twice",
    "F08 F09": "timeouts",
    "F12 F13": "class nodes",
    "F14": "nodes that try to end the process",
    "F15": "lines of errors in YAML files",
    "F17": "cancel from another process",
    "F19": "conversion of Python values",
    "B07": "batch-scatter and batch-gather",
    "W13": "restarted workers",
    "E04 E06": "refused expressions",
    "P02 P03 P05 P08 P09 P10 P11 P12": "loading and validation of files",
}
