"""Which ended runs stay in memory."""

from __future__ import annotations

from flowcraft_engine.stores.ended_runs import EndedRuns


def test_the_oldest_leave_when_there_are_too_many_events() -> None:
    ended = EndedRuns(100)
    assert ended.add("one", 40) == []
    assert ended.add("two", 40) == []
    assert ended.add("three", 40) == ["one"]
    assert ended.add("four", 90) == ["two", "three"]


def test_the_last_one_stays_whatever_its_size() -> None:
    ended = EndedRuns(100)
    assert ended.add("small", 1) == []
    assert ended.add("large", 1_000) == ["small"]
    assert ended.add("next", 1) == ["large"]


def test_one_that_ends_or_is_read_again_counts_once_and_as_the_youngest() -> None:
    ended = EndedRuns(100)
    ended.add("one", 40)
    ended.add("two", 40)
    assert ended.add("one", 50) == []
    assert ended.add("three", 40) == ["two"]


def test_one_that_goes_on_does_not_leave() -> None:
    ended = EndedRuns(100)
    ended.add("one", 90)
    ended.discard("one")
    ended.discard("never seen")
    assert ended.add("two", 90) == []
    assert ended.add("three", 90) == ["two"]
