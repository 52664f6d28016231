"""The plan: a blueprint compiled once, with everything that a step needs to know at hand.

A plan is never changed after `compile_plan` and may be shared by all runs of its blueprint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.finding import SourceLocation
    from flowcraft_engine.blueprint.input_source import InputSource
    from flowcraft_engine.blueprint.model import Blueprint, ForEach, JoinStrategy
    from flowcraft_engine.expressions import Evaluator, Program, Template


@dataclass(slots=True, eq=False)
class PlanEdge:
    """An edge: `index` is its place in the blueprint; `hop` how the iteration path changes along it."""

    index: int
    source: str
    target: str
    action: str | None
    condition: Program | None
    transform: Program | None
    #: 0 same scope, 1 from a controller into its body, -1 from the end of a body back to its controller.
    hop: int

    @property
    def label(self) -> str:
        action = f"[{self.action}]" if self.action else ""
        return f"{self.source} -{action}-> {self.target}" if action else f"{self.source} -> {self.target}"


@dataclass(slots=True, eq=False)
class Target:
    """A successor: all edges that lead from one source to one target are decided together."""

    source: str
    node_id: str
    edges: tuple[PlanEdge, ...]
    hop: int


@dataclass(slots=True, eq=False)
class PlanLoop:
    start: str
    end: str
    condition: Program
    max_iterations: int
    body: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class PlanNode:
    """One node, compiled."""

    id: str
    uses: str
    params: Template | None
    #: Params that are whole expressions, such as `that` of a check.
    expressions: dict[str, Program]
    inputs: InputSource | dict[str, InputSource] | None
    #: Sources of `params.inputs` of a subflow.
    child_inputs: dict[str, InputSource] | None
    join: JoinStrategy
    max_attempts: int
    retry_delay_ms: float
    backoff: float
    jitter: float
    timeout_ms: float | None
    fallback: str | None
    loop: PlanLoop | None
    for_each: ForEach | None
    items: InputSource | Template | None
    location: SourceLocation | None
    #: The controllers around this node, from the outside in.
    scopes: tuple[str, ...] = ()
    #: The node that this one is the fallback of.
    rescues: str | None = None
    edges: tuple[PlanEdge, ...] = ()
    #: Successors of this node and, for a fallback, of the nodes that it stands in for.
    targets: tuple[Target, ...] = ()
    own_targets: tuple[Target, ...] = ()
    #: Distinct predecessors, in blueprint order; a controller's end node is not among them.
    predecessors: tuple[str, ...] = ()
    #: True if every edge is without action, condition and transform: nothing to evaluate.
    is_plain: bool = True
    #: True if there are no params to make.
    is_bare: bool = True
    #: True if the input is one predecessor's value and not an object of them, by the input rule.
    has_one_giver: bool = False
    #: The reason for being ready, when there is only one predecessor.
    sole_reason: dict[str, Any] | None = None
    #: The reason for being ready, when all edges were taken, in blueprint order. One object for all runs.
    full_reason: dict[str, Any] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return len(self.scopes)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that the edges of this node know, in blueprint order; any other takes what has no action."""
        edges = sorted(
            (edge for target in self.targets for edge in target.edges), key=lambda edge: edge.index
        )
        return tuple(dict.fromkeys(edge.action for edge in edges if edge.action is not None))


@dataclass(slots=True, eq=False)
class Plan:
    blueprint: Blueprint
    digest: str
    evaluator: Evaluator
    nodes: dict[str, PlanNode]
    edges: tuple[PlanEdge, ...]
    start_nodes: tuple[str, ...]
    #: Nodes outside of all loops; each has one instance.
    root_nodes: tuple[str, ...]
    #: Whose outputs are the run's, when the blueprint declares none.
    terminal_nodes: tuple[str, ...]
    outputs: dict[str, Program] | None
    timeout_ms: float | None
    fail_fast: bool
    node_ids: frozenset[str] = field(default_factory=frozenset)
    #: The folder of the blueprint's file; None if it came from no file.
    folder: str | None = None
