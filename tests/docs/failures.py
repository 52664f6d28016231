"""Cause and cure of every code that is no finding of `validate`; `docs/errors.md` is made from it."""

from __future__ import annotations

from dataclasses import dataclass

from flowcraft_engine.errors import ErrorCode


@dataclass(frozen=True)
class Failure:
    meaning: str
    cause: str
    cure: str


NODE_FAILURES = {
    ErrorCode.NODE_FAILED: Failure(
        "The node raised an exception, or its command or request failed.",
        "The code of the node. `cause` in the JSON names the exception and the line that raised it: `file` as seen"
        " from the project's folder, or `module` for code from elsewhere.",
        "Correct the node. For what passes by itself, set `max_retries`; for a way around it, `fallback`.",
    ),
    ErrorCode.TIMEOUT: Failure(
        "An attempt took longer than the node's `timeout`, or nobody answered a wait in time.",
        "The work is slow, or hangs. A sync function goes on in its thread; its late result is refused.",
        "Raise `timeout`, or let the work stop by itself: `ctx.signal.is_set` says that nobody waits.",
    ),
    ErrorCode.OUTPUT_NOT_SERIALIZABLE: Failure(
        "The output, or a value written to the context, is no JSON value.",
        "NaN, bytes, a set, a generator, an object of your own; the message names the path of the bad value.",
        "Return what the [table of values](blueprints.md#values) lists.",
    ),
    ErrorCode.OUTPUT_TOO_LARGE: Failure(
        "The output is larger than 1 MiB of JSON.",
        "Outputs are stored with the run.",
        "Write the data to a file or a store of yours, and return where it is.",
    ),
    ErrorCode.CONTEXT_TOO_LARGE: Failure(
        "The context would be larger than 16 MiB of JSON.",
        "Context keys live as long as the run.",
        "Keep references instead of data; delete keys that are not needed any more.",
    ),
    ErrorCode.CONTEXT_CONFLICT: Failure(
        "Conditions that read context keys could not be committed on one state of them.",
        "Other nodes change the same keys all the time.",
        "Let one node write the key, or give it on as an output.",
    ),
    ErrorCode.INPUT_INVALID: Failure(
        "The input or the params of a node do not fit what it declares.",
        "A wrong source in `inputs`, a wrong template in `params`, or data of another form. Not tried again.",
        "The message names each field. `flowcraft show RUN --json` has the outputs that were given on.",
    ),
    ErrorCode.SECRET_UNAVAILABLE: Failure(
        "A secret that the params name cannot be had.",
        "No provider has it, a provider does not work, or it is too short to be masked.",
        "Set it where `secrets` of the project file says; by default, an environment variable of its name.",
    ),
    ErrorCode.EXPRESSION_ERROR: Failure(
        "An expression could not be evaluated.",
        "A type error such as text + number, a division by zero, or more work than an expression may make.",
        "Missing paths are null: compare with null first, or use `a if b else c`. Not tried again.",
    ),
    ErrorCode.NOT_REGISTERED: Failure(
        "No node type has this name, or no blueprint has the id of a subflow.",
        "The module of the node was not named, or the blueprint file is not beside this one.",
        "Name the module with `--app` or in `flowcraft.toml`, the file or folder with `--blueprints`.",
    ),
    ErrorCode.POISONED: Failure(
        "The node did not run, because one that it needs had failed.",
        "An `all` join with a failed predecessor. `reason` names the node where it began.",
        "Look at that node. For clean-up that must run in any case use `join_strategy: all_done`.",
    ),
    ErrorCode.CANCELLED: Failure(
        "The node, or the run, was cancelled.",
        "`flowcraft cancel`, `fail_fast`, or an `any` join with a failed predecessor before its start.",
        "`reason` says which. A cancelled run cannot go on: start a new one.",
    ),
    ErrorCode.MAX_ITERATIONS: Failure(
        "A loop went on longer than its `max_iterations`.",
        "Its condition never became false.",
        "Look at what the condition reads; raise `max_iterations` if so many passes are meant.",
    ),
    ErrorCode.FALLBACK_FAILED: Failure(
        "Reserved; not given so far.",
        "A node and its fallback that both failed are two entries in `errors`, each with its own code.",
        "Correct the first; give the fallback a fallback of its own if need be.",
    ),
    ErrorCode.SUBFLOW_FAILED: Failure(
        "The sub-run of a subflow failed or was cancelled.",
        "`cause` has the error of the child; `child_run_id` names its run.",
        "`flowcraft show CHILD` shows it whole.",
    ),
    ErrorCode.CRASH_LOOP: Failure(
        "Three times this node was cut off while it ran: its process died, or something cancelled its task.",
        "It uses too much memory, or something ends the process, or the node (or a library that it uses) cancels its "
        "own task. On a worker also: a single call into C holds Python's interpreter for longer than "
        "`--lease`, so that the process counts as dead.",
        "Run the node alone and watch it; `ulimit` and the kernel's log help. Let a long computation in C run in a "
        "process of its own (`shell`), or give the workers a longer `--lease`.",
    ),
    ErrorCode.VERSION_MISMATCH: Failure(
        "Reserved; not given so far.",
        "Runs in one process keep the form of the blueprint that they began with, whatever the file says now.",
        "Give every changed blueprint a new `metadata.version`.",
    ),
    ErrorCode.RUN_TIMEOUT: Failure(
        "The run was not over when its `metadata.timeout` was.",
        "It is slower than expected, or waits for somebody; the time of waits counts.",
        "Raise the timeout, or look in `flowcraft show RUN` at what took so long.",
    ),
}

