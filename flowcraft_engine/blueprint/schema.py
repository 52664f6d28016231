"""The JSON Schema of the written format, for editors; with the params of known node types, if there is a
catalog.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.keys import BUILT_IN_PARAMS, camel

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = "urn:flowcraft:blueprint:1"
#: Keys that are accepted everywhere and mean nothing.
_IGNORED = r"^(position|style|data|_sourceLocation|\$schema|x-.*)$"
_NAMES = "A node id, or a list of them."


def blueprint_schema(catalog: NodeCatalog | None = None) -> Schema:
    """The schema of a blueprint file, shorthands included.

    Keys are properties in snake_case, which editors offer; their camelCase spelling fits, too, and is not offered.
    With a catalog, `params` of each known type are checked by the type's own schema, and types that are not
    known are refused if the catalog is complete.
    """
    definitions = {
        "node": _node(),
        "config": _config(),
        "edge": _edge(),
        "loop": _loop(),
        "input": _input(),
        "metadata": _metadata(),
        "duration": _duration(),
    }
    if catalog is not None:
        _add_types(definitions["node"], definitions, catalog)
    named = {"allOf": [{"$ref": "#/$defs/node"}], "type": ["object", "null"]}
    listed = {"allOf": [{"$ref": "#/$defs/node"}], "required": ["id"]}
    return {
        "$schema": DRAFT,
        "$id": IDENTITY,
        "title": "flowcraft blueprint",
        "description": "A workflow: nodes and the edges between them.",
        **_object(
            {
                "id": _text("The blueprint's name; the file's stem if it is left out."),
                "metadata": {"$ref": "#/$defs/metadata"},
                "inputs": {
                    "description": "Inputs of a run; they become context keys.",
                    "type": ["object", "null"],
                    "additionalProperties": {"$ref": "#/$defs/input"},
                },
                "nodes": {
                    "description": "The nodes: a list, or a mapping by id.",
                    "oneOf": [
                        {"type": "array", "items": listed},
                        {
                            "type": "object",
                            "patternProperties": {"^x-": {}},
                            "additionalProperties": named,
                        },
                        {"type": "null"},
                    ],
                },
                "edges": {
                    "description": "The edges: texts like `a -> b`, or mappings.",
                    "oneOf": [
                        {"type": "array", "items": {"$ref": "#/$defs/edge"}},
                        {"type": "object", "additionalProperties": {"$ref": "#/$defs/edge"}},
                        {"type": "null"},
                    ],
                },
                "outputs": {
                    "description": "What a run returns: name to expression; else the last nodes' outputs.",
                    "type": ["object", "null"],
                    "additionalProperties": {"type": "string", "minLength": 1},
                },
                "expressions": {
                    "description": "The expression language: safe (default), or path (dotted paths only).",
                    "enum": ["safe", "path", None],
                },
            }
        ),
        "$defs": definitions,
    }


def _node() -> Schema:
    return _object(
        {
            "id": _text("The node's name, unique in the blueprint; no # [ ] : and no control characters."),
            "uses": _text("The node type: a built-in one, or one of yours."),
            "params": {
                "description": "Values for the node; texts may hold ${{ expressions }}.",
                "type": ["object", "null"],
            },
            "inputs": {
                "description": "Where its input comes from: a source like `fetch.body`, or names to sources.",
                "oneOf": [
                    {"type": ["string", "number", "null"]},
                    {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
                ],
            },
            "config": {"$ref": "#/$defs/config"},
            "needs": _names("Nodes that lead to this one: a short way to write plain edges. " + _NAMES),
            "for_each": {
                "description": "The node runs once for each item of this: a source, a template or a list.",
                "type": ["string", "array", "null"],
            },
            "concurrency": _integer("Items that run at a time; with for_each.", 1, 100_000),
            "on_item_error": {
                "description": "A failed item fails the node (default), or is collected as an error.",
                "enum": ["fail", "collect", None],
            },
            "loop": {"$ref": "#/$defs/loop"},
        }
    )


def _config() -> Schema:
    return {
        "description": "How the node is executed.",
        **_object(
            {
                "max_retries": _integer("Attempts in all; 1, the default, means no retry.", 1, 10_000),
                "retry_delay": _duration_of("The wait before the second attempt."),
                "backoff": _number("Each further wait is so many times longer.", 1, 100),
                "jitter": _number("The share of a wait that is random.", 0, 1),
                "timeout": _duration_of("The time that one attempt may take."),
                "fallback": _text("The node that runs when this one has failed."),
                "join_strategy": {
                    "description": "With several predecessors: all (default), any, or all_done.",
                    "enum": ["all", "any", "all_done", None],
                },
            }
        ),
    }


def _edge() -> Schema:
    mapping = _object(
        {
            "source": _text("The node that it leads from."),
            "target": _text("The node that it leads to."),
            "action": _text("It is taken when the source ends with this action."),
            "condition": _text("It is taken when this expression holds."),
            "transform": _text("What the target receives: an expression over `input`."),
        }
    )
    return {
        "description": "An edge: `a -> b`, a chain `a -> b -> c`, or a mapping.",
        "oneOf": [
            {"type": "string", "pattern": "^\\s*\\S.*->.*\\S\\s*$"},
            {**mapping, "type": "object", "required": ["source", "target"]},
        ],
    }


def _loop() -> Schema:
    return {
        "description": "The node controls a loop: start to end, again while the condition holds.",
        **_object(
            {
                "start": _text("The first node of the body."),
                "end": _text("The last node of the body."),
                "condition": _text("Another pass while this expression holds; looked at before each pass."),
                "max_iterations": _integer("The node fails after so many passes.", 1, 10_000_000),
            }
        ),
        "required": ["start", "end", "condition"],
    }


def _input() -> Schema:
    return {
        "description": "A declared input of the run.",
        **_object(
            {
                "type": {
                    "description": "Its type, as in JSON Schema.",
                    "enum": ["string", "integer", "number", "boolean", "object", "array", None],
                },
                "required": {"description": "A run without it is refused.", "type": ["boolean", "null"]},
                "default": {"description": "Its value when it is not given."},
                "enum": {
                    "description": "The values that it may have.",
                    "type": ["array", "null"],
                    "minItems": 1,
                },
                "description": _text("What it is for."),
            }
        ),
    }


def _metadata() -> Schema:
    return {
        "description": "About the blueprint as a whole. Keys that are not listed here are ignored.",
        **_object(
            {
                "version": {
                    "description": "The version, quoted: runs are pinned to it.",
                    "type": ["string", "null"],
                },
                "description": _text("What the blueprint does."),
                "timeout": _duration_of("The time that a whole run may take."),
                "fail_fast": {
                    "description": "End the run at the first failure that nothing rescues.",
                    "type": ["boolean", "null"],
                },
            }
        ),
        "additionalProperties": True,
    }


def _duration() -> Schema:
    return {
        "oneOf": [
            {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$"},
            {"type": "number", "minimum": 0},
            {"type": "null"},
        ]
    }


def _add_types(node: Schema, definitions: dict[str, Schema], catalog: NodeCatalog) -> None:
    """`uses` offers the known types, and each decides about its params."""
    names = sorted(catalog.names())
    known: Schema = {"enum": [*names, None]}
    if catalog.is_complete:
        node["properties"]["uses"] = {**node["properties"]["uses"], **known}
    else:
        node["properties"]["uses"] = {**node["properties"]["uses"], "examples": names}
    rules = []
    for name in names:
        schema = catalog.parameter_schema(name)
        if schema is None:
            continue
        inlined = _inlined(schema, f"params of {name}")
        definitions[f"params of {name}"] = _in_both_spellings(inlined, BUILT_IN_PARAMS.get(name, ()))
        rule: Schema = {"properties": {"params": {"$ref": f"#/$defs/params%20of%20{name}"}}}
        if schema.get("required"):
            rule["required"] = ["params"]
        rules.append({"if": {"properties": {"uses": {"const": name}}, "required": ["uses"]}, "then": rule})
    if rules:
        node["allOf"] = rules


def _inlined(schema: Schema, name: str) -> Schema:
    """A schema of its own inside of ours: its references point to its new place, templates fit everywhere."""
    place = f"#/$defs/{name.replace(' ', '%20')}"
    return _with_templates(_moved(schema, place))


def _moved(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return {
            key: place + item[1:]
            if key == "$ref" and isinstance(item, str) and item.startswith("#")
            else _moved(item, place)
            for key, item in value.items()
        }
    return [_moved(item, place) for item in value] if isinstance(value, list) else value


def _with_templates(schema: Schema) -> Schema:
    """Each param may be a text with an expression instead of its own type."""
    template = {"type": "string", "pattern": r"\$\{\{"}
    properties = schema.get("properties", {})
    return {
        **schema,
        "type": ["object", "null"],
        "properties": {
            name: {**_notes(part), "anyOf": [part, template]} for name, part in properties.items()
        },
    }


def _in_both_spellings(schema: Schema, keys: Iterable[str]) -> Schema:
    """Params of ours, which Flowcraft spells in camelCase."""
    ours = {key: part for key, part in schema.get("properties", {}).items() if key in keys}
    required = schema.get("required", ())
    either = [{"anyOf": [{"required": [key]}, {"required": [camel(key)]}]} for key in required if key in ours]
    found = {**schema, **_camel_case(ours, {}), "required": [key for key in required if key not in ours]}
    return {**found, "allOf": either} if either else found


def _camel_case(properties: Schema, others: Schema) -> Schema:
    """The other spelling of these keys, as patterns: editors offer properties only."""
    return {
        "patternProperties": {
            **{f"^{camel(key)}$": part for key, part in properties.items() if camel(key) != key},
            **others,
        }
    }


def _notes(part: Any) -> Schema:
    """What editors show, kept outside of the choice."""
    return (
        {key: part[key] for key in ("description", "default") if key in part}
        if isinstance(part, dict)
        else {}
    )


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": ["object", "null"],
        "properties": properties,
        **_camel_case(properties, {_IGNORED: {}}),
        "additionalProperties": False,
    }


def _text(description: str) -> Schema:
    return {"description": description, "type": ["string", "number", "null"], "minLength": 1}


def _names(description: str) -> Schema:
    name = {"type": ["string", "number"], "minLength": 1}
    return {"description": description, "oneOf": [name, {"type": "array", "items": name}, {"type": "null"}]}


def _integer(description: str, least: int, most: int) -> Schema:
    return {"description": description, "type": ["integer", "null"], "minimum": least, "maximum": most}


def _number(description: str, least: float, most: float) -> Schema:
    return {"description": description, "type": ["number", "null"], "minimum": least, "maximum": most}


def _duration_of(description: str) -> Schema:
    return {"description": description, "$ref": "#/$defs/duration"}
