"""The Lua scripts: constants, read once from the files beside this one. User data reaches them as arguments only."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from flowcraft_engine.frozen import frozen


@frozen
class Script:
    """One script, with its prologues. `sha` is what EVALSHA wants."""

    name: str
    text: str
    sha: str

    @classmethod
    def of(cls, name: str, text: str) -> Script:
        return cls(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Scripts:
    """All scripts; those that ask for the time have `clock.lua`, or what a test puts in its place, before them."""

    def __init__(self, clock: str | None = None) -> None:
        prologue = clock if clock is not None else _read("clock")
        self.append = _script("append", prologue, _read("apply"))
        self.start = _script("start", prologue, _read("apply"))
        self.reindex = _script("reindex", prologue, _read("apply"))
        self.retire = _script("retire")
        self.settle = _script("settle")
        self.put_off = _script("put_off", prologue)
        self.take_due = _script("take_due", prologue)
        self.take_unclaimed = _script("take_unclaimed", prologue)
        self.take_expired = _script("take_expired", prologue)
        self.forget = _script("forget")
        self.first = _script("first")
        self.renew = _script("renew", prologue)
        self.take_dead = _script("take_dead", prologue)
        self.bury = _script("bury", prologue)
        self.leave = _script("leave")
        self.park = _script("park")
        self.unpark = _script("unpark", prologue)
        self.register = _script("register", prologue)
        self.find_runs = _script("find_runs")
        self.write_logs = _script("write_logs")
        self.amend = _script("amend")


def _script(name: str, *prologues: str) -> Script:
    return Script.of(name, "\n".join((*prologues, _read(name))))


@cache
def _read(name: str) -> str:
    return (files("flowcraft_engine.backends.redis") / "lua" / f"{name}.lua").read_text("utf-8")
