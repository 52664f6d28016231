"""The names of all keys, in one place. `docs/redis-keys.md` says what each of them holds."""

from __future__ import annotations

from flowcraft_engine.frozen import frozen

#: Between the parts of a member of a sorted set; no id can hold it.
SEPARATOR = "\x1f"
#: The statuses of runs that are stored; there is an index of each.
STATUSES = ("running", "completed", "failed", "cancelled")


@frozen
class RunKeys:
    """The keys of one run; they share a hash tag, and are deleted together."""

    run: str
    events: str
    context: str
    values: str
    children: str
    blueprint: str
    #: List of what nodes printed and logged.
    logs: str

    @property
    def all(self) -> tuple[str, ...]:
        return (self.run, self.events, self.context, self.values, self.children, self.blueprint, self.logs)


class Keys:
    """The keys below one namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        prefix = f"{namespace}:"
        #: Sorted sets of run ids by creation time: all, and one for each stored status.
        self.runs = prefix + "runs"
        #: Sorted set: runs that have ended, by when.
        self.finished = prefix + "finished"
        #: Sorted set: what is to be looked at, by when.
        self.due = prefix + "due"
        #: Sorted sets: owners by the end of their lease; and those whose claims are being taken back.
        self.workers = prefix + "workers"
        self.dead = prefix + "dead"
        #: Hash: what each process says of itself.
        self.manifests = prefix + "manifests"
        #: Counts the registrations of workers, so that nobody parks a job past one.
        self.registrations = prefix + "registrations"
        #: Hash: jobs that no worker fits, with their queues.
        self.parked = prefix + "parked"
        #: Set: all queues that runs were ever started for.
        self.queues = prefix + "queues"
        #: Snapshots of blueprints by digest, and how many runs need each.
        self.blueprints = prefix + "blueprints"
        self.blueprint_users = prefix + "blueprint-users"
        #: Stream of runs that were ended from outside, for those who execute them.
        self.stopped = prefix + "stopped"
        self._prefix = prefix

    def run(self, run_id: str) -> RunKeys:
        base = f"{self._prefix}{{{run_id}}}:"
        return RunKeys(
            run=base + "run",
            events=base + "events",
            context=base + "context",
            values=base + "values",
            children=base + "children",
            blueprint=base + "blueprint",
            logs=base + "logs",
        )

    @property
    def around_id(self) -> tuple[str, str]:
        """What stands before and behind the id in the name of a run's hash, for scripts that go through many."""
        before, _, behind = self.run("\0").run.partition("\0")
        return before, behind

    def runs_with(self, status: str) -> str:
        return f"{self.runs}:{status}"

    def unclaimed(self, queue: str) -> str:
        """Sorted set: ready instances of the runs of a queue, by when they were last published."""
        return f"{self._prefix}unclaimed:{queue}"

    def claims(self, owner: str) -> str:
        """Set: the instances that `owner` executes."""
        return f"{self._prefix}claims:{owner}"


def member(*parts: str) -> str:
    return SEPARATOR.join(parts)
