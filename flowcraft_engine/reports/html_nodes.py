"""The nodes of a run in HTML: a line for each instance that opens into its reasons, values, attempts and logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowcraft_engine.drawing.outcome import STATES, look_of
from flowcraft_engine.history.run_result import NodeRun
from flowcraft_engine.kernel import state as st
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import shown_place
from flowcraft_engine.reports.faults import pardon_of
from flowcraft_engine.reports.ground import Ground
from flowcraft_engine.reports.markup import definitions, lines, tag, text, value_block
from flowcraft_engine.reports.moments import duration
from flowcraft_engine.reports.node_anchor import node_id_of
from flowcraft_engine.reports.state_grounds import StateGrounds
from flowcraft_engine.values import JsonValue

#: So many are told in full; the rest is counted, those that did not simply complete first.
_MOST_NODES = 500


def node_sections(run: Dossier, inputs: Mapping[str, JsonValue]) -> Iterator[str]:
    rows = list(run.result.nodes.items())
    if not rows:
        return
    left_out = max(0, len(rows) - _MOST_NODES)
    if left_out:
        order = {name: number for number, (name, _) in enumerate(rows)}
        rows.sort(key=lambda row: row[1].state == st.COMPLETED)
        rows = sorted(rows[:_MOST_NODES], key=lambda row: order[row[0]])
    grounds = StateGrounds(run)
    body = "".join(_node(run, grounds, inputs, name, node) for name, node in rows)
    more = tag("p", f"and {left_out:,} more, all completed or further down", "note") if left_out else ""
    yield tag("section", tag("h2", "Nodes") + tag("div", body, "nodes") + more)


def _node(
    run: Dossier, grounds: StateGrounds, inputs: Mapping[str, JsonValue], name: str, node: NodeRun
) -> str:
    instance = run.instance(name)
    summary, because = grounds.of(instance)
    state = node.state if node.state in STATES else "pending"
    took = duration(node.duration_ms / 1000) if node.duration_ms is not None else ""
    uses = run.plan.nodes[instance.node_id].uses
    is_item = " item" if name.endswith("]") else ""
    head = (
        tag("span", look_of(state).symbol, "symbol")
        + tag("span", text(name), "id")
        + tag("span", text(uses) + _brief(node, summary), "uses")
        + tag("span", text(node.state), "state")
        + tag("span", text(took), "took")
    )
    parts = [tag("p", text(summary), "summary"), _grounds(because), _values(run, inputs, name, node)]
    if run.logs.get(name):
        parts.append(tag("h4", "log") + tag("pre", lines(run.logs[name])))
    # The anchor is inside: whoever comes by a link finds the node opened.
    body = tag("div", "".join(parts), "body", id=node_id_of(run.run_id, name))
    css = f"node {state}{is_item}"
    needs_a_look = node.state == st.WAITING or (node.state == st.FAILED and pardon_of(run, instance) is None)
    is_open = {"open": ""} if needs_a_look else {}
    return tag("details", tag("summary", head) + body, css, **is_open)


def _brief(node: NodeRun, summary: str) -> str:
    """What a reader wants to know before opening a node that did not simply run."""
    if node.state in (st.COMPLETED, st.FAILED, st.WAITING):
        return ""
    return tag("em", f" — {text(summary)}")


def _grounds(grounds: tuple[Ground, ...] | list[Ground]) -> str:
    items = []
    for ground in grounds:
        place = tag("code", text(shown_place(ground.location))) if ground.location is not None else ""
        items.append(tag("li", f"{text(ground.text)} {place}{_grounds(ground.behind)}"))
    return tag("ul", "".join(items), "grounds") if items else ""


def _values(run: Dossier, inputs: Mapping[str, JsonValue], name: str, node: NodeRun) -> str:
    rows: list[tuple[str, str]] = []
    if inputs.get(name) is not None:
        rows.append(("input", value_block(inputs[name])))
    if node.state == st.COMPLETED and node.output is not None:
        rows.append(("output", value_block(node.output)))
    if node.action is not None:
        rows.append(("action", tag("code", text(node.action))))
    child = run.children.get(name)
    if child is not None:
        link = tag("a", text(child.run_id), href=f"#{node_id_of(child.run_id, '')}")
        rows.append(("sub-run", link))
    return definitions(rows)
