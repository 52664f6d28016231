"""The blueprint: a frozen, desugared description of a workflow. Knows nothing of files, runs or Python code.

All shorthands (`needs`, `a -> b`, `loop`, mappings of nodes) are gone here: the loader turns them into these
models, and `Blueprint.model_dump(mode="json", exclude_defaults=True)` is the canonical form that is stored.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.fixed_names import edge_key
from flowcraft_engine.values import parse_duration

#: A duration as text or a number, held as milliseconds.
Milliseconds = Annotated[float, BeforeValidator(parse_duration)]
JoinStrategy = Literal["all", "any", "all_done"]
InputType = Literal["string", "integer", "number", "boolean", "object", "array"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class InputSpec(_Part):
    """A declared input of the run; it becomes a context key."""

    type: InputType | None = None
    required: bool = False
    default: Any = None
    enum: tuple[Any, ...] | None = None
    description: str | None = None


class NodeConfig(_Part):
    """How a node is executed. `max_retries` is the total number of attempts; the delays are milliseconds."""

    max_retries: Annotated[int, Field(ge=1, le=10_000)] = 1
    retry_delay: Milliseconds = 0.0
    backoff: Annotated[float, Field(ge=1, le=100)] = 1.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    timeout: Milliseconds | None = None
    fallback: str | None = None
    join_strategy: JoinStrategy = "all"


class ForEach(_Part):
    """The node runs once for each item of `source` (an input source, a template, or a literal list)."""

    source: Any
    concurrency: Annotated[int, Field(ge=1, le=100_000)] | None = None
    on_item_error: Literal["fail", "collect"] = "fail"


class Loop(_Part):
    """A loop controller: the body goes from `start` to `end`; again while `condition` holds."""

    start: str
    end: str
    condition: str
    max_iterations: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000


class NodeSpec(_Part):
    """One node. `inputs` names a source, or maps names to sources; `params` may hold `${{ expressions }}`."""

    id: str
    uses: str
    params: dict[str, Any] = Field(default_factory=dict)
    inputs: str | dict[str, str] | None = None
    config: NodeConfig = NodeConfig()
    for_each: ForEach | None = None
    loop: Loop | None = None


class EdgeSpec(_Part):
    """One edge; without `action` and `condition` it is the default."""

    source: str
    target: str
    action: str | None = None
    condition: str | None = None
    transform: str | None = None


class Metadata(_Part):
    version: str | None = None
    description: str | None = None
    #: Deadline of the whole run.
    timeout: Milliseconds | None = None
    fail_fast: bool = False


class Blueprint(_Part):
    """A workflow: nodes, edges, declared inputs and outputs.

    Made by `load_blueprint(path)` or `parse_blueprint(data)`, which desugar and check; the constructor takes
    the desugared form and checks types only.
    """

    id: str
    metadata: Metadata = Metadata()
    inputs: dict[str, InputSpec] = Field(default_factory=dict)
    nodes: tuple[NodeSpec, ...] = ()
    edges: tuple[EdgeSpec, ...] = ()
    outputs: dict[str, str] | None = None
    expressions: Literal["safe", "path"] = "safe"

    #: Where nodes and edges stand in the file; kept beside the model so that the digest does not depend on layout.
    _locations: dict[str, SourceLocation] = PrivateAttr(default_factory=dict)

    #: The folder of its file, absolute; relative paths of its nodes start there.
    _folder: str | None = PrivateAttr(default=None)

    @property
    def version(self) -> str | None:
        return self.metadata.version

    @property
    def locations(self) -> dict[str, SourceLocation]:
        """Node id → the place of its id in the blueprint file; `output_place(name)` → that of an output;
        `edge_key(index)` → that of an edge with a condition or an action.

        Empty for blueprints that came from no file.
        """
        return self._locations

    def edge_location(self, index: int) -> SourceLocation | None:
        """Where the condition, action or transform of an edge stands, else its target; None if nobody knows."""
        place = self._locations.get(edge_key(index))
        return place or self._locations.get(self.edges[index].target)

    @property
    def folder(self) -> str | None:
        """The absolute folder of the blueprint's file; None for blueprints that came from no file."""
        return self._folder

    def with_locations(self, locations: dict[str, SourceLocation], folder: str | None = None) -> Blueprint:
        copy = self.model_copy()
        copy._locations = locations
        copy._folder = folder
        return copy

    def canonical(self) -> dict[str, Any]:
        """The stored form: JSON values only, defaults left out, locations not included."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex: equal for equal workflows, whatever their layout."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
