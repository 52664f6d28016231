"""Failpoints: what arms them, and where they make a process die."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.errors import UsageError
from flowcraft_engine.failpoints import NAMES, VARIABLE, Failpoints, failpoint

ROOT = Path(__file__).parents[2]
_PROGRAM = """
from flowcraft_engine.failpoints import arm_from_environment, failpoint
arm_from_environment()
for visit in range(1, 1000):
    print(visit, flush=True)
    failpoint("claim.done")
"""


def visits(spec: str) -> tuple[int, int, str]:
    """How often an armed program passes a failpoint, its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={VARIABLE: spec},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return len(done.stdout.splitlines()), done.returncode, done.stderr


def test_an_unarmed_place_does_nothing() -> None:
    failpoint("claim.done")


def test_the_nth_visit_kills() -> None:
    count, code, words = visits("claim.done=kill@3")
    assert (count, code) == (3, -9)
    assert words.startswith("failpoint claim.done: kill")


def test_another_place_is_passed_by() -> None:
    assert visits("claim.pre=kill@3")[:2] == (999, 0)


def test_a_seed_makes_the_same_choice_again() -> None:
    assert visits("*=kill%0.02,seed=5")[:2] == visits("*=kill%0.02,seed=5")[:2]
    assert visits("*=kill%0.02,seed=5")[0] != visits("*=kill%0.02,seed=6")[0]


@pytest.mark.parametrize("spec", ["claim.done", "claim.done=explode", "nowhere=kill@1", "claim.done=kill@0"])
def test_what_is_no_failpoint_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=VARIABLE):
        Failpoints(spec)


@pytest.mark.asyncio
async def test_a_server_elsewhere_is_never_at_stake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "claim.done=kill@1")
    with pytest.raises(UsageError, match="another machine"):
        await DramatiqRedisAdapter("redis://redis.invalid:6379", insecure=True).__aenter__()


def test_every_name_stands_at_a_place_and_every_place_has_a_name() -> None:
    text = "".join(
        path.read_text() for path in (ROOT / "flowcraft_engine").rglob("*.py") if path.name != "failpoints.py"
    )
    # The middle of a node's work is a place of the tests' own nodes.
    assert set(re.findall(r'failpoint\("([a-z.]+)"\)', text)) == set(NAMES) - {"exec.mid"}
