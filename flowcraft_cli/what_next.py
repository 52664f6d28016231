"""What a person can do about a run that has not ended, or not well."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowcraft_cli.interruption import word_of
from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_engine.history.run_result import RunResult, WaitingNode

_MOST_QUESTIONS = 20


def what_next(ending: Ending) -> list[str]:
    """What a person can do about a run that has not ended, or not well."""
    result = ending.result
    if result.is_final:
        return _retry_hint(ending)
    if result.status == "paused" and ending.where is not None:
        return [f"paused: go on with: flowcraft unpause {ending.name}"]
    if ending.goes_on:
        return _what_others_need(ending)
    continued = f"flowcraft reconcile {ending.name}"
    if ending.signal is not None or ending.timed_out:
        why = f"{word_of(ending.signal)}: " if ending.signal is not None else "--timeout passed: "
        if ending.where is None:
            return [f"{why}the run was kept in memory only and is lost"]
        answers = _resume_hints(ending) if _answers(result) else []
        return [f"{why}what was running is handed back; continue with: {continued}", *answers]
    if result.status == "waiting" and _answers(result):
        return _resume_hints(ending)
    return [f"continue with: {continued}"] if result.status in ("waiting", "interrupted") else []


def _retry_hint(ending: Ending) -> list[str]:
    """A run that is kept can be repaired; one of a subflow is, with the run that it belongs to."""
    if ending.result.status == "completed" or ending.where is None or ":" in ending.result.run_id:
        return []
    what = "what failed" if ending.result.status == "failed" else "what was cancelled"
    return [f"to try {what} again: flowcraft retry {ending.name}"]


def _what_others_need(ending: Ending) -> list[str]:
    """What a person can do about a run that other processes execute."""
    result = ending.result
    lines = _blocked_hints(result) if result.status == "blocked" else []
    if result.status == "waiting" and _answers(result):
        lines += _resume_hints(ending)
    if ending.signal is not None or ending.timed_out:
        why = "detached" if ending.signal is not None else "--timeout passed"
        lines.append(f"{why}: the run goes on; follow it with: flowcraft wait {result.run_id}{ending.where}")
    return lines


def _blocked_hints(result: RunResult) -> list[str]:
    from flowcraft_cli.remedies import remedies

    missing = dict.fromkeys(wait.message or "" for wait in result.waiting if wait.reason == "worker")
    lines = [f"blocked: {safe(it)}" for it in missing]
    return [*lines, *remedies(result.run_id, next(iter(missing), ""))]


def _answers(result: RunResult) -> list[WaitingNode]:
    """What somebody may be asked: nobody can answer a run that only sleeps, or a wait whose time is over."""
    import time

    now = time.time()
    return [
        wait
        for wait in result.waiting
        if wait.reason in ("answer", "run") and wait.asked and (wait.until is None or wait.until > now)
    ]


def _resume_hints(ending: Ending) -> list[str]:
    from flowcraft_engine.reports.wait_grounds import action_option

    result = ending.result
    answers = _answers(result)
    lines = [_question(wait) for wait in answers[:_MOST_QUESTIONS]]
    if len(answers) > _MOST_QUESTIONS:
        lines.append(f"… and for {len(answers) - _MOST_QUESTIONS} more")
    if ending.where is None:
        return [*lines, "the run was kept in memory only and is lost"]
    run = ending.reference or result.run_id
    name = shlex.quote(safe(answers[0].node))
    if answers[0].asked > 1:
        return [*lines, f"how to answer each: flowcraft why {run} {name}{ending.where}"]
    node = f" --node {name}" if len(answers) > 1 else ""
    action = action_option([wait.actions for wait in answers])
    return [
        *lines,
        f"answer with: flowcraft resume {run}{node} {action}[--output JSON]{ending.where}",
    ]


def _question(wait: WaitingNode) -> str:
    message = f": {safe(wait.message)}" if wait.message else ""
    actions = f" (actions: {', '.join(map(safe, wait.actions))})" if wait.actions else ""
    if wait.asked > 1:
        return f"waiting for {wait.asked} answers in {safe(wait.node)}"
    return f"waiting for an answer to {safe(wait.node)}{message}{actions}"
