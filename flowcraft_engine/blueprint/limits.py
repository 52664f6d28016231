"""How much a blueprint file may ask of whoever reads it."""

from __future__ import annotations

from flowcraft_engine.frozen import frozen


@frozen
class Limits:
    """The bounds of a blueprint file; each is refused with its own sentence, before it costs anything."""

    #: Bytes of the file.
    max_bytes: int = 16 * 1024 * 1024
    #: Mappings and lists inside of each other.
    max_depth: int = 64
    #: Nodes of one blueprint.
    max_nodes: int = 20_000
    #: Edges of one blueprint, those of `needs` and loops included.
    max_edges: int = 200_000
    #: Keys, values and list items of the whole file.
    max_values: int = 2_000_000
    #: Values that aliases (`*name`, `<<`) may add, or ten times those written out, whichever is more; files
    #: without aliases never reach it.
    max_alias_values: int = 100_000
    #: Problems that are told one by one.
    max_findings: int = 500


DEFAULT_LIMITS = Limits()
