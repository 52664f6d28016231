"""Params of built-in nodes that are not read like others."""

from __future__ import annotations

#: Params that are one whole expression, by node type.
EXPRESSION_PARAMS = {"check": ("that",)}
#: Params that are script text when they are text: nothing may be put into it by a template.
SCRIPT_PARAMS = {"shell": ("run",)}
