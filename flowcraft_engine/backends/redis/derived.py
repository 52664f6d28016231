"""What must change in Redis beside the journal when events are appended: operations for `apply.lua`.

Everything in here can be found again from the journal alone; see `reindexed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowcraft_engine.backends.redis.journal_codec import EncodedStep, digest_of
from flowcraft_engine.backends.redis.keys import member
from flowcraft_engine.backends.redis.shared_run import SharedRun
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import item_name
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.values import KeptValue, is_kept, json_text

WAKE = "wake"
START = "start"
DELIVER = "deliver"
CANCEL = "cancel"

#: After so many milliseconds others do an errand that whoever made it necessary should have done at once.
ERRAND_PATIENCE = "+3000"
_LARGE_CONTEXT_VALUE = 512

_ENDS_CLAIM = frozenset(
    {
        ev.NODE_COMPLETED,
        ev.NODE_FAILED,
        ev.NODE_RETRYING,
        ev.NODE_WAITING,
        ev.NODE_RELEASED,
        ev.LOOP_CONTINUED,
        ev.ITEMS_SCATTERED,
    }
)
_MAKES_READY = frozenset({ev.NODE_READY, ev.NODE_RESUMED, ev.NODE_RELEASED})


class Derived:
    """The operations that go with some events of one run, which were folded into its state already.

    `status` and `owners` say which further keys they need.
    """

    def __init__(self, run: SharedRun) -> None:
        self._run = run
        self._run_id = run.state.run_id
        self._ready: dict[str, bool] = {}
        self._claims: dict[str, bool] = {}
        #: Instances that were claimed before this append, whatever it says of them last.
        self._held: set[str] = set()
        #: Whose claims change; operations name them by their place in here, counted from the end.
        self.owners: list[str] = []
        self._changed: dict[str, None] = {}
        self.operations: list[Any] = []
        self.status: str | None = None

    def add(self, events: list[Event], step: EncodedStep, orphans: list[str]) -> None:
        for event in events:
            self._take(event)
        operations = self.operations
        is_paused = self._run.state.paused_at is not None
        for name, is_ready in self._ready.items():
            operations += ("R" if is_ready and not is_paused else "r", member(self._run_id, name))
        self._add_claims()
        for digest, text in step.values.items():
            operations += ("V", digest, text)
        for child in orphans:
            operations += ("T", ERRAND_PATIENCE, member(CANCEL, child, ""))
        self._add_context()

    def _take(self, event: Event) -> None:
        kind, name, data = event.type, event.instance, event.data
        if kind == ev.NODE_STARTED:
            self._not_ready(name)
            self._claims[name] = True
        elif kind in _ENDS_CLAIM:
            self._not_claimed(name)
            if kind == ev.NODE_FAILED:
                self._not_ready(name)  # taken back once too often
        elif kind == ev.NODE_CANCELLED:
            self._not_ready(name)
            self._not_claimed(name)  # an attempt that failed after `fail_fast` struck
            self.operations += ("t", member(WAKE, self._run_id, name))
        elif kind == ev.CANCEL_REQUESTED:
            self._cancel(event, self._run.state.instances)
        elif kind == ev.ITEMS_GIVEN_UP:
            batch = self._run.state.instances[name].batch
            self._cancel(event, [item_name(name, index) for index in range(len(batch.items) if batch else 0)])
        if kind in _MAKES_READY:
            self._ready[name] = True
        elif kind == ev.ITEMS_READY:
            self._ready.update(dict.fromkeys((item_name(name, it) for it in range(*data)), True))
        if type(data) is dict and "delta" in data:
            self._changed.update(dict.fromkeys(str(change[1]) for change in data["delta"] or ()))
        self._time(kind, name, event)

    def _not_ready(self, name: str) -> None:
        if self._ready.get(name):
            del self._ready[name]  # became ready in this very append
        else:
            self._ready[name] = False

    def _not_claimed(self, name: str) -> None:
        if self._claims.get(name) and name not in self._held:
            del self._claims[name]  # claimed in this very append
        elif self._run.state.instances[name].owner is not None:
            self._claims[name] = False
            self._held.add(name)

    def _cancel(self, event: Event, names: Iterable[str]) -> None:
        """An event that does not name the instances that it ends: those that have it as their reason."""
        for name in names:
            instance = self._run.state.instances.get(name)
            if instance is not None and instance.reason is event.reason:
                self._not_ready(name)
                self._not_claimed(name)
                if instance.due is not None:
                    self.operations += ("t", member(WAKE, self._run_id, name))

    def _add_claims(self) -> None:
        instances = self._run.state.instances
        for name, is_claimed in self._claims.items():
            owner = instances[name].owner or ""
            if owner not in self.owners:
                self.owners.insert(0, owner)
            place = len(self.owners) - 1 - self.owners.index(owner)
            if is_claimed:
                self.operations += ("L", str(place), member(self._run_id, name), owner)
            else:
                self.operations += ("l", str(place), member(self._run_id, name))

    def _time(self, kind: str, name: str, event: Event) -> None:
        """What is due later, or no longer."""
        data = event.data
        if kind == ev.RUN_STARTED:
            self._begin(event)
        elif kind in (ev.NODE_RETRYING, ev.NODE_WAITING):
            if data.get("due") is not None:
                self._due(WAKE, name, due_score(data["due"]))
            if data.get("kind") == st.CHILD:
                self._due(START, name, ERRAND_PATIENCE)
                self.operations += ("H", data["child"])
        elif (kind == ev.NODE_READY and event.reason.get("rule") == "retry") or kind == ev.NODE_RESUMED:
            self.operations += ("t", member(WAKE, self._run_id, name))
        elif kind == ev.RUN_FINISHED:
            self._finish(event)
        elif kind == ev.GENERATION_BEGAN:
            self._begin_again(event)
        elif kind in (ev.RUN_PAUSED, ev.RUN_UNPAUSED):
            self._hold(event)

    def _due(self, kind: str, name: str, at: str) -> None:
        self.operations += ("T", at, member(kind, self._run_id, name))

    def _begin(self, event: Event) -> None:
        data = event.data
        fields = {
            "status": "running",
            "blueprint_id": data["blueprint_id"],
            "version": data["version"] or "",
            "digest": data["digest"],
            "pins": json_text(data["pins"]),
            "queue": self._run.queue,
            "created_at": str(event.at // 1000),
            "parent": data["parent"][0] if data["parent"] else "",
        }
        for field, value in fields.items():
            self.operations += ("S", field, value)
        self.operations += ("B", str(event.at))
        self._changed.update(dict.fromkeys(data["context"]))
        if data["deadline"] is not None:
            self._due(WAKE, "", due_score(data["deadline"]))

    def _begin_again(self, event: Event) -> None:
        """A run that had ended goes on: it leaves the indexes of those that have."""
        data = event.data
        self.status = "running"
        self.operations += ("S", "status", "running", "S", "finished_at", "", "G", self._run_id)
        self.operations += ("t", member(DELIVER, self._run_id, ""))
        if data["deadline"] is not None:
            self._due(WAKE, "", due_score(data["deadline"]))
        for name, how in data["on"].items():
            if how["kind"] == st.CHILD:
                self._due(START, name, ERRAND_PATIENCE)

    def _hold(self, event: Event) -> None:
        """Of a paused run nothing is to be done; of one that goes on, everything."""
        state = self._run.state
        is_paused = event.type == ev.RUN_PAUSED
        self._ready.update(
            {it.name: not is_paused for it in state.instances.values() if it.state == st.READY}
        )
        if not is_paused:
            self.operations += _due_of(state)

    def _finish(self, event: Event) -> None:
        self.status = event.data["status"]
        self.operations += ("S", "status", self.status, "S", "finished_at", str(event.at // 1000))
        self.operations += ("F", self.status, "t", member(WAKE, self._run_id, ""))
        if self._run.state.parent is None:
            self.operations += ("K", self._run_id)
        if event.reason.get("rule") != "all_ended":
            self.operations += ("X", self._run_id)
        if self._run.state.parent is not None:
            self._due(DELIVER, "", ERRAND_PATIENCE)

    def _add_context(self) -> None:
        """The user's keys as a hash, for whoever looks; large values by their digest."""
        context = self._run.state.context
        for key in self._changed:
            if key in context:
                self.operations += ("C", key, _shown(context[key]))
            else:
                self.operations += ("D", key)


