"""What nodes have done in the outside world: the effects, which no store can take back."""

from __future__ import annotations

from collections import Counter, defaultdict


class Ledger:
    """Executions of the user's nodes, by run and instance."""

    def __init__(self) -> None:
        self.begun: Counter[tuple[str, str]] = Counter()
        self.keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def begin(self, run_id: str, instance: str, idempotency_key: str) -> None:
        self.begun[run_id, instance] += 1
        self.keys[run_id, instance].add(idempotency_key)

    def check_keys(self) -> None:
        """One key for all attempts of an instance, another one for every other instance of its run.

        (Another attempt of a subflow node begins another sub-run, with the same keys, as it must.)
        """
        assert all(len(keys) == 1 for keys in self.keys.values()), "an instance with two idempotency keys"
        shared = Counter((run_id, key) for (run_id, _), keys in self.keys.items() for key in keys)
        assert all(count == 1 for count in shared.values()), "two instances with one idempotency key"
