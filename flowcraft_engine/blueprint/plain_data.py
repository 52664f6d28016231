"""Plain data from a program as a document without places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.report import UnreadableError, finding
from flowcraft_engine.blueprint.source import SourceText
from flowcraft_engine.values import NotSerializableError, to_json


def plain_document(data: Mapping[str, Any], limits: Limits) -> Document:
    """A copy of `data`, in JSON values only. Raises `UnreadableError` with the path of what is not JSON."""
    if not isinstance(data, Mapping):
        text = f"the data of a blueprint is a mapping, not a {type(data).__name__}"
        hint = "load_blueprint(path) reads a file"
        raise UnreadableError(finding(None, "not_json", text, hint=hint))
    try:
        root = to_json(dict(data))
    except NotSerializableError as error:
        raise UnreadableError(finding(None, "not_json", f"the blueprint is not JSON data: {error}")) from None
    if _depth(root, limits.max_depth) > limits.max_depth:
        text = f"nested more than {limits.max_depth} levels deep"
        raise UnreadableError(finding(None, "too_deep", text, hint="flatten it"))
    return Document(SourceText("<memory>", ""), root, is_json=True)


def _depth(value: Any, left: int) -> int:
    if left < 0 or not isinstance(value, (dict, list)):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, left - 1) for item in items), default=0)
