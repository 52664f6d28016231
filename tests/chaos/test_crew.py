"""The crew of a storm counts its dead rightly."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

from tests.chaos.crew import Crew
from tests.chaos.worker import Orders


def test_two_threads_never_ask_at_once_how_a_process_has_ended(redis_url: str, tmp_path: Path) -> None:
    for name in ("ledger", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "loads.pickle").write_bytes(pickle.dumps([]))
    crew = Crew(Orders(0, 1, redis_url, tmp_path, "", with_message_faults=False), 1, 1, "")
    try:
        crew.keep_full()
        pid = crew.freeze_one()
        crew.kill_one()
        thaw = threading.Thread(target=crew.thaw, args=(pid,))
        with crew._lock:
            thaw.start()
            thaw.join(0.5)
            assert thaw.is_alive(), "it does not wait for its turn"
        thaw.join()
    finally:
        crew.stop()
    assert crew.killed == 1
    assert set(crew.exits) <= {0}
