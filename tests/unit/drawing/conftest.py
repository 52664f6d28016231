"""Blueprints that are worth looking at, made by hand in their desugared form."""

from __future__ import annotations

from itertools import pairwise

import pytest

from flowcraft_engine.blueprint.model import (
    Blueprint,
    EdgeSpec,
    ForEach,
    Loop,
    Metadata,
    NodeConfig,
    NodeSpec,
)
from flowcraft_engine.drawing.outcome import STATES, Outcome, Outcomes

HOSTILE_IDS = [
    "<script>alert(1)</script>",
    "\u202eevil",
    "a\x1b[2Jb",
    "a\\x1b[2Jb",
    "🙂 smile 👩‍👩‍👧",
    "שלום",
    "日本語",
    "a\"b'c&d",
    "end",
    "x]]>y",
    "1. list",
    "__bold__",
    "\\N",
    "line\nbreak\ttab\x00",
    "--> n_end",
    "\ud800",
    "[/]|{(%%#35;`",
    " ",
]


def make(name: str, nodes: str, edges: str, *special: NodeSpec) -> Blueprint:
    """A blueprint from node ids, edges such as `a>b` and `a>ok>b`; special ones replace plain ones."""
    given = {node.id: node for node in special}
    specs = tuple(given.get(node, NodeSpec(id=node, uses="task")) for node in nodes.split())
    parts = [edge.split(">") for edge in edges.split()]
    arrows = [EdgeSpec(source=p[0], target=p[-1], action=p[1] if len(p) == 3 else None) for p in parts]
    for node in specs:
        if node.loop:
            arrows.append(EdgeSpec(source=node.id, target=node.loop.start, action="continue"))
            arrows.append(EdgeSpec(source=node.loop.end, target=node.id))
    return Blueprint(id=name, metadata=Metadata(version="1.2.0"), nodes=specs, edges=tuple(arrows))


def _loop(name: str, start: str, end: str, condition: str) -> NodeSpec:
    return NodeSpec(id=name, uses="loop-controller", loop=Loop(start=start, end=end, condition=condition))


def _conditional() -> Blueprint:
    plain = make(
        "conditions",
        "a-node-with-a-name-that-is-longer-than-any-box b c 日本語 e",
        "b>ok>日本語 c>no>e 日本語>e",
    )
    first = plain.nodes[0].id
    long = "result.output.total > 100 and context.country in ['DE', 'AT']"
    edges = (
        EdgeSpec(source=first, target="b", condition=long),
        EdgeSpec(source=first, target="c", action="human"),
    )
    return plain.model_copy(update={"edges": (*edges, *plain.edges)})


SAMPLES: dict[str, Blueprint] = {
    "empty": Blueprint(id="empty"),
    "chain": make("chain", "fetch clean score publish", "fetch>clean clean>score score>publish"),
    "diamond": make("diamond", "a b c d", "a>b a>c b>d c>d"),
    "pipeline": make(
        "pipeline",
        "checkout install lint types unit-tests system-tests wheel docs scan stage approve deploy",
        "checkout>install install>lint install>types install>unit-tests install>system-tests checkout>scan "
        "lint>wheel types>wheel unit-tests>wheel install>docs wheel>stage system-tests>stage scan>stage "
        "stage>approve approve>approve>deploy docs>deploy",
        NodeSpec(id="approve", uses="wait"),
    ),
    "loops": make(
        "loops",
        "prepare outer load inner try check store report",
        "prepare>outer load>inner try>check inner>break>store outer>report",
        _loop("outer", "load", "store", "page < pages"),
        _loop("inner", "try", "check", "errors > 0 and attempt < 5"),
    ),
    "fallback": make(
        "fallback",
        "validate charge by-hand receipt reject audit",
        "validate>ok>charge validate>refused>reject charge>receipt receipt>audit reject>audit",
        NodeSpec(id="charge", uses="payment-v1", config=NodeConfig(fallback="by-hand", max_retries=3)),
        NodeSpec(id="audit", uses="log", config=NodeConfig(join_strategy="all_done")),
    ),
    "kinds": make(
        "kinds",
        "rows send pay ask sum",
        "rows>send rows>pay pay>ask send>sum ask>sum sum>nowhere",
        NodeSpec(id="send", uses="send-mail", for_each=ForEach(source="rows.list")),
        NodeSpec(id="pay", uses="subflow", params={"blueprint_id": "payment-processor"}),
        NodeSpec(id="ask", uses="wait"),
    ),
    "conditions": _conditional(),
    "hostile": Blueprint(
        id="<b>&\x07",
        nodes=tuple(NodeSpec(id=name, uses="<i>\x1b") for name in HOSTILE_IDS),
        edges=tuple(EdgeSpec(source=a, target=b, action=f'"{b}') for a, b in pairwise(HOSTILE_IDS)),
    ),
}


def _run_of_pipeline() -> Outcomes:
    done = {node.id: Outcome("completed", duration_ms=1200) for node in SAMPLES["pipeline"].nodes}
    dead = {name: Outcome("poisoned") for name in ("wheel", "stage", "approve", "deploy")}
    return {**done, **dead, "unit-tests": Outcome("failed", attempts=3, duration_ms=41_000)}


#: A node in each state, in a chain of five pairs.
ALL_STATES = make(
    "states", " ".join(STATES), " ".join(f"{a}>{b}" for a, b in zip(STATES, [*STATES][5:], strict=False))
)
OUTCOMES: dict[str, Outcomes] = {
    "pipeline": _run_of_pipeline(),
    "states": {
        state: Outcome(
            state, attempts=1 + n % 3, duration_ms=[None, 12, 1234, 71_000, 8e6][n % 5], instances=1 + n
        )
        for n, state in enumerate(STATES)
    },
}
SAMPLES["states"] = ALL_STATES


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def samples() -> dict[str, Blueprint]:
    return SAMPLES


@pytest.fixture
def runs() -> dict[str, Outcomes]:
    return OUTCOMES
