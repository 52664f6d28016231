"""A parameter of a node with the type that its author wrote: checked and converted by pydantic.

pydantic is asked when the first value comes, not when the node is registered: start-up stays cheap.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints, is_typeddict

from flowcraft_engine.errors import ErrorCode, NodeError, RegistryError
from flowcraft_engine.nodes.handler import JsonSchema

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

_MAX_PROBLEMS = 8


class TypedValue:
    """Checks one of a node's values, `label` (`input`, `params`), against `annotation`."""

    __slots__ = ("_adapter", "_owner", "annotation", "label")

    def __init__(self, label: str, annotation: Any, owner: str) -> None:
        self.label = label
        self.annotation = annotation
        self._owner = owner
        self._adapter: TypeAdapter[Any] | None = None

    def convert(self, value: Any) -> Any:
        """The value as the annotated type. Raises `NodeError` (`input_invalid`) naming the fields."""
        from pydantic import ValidationError

        adapter = self._adapter or self._build()
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            are = "are" if self.label == "params" else "is"
            raise NodeError(
                f"{self.label} of {self._owner} {are} not valid: {_problems(error)}",
                error_code=ErrorCode.INPUT_INVALID,
                retryable=False,
            ) from error

    def schema(self) -> JsonSchema | None:
        """The JSON Schema of the type; None when pydantic has none for it."""
        from pydantic.errors import PydanticInvalidForJsonSchema

        adapter = self._adapter or self._build()
        try:
            return adapter.json_schema()
        except PydanticInvalidForJsonSchema:
            return None

    def _build(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

        try:
            self._adapter = TypeAdapter(_known_to_pydantic(self.annotation))
        except (PydanticSchemaGenerationError, PydanticUserError, NameError, TypeError) as error:
            raise RegistryError(
                f"the type of {self.label!r} of {self._owner} cannot be checked: {_first_line(error)}",
                hint="use a pydantic model, a dataclass, a TypedDict or a builtin type",
            ) from error
        return self._adapter


def typed_value(label: str, annotation: Any, owner: str, namespace: Mapping[str, Any]) -> TypedValue | None:
    """The check for `annotation`; None when it says nothing (absent, `Any`, `object`).

    Text annotations are resolved in `namespace`. Raises `RegistryError` for one that cannot be.
    """
    if isinstance(annotation, str):
        annotation = _resolve(label, annotation, owner, namespace)
    if annotation is Any or annotation is object:
        return None
    return TypedValue(label, annotation, owner)


def with_type_parameters(namespace: Mapping[str, Any], *generics: object) -> Mapping[str, Any]:
    """`namespace` and the type parameters of functions and classes (`def exec[T](…)`, from Python 3.12 on)."""
    own = {it.__name__: it for generic in generics for it in getattr(generic, "__type_params__", ())}
    return {**namespace, **own} if own else namespace


def schema_source(value: TypedValue | None) -> Callable[[], JsonSchema | None]:
    return value.schema if value is not None else lambda: None


def _resolve(label: str, annotation: str, owner: str, namespace: Mapping[str, Any]) -> Any:
    holder = SimpleNamespace(__annotations__={label: annotation})
    try:
        return get_type_hints(holder, dict(namespace), include_extras=True)[label]
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise RegistryError(
            f"the annotation {annotation!r} of {label!r} of {owner} cannot be resolved: {_first_line(error)}",
            hint="import the type at module level, outside of 'if TYPE_CHECKING:'",
        ) from error


def _known_to_pydantic(annotation: Any) -> Any:
    """`annotation`, a `typing.TypedDict` as the backported one: pydantic needs it before Python 3.12."""
    if sys.version_info >= (3, 12) or not is_typeddict(annotation):
        return annotation
    import typing_extensions

    make: Any = typing_extensions.TypedDict
    optional = annotation.__optional_keys__
    fields = {
        name: typing_extensions.NotRequired[kind] if name in optional else kind
        for name, kind in get_type_hints(annotation).items()
    }
    return make(annotation.__name__, fields)


def _problems(error: ValidationError) -> str:
    """`order.total: Field required; …`, without the values: they may be secret."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    texts = [_problem(detail["loc"], detail["msg"]) for detail in details[:_MAX_PROBLEMS]]
    if len(details) > _MAX_PROBLEMS:
        texts.append(f"and {len(details) - _MAX_PROBLEMS} more")
    return "; ".join(texts)


def _problem(location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    message = message.removeprefix("Value error, ")
    return f"{path}: {message}" if path else message


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
