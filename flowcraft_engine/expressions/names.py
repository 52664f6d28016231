"""What a name stands for, decided while compiling: reserved names first, node ids, context keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowcraft_engine.expressions.evaluator import ExpressionSyntaxError, References

NODE = "node"
CONTEXT_KEY = "context key"
RUN_INPUT = "run input"
ENV = "env"
SECRET = "secret"  # noqa: S105  # a kind of name

RESERVED = frozenset({"result", "input", "item", "index", "env", "context", "outputs", "inputs"})
#: Reserved names that hold named things, and what `mapping.name` then is.
MEMBERS = {"outputs": NODE, "context": CONTEXT_KEY, "inputs": RUN_INPUT, "env": ENV}


@dataclass(slots=True)
class Root:
    """Where a path begins: a named thing (`NODE`, `CONTEXT_KEY`, `RUN_INPUT`, `ENV`) or a reserved name."""

    kind: str
    name: str = ""


@dataclass(slots=True)
class NameBook:
    """Resolves the names of one expression and remembers what they refer to."""

    node_ids: frozenset[str]
    nodes: set[str] = field(default_factory=set)
    context: set[str] = field(default_factory=set)
    env: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    run_inputs: set[str] = field(default_factory=set)
    result_keys: set[str] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)
    offsets: dict[str, int] = field(default_factory=dict)

    def bare(self, name: str, offset: int) -> Root:
        """A name by itself that is not reserved: a node, else a context key."""
        return self.member(NODE if name in self.node_ids else CONTEXT_KEY, name, offset)

    def member(self, kind: str, name: str, offset: int) -> Root:
        """A named thing: `outputs.x`, `context["x"]`, `inputs.x`, `env.X`, or a bare name."""
        if kind == NODE:
            self.nodes.add(name)
        elif kind == CONTEXT_KEY:
            if name.startswith("_"):
                raise ExpressionSyntaxError(
                    f"'{name}' cannot be read: names that begin with '_' are internal", offset
                )
            self.context.add(name)
        elif kind == ENV:
            self.env.add(name)
        elif kind == SECRET:
            self.secrets.add(name)
        else:
            self.wholes.add("inputs")
            self.run_inputs.add(name)
        self.offsets.setdefault(f"{kind}.{name}" if kind in (ENV, SECRET) else name, offset)
        return Root(kind, name)

    def whole(self, reserved: str, offset: int) -> Root:
        """A reserved name by itself."""
        if reserved == "env":
            hint = "write 'env.NAME'; an input that is called so is 'inputs.env'"
            raise ExpressionSyntaxError("'env' needs the name of a variable", offset, hint)
        self.wholes.add(reserved)
        self.offsets.setdefault(reserved, offset)
        return Root(reserved)

    def references(self) -> References:
        wholes = self.wholes
        return References(
            nodes=frozenset(self.nodes),
            context=frozenset(self.context),
            env=frozenset(self.env),
            secrets=frozenset(self.secrets),
            result="result" in wholes,
            input="input" in wholes,
            item="item" in wholes,
            index="index" in wholes,
            inputs="inputs" in wholes,
            run_inputs=frozenset(self.run_inputs),
            all_nodes="outputs" in wholes,
            all_context="context" in wholes,
            result_keys=frozenset(self.result_keys),
            offsets=self.offsets,
        )
