"""GitHub Actions: annotations at the lines of the blueprint and of the user's code, and a summary of the job."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.blueprint.source import printable
from flowcraft_engine.drawing.outcome import look_of
from flowcraft_engine.history.run_result import NodeRun
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.error_place import shown_place
from flowcraft_engine.reports.faults import Fault, faults_of
from flowcraft_engine.reports.moments import duration
from flowcraft_engine.reports.outcomes import draw_dossier
from flowcraft_engine.reports.state_grounds import StateGrounds
from flowcraft_engine.reports.workflow_command import Level, in_repository, workflow_command

#: GitHub shows so many annotations of a kind for one step.
MOST_ANNOTATIONS: Final = 10
#: What GitHub draws: 50,000 characters of Mermaid, 500 arrows.
_MOST_MERMAID: Final = 50_000
_MOST_ARROWS: Final = 500
_MOST_ROWS: Final = 100
_MOST_ERRORS: Final = 30
#: All of it becomes a character reference, which Markdown does not take for its own signs.
_SIGNS: Final = re.compile(r"[^\w\s.,/-]|_")


def annotations_of(dossier: Dossier, workspace: str, root: str | None = None) -> list[str]:
    """The workflow commands: what failed as errors, what was rescued as warnings, who is waited for as notices.

    Files are named as seen from `workspace`, the folder of the repository; the user's code is in the folder `root`.
    """
    root = root or os.getcwd()  # noqa: PTH109  # text
    errors, warnings = _by_weight(dossier)
    lines = _of_faults(errors, "error", workspace, root)
    warned = _of_faults(warnings, "warning", workspace, root)
    lines += [*_of_status(dossier), *warned][:MOST_ANNOTATIONS]
    lines += list(_of_waits(dossier, workspace))[:MOST_ANNOTATIONS]
    return lines


def _by_weight(dossier: Dossier) -> tuple[list[Fault], list[Fault]]:
    """What made the run fail, and what did not."""
    faults = list(faults_of(dossier))
    return [it for it in faults if it.pardon is None], [it for it in faults if it.pardon is not None]


def _of_faults(faults: list[Fault], level: Level, workspace: str, root: str) -> list[str]:
    """As many as are shown: all places in the blueprint come before the first line of Python."""
    lines = [_at_blueprint(fault, level, workspace) for fault in faults[:MOST_ANNOTATIONS]]
    in_code = (_at_code(fault, level, workspace, root) for fault in faults[:MOST_ANNOTATIONS])
    return [*lines, *(line for line in in_code if line is not None)][:MOST_ANNOTATIONS]


def _at_blueprint(fault: Fault, level: Level, workspace: str) -> str:
    place = fault.location
    file = in_repository(place.file, workspace) if place is not None else None
    return workflow_command(
        level,
        _message(fault),
        title=fault.title,
        file=file,
        line=place.line if place is not None and file else None,
        column=place.column if place is not None and file else None,
    )


def _at_code(fault: Fault, level: Level, workspace: str, root: str) -> str | None:
    """None for code that is not in the repository."""
    python = fault.python
    if python is None or python.file is None:
        return None
    file = in_repository(os.path.join(root, python.file), workspace)  # noqa: PTH118  # text
    if file is None:
        return None
    # Some messages begin with the type already: those of exceptions that say little.
    is_told = python.type is None or f"{fault.message}:".startswith(f"{python.type}:")
    text = _message(fault) if is_told else f"{python.type}: {_message(fault)}"
    return workflow_command(level, text, title=fault.title, file=file, line=python.line)


def _message(fault: Fault) -> str:
    pardon = f" ({fault.pardon})" if fault.pardon else ""
    return f"{fault.message} [{fault.code}]{pardon}"


def _of_status(dossier: Dossier) -> Iterator[str]:
    result = dossier.result
    if result.status in ("cancelled", "interrupted"):
        reason = f": {result.cancel_reason}" if result.cancel_reason else ""
        text = f"run {result.run_id} was {result.status}{reason}"
        yield workflow_command("warning", text, title=f"{result.blueprint_id}: {result.status}")


def _of_waits(dossier: Dossier, workspace: str) -> Iterator[str]:
    for asked in _asked(dossier):
        place = asked.run.plan.nodes[asked.instance.node_id].location
        file = in_repository(place.file, workspace) if place is not None else None
        yield workflow_command(
            "notice",
            f"{asked.message}\n{'; '.join(asked.commands)}",
            title=f"{asked.run.result.blueprint_id}: {asked.instance.name} waits for a person",
            file=file,
            line=place.line if place is not None and file else None,
        )


class _Asked(NamedTuple):
    """A wait for a person: what is asked, and the commands that answer or go on."""

    run: Dossier
    instance: Instance
    message: str
    commands: list[str]


def _asked(dossier: Dossier) -> Iterator[_Asked]:
    """What a run and its sub-runs ask people."""
    for run in dossier.tree():
        grounds = StateGrounds(run)
        for instance in list(run.state.waiting.values()):
            wait = instance.wait or {}
            if wait.get("kind") == st.ANSWER:
                message = str(wait.get("message") or "waits for an answer")
                commands = [f"flowcraft {command}" for command in grounds.next_for(instance)]
                yield _Asked(run, instance, message, commands)


# ---- the summary of the job ----------------------------------------------------------------------------------


def job_summary(dossier: Dossier) -> str:
    """Markdown: what became of the run, its graph, what went wrong, and its nodes."""
    parts = [_headline(dossier), *_waits(dossier), *_graph(dossier), *_errors(dossier)]
    for run in dossier.tree():
        parts += _nodes(run, is_top=run is dossier)
    return "\n\n".join(parts) + "\n"


def summary_of_findings(file: str, findings: Sequence[Finding]) -> str:
    """Markdown: what is wrong with a blueprint that could not run."""
    told = [f"### {look_of('failed').symbol} {_plain(file)} is not valid", ""]
    for one in findings[:_MOST_ERRORS]:
        place = f" <sub>{_plain(str(one.location))}</sub>" if one.location is not None else ""
        hint = f"<br>{_told(one.hint)}" if one.hint else ""
        told.append(f"- {_told(one.message)} <code>{_plain(one.code)}</code>{place}{hint}")
    left_out = len(findings) - _MOST_ERRORS
    if left_out > 0:
        told.append(f"- and {left_out} more")
    return "\n".join(told) + "\n\n"


def _headline(dossier: Dossier) -> str:
    result = dossier.result
    version = f" {result.version}" if result.version else ""
    counts = Counter(node.state for name, node in result.nodes.items() if name[-1] != "]")
    told = ", ".join(f"{number} {state}" for state, number in counts.items())
    symbol = look_of("cancelled" if result.status == "interrupted" else result.status).symbol
    return (
        f"### {symbol} {_plain(result.blueprint_id + version)} {result.status}\n\n"
        f"Run <code>{_plain(result.run_id)}</code> · {duration(dossier.seconds)} · {told}"
    )


def _waits(dossier: Dossier) -> Iterator[str]:
    """Who is waited for, and how to answer: somebody reads this to go on."""
    lines = []
    for asked in _asked(dossier):
        lines.append(f"- **{_plain(asked.instance.name)}**: {_told(asked.message)}")
        lines += [f"  <br><code>{_plain(it)}</code>" for it in asked.commands]
    if lines:
        yield "#### Waits for\n\n" + "\n".join(lines)


def _graph(dossier: Dossier) -> Iterator[str]:
    if not dossier.plan.blueprint.nodes:
        return
    drawing = draw_dossier(dossier, "mermaid").rstrip("\n")
    if len(drawing) > _MOST_MERMAID or len(dossier.plan.edges) > _MOST_ARROWS:
        yield "The graph is larger than GitHub draws; `--report html=FILE` has it."
    else:
        yield f"```mermaid\n{drawing}\n```"


def _errors(dossier: Dossier) -> Iterator[str]:
    faults = list(faults_of(dossier))
    if not faults:
        return
    yield "#### Errors"
    failed = len(_by_weight(dossier)[0])
    if failed > MOST_ANNOTATIONS:
        yield (
            f"{MOST_ANNOTATIONS} of {failed} failures are annotated at their lines,"
            f" {failed - MOST_ANNOTATIONS} more are not: GitHub shows no more of one step."
        )
    lines = []
    for fault in faults[:_MOST_ERRORS]:
        places = [shown_place(fault.location)] if fault.location is not None else []
        places += [fault.python.text] if fault.python is not None else []
        where = f" <sub>{_plain(', '.join(places))}</sub>" if places else ""
        pardon = f" ({fault.pardon})" if fault.pardon else ""
        lines.append(f"- **{_plain(fault.node or 'the run')}**{pardon}: {_told(fault.message)} "
                     f"<code>{_plain(fault.code)}</code>{where}")  # fmt: skip
    if len(faults) > _MOST_ERRORS:
        lines.append(f"- and {len(faults) - _MOST_ERRORS} more")
    yield "\n".join(lines)


def _nodes(run: Dossier, *, is_top: bool) -> Iterator[str]:
    """A table of the nodes; of many those that did not simply complete come first."""
    rows = list(run.result.nodes.items())
    if not rows:
        return
    if len(rows) > _MOST_ROWS:
        rows.sort(key=lambda row: row[1].state == st.COMPLETED)
    yield "#### Nodes" if is_top else f"#### Sub-run <code>{_plain(run.run_id)}</code>"
    grounds = StateGrounds(run)
    lines = ["| | node | attempts | took | why |", "|---|---|---:|---:|---|"]
    lines.extend(_row(run, grounds, name, node) for name, node in rows[:_MOST_ROWS])
    yield "\n".join(lines)
    if len(rows) > _MOST_ROWS:
        yield f"and {len(rows) - _MOST_ROWS} more"


def _row(run: Dossier, grounds: StateGrounds, name: str, node: NodeRun) -> str:
    summary, because = grounds.of(run.instance(name))
    if len(because) == 1 and node.state in (st.SKIPPED, st.POISONED):
        summary = f"{summary}: {because[0].text}"
    took = duration(node.duration_ms / 1000) if node.duration_ms is not None else ""
    attempts = str(node.attempts) if node.attempts else ""
    cells = (f"{look_of(node.state).symbol} {node.state}", _plain(name), attempts, took, _told(summary))
    return f"| {' | '.join(cells)} |"


def _told(text: str) -> str:
    lines = text.strip().splitlines()
    return _plain(lines[0][:300] if lines else "")


def _plain(text: str) -> str:
    """User data that Markdown shows as it is: no markup, no links, no mentions, no table cells."""
    return _SIGNS.sub(lambda match: f"&#{ord(match[0])};", printable(" ".join(text.split())))