COMMAND_FAILURES = {
    "usage": Failure(
        "The command was used in a wrong way (exit code 2).",
        "An unknown option, a missing argument, a setting that cannot be read; the message says which.",
        "`flowcraft COMMAND --help`.",
    ),
    "blueprint_invalid": Failure(
        "The blueprint has errors (exit code 3).",
        "Every error is listed, with its own code from the list below.",
        "`flowcraft validate FILE` shows them with the lines.",
    ),
    "invalid": Failure(
        "The blueprint, its inputs or a node definition is wrong (exit code 3).",
        "The message says which.",
        "Correct it; nothing was executed.",
    ),
    "answer_invalid": Failure(
        "The answer to a wait does not fit its `schema` (exit code 3). The run keeps waiting.",
        "A field is missing, unknown or of another type; the message names each.",
        "Answer again with an `--output` that fits; `flowcraft show RUN` says what is asked.",
    ),
    "not_found": Failure(
        "There is no such run, node or file (exit code 7).",
        "A typing error, another folder, or another `--state`: runs are kept in `.flowcraft/state.db`.",
        "`flowcraft list` shows the runs that are there.",
    ),
    "conflict": Failure(
        "The state of the run does not allow this (exit code 7). Nothing was changed.",
        "A second, different answer; a finished run; a `--run-id` that is known with other inputs.",
        "`flowcraft show RUN` says what the run is doing.",
    ),
    "backend": Failure(
        "The state could not be read or written (exit code 9).",
        "No permission, a full disk, or a file that is no database of flowcraft's.",
        "Correct that, or name another place: `--state FILE`, `--state memory`.",
    ),
    "interrupted": Failure(
        "The command was interrupted (exit code 130, or 143 when it was terminated).",
        "Ctrl-C, or a signal.",
        "The run is kept: `flowcraft reconcile RUN` goes on with it.",
    ),
    "expression_syntax": Failure(
        "An expression is not written correctly.",
        "`validate` finds it and points at the character.",
        "See [expressions](blueprints.md#expressions).",
    ),
    "flowcraft_error": Failure(
        "Something went wrong that has no code of its own (exit code 70).",
        "A bug in flowcraft.",
        "Please report it, with the message and the blueprint.",
    ),
    "internal": Failure(
        "Something went wrong that flowcraft did not expect (exit code 70).",
        "A bug in flowcraft.",
        "Please report it, with what `--debug` prints.",
    ),
}
