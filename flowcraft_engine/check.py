"""What was looked at, how it stands, and what to do: what `doctor` prints and a worker says when it starts."""

from __future__ import annotations

from enum import StrEnum

from flowcraft_engine.frozen import frozen


class CheckStatus(StrEnum):
    """`fail`: flowcraft will not work, or refuses to. `warn`: it works, and somebody should know."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@frozen
class Check:
    """One thing that was looked at. Never holds a password."""

    name: str
    status: CheckStatus
    #: What was found, in a sentence.
    found: str
    #: What to do about it, unless all is well.
    advice: str | None = None

    @classmethod
    def ok(cls, name: str, found: str) -> Check:
        return cls(name, CheckStatus.OK, found)

    @classmethod
    def warn(cls, name: str, found: str, advice: str | None = None) -> Check:
        return cls(name, CheckStatus.WARN, found, advice)

    @classmethod
    def fail(cls, name: str, found: str, advice: str | None = None) -> Check:
        return cls(name, CheckStatus.FAIL, found, advice)

    def to_json(self) -> dict[str, str | None]:
        return {"name": self.name, "status": str(self.status), "found": self.found, "advice": self.advice}
