"""How a command executes a run: how long, and how much it says."""

from __future__ import annotations

from flowcraft_engine.frozen import frozen


@frozen
class Manner:
    """What `--timeout`, `-q`, `-v` and `--json` ask for."""

    timeout_s: float | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
