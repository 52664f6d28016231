"""Every finding of a blueprint check: its code, what it means, why it happens and what helps.

The codes are stable. `docs/errors.md` is made from this table, which is why the file is long.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FindingCode:
    """One row of the published list."""

    code: str
    meaning: str
    cause: str
    cure: str


_TABLE = (
    FindingCode(
        "file_missing",
        "There is no such file.",
        "The path is wrong, or the file was moved.",
        "Check the path; a similar name in the folder is shown.",
    ),
    FindingCode(
        "is_a_directory",
        "The path is a folder.",
        "A folder was named where one blueprint is expected.",
        "Name a file in it.",
    ),
    FindingCode(
        "not_a_file",
        "The path is a pipe, a device or a socket.",
        "Reading it could wait for ever.",
        "Save it to a file, or read it from stdin with `-`.",
    ),
    FindingCode(
        "no_permission",
        "The file may not be read.",
        "Its permissions do not allow it.",
        "Change them, or run as somebody who may.",
    ),
    FindingCode(
        "symlink_loop",
        "The path is a symbolic link that leads back to itself.",
        "Links name each other.",
        "Correct the link.",
    ),
    FindingCode(
        "unreadable_file",
        "The system could not read the file.",
        "The disk or the network reported an error.",
        "The system's own words are in the message.",
    ),
    FindingCode(
        "stdin_closed",
        "There is no standard input to read.",
        "`-` was given, but stdin is closed.",
        "Pipe a blueprint in, or name a file.",
    ),
    FindingCode(
        "too_large",
        "The file is larger than the limit.",
        "16 MiB are read, unless `Limits` says otherwise.",
        "Split the blueprint into subflows.",
    ),
    FindingCode(
        "binary_file",
        "The file is not text.",
        "An image, an archive or a program was named.",
        "Name the blueprint.",
    ),
    FindingCode(
        "not_utf8",
        "The text is not UTF-8.",
        "It was saved as UTF-16, Latin-1 or something else.",
        "Save it as UTF-8.",
    ),
    FindingCode(
        "nul_character",
        "The text holds a NUL character.",
        "The file is binary, or was damaged.",
        "Save it as text.",
    ),
    FindingCode(
        "wrong_format",
        "The text is in another format.",
        "TOML, XML, HTML, or YAML in a file named .json.",
        "Write YAML or JSON, and name the file so.",
    ),
    FindingCode(
        "empty_blueprint",
        "There is nothing in the file.",
        "It is empty, or holds comments only.",
        "Write at least one node.",
    ),
    FindingCode(
        "not_a_mapping",
        "The file holds a list or a single value.",
        "A blueprint is a mapping with `nodes` and `edges`.",
        "Put the list under `nodes:`.",
    ),
    FindingCode(
        "not_json",
        "The data is not made of JSON values.",
        "A program passed a date, bytes, a set or its like.",
        "Convert it before.",
    ),
    FindingCode(
        "yaml_syntax",
        "The text is not YAML.",
        "Mostly indentation, a missing `:` or missing quotes.",
        "Look at the line and at those above.",
    ),
    FindingCode(
        "json_syntax",
        "The text is not JSON.",
        "Comments, trailing commas, single quotes.",
        "Correct it, or name the file .yaml.",
    ),
    FindingCode(
        "tab_indentation",
        "A line is indented with a tab.",
        "YAML allows spaces only.",
        "Use two spaces.",
    ),
    FindingCode(
        "unclosed_quote",
        "A quote is never closed.",
        "The second quote is missing, or the text holds one.",
        "Close it where the message says that it opens.",
    ),
    FindingCode(
        "unclosed_bracket",
        "A bracket is never closed.",
        "A closing bracket or a comma is missing.",
        "Close it where the message says that it opens.",
    ),
    FindingCode(
        "several_documents",
        "The file holds several YAML documents.",
        "It has a line `---` between two of them.",
        "One file for each blueprint.",
    ),
    FindingCode(
        "complex_key",
        "A key is a mapping, a list or an alias.",
        "Keys are texts.",
        "Write the key out.",
    ),
    FindingCode(
        "duplicate_key",
        "A key is given twice.",
        "The second would silently win in other parsers.",
        "Remove one; both lines are named.",
    ),
    FindingCode(
        "bad_number",
        "A number cannot be represented in JSON.",
        "`.nan`, `.inf`, `1e999`, or thousands of digits.",
        "Use a finite number, or quote the text.",
    ),
    FindingCode(
        "yaml_tag",
        "A YAML tag is used.",
        "`!!python/…`, `!include` and the like are not supported.",
        "Write the plain value.",
    ),
    FindingCode(
        "unknown_anchor",
        "An alias names no anchor.",
        "The anchor is below it, missing, or misspelt.",
        "Define `&name` above `*name`.",
    ),
    FindingCode(
        "recursive_alias",
        "An alias lies inside of what it stands for.",
        "The value would contain itself.",
        "Remove it.",
    ),
    FindingCode(
        "alias_budget",
        "Aliases expand to too many values.",
        "Aliases of aliases multiply.",
        "Write the parts out, or generate the file.",
    ),
    FindingCode(
        "bad_merge",
        "A merge key takes no mapping.",
        "`<<` was given a text or a number.",
        "Give it `*name` of a mapping.",
    ),
    FindingCode(
        "too_deep",
        "The file is nested too deeply.",
        "The limit is 64 levels.",
        "Flatten it.",
    ),
    FindingCode(
        "too_many_values",
        "The file holds too many values.",
        "The limit is two million.",
        "Load large data in a node instead.",
    ),
    FindingCode(
        "too_many_nodes",
        "The blueprint has too many nodes.",
        "The limit is 20,000.",
        "Use for_each, or subflows.",
    ),
    FindingCode(
        "too_many_edges",
        "The blueprint has too many edges.",
        "The limit is 200,000.",
        "Use for_each, or subflows.",
    ),
    FindingCode(
        "too_many_findings",
        "There are more problems than are shown.",
        "The first 500 are told.",
        "Correct these first.",
    ),
    FindingCode(
        "unknown_key",
        "A key is not known.",
        "Mostly a typing error, or a key in the wrong place.",
        "The nearest key is shown; x-… is for your own.",
    ),
    FindingCode(
        "unknown_metadata",
        "A key of `metadata` means nothing here.",
        "It belongs to another tool.",
        "Begin its name with x-.",
    ),
    FindingCode(
        "wrong_type",
        "A value has the wrong type.",
        "Nothing is converted in silence.",
        "The expected and the found type are shown.",
    ),
    FindingCode(
        "out_of_range",
        "A number is too small or too large.",
        "The range is in the message.",
        "Choose a value in it.",
    ),
    FindingCode(
        "bad_duration",
        "A duration cannot be read.",
        "Durations are 250ms, 2s, 5m, 1h, 1d or milliseconds.",
        "Write it like that.",
    ),
    FindingCode(
        "empty_text",
        "A text is empty.",
        "An id, a name or an expression is needed there.",
        "Write it, or remove the key.",
    ),
    FindingCode(
        "empty_enum",
        "A list of choices is empty.",
        "No value could ever fit.",
        "List the choices, or remove `enum`.",
    ),
    FindingCode(
        "unquoted_text",
        "A number stands where a text is expected.",
        "`id: 017` is a number in YAML.",
        "Quote it.",
    ),
    FindingCode(
        "unquoted_version",
        "The version is a number.",
        "`1.10` without quotes is 1.1.",
        "Quote it.",
    ),
    FindingCode(
        "unknown_type",
        "An input has an unknown type.",
        "The types are those of JSON Schema.",
        "Choose one of those shown.",
    ),
    FindingCode(
        "unknown_join",
        "A join strategy is not known.",
        "There are all, any and all_done.",
        "Choose one of them.",
    ),
    FindingCode(
        "unknown_choice",
        "A value is none of the possible ones.",
        "Mostly a typing error.",
        "Choose one of those shown.",
    ),
    FindingCode(
        "unknown_evaluator",
        "The expression language is not known.",
        "There are safe and path.",
        "Choose one of them.",
    ),
    FindingCode(
        "invalid_value",
        "A value does not fit the model.",
        "An earlier check has missed it.",
        "The message says what is expected; please report it.",
    ),
    FindingCode(
        "missing_id",
        "A node has no id.",
        "Each node of a list needs one.",
        "Give it one.",
    ),
    FindingCode(
        "missing_uses",
        "A node has no type.",
        "`uses` names what it does.",
        "Add `uses: …`.",
    ),
    FindingCode(
        "id_mismatch",
        "The key of a node and its id differ.",
        "Nodes of a mapping are called by their key.",
        "Remove the id.",
    ),
    FindingCode(
        "duplicate_id",
        "Two nodes have the same id.",
        "Ids are unique in a blueprint.",
        "Rename one.",
    ),
    FindingCode(
        "bad_id",
        "An id holds what it may not.",
        "Ids: 1 to 200 characters, no control characters, no # [ ] :.",
        "Rename it.",
    ),
    FindingCode(
        "similar_ids",
        "Two ids are hard to tell apart.",
        "They differ by case or by Unicode form only.",
        "Rename one.",
    ),
    FindingCode(
        "reserved_id",
        "A node is called like a name of expressions.",
        "`input`, `result` and others come first there.",
        'Reach it by outputs["…"], or rename it.',
    ),
    FindingCode(
        "bad_input_name",
        "A run input has a reserved name.",
        "Names that begin with _ are flowcraft's own.",
        "Rename it.",
    ),
    FindingCode(
        "bad_edge",
        "A text is not an edge.",
        "It has no `->`, or nothing beside it.",
        "Write `a -> b`.",
    ),
    FindingCode(
        "incomplete_edge",
        "An edge lacks its source or its target.",
        "Both are needed.",
        "Name both nodes.",
    ),
    FindingCode(
        "unknown_node",
        "An edge names a node that does not exist.",
        "Mostly a typing error.",
        "The nearest id is shown.",
    ),
    FindingCode(
        "self_edge",
        "A node leads to itself.",
        "That is a cycle of one.",
        "Use `loop`, or max_retries after failures.",
    ),
    FindingCode(
        "cycle",
        "Nodes lead back to themselves.",
        "Only a loop controller may close a cycle.",
        "The path is shown; use `loop`.",
    ),
    FindingCode(
        "unreachable",
        "No start node leads to a node.",
        "An edge is missing.",
        "Add it, or remove the node.",
    ),
    FindingCode(
        "useless_any_join",
        "An `any` join has less than two predecessors.",
        "There is nothing to choose from.",
        "Remove join_strategy, or add the other edge.",
    ),
    FindingCode(
        "exclusive_join",
        "An `all` join joins ways of which only one is taken.",
        "They begin with different actions of one node.",
        "It goes on without the skipped one; `any` says so.",
    ),
    FindingCode(
        "dead_edge",
        "An edge can never be taken.",
        "Its source never gives that action.",
        "Correct the action, or use a condition.",
    ),
    FindingCode(
        "gather_without_scatter",
        "A batch-gather follows no batch.",
        "An edge from the scatter is missing.",
        "Add it.",
    ),
    FindingCode(
        "scatter_incomplete",
        "A batch-scatter lacks a param.",
        "It needs worker_uses_key and gather_node_id.",
        "Add it.",
    ),
    FindingCode(
        "unknown_gather",
        "A scatter names no gather of this blueprint.",
        "Mostly a typing error.",
        "The nearest id is shown.",
    ),
    FindingCode(
        "without_for_each",
        "A batch setting without a batch.",
        "concurrency and on_item_error belong to for_each.",
        "Add for_each, or remove them.",
    ),
    FindingCode(
        "loop_incomplete",
        "A piece of a loop is missing or doubled.",
        "A loop has one start, one end and a condition.",
        "Add the piece that the message names.",
    ),
    FindingCode(
        "loop_end_outside",
        "The end of a loop does not follow its start.",
        "The body goes from start to end.",
        "Add the edges between them.",
    ),
    FindingCode(
        "loop_crossing",
        "An edge crosses the border of a loop.",
        "Only the controller leads into and out of the body.",
        "Lead to the controller instead.",
    ),
    FindingCode(
        "loops_tangled",
        "The loops cannot be told apart.",
        "They are nested some 70 deep, or their bodies overlap.",
        "Use subflows, or correct the edges.",
    ),
    FindingCode(
        "loop_with_uses",
        "A node has both `uses` and `loop`.",
        "A node with `loop` only controls.",
        "Put the work into the body.",
    ),
    FindingCode(
        "loop_with_for_each",
        "A node has both `for_each` and `loop`.",
        "It is one or the other.",
        "Use two nodes.",
    ),
    FindingCode(
        "unknown_fallback",
        "A fallback does not exist.",
        "It names a node of the same blueprint.",
        "The nearest id is shown.",
    ),
    FindingCode(
        "fallback_cycle",
        "Fallbacks lead back to themselves.",
        "A node cannot rescue itself.",
        "End the chain.",
    ),
    FindingCode(
        "shared_fallback",
        "Two nodes have the same fallback.",
        "A fallback stands in for one node.",
        "Give each its own.",
    ),
    FindingCode(
        "fallback_with_edges",
        "An edge leads to a fallback.",
        "It runs when its node fails, and only then.",
        "Remove the edge.",
    ),
    FindingCode(
        "bad_expression",
        "An expression cannot be compiled.",
        "The message says what, the place says where.",
        "Correct it at the character shown.",
    ),
    FindingCode(
        "env_outside_params",
        "An expression reads env outside of params.",
        "The environment is read where an attempt runs.",
        "Take it into params.",
    ),
    FindingCode(
        "secret_outside_params",
        "An expression uses a secret outside of params.",
        "What other expressions give is stored; a secret never is.",
        "Use it in the params of the node that needs it.",
    ),
    FindingCode(
        "name_not_here",
        "A name is always null here.",
        "result, input and item have their places.",
        "Use the one that the hint names.",
    ),
    FindingCode(
        "unknown_reference",
        "An expression names something that is not there.",
        "Mostly a typing error.",
        "The nearest name is shown.",
    ),
    FindingCode(
        "unknown_source",
        "A source is no node and no declared input.",
        "Mostly a typing error; or a node sets the key.",
        "The nearest name is shown.",
    ),
    FindingCode(
        "bad_source",
        "A source names nothing.",
        "It is empty, or begins with a dot.",
        "Write a node id or a context key.",
    ),
    FindingCode(
        "template_in_inputs",
        "`inputs` holds a template.",
        "It names a source.",
        "Write the name alone, or use params.",
    ),
    FindingCode(
        "template_in_script",
        "A script text holds a template.",
        "Values pasted into a script are run as code.",
        "Pass them by `env`, or use an argument list.",
    ),
    FindingCode(
        "not_an_ancestor",
        "A node is named that does not come before.",
        "Its output may not be there yet.",
        "Add an edge.",
    ),
    FindingCode(
        "default_mismatch",
        "A default or a choice does not fit its own declaration.",
        "Type or enum say otherwise.",
        "Correct one of them.",
    ),
    FindingCode(
        "useless_default",
        "A required input has a default.",
        "The default is never used.",
        "Remove one of them.",
    ),
    FindingCode(
        "inline_secret",
        "A value looks like a secret.",
        "Blueprints are stored and shown.",
        'Use ${{ secret("NAME") }}.',
    ),
    FindingCode(
        "unknown_node_type",
        "A node type is not registered.",
        "Its module was not named, or a typing error.",
        "Name it with --app; the nearest name is shown.",
    ),
    FindingCode(
        "missing_param",
        "A param is missing.",
        "The node type requires it.",
        "Add it.",
    ),
    FindingCode(
        "unknown_param",
        "A param is not known.",
        "The node type has no such param.",
        "The nearest name is shown.",
    ),
    FindingCode(
        "bad_param",
        "A param does not fit.",
        "Its schema says otherwise.",
        "The expected type or choices are shown.",
    ),
    FindingCode(
        "missing_blueprint_id",
        "A subflow names no blueprint.",
        "blueprint_id is required.",
        "Add it.",
    ),
    FindingCode(
        "unknown_subflow",
        "The blueprint of a subflow is not there.",
        "It is not beside the file and not in --blueprints.",
        "Name its file.",
    ),
    FindingCode(
        "recursive_subflow",
        "A blueprint runs itself.",
        "The chain is shown.",
        "Use `loop` to repeat.",
    ),
    FindingCode(
        "subflow_too_deep",
        "Subflows are nested too deeply.",
        "The limit is 20.",
        "Flatten the chain.",
    ),
    FindingCode(
        "undeclared_child_input",
        "A subflow is given an input that it does not declare.",
        "Mostly a typing error.",
        "The nearest name is shown.",
    ),
    FindingCode(
        "missing_child_input",
        "A subflow lacks a required input.",
        "The child declares it as required.",
        "Add it to inputs.",
    ),
)

#: Code → its row, in the order of the documentation.
FINDING_CODES: dict[str, FindingCode] = {row.code: row for row in _TABLE}
