"""HTML: one page about a run that opens anywhere, offline, without a script.

Its content security policy forbids everything but its own styles and the pictures that are in it, so that no data of
a run can become more than text.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files

from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.drawing.outcome import STATES, look_of
from flowcraft_engine.history.run_result import iso_time
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import shown_place
from flowcraft_engine.reports.faults import Fault, faults_of, pardon_of
from flowcraft_engine.reports.html_nodes import node_sections
from flowcraft_engine.reports.html_timeline import timeline_section
from flowcraft_engine.reports.markup import definitions, lines, tag, text, value_block
from flowcraft_engine.reports.moments import duration
from flowcraft_engine.reports.node_anchor import node_id_of
from flowcraft_engine.reports.node_inputs import node_inputs
from flowcraft_engine.reports.outcomes import draw_dossier
from flowcraft_engine.reports.state_grounds import StateGrounds

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
#: The drawing of a larger graph is no longer looked at, and takes seconds to make.
_MOST_DRAWN = 1_500
_MOST_FAULTS = 30
#: Words that are no states of a node, and the state that they look like.
_LIKE = {"interrupted": "cancelled", "rescued": "retrying"}
_SIZE = re.compile(r'<svg[^>]*\bwidth="([\d.]+)"[^>]*\bheight="([\d.]+)"')


async def html_report(dossier: Dossier) -> str:
    """The page about a run and its sub-runs."""
    result = dossier.result
    body = [_header(dossier), *_faults(dossier), *_waits(dossier)]
    body += await _run_sections(dossier)
    for run in list(dossier.tree())[1:]:
        parts = "".join(await _run_sections(run))
        body.append(tag("article", _sub_header(run) + parts, id=_anchor(run)))
    made = f"Made by flowcraft at {iso_time(dossier.now)}. It needs no network and has no scripts."
    body.append(tag("footer", text(made)))
    return _page(f"{result.blueprint_id} {result.status} · {result.run_id}", body)


def html_of_findings(file: str, findings: Sequence[Finding]) -> str:
    """The page about a blueprint that could not run: there is no run to draw, but what is wrong with it."""
    heading = tag("h1", f"{badge('failed', 'not valid')} {text(file)}")
    return _page(f"{file} is not valid", [tag("header", heading), *map(_finding, findings)])


def _finding(finding: Finding) -> str:
    place = text(shown_place(finding.location)) if finding.location is not None else ""
    head = tag(
        "h3", f"{tag('code', place)} {tag('small', text(f'{finding.severity.value} · {finding.code}'))}"
    )
    told = [finding.message, *([f"hint: {finding.hint}"] if finding.hint else [])]
    source = tag("pre", text(finding.excerpt)) if finding.excerpt else ""
    return tag("div", head + tag("pre", lines("\n".join(told)), "message") + source, "fault")


def _page(title: str, body: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _style() -> str:
    """The style sheet, after the colours of the states, which are those of the drawing."""
    light = "".join(f"--{s}:{look.line[0]};--{s}-fill:{look.fill[0]};" for s, look in STATES.items())
    dark = "".join(f"--{s}:{look.line[1]};--{s}-fill:{look.fill[1]};" for s, look in STATES.items())
    states = "".join(f".{s}{{--state:var(--{s});--fill:var(--{s}-fill)}}" for s in STATES)
    sheet = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{states}\n{sheet}"


# ---- the head of the page ------------------------------------------------------------------------------------


def _header(dossier: Dossier) -> str:
    result = dossier.result
    counts = Counter(
        _word(dossier, name, node.state) for name, node in result.nodes.items() if name[-1] != "]"
    )
    version = tag("small", text(result.version)) if result.version else ""
    facts = definitions(
        [
            ("run", tag("code", text(result.run_id))),
            ("started", text(iso_time(result.created_at))),
            ("took" if result.is_final else "so far", text(duration(dossier.seconds))),
            ("nodes", " ".join(badge(state, f"{count} {state}") for state, count in counts.items())),
        ]
    )
    description = dossier.plan.blueprint.metadata.description
    told = tag("p", text(description), "description") if description else ""
    reason = tag("p", text(result.cancel_reason), "description") if result.cancel_reason else ""
    heading = tag("h1", f"{badge(result.status, result.status)} {text(result.blueprint_id)} {version}")
    return tag("header", heading + told + reason + facts)


def _word(dossier: Dossier, name: str, state: str) -> str:
    instance = dossier.state.instances.get(name)
    return "rescued" if instance is not None and pardon_of(dossier, instance) else state


def _sub_header(run: Dossier) -> str:
    result = run.result
    return tag(
        "h2",
        f"{badge(result.status, result.status)} sub-run {text(result.blueprint_id)} "
        + tag("code", text(result.run_id)),
    )


def badge(state: str, words: str) -> str:
    """A state, never by colour alone."""
    known = _LIKE.get(state, state)
    return tag("span", f"{look_of(known).symbol} {text(words)}", f"badge {known}")


def _faults(dossier: Dossier) -> Iterator[str]:
    found = list(faults_of(dossier))
    if found:
        is_fine = all(fault.pardon for fault in found)
        title = "What went wrong on the way" if is_fine else "What went wrong"
        yield tag("section", tag("h2", title) + "".join(map(_fault, found[:_MOST_FAULTS])) + _more(found))


def _more(found: list[Fault]) -> str:
    left_out = len(found) - _MOST_FAULTS
    return tag("p", f"and {left_out} more, at their nodes", "note") if left_out > 0 else ""


def _fault(fault: Fault) -> str:
    places = []
    if fault.location is not None:
        places.append(("blueprint", tag("code", text(shown_place(fault.location)))))
    if fault.python is not None:
        raised = f"{text(fault.python.type)} at " if fault.python.type else ""
        places.append(("code", f"{raised}{tag('code', text(fault.python.text))}"))
    name = fault.node or "the run"
    href = f"#{node_id_of(fault.run_id, name)}"
    link = tag("a", text(name), href=href) if fault.node is not None else text(name)
    notes = [fault.code]
    if ":" in fault.run_id:
        notes.append(f"in sub-run {fault.blueprint_id}")
    if fault.pardon:
        notes.append(fault.pardon)
    head = tag("h3", f"{link} {tag('small', text(' · '.join(notes)))}")
    css = "fault pardoned" if fault.pardon else "fault"
    return tag("div", head + tag("pre", lines(fault.message), "message") + definitions(places), css)


def _waits(dossier: Dossier) -> Iterator[str]:
    if dossier.state.is_final:
        return
    cards = []
    for run in dossier.tree():
        grounds = StateGrounds(run)
        for instance in list(run.state.waiting.values()):
            summary, because = grounds.of(instance)
            told = "".join(tag("p", text(ground.text)) for ground in because[:1])
            hints = "".join(
                tag("p", tag("code", text(f"flowcraft {command}"))) for command in grounds.next_for(instance)
            )
            link = tag("a", text(instance.name), href=f"#{node_id_of(run.run_id, instance.name)}")
            cards.append(
                tag("div", tag("h3", f"{link} {tag('small', text(summary))}") + told + hints, "wait")
            )
    if cards:
        yield tag("section", tag("h2", "What it waits for") + "".join(cards))


# ---- one run -------------------------------------------------------------------------------------------------


async def _run_sections(run: Dossier) -> list[str]:
    """Graph, timeline, values and nodes of one run."""
    result = run.result
    inputs = await node_inputs(run.plan, run.run_id, run.events)
    values = [("inputs", result.inputs), ("outputs", result.outputs), ("context", result.context)]
    told = "".join(
        tag("div", tag("h3", name) + value_block(value), "value") for name, value in values if value
    )
    return [
        *_graph(run),
        *timeline_section(run),
        *([tag("section", tag("h2", "Values of the run") + tag("div", told, "values"))] if told else []),
        *node_sections(run, inputs),
    ]


def _graph(run: Dossier) -> Iterator[str]:
    """The drawing as a picture: so its styles cannot meet those of the page, nor its ids those of another."""
    count = len(run.plan.blueprint.nodes)
    if not count:
        return
    if count > _MOST_DRAWN:
        words = f"The graph has {count:,} nodes; `flowcraft graph` draws it."
        yield tag("section", tag("h2", "Graph") + tag("p", text(words)))
        return
    drawing = draw_dossier(run, "svg")
    data = base64.b64encode(drawing.encode()).decode("ascii")
    size = _SIZE.search(drawing)
    width, height = (float(size[1]), float(size[2])) if size else (800.0, 600.0)
    style = f"max-width:{width:.0f}px;min-width:{min(width, 0.55 * width + 120):.0f}px"
    picture = (
        f'<img alt="Graph of {text(run.result.blueprint_id)}" width="{width:.0f}" height="{height:.0f}" '
        f'style="{style}" src="data:image/svg+xml;base64,{data}">'
    )
    yield tag("section", tag("h2", "Graph") + tag("div", picture, "graph"))


def _anchor(run: Dossier) -> str:
    return node_id_of(run.run_id, "")
