"""Named places in the code of the fleet at which tests let a process die.

    failpoint("commit.sent")

does nothing, for the price of one look, unless the variable FLOWCRAFT_FAILPOINTS armed the process:

    claim.done=kill@3           the third time that this place is reached
    *=kill%0.002,seed=7         anywhere, with that probability; the same seed makes the same choices

`kill` ends the process as a crash does, `stop` freezes it until somebody sends SIGCONT. Whoever arms makes sure that
nothing but a server on this machine is at stake. Knows nothing of what stands around the places.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections import Counter
from typing import Final

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

VARIABLE: Final = "FLOWCRAFT_FAILPOINTS"

#: Where a process can be made to die, in the order in which a run meets them.
NAMES: Final = (
    # The reply to a script is there (`sent`), and nothing was done about it yet: a crash between the two looks the
    # same from outside, wherever in the network the reply is.
    *("start.pre", "start.sent", "start.done"),
    *("msg.received", "claim.pre", "claim.sent", "claim.done"),
    *("exec.start", "exec.mid", "exec.done"),
    *("commit.pre", "commit.sent", "commit.done"),
    *("publish.pre", "publish.mid", "publish.done"),
    *("ack.before", "ack.after"),
    *("beat.pre", "beat.done"),
    *("sweep.read", "sweep.mid", "sweep.done"),
    *("timer.pre", "timer.done"),
    *("child.pre", "child.done"),
    *("signal.pre", "signal.sent", "signal.done"),
    *("cancel.pre", "cancel.sent", "cancel.done"),
    *("retire.pre", "retire.mid"),
    *("version.park", "version.unpark"),
    *("boot.register", "shutdown.handback"),
)
_ACTIONS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_RULE: Final = re.compile(r"([a-z.]+|\*)=(kill|stop)(?:@([1-9]\d*)|%(0?\.\d+|1))")
_EXAMPLE: Final = "for example claim.done=kill@3 or *=kill%0.01,seed=7"


@frozen
class _Rule:
    """What happens at a place, at the `nth` visit or with a probability."""

    action: str
    nth: int | None
    probability: float


class Failpoints:
    """What an armed process does at its failpoints. May be used by several threads."""

    def __init__(self, spec: str) -> None:
        self._rules: dict[str, _Rule] = {}
        self._visits: Counter[str] = Counter()
        seed = "0"
        for part in filter(None, (piece.strip() for piece in spec.split(","))):
            if part.startswith("seed="):
                seed = part.removeprefix("seed=")
            else:
                name, rule = _parse(part)
                self._rules[name] = rule
        self._random = random.Random(seed)  # noqa: S311 - chosen to be repeatable, guards nothing

    def hit(self, name: str) -> None:
        """A place was reached."""
        self._visits[name] += 1
        for key in (name, "*"):
            rule = self._rules.get(key)
            if rule is not None and self._fits(rule, name):
                # Not through `logging`: the process has no time left.
                os.write(2, f"failpoint {name}: {rule.action} (pid {os.getpid()})\n".encode())
                os.kill(os.getpid(), _ACTIONS[rule.action])

    def _fits(self, rule: _Rule, name: str) -> bool:
        if rule.nth is not None:
            return self._visits[name] == rule.nth
        return self._random.random() < rule.probability


def _parse(part: str) -> tuple[str, _Rule]:
    match = _RULE.fullmatch(part)
    if match is None:
        raise UsageError(f"{VARIABLE}: {part!r} is no failpoint", hint=_EXAMPLE)
    name, action, nth, probability = match.groups()
    if name != "*" and name not in NAMES:
        raise UsageError(f"{VARIABLE}: there is no failpoint {name!r}", hint="there are " + " ".join(NAMES))
    return name, _Rule(action, int(nth) if nth else None, float(probability or 0))


_armed: Failpoints | None = None


def failpoint(name: str) -> None:
    """Here a process can be made to die. `name` is one of `NAMES`."""
    if _armed is not None:
        _armed.hit(name)


def arm_from_environment() -> str | None:
    """Arm this process if the variable says so; what it said. Raises `UsageError`."""
    global _armed
    spec = os.environ.get(VARIABLE)
    if spec:
        _armed = Failpoints(spec)
    return spec or None


def is_armed() -> bool:
    return _armed is not None
