"""Storms one after the other, each from its own part of one seed."""

from __future__ import annotations

import random
import shutil
import time
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.chaos.storm import Storm, Weather
from tests.chaos.tally import Tally
from tests.chaos.workload import make_workload

_ALWAYS = Weather(27, fsync="always")
_EVERYSEC = Weather(27, fsync="everysec")
_CUT = Weather(27, fsync="everysec", cuts_tails=True)
_QUIET = Weather(3, quiet=True)

#: The storms of each profile.
PROFILES: Final[dict[str, list[Weather]]] = {
    "slice": [
        replace(it, seconds=seconds, together=48) for it, seconds in ((_ALWAYS, 10), (_CUT, 10), (_QUIET, 2))
    ],
    "ci": [_QUIET, _ALWAYS, _CUT, _EVERYSEC, _CUT, _ALWAYS],
    "nightly": [replace(it, seconds=60) for it in (_ALWAYS, _CUT, _EVERYSEC, _CUT, _QUIET)] * 9,
}
_SHOWN = 5


class Campaign:
    """The storms of a profile; ends after the first one that breaks a promise."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        profile: str,
        *,
        only: int | None = None,
        minutes: float | None = None,
    ) -> None:
        self._folder = folder
        self._seed = seed
        self._storms = list(enumerate(PROFILES[profile]))
        self._only = only
        self._until = time.monotonic() + minutes * 60 if minutes is not None else float("inf")
        self.tally = Tally()
        #: How often each failpoint has killed.
        self.failpoints: Counter[str] = Counter()
        self.violations: list[str] = []

    def run(self) -> int | None:
        """The number of the storm that failed, or None."""
        for number, weather in self._storms:
            is_wanted = self._only in (None, number) and time.monotonic() < self._until
            if is_wanted and not self._storm(number, weather):
                return number
        return None

    def _storm(self, number: int, weather: Weather) -> bool:
        seed = random.Random(f"{self._seed} {number}").getrandbits(32)
        folder = self._folder / f"storm-{number}"
        storm = Storm(folder, seed, make_workload(seed, exact=40, racing=16), weather)
        try:
            outcome = storm.run()
        except Exception as error:
            # Whatever it is: the evidence is kept, and the command that runs the storm again is shown.
            traceback.print_exc()
            self.violations.append(f"storm {number} broke off: {error!r}")
            return False
        self.tally.update(outcome.tally)
        self.failpoints.update(outcome.failpoints)
        self.tally["failpoints"] = len(self.failpoints)
        self.violations += outcome.violations
        kind = (
            "quiet" if weather.quiet else f"fsync {weather.fsync}{', tail cut' if weather.cuts_tails else ''}"
        )
        print(
            f"storm {number} ({kind}): {outcome.tally['runs']} runs, at rest after {outcome.quiet_after_s:.1f} s,"
            f" {len(outcome.violations)} broken promises",
            flush=True,
        )
        for violation in outcome.violations[:_SHOWN]:
            print(f"  {violation}", flush=True)
        if not outcome.violations:
            shutil.rmtree(folder)
        return not outcome.violations
