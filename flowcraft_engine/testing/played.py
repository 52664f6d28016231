"""A blueprint that was played: what came of it, and assertions that say why when they fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowcraft_engine.history.run_result import NodeRun, RunError, RunResult
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.why import Why, why
from flowcraft_engine.testing.replacement import Call, Key


class Played:
    """The run, as it ended or as it waits. `calls` has the attempts of the replaced nodes."""

    def __init__(self, dossier: Dossier, calls: Mapping[Key, list[Call]]) -> None:
        self.dossier = dossier
        self.calls = calls

    @property
    def result(self) -> RunResult:
        return self.dossier.result

    @property
    def status(self) -> str:
        return self.result.status

    @property
    def outputs(self) -> dict[str, Any]:
        return self.result.outputs

    @property
    def context(self) -> dict[str, Any]:
        return self.result.context

    @property
    def errors(self) -> list[RunError]:
        return self.result.errors

    @property
    def path(self) -> list[str]:
        """The instances that ran, in the order in which they began; loop passes are `body#1`, items `row[0]`."""
        return path_of(self.dossier)

    def node(self, name: str) -> NodeRun:
        """What became of a node or of one instance. Raises `NotFoundError` for one that is not there."""
        return self.result.nodes[why(self.dossier, name).instance]

    def child(self, name: str) -> Played:
        """The sub-run that a node started."""
        return Played(self.dossier.children[name], self.calls)

    def why(self, name: str) -> Why:
        """Why a node is in its state, as `flowcraft why` says it."""
        return why(self.dossier, name)

    # ---- assertions ----------------------------------------------------------------------------------------

    def assert_completed(self) -> None:
        """The run completed; else the failure says what failed, or who is waited for."""
        self.assert_status("completed")

    def assert_status(self, status: str) -> None:
        if self.status != status:
            raise AssertionError(f"the run is {self.status}, not {status}{self._story()}")

    def assert_path(self, *names: str) -> None:
        """Exactly these instances ran, in this order."""
        if self.path == list(names):
            return
        lines = [f"another path: {' -> '.join(self.path) or 'nothing ran'}"]
        lines.append(f"    expected: {' -> '.join(names) or 'nothing'}")
        lines += [f"  {name} did not run: {self._reason(name)}" for name in names if name not in self.path]
        lines += [f"  {name} ran: {self._reason(name)}" for name in self.path if name not in names]
        raise AssertionError("\n".join(lines) + self._story())

    def assert_ran(self, *names: str) -> None:
        """These ran, among others, in any order."""
        missing = [name for name in names if name not in self.path]
        if missing:
            told = "\n".join(f"  {name} did not run: {self._reason(name)}" for name in missing)
            raise AssertionError(f"{told}{self._story()}")

    def assert_skipped(self, *names: str) -> None:
        """The conditions and actions did not lead to these."""
        wrong = [name for name in names if self.node(name).state != "skipped"]
        if wrong:
            told = "\n".join(f"  {name} was not skipped: {self._reason(name)}" for name in wrong)
            raise AssertionError(f"{told}{self._story()}")

    def _reason(self, name: str) -> str:
        answer = why(self.dossier, name)
        grounds = "".join(f"\n      {ground.text}" for ground in answer.grounds)
        return f"{answer.summary}{grounds}"

    def _story(self) -> str:
        lines = [
            f"  {error.node or 'the run'} failed: {error.message} [{error.code}]" for error in self.errors
        ]
        lines += [f"  {wait.node} waits: {wait.message or wait.reason}" for wait in self.result.waiting]
        return "".join(f"\n{line}" for line in lines)


def path_of(dossier: Dossier) -> list[str]:
    return [name for name in dossier.timeline if name != END]
