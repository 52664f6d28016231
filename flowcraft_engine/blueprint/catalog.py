"""What a blueprint may use: the node types known to whoever checks it. A port, so that checking imports
no node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class NodeCatalog(Protocol):
    """The node types that `lint_blueprint` may check against.

    `is_complete` says whether an unknown type is an error (the user named all node modules) or is
    only unchecked.
    """

    @property
    def is_complete(self) -> bool: ...

    def names(self) -> Iterable[str]: ...

    def parameter_schema(self, name: str) -> dict[str, Any] | None:
        """The JSON Schema of the type's params; `None` when it takes anything. `KeyError` if it is
        unknown.
        """
        ...
