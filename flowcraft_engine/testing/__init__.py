"""The test kit of workflow authors: play a blueprint with replaced nodes and a clock that jumps. Not for the engine.

from flowcraft_engine.testing import play

run = asyncio.run(play("order.yaml", {"count": 3}, replace={"charge": {"paid": True}}))
run.assert_completed()
run.assert_path("price", "charge", "send")
"""

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.testing.play import play
from flowcraft_engine.testing.played import Played
from flowcraft_engine.testing.replacement import Call, in_turn

__all__ = ["Call", "ManualClock", "Played", "in_turn", "play"]
