"""The notation of the scenarios: one line of text to the plain data of a blueprint.

    A -> B            plain edge                  A -[x]-> B      action x
    A -(e)-> B        condition e                 A -{e}-> B      transform e (they combine: A -[x](e)-> B)
    A, B -> C         two edges into C            A -> B -> C     a chain
    C:any  C:done     join any, all_done          A*3             max_retries 3
    A!F               fallback F                  A<x>, A<{k: x}> inputs
    W:wait  S:sleep(10)  N:sub(child; in k=src; out k=src)  E:each(list)  L:loop(start..end, condition)

Parts are separated by `;` outside of brackets. What is said of a node once holds wherever it is named again.
A node's type is its own id (`child.id` in a child named `child`), unless it is built in; `E:each(list)` runs
the type E.
"""

from __future__ import annotations

import json
import re
from typing import Any

ARROW = re.compile(r"-(?P<labels>(?:\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)|\{[^}]*\})*)-?>")
LABEL = re.compile(
    r"\[(?P<action>[^\]]*)\]|\((?P<condition>(?:[^()]|\([^()]*\))*)\)|\{(?P<transform>[^}]*)\}"
)
NODE_ID = re.compile(r"[A-Za-z_][\w-]*?(?=$|[:*!<\s])")
JOINS = {"any": "any", "done": "all_done"}


def graph(text: str, *, id: str = "main", prefix: str = "", **extra: Any) -> dict[str, Any]:
    """The blueprint that the text says; `extra` are further top-level keys, `prefix` goes before the
    types.
    """
    nodes: dict[str, dict[str, Any]] = {}
    edges: list[dict[str, Any]] = []
    for part in split(text, ";"):
        _add_chain(part, nodes, edges, prefix)
    for node in list(nodes.values()):
        named = [
            node.get("config", {}).get("fallback"),
            *(node.get("loop", {}).get(end) for end in ("start", "end")),
        ]
        for other in filter(None, named):
            nodes.setdefault(other, {"id": other, "uses": prefix + other})
    return {"id": id, "nodes": list(nodes.values()), "edges": edges} | extra


def child(id: str, text: str, **extra: Any) -> dict[str, Any]:
    """The blueprint of a subflow: its node types are called `id.node`."""
    return graph(text, id=id, prefix=f"{id}.", **extra)


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that are outside of all brackets, stripped, none empty."""
    parts, depth, last = [""], 0, ""
    for char in text:
        depth += char in "([{<" and not (char == "<" and last == " ")
        depth -= char in ")]}" or (char == ">" and depth > 0 and last not in "- ")
        if char == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
        last = char
    return [part.strip() for part in parts if part.strip()]


def _add_chain(text: str, nodes: dict[str, dict[str, Any]], edges: list[dict[str, Any]], prefix: str) -> None:
    groups, labels, at = [], [], 0
    for arrow in ARROW.finditer(text):
        groups.append(text[at : arrow.start()])
        labels.append(arrow["labels"])
        at = arrow.end()
    groups.append(text[at:])
    ids = [[_add_node(name, nodes, prefix) for name in split(group, ",")] for group in groups]
    for sources, targets, label in zip(ids, ids[1:], labels, strict=False):
        for source in sources:
            edges += [{"source": source, "target": target} | _labels(label) for target in targets]


def _labels(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in LABEL.finditer(text):
        found |= {key: value for key, value in match.groupdict().items() if value is not None}
    return found


def _add_node(text: str, nodes: dict[str, dict[str, Any]], prefix: str) -> str:
    match = NODE_ID.match(text)
    assert match, f"not a node: {text!r}"
    node = nodes.setdefault(match[0], {"id": match[0], "uses": prefix + match[0]})
    rest = text[match.end() :]
    while rest:
        rest = _read_suffix(node, rest).strip()
    return match[0]


def _read_suffix(node: dict[str, Any], rest: str) -> str:
    """Read one suffix of a node; what is left."""
    config = node.setdefault("config", {}) if rest[0] in "*!" else {}
    if match := re.match(r"\*(\d+)", rest):
        config["max_retries"] = int(match[1])
    elif match := re.match(r"!([\w-]+)", rest):
        config["fallback"] = match[1]
    elif match := re.match(r"<\{(.*?)\}>", rest):
        node["inputs"] = dict(_pair(pair, ":") for pair in split(match[1], ","))
    elif match := re.match(r"<(.*?)>", rest):
        node["inputs"] = match[1]
    elif match := re.match(r":(any|done)\b", rest):
        node.setdefault("config", {})["join_strategy"] = JOINS[match[1]]
    elif match := re.match(r":(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?", rest):
        _make(node, match[1], match[2] or "")
    assert match, f"not a suffix: {rest!r}"
    return rest[match.end() :]


def _make(node: dict[str, Any], kind: str, arguments: str) -> None:
    match kind:
        case "wait":
            node["uses"] = "wait"
        case "sleep":
            node["uses"], node["params"] = "sleep", {"duration": float(arguments)}
        case "sub":
            name, *maps = split(arguments, ";")
            params: dict[str, Any] = {"blueprint_id": name}
            for one in maps:
                key = {"in": "inputs", "out": "outputs"}[one.split()[0]]
                params[key] = dict(_pair(pair, "=") for pair in split(one[len(one.split()[0]) :], ","))
            node["uses"], node["params"] = "subflow", params
        case "each":
            node["for_each"] = json.loads(arguments) if arguments.startswith("[") else arguments.strip()
        case "loop":
            places, condition = arguments.split(",", 1)
            start, end = places.split("..")
            del node["uses"]
            node["loop"] = {"start": start.strip(), "end": end.strip(), "condition": condition.strip()}
        case _:
            raise ValueError(f"not a kind of node: {kind}")


def _pair(text: str, separator: str) -> tuple[str, str]:
    key, value = text.split(separator, 1)
    return key.strip(), value.strip()
