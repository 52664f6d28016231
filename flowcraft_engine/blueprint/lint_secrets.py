"""Secrets that were typed into a blueprint. They are never repeated in a finding."""

from __future__ import annotations

import re

from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.blueprint.texts import texts_in

_NAME = re.compile(
    r"(?i)(?:^|[_\-.])(?:password|passwd|passphrase|secret|token|api_?key|apikey|private_?key|access_?key"
    r"|credentials?|authorization)$"
)
_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30}|github_pat_\w{30}|sk-[A-Za-z0-9_-]{20}|xox[abpr]-[\w-]{10}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|glpat-[\w-]{20}|AIza[\w-]{35}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5}"
    r"|[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@"
)
_HINT = 'name it instead: ${{ secret("NAME") }}'
_SHORTEST = 4


def check_secrets(graph: Graph, places: Places, report: Report) -> None:
    """Warns about values in params that look like secrets."""
    for node in graph.blueprint.nodes:
        for path, value in texts_in(node.params) if node.params else ():
            if _looks_secret(path, value):
                name = printable(str(path[-1]), 60)
                text = f"'{name}' of node '{printable(node.id, 60)}' looks like a secret that is typed in"
                at = places.node(node.id, "params", *path)
                report.warning("inline_secret", text, at, _HINT, is_secret=True)


def _looks_secret(path: tuple[str | int, ...], value: str) -> bool:
    if len(value) < _SHORTEST or "${{" in value or value.isdigit() or value[0] == "$":
        return False
    if len(value) >= 16 and _VALUE.search(value):
        return True
    return isinstance(path[-1], str) and _is_secret_name(path[-1]) and " " not in value.strip()


_known_names: dict[str, bool] = {}


def _is_secret_name(name: str) -> bool:
    found = _known_names.get(name)
    if found is None:
        found = _NAME.search(name) is not None
        if len(_known_names) < 10_000:
            _known_names[name] = found
    return found
