"""The version of flowcraft, for those who tell it: commands, run files, and workers of each other."""

from __future__ import annotations

__version__ = "0.1.0"
