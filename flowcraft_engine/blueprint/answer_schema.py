"""The JSON Schema of an answer: whether it is one, and what of an answer does not fit. Fetches nothing.

Libraries are imported when they are needed: only blueprints with such a schema pay for them. `referencing` and
`jsonschema_specifications` come with `jsonschema`; left to itself that would fetch what a `$ref` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowcraft_engine.blueprint.fields import describe
from flowcraft_engine.values import JsonValue

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Problem = tuple[tuple[str | int, ...], str]


def schema_problem(schema: dict[str, Any]) -> Problem | None:
    """Where and why something is not a JSON Schema that answers can be checked against; None if it is one."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return tuple(error.absolute_path), error.message
    reference = _dangling_reference(schema)
    return ((), f"there is nothing at its $ref {reference!r}") if reference is not None else None


def answer_problems(schema: dict[str, Any], answer: JsonValue) -> list[str]:
    """What of the answer does not fit, each as `$.path: why`; empty if all does."""
    from jsonschema import Draft202012Validator
    from referencing.exceptions import Unresolvable

    validator = Draft202012Validator(schema, registry=_published_schemas())
    try:
        errors = sorted(validator.iter_errors(answer), key=lambda error: [str(part) for part in error.path])
    except (Unresolvable, RecursionError) as error:
        return [f"the schema of the wait cannot be used: {str(error) or 'it never ends'}"]
    return [f"{error.json_path}: {_words(error)}" for error in errors]


def _words(error: ValidationError) -> str:
    """The library's words, but for what it says in Python's: `None is not of type`."""
    if error.validator != "type":
        return error.message
    types = error.validator_value
    wanted = " or ".join(map(str, types)) if isinstance(types, list) else str(types)
    return f"it must be of type {wanted}, not {describe(error.instance)}"


def _dangling_reference(schema: dict[str, Any]) -> str | None:
    """The first `$ref` that leads nowhere: into the schema itself, or to one that is published with JSON Schema."""
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resource = DRAFT202012.create_resource(schema)
    left = [(resource, _published_schemas().resolver_with_root(resource))]
    while left:
        part, resolver = left.pop()
        contents: Any = part.contents
        reference = contents.get("$ref") if isinstance(contents, dict) else None
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                return reference
        left.extend((inner, resolver.in_subresource(inner)) for inner in part.subresources())
    return None


def _published_schemas() -> Any:
    """The schemas that JSON Schema itself consists of, at hand without a network."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it has no types

    return REGISTRY
