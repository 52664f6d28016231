"""Process chaos: `python -m tests.chaos --seed 7 --profile ci|nightly`. Keeps the evidence of a failure."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.campaign import PROFILES, Campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="chosen by chance, and printed, if not given")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="ci")
    parser.add_argument("--storm", type=int, default=None, help="only this storm of the profile")
    parser.add_argument("--minutes", type=float, default=None, help="begin no storm after that time")
    options = parser.parse_args()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="flowcraft-chaos-"))
    began = time.monotonic()
    campaign = Campaign(folder, seed, options.profile, only=options.storm, minutes=options.minutes)
    failed = campaign.run()
    print(campaign.tally.table())
    print(f"{'seconds':<45} {time.monotonic() - began:>8.0f}")
    if failed is None:
        shutil.rmtree(folder)
        return 0
    print(f"evidence: {folder}")
    print(f"again:    python -m tests.chaos --seed {seed} --profile {options.profile} --storm {failed}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
