"""Does a result show what a scenario expects?"""

from __future__ import annotations

from tests.acceptance.scenarios import ANY, Expected
from tests.reference.case import Result


def differences(expected: Expected, result: Result) -> list[str]:
    """One sentence for each thing that is not as expected."""
    pairs: list[tuple[str, object, object]] = [("status", expected.status, result.status)]
    pairs += [("outs", expected.outs, result.outputs)]
    pairs += [
        (f"out {name}", value, result.node_outputs.get(name, "nothing"))
        for name, value in expected.out.items()
    ]
    pairs += [(f"ctx {key}", value, result.context.get(key)) for key, value in expected.ctx.items()]
    pairs += [(f"calls {node}", count, result.calls(node)) for node, count in expected.calls.items()]
    pairs += [(f"state {name}", state, result.nodes.get(name)) for name, state in expected.states.items()]
    if expected.errors is not None:
        pairs.append(("errors", expected.errors, result.errors))
    if expected.answers is not None:
        pairs.append(("answers", expected.answers, result.answers))
    wrong = [
        f"{what}: expected {want!r}, found {found!r}" for what, want, found in pairs if not _same(want, found)
    ]
    for node, text in expected.told.items():
        if node not in {failed for failed, _ in result.errors} or not any(
            text in told for told in result.messages
        ):
            wrong.append(f"error of {node}: expected {text!r} in {result.messages!r}")
    return wrong


def _same(want: object, found: object) -> bool:
    """Equal as JSON values, wildcards apart: `true` is not 1."""
    if want is ANY:
        return True
    if isinstance(want, dict) and isinstance(found, dict):
        return want.keys() == found.keys() and all(_same(want[key], found[key]) for key in want)
    if isinstance(want, list) and isinstance(found, list):
        return len(want) == len(found) and all(map(_same, want, found))
    return want == found and isinstance(want, bool) == isinstance(found, bool)
