"""Who is told what a worker does beside calling nodes; nobody, unless somebody counts it."""

from __future__ import annotations

from typing import Final, Literal, Protocol

#: What a sweep did: `published` jobs whose message was lost, `taken_back` from workers that died or forgot them,
#: `interrupted` runs that were ended from outside, errands that were `due`, old runs that were `retired`.
SweepAction = Literal["published", "taken_back", "interrupted", "due", "retired"]
SWEEP_ACTIONS: Final[tuple[SweepAction, ...]] = ("published", "taken_back", "interrupted", "due", "retired")


class WorkObserver(Protocol):
    """Called in the worker's event loop; must neither wait nor raise."""

    def claimed(self, is_granted: bool) -> None:
        """A job has come, and its instance was claimed; not granted: another had it, or it was no longer ready."""
        ...

    def swept(self, action: SweepAction, count: int) -> None:
        """A sweep has done so many things, at least one."""
        ...


class Unobserved:
    """The observer of those who count nothing."""

    def claimed(self, is_granted: bool) -> None:
        pass

    def swept(self, action: SweepAction, count: int) -> None:
        pass


UNOBSERVED: Final = Unobserved()
