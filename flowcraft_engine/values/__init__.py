"""Values: what may travel between nodes, and how Python's values become it. Knows nothing of workflows."""

from flowcraft_engine.values.duration import format_duration, parse_duration
from flowcraft_engine.values.json_text import json_rows, json_text
from flowcraft_engine.values.json_value import (
    JsonObject,
    JsonValue,
    NotSerializableError,
    copy_json,
    json_size,
    same_json,
    to_json,
)
from flowcraft_engine.values.kept_value import KeptValue, has_kept_values, is_kept

__all__ = [
    "JsonObject",
    "JsonValue",
    "KeptValue",
    "NotSerializableError",
    "copy_json",
    "format_duration",
    "has_kept_values",
    "is_kept",
    "json_rows",
    "json_size",
    "json_text",
    "parse_duration",
    "same_json",
    "to_json",
]
