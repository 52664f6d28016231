"""What may go wrong in one experiment, and how often. Everything else is only a matter of order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random


@dataclass(slots=True)
class Faults:
    """Budgets: each fault that happens takes one away."""

    #: Executed, but the reply never came: the link asks again.
    lost_replies: int = 0
    #: Never executed: the link asks again.
    lost_requests: int = 0
    #: A copy of a script call that is executed once more, later.
    strays: int = 0
    #: The link's patience has ended, with the request executed or not.
    outages: int = 0
    lost_messages: int = 0
    doubled_messages: int = 0
    #: Processes that die, and others that sleep past their lease. Together at most two: three make a crash loop.
    crashes: int = 0
    freezes: int = 0
    #: Processes that sleep for some seconds, but wake up before their lease is over.
    stalls: int = 0
    extra_sweeps: int = 0

    @property
    def are_none(self) -> bool:
        return all(getattr(self, field.name) == 0 for field in fields(self))


def random_faults(random: Random) -> Faults:
    """Now and then nothing at all; else a few of each, or many of one."""
    kind = random.randrange(10)
    if kind == 0:
        return Faults()
    deaths = random.choice([0, 0, 1, 1, 2])
    crashes = random.randint(0, deaths)
    many = 12 if kind < 3 else 3
    return Faults(
        lost_replies=random.randint(0, many),
        lost_requests=random.randint(0, many),
        strays=random.randint(0, many),
        outages=random.choice([0, 0, 0, 1]),
        lost_messages=random.randint(0, 2),
        doubled_messages=random.randint(0, many),
        crashes=crashes,
        freezes=deaths - crashes,
        stalls=random.choice([0, 0, 1, 4]),
        extra_sweeps=random.randint(0, many),
    )
