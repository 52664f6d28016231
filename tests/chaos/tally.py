"""What was done to the fleet, counted: the table that a campaign prints."""

from __future__ import annotations

from collections import Counter

#: Which faults make up the columns of the table.
CONNECTION = (
    *("cut", "black hole", "refuse", "latency", "reply lost", "client kill", "client pause", "script flush"),
)
DOUBLED = ("doubled", "late", "duplicate", "reordered", "forged")
LOST = ("lost", "dropped", "queue flushed")


class Tally(Counter[str]):
    """Counts of faults by name, and of what came of them."""

    def table(self) -> str:
        rows = {
            "runs": self["runs"],
            "node executions": self["executions"],
            "SIGKILLs": self["killed"],
            "  at a failpoint": self["killed at failpoints"],
            "  failpoints that killed": self["failpoints"],
            "frozen past the lease": self["frozen"],
            "rolling restarts": self["rolled"],
            "Redis kills": self["redis killed"],
            "  of which with its tail cut": self["tail cut"],
            "connection faults": sum(self[it] for it in CONNECTION),
            "messages doubled, late, reordered, forged": sum(self[it] for it in DOUBLED),
            "messages lost": sum(self[it] for it in LOST),
            "messages corrupted": self["corrupted"],
            "commands (cancel, reconcile, client killed)": self["cancel"]
            + self["reconcile"]
            + self["client killed"],
            "claims taken back": self["taken back"],
            "duplicate effects": self["duplicates"],
            "acknowledged starts undone by a cut tail": self["starts undone"],
            "results that follow from a claim taken back": self["admitted after a release"],
            "lost": self["lost runs"],
            "stuck": self["stuck"],
            "committed twice": self["committed twice"],
            "wrong results": self["wrong"],
        }
        return "\n".join(f"{name:<45} {count:>8}" for name, count in rows.items())
