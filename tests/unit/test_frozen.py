"""`frozen` makes what `dataclass(frozen=True, slots=True)` makes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from flowcraft_engine.frozen import frozen
from flowcraft_engine.values.json_value import to_json


@frozen
class Ours:
    """A value."""

    number: int
    word: str = "a"
    items: list[int] = field(default_factory=list)
    note: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Theirs:
    """A value."""

    number: int
    word: str = "a"
    items: list[int] = field(default_factory=list)
    note: str | None = field(default=None, compare=False, repr=False)


@frozen
class More(Ours):
    extra: tuple[int, ...] = ()


@frozen
class Pair:
    left: int
    right: int


@frozen
class Confusing:
    """Has fields that are called like what `__init__` might use."""

    value: int
    set_value: int = 2
    default_value: int = 3
    make_value: list[int] = field(default_factory=list)


@frozen
class Willful:
    """Has methods of its own."""

    number: int

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


@frozen
class Nothing:
    """Has no fields."""


CALLS = [((1,), {}), ((1, "b"), {}), ((), {"number": 1, "items": [3], "note": "n"}), ((1, "b", [2], "n"), {})]


@pytest.mark.parametrize(("arguments", "named"), CALLS)
def test_it_is_made_shown_and_converted_alike(arguments, named):
    ours, theirs = Ours(*arguments, **named), Theirs(*arguments, **named)
    assert repr(ours).removeprefix("Ours") == repr(theirs).removeprefix("Theirs")
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert dataclasses.astuple(ours) == dataclasses.astuple(theirs)
    assert to_json(ours) == to_json(theirs)


@pytest.mark.parametrize(("arguments", "named"), [((), {}), ((1, 2, 3, 4, 5), {}), ((1,), {"nope": 1})])
def test_wrong_arguments_are_refused_in_the_same_words(arguments, named):
    with pytest.raises(TypeError) as theirs:
        Theirs(*arguments, **named)
    with pytest.raises(TypeError) as ours:
        Ours(*arguments, **named)
    assert str(ours.value) == str(theirs.value).replace("Theirs", "Ours")


def test_it_compares_the_fields_that_are_compared_and_only_its_own_class():
    assert Ours(1, note="x") == Ours(1, note="y")
    assert Ours(1) != Ours(2)
    assert Ours(1) != Theirs(1)
    assert Ours(1) != More(1)
    assert hash(Pair(1, 2)) == hash(Pair(1, 2)) == hash((1, 2))
    assert len({Pair(1, 2), Pair(1, 2), Pair(2, 1)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ours(1))
    assert Nothing() == Nothing()


def test_no_name_of_a_field_gets_in_the_way():
    assert dataclasses.astuple(Confusing(1)) == (1, 2, 3, [])


def test_methods_of_its_own_are_kept():
    assert repr(Willful(1)) == "mine"
    assert Willful(1) == Willful(2)
    assert hash(Willful(1)) == 7


def test_a_list_that_is_made_is_made_anew_each_time():
    assert Ours(1).items is not Ours(1).items


def test_nothing_about_it_can_be_changed():
    value = Ours(1)
    for name in ("number", "nope"):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2)
        with pytest.raises(FrozenInstanceError):
            delattr(value, name)
    assert not hasattr(value, "__dict__")


def test_dataclasses_deals_with_it():
    assert dataclasses.is_dataclass(Ours)
    assert [each.name for each in dataclasses.fields(More)] == ["number", "word", "items", "note", "extra"]
    assert dataclasses.replace(More(1, extra=(2,)), word="b") == More(1, "b", extra=(2,))
    match Pair(3, 4):
        case Pair(left, right):
            assert (left, right) == (3, 4)


def test_it_is_copied_and_pickled():
    value = More(1, items=[1], note="kept", extra=(5,))
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert other.note == "kept"
    assert copy.deepcopy(value).items is not value.items


def test_what_it_does_not_support_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match="__post_init__"):

        @frozen
        class Wrong:
            number: int

            def __post_init__(self) -> None: ...


@pytest.mark.parametrize("how", [{"kw_only": True}, {"init": False, "default": 1}])
def test_a_field_that_it_does_not_support_is_refused_when_the_class_is_made(how):
    with pytest.raises(TypeError, match="number"):

        @frozen
        class Wrong:
            number: int = field(**how)
