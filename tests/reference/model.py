"""The reference model: DESIGN sections 3, 5 and 9 as a slow, obvious interpreter. Shares no code with the
engine.

A run is plain data (`state.Run`). It moves by atomic steps: an instance *starts* (from then on an `any` join
is safe), reads its input, *looks* at the context, and *ends* (its output, writes, edges, joins, skips and
pills become visible together). Which step comes next is free: `explore.admissible_results` tries all orders,
and what differs between them is exactly what DESIGN promise 5 allows. Where the claim of an instance may be
taken back, for its worker died or was told to leave, there is one more step: a *release* makes it ready again.

Rules of a step, beside the table of `settling`:
1. Completed: with an action, the edges of that action whose condition holds; if none, those without action
   whose condition holds. The others are dead. An expression that fails makes the node fail, without retry or
   writes.
2. Failed: again while attempts are left and the failure is retryable; else the fallback runs with the same
   input, or with what its own `inputs` name; else all edges failed. What a fallback comes to decides the edges of
   all nodes that it stands for, each with its own.
3. A pass of a loop controller: conditional edges first (not `continue` or `break`); if any holds the loop
   ends with them. Else condition true → a new iteration (or `max_iterations`). Else its `break` and plain
   edges.
4. A batch: items are instances; when all are final the whole completes with the list, or fails with the code
   of the failed item of the lowest index.
5. A subflow's child is a run inside of the instance; its steps are steps of the parent.
6. A run is over when no step is left: `waiting` if an instance waits, else `failed` if any instance is lost,
   else `completed`. Declared outputs are evaluated then, on completed runs only.
7. What has waited (for an answer, a timer, items or a child) *resumes* when that has come, and ends later.
8. A release consumes no attempt and forgets no start: an `any` join stays safe, a batch does not give the item
   up. But the instance is ready, and `fail_fast` cancels it. What had resumed is as it was before its claim.

Decisions where DESIGN is silent: a controller with `inputs` reads it for its first pass only; a child
without any completed terminal node gives null; under `fail_fast` a controller between two passes and a
subflow whose child runs count as waiting, a failed attempt that would be retried is cancelled, and so is a
controller that would begin a pass: there is none. What was cancelled is told as that, whatever its attempts
met. An answer that any instance of the node has had is the same again; one for a node that has ended without
a wait is refused. What failed before a run was cancelled is none of its errors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flowcraft_engine.blueprint.fixed_names import LOOP_CONTROLLER
from flowcraft_engine.blueprint.model import NodeSpec
from tests.reference.behaviours import (
    Behaviour,
    Done,
    Failure,
    Json,
    Late,
    Sight,
    apply_writes,
    context_keys,
    perform,
    same,
)
from tests.reference.case import Answer, Cancel, Case, Result
from tests.reference.desugar import desugar
from tests.reference.expressions import ExpressionFailed, evaluate, fill_templates, walk
from tests.reference.settling import close_edges, end, items_of, open_scope, settle
from tests.reference.shape import Shape
from tests.reference.sight import (
    fallback_of,
    input_of,
    is_lost,
    locate,
    named_node,
    names,
    source_value,
    stands_for,
)
from tests.reference.state import Edge, Instance, Run, edge_key, instance_name

#: ("start", "A"), ("end", "A"), ("child", "N", "end", "a")…
Step = tuple[str, ...]
BUILT_IN = frozenset({"noop", "log", "set", "check", "sleep", "wait", "subflow", "loop-controller"})


@dataclass
class Waits:
    """The attempt ends in waiting for an answer."""


@dataclass
class Sleeps:
    output: Json = None


@dataclass
class Starts:
    """The attempt ends in a child run."""

    blueprint: str
    inputs: dict[str, Json] | None
    entry: Json = None


@dataclass
class Expands:
    items: list[Json] = field(default_factory=list)


@dataclass
class Passes:
    """A pass of a loop controller."""


Outcome = Done | Failure | Waits | Sleeps | Starts | Expands | Passes


class Model:
    """The rules for one set of blueprints and behaviours."""

    def __init__(self, case: Case, released: Collection[str] = ()) -> None:
        """`released`: instances of the run itself, not of its children, that may be taken back."""
        self.case = case
        self.released = released
        self.main = Shape(desugar(case.blueprint))
        self.shapes = {self.main.blueprint.id: self.main}
        self.shapes |= {child["id"]: Shape(desugar(child)) for child in case.children}
        self.behaviours: Mapping[str, Behaviour] = case.behaviours

    # A run from its beginning to its end

    def begin(self) -> Run:
        return self._begin(self.main, self.case.inputs, None)

    def _begin(self, shape: Shape, inputs: dict[str, Json], entry: Json) -> Run:
        defaults = {k: spec.default for k, spec in shape.blueprint.inputs.items() if spec.default is not None}
        given = defaults | inputs
        run = Run(shape.blueprint.id, inputs=dict(given), entry=entry, context=dict(given))
        open_scope(shape, run, (), ())
        settle(shape, run)
        return run

    def steps(self, run: Run) -> list[Step]:
        """All steps that may come next."""
        shape = self.shapes[run.blueprint]
        return [step for instance in run.instances.values() for step in self._steps_of(shape, run, instance)]

    def _steps_of(self, shape: Shape, run: Run, instance: Instance) -> list[Step]:
        found = self._ordinary_steps(shape, run, instance)
        if instance.state == "running" and shape is self.main and instance.name in self.released:
            found.append(("release", instance.name))
        return found

    def _ordinary_steps(self, shape: Shape, run: Run, instance: Instance) -> list[Step]:
        match instance.state:
            case "ready" | "retrying":
                return [("start", instance.name)]
            case "running" if instance.stage:
                return [(instance.stage, instance.name)]
            case "running" if not self._is_held(shape, run, instance):
                return [("end", instance.name)]
            case "resumed":
                return [("end", instance.name)]
            case "sleeping":
                return [("wake", instance.name)]
            case "child":
                assert instance.child is not None
                inner: list[Step] = [("child", instance.name, *step) for step in self.steps(instance.child)]
                if not inner and self.status(instance.child) != "waiting":
                    return [("return", instance.name)]
                return inner
        return []

    def _is_held(self, shape: Shape, run: Run, instance: Instance) -> bool:
        """`Late`: the node that it waits for has not ended."""
        behaviour = self.behaviours.get(shape.nodes[instance.node].uses)
        if not isinstance(behaviour, Late):
            return False
        awaited = locate(shape, run, behaviour.node, instance)
        return awaited is None or not awaited.is_final

    def apply(self, run: Run, step: Step) -> None:
        """Take one step, in place."""
        shape = self.shapes[run.blueprint]
        verb, name, *inner = step
        instance = run.instances[name]
        match verb:
            case "start":
                self._start(shape, run, instance)
            case "input":
                instance.input, instance.stage = input_of(shape, run, instance), "look"
            case "look":
                self._look(shape, run, instance)
            case "end":
                self._end(shape, run, instance)
            case "release":
                instance.state, instance.stage, instance.outcome = "ready", "", None
                instance.attempts -= 1
            case "wake":
                instance.state = "resumed"
            case "child":
                assert instance.child is not None
                self.apply(instance.child, tuple(inner))
            case "return":
                instance.state, instance.outcome = "resumed", self._returned(shape, instance)
        settle(shape, run)

    # Starting

    def _start(self, shape: Shape, run: Run, instance: Instance) -> None:
        spec = shape.nodes[instance.node]
        stands_in = instance.rescues_error is not None and spec.inputs is None
        is_given = instance.attempts or instance.item is not None or stands_in
        instance.stage = "look"
        if not is_given and spec.inputs is not None:
            instance.stage = "input"
        elif not is_given:
            instance.input = input_of(shape, run, instance)
        instance.started = True
        instance.attempts += 1
        instance.state = "running"
        if instance.stage == "look" and not self._watches(spec):
            self._look(shape, run, instance)

    def _watches(self, spec: NodeSpec) -> bool:
        """Whether an attempt reads what may change while it runs."""
        if spec.uses in BUILT_IN or spec.for_each is not None:
            return spec.uses not in ("noop", "log", "sleep", "wait", LOOP_CONTROLLER)
        return bool(context_keys(self.behaviours[spec.uses]))

    def _look(self, shape: Shape, run: Run, instance: Instance) -> None:
        """Do the work of an attempt, by what it sees now; nobody sees the outcome before it ends."""
        instance.stage = ""
        try:
            instance.outcome = self._attempt(shape, run, instance)
        except ExpressionFailed as error:
            instance.outcome = Failure("expression_error", str(error), is_retryable=False)

    def _attempt(self, shape: Shape, run: Run, instance: Instance) -> Outcome:
        """What the attempt will come to, by what it sees now."""
        spec = shape.nodes[instance.node]
        if spec.for_each is not None and instance.item is None:
            return self._expand(shape, run, instance)
        if shape.is_controller(instance.node):
            return Passes()
        if spec.uses not in BUILT_IN:
            sight = Sight(instance.input, run.context, instance.attempts, instance.rescues_error)
            return perform(self.behaviours[spec.uses], sight)
        special = {"input": instance.input}
        if instance.item is not None:
            special |= {"item": instance.input, "index": instance.item}
        seen = names(shape, run, instance, **special)
        match spec.uses:
            case "set":
                values = fill_templates(spec.params["values"], seen)
                return Done(values, writes=[("set", key, value) for key, value in values.items()])
            case "check":
                if evaluate(spec.params["that"], seen):
                    return Done(True)
                return Failure("node_failed", str(spec.params.get("message", "")))
            case "sleep":
                return Sleeps(instance.input)
            case "wait":
                return Waits()
            case "subflow":
                sources = spec.params.get("inputs")
                mapped = sources and {k: self._fed(shape, run, instance, s) for k, s in sources.items()}
                return Starts(spec.params["blueprint_id"], mapped, instance.input)
        return Done(instance.input)

    def _fed(self, shape: Shape, run: Run, instance: Instance, source: str) -> Json:
        """A source of a sub-run: those of an item may name the item and its place."""
        word, *path = source.split(".")
        if instance.item is None or named_node(shape, source) or word not in ("item", "index"):
            return source_value(shape, run, instance, source)
        return walk(instance.input if word == "item" else instance.item, path)

    def _expand(self, shape: Shape, run: Run, instance: Instance) -> Outcome:
        spec = shape.nodes[instance.node].for_each
        assert spec is not None
        source = spec.source
        if isinstance(source, str) and "${{" in source:
            source = fill_templates(source, names(shape, run, instance, input=instance.input))
        elif isinstance(source, str):
            source = source_value(shape, run, instance, source)
        if not isinstance(source, list):
            return Failure("input_invalid", "for_each needs a list", is_retryable=False)
        return Expands(source)

    # Ending

    def _end(self, shape: Shape, run: Run, instance: Instance) -> None:
        outcome: Outcome | None = instance.outcome
        instance.outcome = None
        match outcome:
            case None:  # a batch whose items have ended
                self._gather(shape, run, instance)
            case Done():
                self._complete(shape, run, instance, outcome)
            case Failure():
                self._fail(shape, run, instance, outcome)
            case Waits():
                instance.state, instance.has_waited = "waiting", True
                if instance.node in run.early:
                    self._accept(run, instance, run.early.pop(instance.node))
            case Sleeps(output):
                instance.state, instance.outcome = "sleeping", Done(output)
            case Starts(blueprint, inputs, entry):
                instance.state = "child"
                child = self.shapes[blueprint]
                instance.child = self._begin(child, inputs or {}, None if inputs else entry)
            case Expands([]):
                self._complete(shape, run, instance, Done([]))
            case Expands(items):
                instance.state, instance.items = "gathering", items
                for i, item in enumerate(items):
                    name = instance_name(instance.node, instance.path, i)
                    run.instances[name] = Instance(name, instance.node, instance.path, i, input=item)
            case Passes():
                self._pass(shape, run, instance)

    def _complete(self, shape: Shape, run: Run, instance: Instance, done: Done) -> None:
        context = run.context
        run.context = apply_writes(context, done.writes)
        instance.state, instance.output, instance.action = "completed", done.output, done.action
        if instance.item is not None:
            return
        try:
            decided: dict[str, Edge] = {}
            for owner in stands_for(shape, run, instance):
                decided |= self._route(shape, run, owner, instance)
        except ExpressionFailed as error:
            run.context = context
            instance.output = instance.action = None
            self._fail(shape, run, instance, Failure("expression_error", str(error), is_retryable=False))
            return
        run.edges |= decided

    def _route(self, shape: Shape, run: Run, owner: Instance, result: Instance) -> dict[str, Edge]:
        """Rule 1, for the edges of `owner` by the result of `result`."""
        edges = [i for i in shape.outgoing(owner.node) if not shape.is_continue(i)]
        chosen: list[int] = []
        if result.action is not None:
            chosen = [
                i
                for i in edges
                if shape.edges[i].action == result.action and self._holds(shape, run, i, result)
            ]
        if not chosen:
            chosen = [
                i for i in edges if shape.edges[i].action is None and self._holds(shape, run, i, result)
            ]
        return {
            edge_key(i, owner.path): self._taken(shape, run, i, result) if i in chosen else Edge("dead")
            for i in edges
        }

    def _holds(self, shape: Shape, run: Run, edge: int, result: Instance) -> bool:
        condition = shape.edges[edge].condition
        if condition is None:
            return True
        special = {"result": {"output": result.output, "action": result.action}}
        return bool(evaluate(condition, names(shape, run, result, **special)))

    def _taken(self, shape: Shape, run: Run, edge: int, result: Instance) -> Edge:
        spec = shape.edges[edge]
        if spec.transform is None:
            return Edge("taken", result.output)
        inputs = shape.nodes[spec.target].inputs
        value = result.output
        if isinstance(inputs, str) and named_node(shape, inputs) == spec.source:
            value = walk(value, [part for part in inputs[len(spec.source) :].split(".") if part])
        elif isinstance(inputs, str) and named_node(shape, inputs) is not None:
            value = source_value(shape, run, result, inputs)
        seen = names(
            shape, run, result, input=value, result={"output": result.output, "action": result.action}
        )
        return Edge("taken", evaluate(spec.transform, seen), has_transform=True)

    def _fail(self, shape: Shape, run: Run, instance: Instance, failure: Failure) -> None:
        """Rule 2."""
        instance.error = (failure.code, failure.message)
        instance.child = None
        if failure.is_retryable and instance.attempts < shape.nodes[instance.node].config.max_retries:
            instance.state = "retrying"
            return
        instance.state = "failed"
        if instance.item is not None:
            return
        fallback = fallback_of(shape, run, instance)
        if fallback is not None and fallback.state == "pending":
            fallback.state, fallback.input, fallback.rescues_error = "ready", instance.input, failure.code
            return
        for owner in stands_for(shape, run, instance):
            close_edges(shape, run, owner, "failed")

    # Loops, batches, subflows

    def _pass(self, shape: Shape, run: Run, controller: Instance) -> None:
        """Rule 3."""
        spec = shape.nodes[controller.node]
        condition = spec.loop.condition if spec.loop else spec.params["condition"]
        limit = spec.loop.max_iterations if spec.loop else int(spec.params.get("max_iterations", 10_000))
        controller.output = controller.input
        outer = [i for i in shape.outgoing(controller.node) if not shape.is_continue(i)]
        try:
            leaving = [i for i in outer if shape.edges[i].condition and shape.edges[i].action is None]
            chosen = [i for i in leaving if self._holds(shape, run, i, controller)]
            special = {"result": {"output": controller.output, "action": None}}
            if not chosen and evaluate(condition, names(shape, run, controller, **special)):
                self._iterate(shape, run, controller, limit)
                return
            if not chosen:
                plain = [i for i in outer if shape.edges[i].action == "break" or i not in leaving]
                plain = [i for i in plain if shape.edges[i].action in (None, "break")]
                chosen = [i for i in plain if self._holds(shape, run, i, controller)]
            taken = {i: self._taken(shape, run, i, controller) for i in chosen}
        except ExpressionFailed as error:
            controller.output = None
            self._fail(shape, run, controller, Failure("expression_error", str(error), is_retryable=False))
            return
        controller.state = "completed"
        for i in outer:
            run.edges[edge_key(i, controller.path)] = taken.get(i, Edge("dead"))

    def _iterate(self, shape: Shape, run: Run, controller: Instance, limit: int) -> None:
        if controller.passes >= limit:
            controller.output = None
            failure = Failure("max_iterations", f"{limit} iterations", is_retryable=False)
            self._fail(shape, run, controller, failure)
            return
        if run.tripped and shape.nodes[controller.node].config.join_strategy != "all_done":
            end(shape, run, controller, "cancelled")
            return
        controller.passes += 1
        controller.state = "looping"
        iteration = (*controller.path, controller.passes)
        open_scope(shape, run, (*shape.loops[controller.node], controller.node), iteration)
        for i in shape.outgoing(controller.node):
            if shape.is_continue(i):
                run.edges[edge_key(i, iteration)] = self._taken(shape, run, i, controller)

    def _gather(self, shape: Shape, run: Run, whole: Instance) -> None:
        """Rule 4."""
        spec = shape.nodes[whole.node].for_each
        assert spec is not None
        items = items_of(run, whole)
        failed = [item for item in items if item.state == "failed"]
        if failed and spec.on_item_error == "fail":
            assert failed[0].error is not None
            code, message = failed[0].error
            self._fail(shape, run, whole, Failure(code, message, is_retryable=False))
            return
        self._complete(shape, run, whole, Done([_item_value(item) for item in items]))

    def _returned(self, shape: Shape, instance: Instance) -> Outcome:
        """Rule 5: the child is over."""
        assert instance.child is not None
        child, inner = instance.child, self.shapes[instance.child.blueprint]
        instance.child = None
        status, values = self.status(child), self.outputs(child)
        if status == "failed":
            told = "; ".join(f"{node}: {message}" for node, _, message in self.errors(child))
            return Failure("subflow_failed", told)
        wanted = shape.nodes[instance.node].params.get("outputs") or {}
        writes = [("set", key, source_value(inner, child, None, source)) for key, source in wanted.items()]
        output: Json = values
        if inner.blueprint.outputs is None and len(values) < 2:
            output = next(iter(values.values()), None)
        return Done(output, writes=writes)

    # People

    def answer(self, run: Run, answer: Answer | Cancel) -> str:
        """Give an answer to whoever waits, or cancel the run; what became of it."""
        shape = self.shapes[run.blueprint]
        if isinstance(answer, Cancel):
            return self._cancel(run)
        given = (answer.output, answer.action)
        if self.status(run) != "waiting" and not self.steps(run):
            last = [run.answers[i.name] for i in self._addressed(run, answer.node) if i.name in run.answers]
            return "repeated" if _told(given, last) else "refused"
        waiting = [i for i in self._addressed(run, answer.node) if i.state == "waiting"]
        if waiting:
            self._accept(run, waiting[0], given)
            return "accepted"
        for instance in self._addressed(run, answer.node):
            if instance.child is not None:
                return self._answer_child(instance.child, answer)
        return self._answer_absent(shape, run, answer, given)

    def _accept(self, run: Run, waiting: Instance, given: tuple[Json, str | None]) -> None:
        run.answers[waiting.name] = given
        waiting.state, waiting.outcome = "resumed", Done(*given)

    def _cancel(self, run: Run) -> str:
        if self.status(run) != "waiting":
            return "refused"
        run.cancelled = True
        for instance in run.instances.values():
            if not instance.is_final:
                instance.state, instance.child = "cancelled", None
        return "accepted"

    def _addressed(self, run: Run, node: str) -> list[Instance]:
        return [i for i in run.instances.values() if node in (i.name, i.node)]

    def _answer_child(self, child: Run, answer: Answer) -> str:
        """`--node N` of a subflow means the one wait inside of it."""
        for instance in child.instances.values():
            if instance.state == "waiting" or instance.child is not None:
                return self.answer(child, Answer(instance.name, answer.output, answer.action))
        return "refused"

    def _answer_absent(self, shape: Shape, run: Run, answer: Answer, given: tuple[Json, str | None]) -> str:
        """Nobody of that name waits now: too late, too early, or no such wait at all."""
        addressed = self._addressed(run, answer.node)
        known = [run.answers[i.name] for i in addressed if i.name in run.answers]
        known += [run.early[answer.node]] if answer.node in run.early else []
        if known or any(i.has_waited for i in addressed):
            return "repeated" if _told(given, known) else "refused"
        if any(i.name == answer.node and i.is_final for i in addressed):
            return "refused"
        if answer.node in shape.nodes and shape.nodes[answer.node].uses == "wait":
            run.early[answer.node] = given
            return "kept"
        return "unknown"

    # How a run stands

    def status(self, run: Run) -> str:
        """Of a run without steps."""
        shape = self.shapes[run.blueprint]
        if run.cancelled:
            return "cancelled"
        if any(i.state in ("waiting", "child") for i in run.instances.values()):
            return "waiting"
        lost = any(i.item is None and is_lost(shape, run, i) for i in run.instances.values())
        return "failed" if lost or self._declared(run) is None else "completed"

    def outputs(self, run: Run) -> dict[str, Json]:
        """What the run returns."""
        shape = self.shapes[run.blueprint]
        if shape.blueprint.outputs is not None:
            return (self._declared(run) or {}) if self.status(run) == "completed" else {}
        ended = {node: run.instances.get(node) for node in shape.nodes if shape.is_terminal(node)}
        return {node: i.output for node, i in ended.items() if i is not None and i.state == "completed"}

    def _declared(self, run: Run) -> dict[str, Json] | None:
        """The declared outputs; None if one of their expressions fails."""
        shape = self.shapes[run.blueprint]
        seen = names(shape, run, None)
        try:
            return {key: evaluate(text, seen) for key, text in (shape.blueprint.outputs or {}).items()}
        except ExpressionFailed:
            return None

    def errors(self, run: Run) -> list[tuple[str, str, str]]:
        """Node, code and message of every failure that was not rescued: what failed the run, or will."""
        shape = self.shapes[run.blueprint]
        if run.cancelled:
            return []
        whole = [i for i in run.instances.values() if i.item is None and i.state == "failed"]
        found = [(i.node, *(i.error or ("", ""))) for i in whole if is_lost(shape, run, i)]
        lost = any(i.item is None and is_lost(shape, run, i) for i in run.instances.values())
        if self.status(run) == "failed" and not lost:
            found.append(("$end", "expression_error", ""))
        return found

    def result(self, run: Run) -> Result:
        """Of a run without steps."""
        shape = self.shapes[run.blueprint]
        shown = [i for i in run.instances.values() if i.item is None or i.state != "cancelled"]
        status = self.status(run)
        return Result(
            status=status,
            nodes={
                i.name: "waiting" if i.state in ("child", "looping", "gathering") else i.state
                for i in shown
                if i.state != "pending"
            },
            node_outputs={i.name: i.output for i in shown if i.state == "completed" and i.item is None},
            outputs=self.outputs(run) if status != "waiting" else {},
            context=dict(run.context),
            errors=frozenset((node, code) for node, code, _ in self.errors(run)),
            attempts={i.name: i.attempts for i in shown if i.attempts and self._is_counted(shape, i)},
            answers=tuple(run.verdicts),
            messages=tuple(message for _, _, message in self.errors(run)),
        )

    def _is_counted(self, shape: Shape, instance: Instance) -> bool:
        spec = shape.nodes[instance.node]
        return spec.uses not in BUILT_IN and (spec.for_each is None or instance.item is not None)


def _told(given: tuple[Json, str | None], known: list[tuple[Json, str | None]]) -> bool:
    return any(same(list(given), list(it)) for it in known)


def _item_value(item: Instance) -> Json:
    if item.state == "completed":
        return item.output
    code, message = item.error or ("cancelled", "")
    return {"error": {"code": code, "message": message}}
