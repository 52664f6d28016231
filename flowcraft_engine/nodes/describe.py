"""What a node type says about itself, as data; drawing it is the business of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.handler import Handler, JsonSchema
from flowcraft_engine.nodes.registry import NodeRegistry


@frozen
class ParameterDescription:
    """One param: `type` is for people (`text`, `list of number`, `duration`)."""

    name: str
    type: str
    is_required: bool
    default: Any = None
    description: str = ""


@frozen
class NodeDescription:
    """One node type; `params` is empty and `params_schema` None when it takes anything."""

    name: str
    summary: str
    documentation: str
    origin: str
    is_builtin: bool
    params: tuple[ParameterDescription, ...] = ()
    params_schema: JsonSchema | None = None
    input_schema: JsonSchema | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values only, for `--json`."""
        return {
            "name": self.name,
            "summary": self.summary,
            "documentation": self.documentation,
            "origin": self.origin,
            "builtin": self.is_builtin,
            "params": [
                {
                    "name": param.name,
                    "type": param.type,
                    "required": param.is_required,
                    "default": param.default,
                    "description": param.description,
                }
                for param in self.params
            ],
            "params_schema": self.params_schema,
            "input_schema": self.input_schema,
        }


def describe(registry: NodeRegistry, name: str) -> NodeDescription:
    """What there is to know about the type `name`. Raises `NotFoundError` if there is none."""
    if name not in registry:
        raise NotFoundError(f"no node is called {name!r}", hint=registry.hint(name))
    return describe_handler(registry.get(name))


def describe_all(registry: NodeRegistry) -> list[NodeDescription]:
    """All types, the user's first. Imports every one of them."""
    return [describe(registry, name) for name in registry.names()]


def describe_handler(handler: Handler) -> NodeDescription:
    params_schema = handler.params_schema
    return NodeDescription(
        name=handler.name,
        summary=handler.summary,
        documentation=handler.documentation,
        origin=handler.origin,
        is_builtin=handler.is_builtin,
        params=tuple(fields_of(params_schema)),
        params_schema=params_schema,
        input_schema=handler.input_schema,
    )


def fields_of(schema: JsonSchema | None) -> Iterable[ParameterDescription]:
    """The fields of an object, as its schema describes them."""
    if schema is None:
        return
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        yield ParameterDescription(
            name=name,
            type=type_in_words(part, schema.get("$defs", {})),
            is_required=name in required,
            default=part.get("default"),
            description=part.get("description", ""),
        )


_WORDS = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}


def type_in_words(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> str:
    """`text`, `list of integer`, `duration`, `debug | info`; `anything` for a schema that says nothing."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        target = definitions.get(name, {})
        return type_in_words(target, definitions) if "enum" in target else name
    if schema.get("format") in ("duration", "date", "date-time", "uuid", "uri"):
        return str(schema["format"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        words = (type_in_words(option, definitions) for option in options)
        return " | ".join(dict.fromkeys(word for word in words if word != "null")) or "null"
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_WORDS.get(str(one), str(one)) for one in kind)
    if kind == "array" and isinstance(schema.get("items"), dict) and schema["items"]:
        items = type_in_words(schema["items"], definitions)
        return f"list of ({items})" if " | " in items else f"list of {items}"
    return _WORDS.get(str(kind), "anything")
