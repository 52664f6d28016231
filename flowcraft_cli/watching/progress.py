"""The progress of a run and its sub-runs, folded from events as they come. Knows nothing of terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import END, InstanceName, item_name

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import WaitingNode

_STATE_AFTER = {
    ev.NODE_READY: "ready",
    ev.NODE_STARTED: "running",
    ev.NODE_COMPLETED: "completed",
    ev.NODE_RETRYING: "retrying",
    ev.NODE_FAILED: "failed",
    ev.NODE_WAITING: "waiting",
    ev.NODE_POISONED: "poisoned",
    ev.NODE_CANCELLED: "cancelled",
    ev.NODE_SKIPPED: "skipped",
    ev.NODE_RELEASED: "ready",
    ev.ITEMS_SCATTERED: "running",
    ev.LOOP_CONTINUED: "running",
}
ENDED = frozenset({"completed", "failed", "poisoned", "cancelled", "skipped"})
ACTIVE = frozenset({"running", "retrying", "waiting"})
#: What a person wants to see again and again, the most urgent first.
_URGENCY = {"failed": 0, "waiting": 1, "retrying": 2, "running": 3}
_NOT_URGENT = 9


@dataclass(slots=True)
class Line:
    """One node instance as it is shown. `items` are those of a `for_each`: done and all."""

    run_id: str
    instance: str
    node_id: str
    depth: int
    state: str = "pending"
    attempt: int = 0
    #: True if the attempt under way has started before: it goes on after a wait, or after its items.
    is_resumed: bool = False
    started_at: float | None = None
    changed_at: float = 0.0
    action: str | None = None
    error: str | None = None
    due: float | None = None
    wait: str | None = None
    reason: Any = None
    done: float = 0
    total: float = 0
    bad_items: int = 0
    passes: int = 0
    #: What keeps every worker from executing it, in words.
    missing: str | None = None

    @property
    def is_item(self) -> bool:
        return self.instance.endswith("]")

    def duration(self, now: float) -> float | None:
        if self.started_at is None or self.state in ("pending", "skipped"):
            return None
        # On a fleet two clocks may have been asked.
        return max(0.0, (self.changed_at if self.state in ENDED else now) - self.started_at)

    @property
    def urgency(self) -> int:
        return 1 if self.missing else _URGENCY.get(self.state, _NOT_URGENT)

    @property
    def is_urgent(self) -> bool:
        return self.urgency < _NOT_URGENT


@dataclass(slots=True)
class RunLines:
    """The instances of one run, in the order of its blueprint, then of their appearance."""

    run_id: str
    blueprint_id: str = ""
    created_at: float = 0.0
    status: str = "running"
    depth: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)


class Progress:
    """Everything that is known of the runs that are watched."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.runs: dict[str, RunLines] = {}

    def expect(self, run_id: str, node_ids: Iterable[str]) -> None:
        """Show these nodes as pending before anything is known of them."""
        run = self._run(run_id)
        for node_id in node_ids:
            if node_id != END:
                self._line(run, node_id)

    def take(self, run_id: str, events: Sequence[Event]) -> Iterator[tuple[Line, Event]]:
        """Fold events of one run, one by one: each instance is given as it is after its event."""
        if run_id != self.run_id and not run_id.startswith(self.run_id + ":"):
            return
        run = self._run(run_id)
        for event in events:
            if not event.instance:
                self._run_changed(run, event)
                continue
            if event.instance == END and event.type != ev.NODE_FAILED:
                continue
            line = self._line(run, event.instance)
            if self._apply(run, line, event):
                yield line, event

    def catch_up(self, run_id: str, events: Sequence[Event]) -> None:
        """Fold what happened before anybody watched."""
        for _ in self.take(run_id, events):
            pass

    def report(self, run_id: str, instance: str, done: float, total: float) -> Line | None:
        """A node says how far it is."""
        run = self.runs.get(run_id)
        line = run.lines.get(instance) if run is not None else None
        if line is not None:
            line.done, line.total = done, total
        return line

    def block(self, waits: Sequence[WaitingNode]) -> list[Line]:
        """Note which instances no worker fits; those of which that is news."""
        found: list[Line] = []
        missing = {(wait.run_id or self.run_id, wait.node): wait.message for wait in waits}
        for run in self.runs.values():
            for line in run.lines.values():
                before, line.missing = line.missing, missing.get((line.run_id, line.instance))
                if line.missing is not None and line.missing != before:
                    found.append(line)
        return found

    def counts(self) -> Counter[str]:
        """How many nodes of the top run are in which state; items do not count."""
        run = self.runs.get(self.run_id)
        return Counter(line.state for line in run.lines.values() if not line.is_item) if run else Counter()

    def in_order(self) -> list[Line]:
        """All lines, those of a sub-run behind the node that runs it; of items only those under way."""
        result: list[Line] = []
        self._collect(self.run_id, result)
        return result

    def _collect(self, run_id: str, result: list[Line]) -> None:
        run = self.runs.get(run_id)
        if run is None:
            return
        for line in list(run.lines.values()):
            if line.is_item and line.state not in ACTIVE:
                continue
            result.append(line)
            child = run.children.get(line.instance)
            if child is not None:
                self._collect(child, result)

    def _run(self, run_id: str) -> RunLines:
        run = self.runs.get(run_id)
        if run is None:
            run = self.runs[run_id] = RunLines(run_id, depth=run_id.replace("::", "#").count(":"))
        return run

    def _line(self, run: RunLines, instance: str) -> Line:
        line = run.lines.get(instance)
        if line is None:
            name = InstanceName.parse(instance)
            node_id = name.node_id if name is not None else instance
            line = run.lines[instance] = Line(run.run_id, instance, node_id, run.depth)
        return line

    def _run_changed(self, run: RunLines, event: Event) -> None:
        if event.type == ev.RUN_STARTED:
            run.blueprint_id = str(event.data.get("blueprint_id", ""))
            run.created_at = event.at / ev.MICROSECONDS
        elif event.type == ev.RUN_FINISHED:
            run.status = str(event.data.get("status", ""))
        elif event.type == ev.GENERATION_BEGAN:
            run.status = "running"
            self._begin_again(run, event)

    def _begin_again(self, run: RunLines, event: Event) -> None:
        for name in (*event.data["anew"], *event.data["removed"]):
            old = run.lines.get(name)
            if old is None:
                continue
            if old.is_item or "#" in name:
                del run.lines[name]
            else:
                run.lines[name] = Line(run.run_id, name, old.node_id, run.depth)
                run.children.pop(name, None)
        start = run.lines.get(str(event.data.get("from")))
        for name, goes_on in event.data["on"].items():
            for index in goes_on.get("items", ()):
                run.lines.pop(item_name(name, index), None)
            line = run.lines.get(name)
            if line is not None:
                line.state, line.error = "waiting", None
                line.started_at = line.changed_at = event.at / ev.MICROSECONDS
                line.done -= line.bad_items
                line.bad_items = 0
        if start is None and str(event.data.get("from")).endswith("]"):
            # An item that had completed, and was counted as done.
            whole = run.lines.get(str(event.data["from"]).rpartition("[")[0])
            if whole is not None:
                whole.done -= 1

    def _apply(self, run: RunLines, line: Line, event: Event) -> bool:
        state = _STATE_AFTER.get(event.type)
        if state is None:
            return False
        before, line.state = line.state, state
        line.missing = None
        line.changed_at = at = event.at / ev.MICROSECONDS
        line.reason = event.reason
        data = event.data
        if event.type == ev.NODE_STARTED:
            line.is_resumed = line.attempt == int(data[0])
            line.attempt = int(data[0])
            line.started_at = line.started_at if line.started_at is not None else at
            line.error = None
        elif event.type in (ev.NODE_RETRYING, ev.NODE_FAILED):
            line.error = str((data.get("error") or {}).get("message", ""))
            line.due = data.get("due")
        elif event.type == ev.NODE_COMPLETED and data:
            line.action = data.get("action")
        elif event.type == ev.NODE_WAITING:
            line.wait, line.due = str(data.get("kind")), data.get("due")
            if "child" in data:
                run.children[line.instance] = str(data["child"])
            line.error = str(data["message"]) if data.get("message") else None
        elif event.type == ev.ITEMS_SCATTERED:
            line.total = len(data)
        elif event.type == ev.LOOP_CONTINUED:
            line.passes = int(data.get("iteration", 0)) if isinstance(data, dict) else line.passes
        if line.is_item and line.state in ENDED and before not in ENDED:
            self._item_ended(run, line)
        return True

    def _item_ended(self, run: RunLines, item: Line) -> None:
        whole = run.lines.get(item.instance.rpartition("[")[0])
        if whole is not None:
            whole.done += 1
            whole.bad_items += item.state == "failed"
        if item.state != "failed":
            # Ten thousand items that are done would cost memory and say nothing.
            del run.lines[item.instance]
