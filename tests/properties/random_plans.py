"""Small random plans: joins, fallbacks, loops (also nested), batches and waits, in every mixture.

Conditions and actions are left out on purpose: which edges are taken is decided by whoever commits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from random import Random
from typing import Any

from flowcraft_engine import parse_blueprint
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.plan import Plan

JOINS = ["all", "all", "any", "all_done"]


@dataclass
class _Draft:
    random: Random
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def add(self, **keys: Any) -> str:
        name = f"N{len(self.nodes)}"
        self.nodes.append({"id": name, "config": {}, **keys})
        return name

    def ordinary(self) -> str:
        """A node that may wait, or run for each item, or be tried again, or have a fallback."""
        keys: dict[str, Any] = {"uses": "wait" if self.chance(25) else "work"}
        if keys["uses"] == "work" and self.chance(20):
            keys["for_each"] = "items"
            keys["on_item_error"] = "collect" if self.chance(40) else "fail"
            if self.chance(50):
                keys["concurrency"] = self.random.randint(1, 2)
        if self.chance(35):
            keys["config"] = {"max_retries": self.random.randint(2, 3), "retry_delay": 1000}
        name = self.add(**keys)
        rescued = name
        while self.chance(25):
            fallback = self.add(uses="work")
            self._node(rescued)["config"]["fallback"] = fallback
            rescued = fallback
        return name

    def _node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.nodes if node["id"] == name)

    def part(self, depth: int) -> str:
        """An ordinary node or a whole loop; what others lead to and from."""
        return self.loop(depth) if depth < 2 and self.chance(25) else self.ordinary()

    def loop(self, depth: int) -> str:
        controller = self.add()
        body = [self.part(depth + 1) for _ in range(self.random.randint(1, 3))]
        for first, second in itertools.pairwise(body):
            self.connect(first, second)
        if len(body) == 3 and self.chance(50):
            self.connect(body[0], body[2])
        self._node(controller)["loop"] = {"start": body[0], "end": body[-1], "condition": "true"}
        return controller

    def connect(self, source: str, target: str) -> None:
        self.edges.append({"source": source, "target": target})

    def graph(self) -> None:
        parts: list[str] = []
        for _ in range(self.random.randint(1, 9)):
            part = self.part(0)
            for before in parts:
                if self.chance(50):
                    self.connect(before, part)
            parts.append(part)
        for node in self.nodes:
            node["config"]["join_strategy"] = self.random.choice(JOINS)


def random_plan(random: Random) -> Plan:
    draft = _Draft(random)
    draft.graph()
    metadata: dict[str, Any] = {"fail_fast": draft.chance(25)}
    if draft.chance(15):
        metadata["timeout"] = "60s"
    data: dict[str, Any] = {
        "id": "random",
        "metadata": metadata,
        "nodes": draft.nodes,
        "edges": draft.edges,
    }
    if draft.chance(30):
        data["outputs"] = {"first": draft.nodes[0]["id"]}
    return compile_plan(parse_blueprint(data))
