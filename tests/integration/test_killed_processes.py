"""Processes that are killed at any moment: another one goes on, and the outcome is that of an undisturbed run."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from tests.integration.workload import BLUEPRINTS, RUN, blueprint, outcome, runtime

ROOT = Path(__file__).parents[2]
#: Two for each run: a third death of the same node would be a crash loop.
KILLS = 2


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_killed_run_comes_to_the_same_end(name: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(f"{name} {seed}")
    state, ledger = tmp_path / "state.db", tmp_path / "ledger"
    ledger.touch()
    for _ in range(KILLS):
        _start_and_kill(state, name, ledger, after_s=chance.uniform(0, 0.12))
    found = _finish(state, name, ledger)
    assert found == _undisturbed(name)
    _check_effects(ledger.read_text(), asyncio.run(_histories(state)))


def _start(state: Path, name: str, ledger: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.workload", str(state), name, str(ledger)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    return process


def _start_and_kill(state: Path, name: str, ledger: Path, after_s: float) -> None:
    with _start(state, name, ledger) as process:
        time.sleep(after_s)
        process.kill()


def _finish(state: Path, name: str, ledger: Path) -> Any:
    with _start(state, name, ledger) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        process.wait(60)
    assert process.returncode == 0
    return json.loads(text)


def _undisturbed(name: str) -> Any:
    result = asyncio.run(runtime().run(blueprint(name), run_id=RUN))
    assert result.status == "completed"
    return json.loads(json.dumps(outcome(result)))


async def _histories(state: Path) -> dict[str, list[Event]]:
    store = SqliteStore(state)
    found = {it.run_id: await store.events(it.run_id) for it in await store.list_runs(limit=100)}
    await store.close()
    return found


def _check_effects(ledger: str, histories: dict[str, list[Event]]) -> None:
    """Each instance was committed once; work was done twice only for claims that a kill interrupted."""
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for line in ledger.splitlines():
        what, name, _, key = line.split()
        (begun if what == "begin" else ended)[name] += 1
        keys[name].add(key)
    assert all(len(found) == 1 for found in keys.values()), "another key in another attempt"
    assert len(set.union(*keys.values())) == len(keys), "two instances with the same key"
    for run_id, events in histories.items():
        claimed, committed, crashed = Counter[str](), Counter[str](), Counter[str]()
        for event in events:
            name = f"{run_id}/{event.instance}"
            claimed[name] += event.type == ev.NODE_STARTED
            committed[name] += event.type == ev.NODE_COMPLETED
            crashed[name] += event.type == ev.NODE_RELEASED and event.data["crash"]
        worked = [name for name in begun if name.partition("/")[0] == run_id]
        for name in worked:
            assert committed[name] == 1
            assert ended[name] - 1 <= crashed[name]
            assert begun[name] <= claimed[name]
            assert begun[name] >= claimed[name] - crashed[name]