def due_score(due: float) -> str:
    """The place of a time among what is due: the first whole millisecond at which it has come."""
    return str(int(due * 1000) + 1)


def _due_of(state: RunState) -> list[Any]:
    """Timers, the run's own time limit, and sub-runs that are to be begun."""
    effects = outstanding(state)
    operations: list[Any] = []
    for due, name in effects.timers:
        operations += ("T", due_score(due), member(WAKE, state.run_id, name))
    if state.deadline is not None and not state.is_final and state.paused_at is None:
        operations += ("T", due_score(state.deadline), member(WAKE, state.run_id, ""))
    for name in effects.children:
        operations += ("T", ERRAND_PATIENCE, member(START, state.run_id, name))
    return operations


def _shown(value: Any) -> str:
    if is_kept(value):
        return f"@{value.digest}" if isinstance(value, KeptValue) and not value.added else "@"
    text = json_text(value)
    return text if len(text) < _LARGE_CONTEXT_VALUE else f"@{digest_of(text)}"


def reindexed(run: SharedRun) -> list[Any]:
    """Operations that bring back everything that the state of the run calls for, wherever it was lost."""
    state = run.state
    effects = outstanding(state)
    operations: list[Any] = []
    for name in effects.ready:
        operations += ("R", member(state.run_id, name))
    operations += _due_of(state)
    for child in effects.orphans:
        operations += ("T", ERRAND_PATIENCE, member(CANCEL, child, ""))
    if state.is_final and state.parent is not None:
        operations += ("T", ERRAND_PATIENCE, member(DELIVER, state.run_id, ""))
    return operations
