"""One node of a run as text: the answer of `why`, its attempts, its input and its output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowcraft_cli.colour import palette_for
from flowcraft_cli.gantt import gantt_lines
from flowcraft_cli.output import json_text
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import safe
from flowcraft_cli.why_text import why_text

if TYPE_CHECKING:
    from flowcraft_engine.reports.dossier import Dossier
    from flowcraft_engine.reports.node_report import NodeReport


def node_text(dossier: Dossier, report: NodeReport, where: str) -> str:
    palette = palette_for("stdout")
    name = report.why.instance
    lines = [why_text(report.why, where)]
    if name in dossier.timeline:
        alone = replace(dossier, timeline={name: dossier.timeline[name]})
        lines += [palette.dim("timeline"), *gantt_lines(alone, palette, width_of_screen())]
    node = report.node
    if report.spans:
        lines += [palette.dim("input"), json_text(report.input)]
    if node is not None and node.state == "completed":
        lines += [palette.dim("output"), json_text(node.output)]
    if node is not None and node.child_run_id:
        lines.append(f"{palette.dim('sub-run')} flowcraft show {safe(node.child_run_id)}{where}")
    return "\n".join(lines)
