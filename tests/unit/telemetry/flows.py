"""Blueprints from YAML text."""

from __future__ import annotations

from flowcraft_engine import Blueprint
from flowcraft_engine.blueprint.loading import load_blueprint_text


def flow(text: str) -> Blueprint:
    return load_blueprint_text(text)
