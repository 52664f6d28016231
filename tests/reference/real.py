"""A case in a real engine: drive it through a `Session`, and read what it came to from its JSON document.

What a session is behind (in-process, SQLite, the command line, Redis) is not known here.
"""

from __future__ import annotations

from typing import Any, Protocol

from flowcraft_engine.blueprint.model import Blueprint
from tests.reference.case import Answer, Cancel, Case, Result, node_of
from tests.reference.desugar import desugar
from tests.reference.model import BUILT_IN
from tests.reference.shape import Shape
from tests.reference.state import TERMINAL

#: Consequences of a failure; only the failures themselves are compared.
CONSEQUENCES = frozenset({"poisoned", "cancelled"})
Document = dict[str, Any]


class Session(Protocol):
    """One run of a case."""

    async def start(self, case: Case) -> None:
        """Run it until it ends or only people can move it."""
        ...

    async def answer(self, answer: Answer | Cancel) -> str:
        """Resume or cancel, and run on; what became of it: accepted, kept, repeated, refused, unknown."""
        ...

    async def document(self) -> Document:
        """What `show --json` prints (DESIGN section 7)."""
        ...


async def run_real(case: Case, session: Session) -> Result:
    """What the case comes to in a real engine, comparable with the results of the model."""
    await session.start(case)
    verdicts = [await session.answer(answer) for answer in case.answers]
    return result_of(await session.document(), case, tuple(verdicts))


def result_of(document: Document, case: Case, answers: tuple[str, ...] = ()) -> Result:
    """The result that a JSON document tells of; what the model does not know is left out."""
    shape = Shape(desugar(case.blueprint))
    entries = {name: entry for name, entry in document["nodes"].items() if _is_shown(shape, name, entry)}
    return Result(
        status=document["status"],
        nodes={name: _state(shape, name, entry["state"]) for name, entry in entries.items()},
        node_outputs={
            name: entry.get("output")
            for name, entry in entries.items()
            if entry["state"] == "completed" and not _is_item(name)
        },
        outputs=document.get("outputs") or {},
        context=dict(document.get("context") or {}),
        errors=frozenset(
            (node_of(error["node"]), error["code"])
            for error in document["errors"]
            if error["code"] not in CONSEQUENCES
        ),
        attempts={
            name: entry["attempts"]
            for name, entry in entries.items()
            if entry.get("attempts") and _is_counted(shape.blueprint, name)
        },
        answers=answers,
        messages=tuple(f"{error['message']} {error.get('cause') or ''}" for error in document["errors"]),
    )


def _is_item(name: str) -> bool:
    return name.endswith("]")


def _is_shown(shape: Shape, name: str, entry: Document) -> bool:
    """Not `$end`, nothing pending, no cancelled item, no body node outside of an iteration."""
    node = node_of(name)
    if node not in shape.nodes or entry["state"] == "pending":
        return False
    if _is_item(name) and entry["state"] == "cancelled":
        return False
    return "#" in name or not shape.loops[node]


def _state(shape: Shape, name: str, state: str) -> str:
    """A controller, batch or subflow that is not over waits for its parts."""
    spec = shape.nodes[node_of(name)]
    is_composed = shape.is_controller(spec.id) or spec.uses == "subflow" or spec.for_each is not None
    return "waiting" if is_composed and state not in TERMINAL else state


def _is_counted(blueprint: Blueprint, name: str) -> bool:
    spec = next(spec for spec in blueprint.nodes if spec.id == node_of(name))
    return spec.uses not in BUILT_IN and (spec.for_each is None or _is_item(name))
