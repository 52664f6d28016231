"""Events: the facts of a run, in the past tense. The list of a run's events is its truth; its state is their fold.

| type | instance | data |
|---|---|---|
| run_started | "" | blueprint_id version digest pins inputs context entry parent key_base deadline |
| node_ready | the node | – |
| node_started | the node | [attempt, nonce, owner] |
| node_completed | the node | output, and where it says something: action taken values why delta |
| node_retrying | the node | error due carry |
| node_failed | the node | error, fallback (the instance that now stands in) |
| node_waiting | the node | kind and what that kind needs, due, delta |
| node_resumed | the node | what it goes on with (`kind` answer, timer, expired, run, items, body) |
| node_poisoned node_cancelled node_skipped | the node | – |
| node_released | the node | crash: true when its process died, or something cancelled its task |
| loop_continued | the controller | iteration output why |
| items_scattered | the `for_each` node | items |
| items_ready | the `for_each` node | [from, to) |
| items_given_up | the `for_each` node | – |
| signal_buffered | a node id | output action |
| fail_fast_tripped, cancel_requested, run_finished | "" | run_finished: status error |
| run_paused | "" | – |
| run_unpaused | "" | deadline: the run's, later by the length of the pause |
| generation_began | "" | generation kind(`retry` `rerun`) from anew on removed deadline ahead_of: `generations.py` |

`reason` says why, always: `{"rule": ...}` and what the rule looked at, or just the name of a rule that looked at
nothing (`claimed`, `returned`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

RUN_STARTED: Final = "run_started"
NODE_READY: Final = "node_ready"
NODE_STARTED: Final = "node_started"
NODE_COMPLETED: Final = "node_completed"
NODE_RETRYING: Final = "node_retrying"
NODE_FAILED: Final = "node_failed"
NODE_WAITING: Final = "node_waiting"
NODE_RESUMED: Final = "node_resumed"
NODE_POISONED: Final = "node_poisoned"
NODE_CANCELLED: Final = "node_cancelled"
NODE_SKIPPED: Final = "node_skipped"
NODE_RELEASED: Final = "node_released"
LOOP_CONTINUED: Final = "loop_continued"
ITEMS_SCATTERED: Final = "items_scattered"
ITEMS_READY: Final = "items_ready"
ITEMS_GIVEN_UP: Final = "items_given_up"
SIGNAL_BUFFERED: Final = "signal_buffered"
FAIL_FAST_TRIPPED: Final = "fail_fast_tripped"
CANCEL_REQUESTED: Final = "cancel_requested"
RUN_FINISHED: Final = "run_finished"
RUN_PAUSED: Final = "run_paused"
RUN_UNPAUSED: Final = "run_unpaused"
GENERATION_BEGAN: Final = "generation_began"


#: So many of them make a second.
MICROSECONDS: Final = 1_000_000


#: An event as a transition makes it, and as JSON writes it: its fields, in their order. A run makes three a node, and
#: a tuple with names costs seven times as much.
Fact: TypeAlias = tuple[str, int, str, Any, Any]


class Event(NamedTuple):
    """One fact, for those who look at it by name.

    `at` is in microseconds since the epoch: a whole number, which is read and written five times as fast.
    """

    type: str
    at: int
    instance: str
    reason: Any
    data: Any
