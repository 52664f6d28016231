"""Tokens into a tree, by precedence climbing. Refuses what the language does not have, with its place."""

from __future__ import annotations

from flowcraft_engine.expressions.evaluator import ExpressionSyntaxError, References
from flowcraft_engine.expressions.functions import FUNCTIONS
from flowcraft_engine.expressions.lexer import END, NAME, NUMBER, SYMBOL, TEXT, Token, text_value, tokens_of
from flowcraft_engine.expressions.limits import MAX_DEPTH, MAX_DISPLAY
from flowcraft_engine.expressions.names import MEMBERS, RESERVED, SECRET, NameBook, Root
from flowcraft_engine.expressions.syntax import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Constant,
    ListDisplay,
    Logic,
    ObjectDisplay,
    Slice,
    Step,
    Tree,
    Unary,
    Walk,
)
from flowcraft_engine.expressions.wording import did_you_mean, shortened
from flowcraft_engine.values import JsonValue

_CONSTANTS: dict[str, JsonValue] = {"true": True, "True": True, "false": False, "False": False}
_CONSTANTS |= {"null": None, "None": None}
_WORD_OPERATORS = frozenset({"and", "or", "not", "in", "if", "else"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_FOREIGN_WORDS = {
    "is": "write '=='",
    "lambda": "expressions have no functions of their own",
    "for": "expressions have no loops; use for_each, or do it in a node",
    "await": "expressions wait for nothing",
    "yield": "expressions wait for nothing",
    "import": "expressions import nothing",
}


def parse(text: str, node_ids: frozenset[str]) -> tuple[Tree, References]:
    """The tree of `text`, and what it reads. Raises `ExpressionSyntaxError`, never anything else."""
    try:
        parser = _Parser(text, node_ids)
        return parser.whole(), parser.names.references()
    except RecursionError:
        raise ExpressionSyntaxError("the expression is nested too deeply", 0) from None


class _Parser:
    def __init__(self, text: str, node_ids: frozenset[str]) -> None:
        self.tokens = tokens_of(text)
        self.at = 0
        self.depth = 0
        self.token = self.tokens[0]
        self.names = NameBook(node_ids)

    def whole(self) -> Tree:
        if self.token.kind == END:
            raise ExpressionSyntaxError("the expression is empty", 0)
        tree = self.choice()
        if self.token.kind != END:
            raise self.unexpected()
        return tree

    # Moving over the tokens

    def advance(self) -> Token:
        token = self.token
        self.at += 1
        self.token = self.tokens[self.at]
        return token

    def skip(self, text: str) -> bool:
        """Steps over a symbol or word operator if it is the next token."""
        if self.token.text != text or self.token.kind == TEXT:
            return False
        self.advance()
        return True

    def expect(self, text: str, opened: Token) -> None:
        if self.skip(text):
            return
        if self.token.kind == END:
            raise ExpressionSyntaxError(f"'{opened.text}' is not closed", opened.offset)
        raise self.unexpected(f"expected '{text}'")

    def unexpected(self, expected: str | None = None) -> ExpressionSyntaxError:
        token = self.token
        if token.kind == END:
            return ExpressionSyntaxError("the expression ends too early", token.offset, expected)
        before = self.tokens[self.at - 1].text if self.at else ""
        hint = _FOREIGN_WORDS.get(token.text) or _FOREIGN_WORDS.get(before) or expected
        if hint is None and token.kind == NUMBER and token.text.startswith("."):
            hint = f"write '[{token.text[1:]}]' for an index"
        return ExpressionSyntaxError(
            f"'{shortened(token.text, 30)}' is not expected here", token.offset, hint
        )

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionSyntaxError(f"nested more than {MAX_DEPTH} deep", token.offset)

    # Levels of precedence, the weakest first

    def choice(self) -> Tree:
        opened = self.token
        self.deeper(opened)
        tree = self.disjunction()
        if self.token.text == "if" and self.token.kind == NAME:
            self.advance()
            condition = self.disjunction()
            if not self.skip("else"):
                raise self.unexpected("an 'if' needs its 'else'")
            tree = Choice(condition, tree, self.choice())
        self.depth -= 1
        return tree

    def disjunction(self) -> Tree:
        tree = self.conjunction()
        if self.token.text != "or" or self.token.kind != NAME:
            return tree
        operands = [tree]
        while self.skip("or"):
            operands.append(self.conjunction())
        return Logic("or", operands)

    def conjunction(self) -> Tree:
        tree = self.negation()
        if self.token.text != "and" or self.token.kind != NAME:
            return tree
        operands = [tree]
        while self.skip("and"):
            operands.append(self.negation())
        return Logic("and", operands)

    def negation(self) -> Tree:
        if self.token.text != "not" or self.token.kind != NAME:
            return self.comparison()
        self.deeper(self.advance())
        tree = Unary("not", self.negation())
        self.depth -= 1
        return tree

    def comparison(self) -> Tree:
        tree = self.sum()
        operator = self.comparison_operator()
        if operator is None:
            return tree
        rest = []
        while operator is not None:
            rest.append((operator, self.sum()))
            operator = self.comparison_operator()
        return Comparison(tree, rest)

    def comparison_operator(self) -> str | None:
        kind, text, _ = self.token
        if kind == SYMBOL and text in _COMPARISONS:
            return self.advance().text
        if kind == NAME and text == "in":
            return self.advance().text
        if kind == NAME and text == "not":
            self.advance()
            if not self.skip("in"):
                raise self.unexpected("'not' between two values is 'not in'")
            return "not in"
        return None

    def sum(self) -> Tree:
        tree = self.product()
        if self.token.text not in ("+", "-") or self.token.kind != SYMBOL:
            return tree
        rest = []
        while self.token.kind == SYMBOL and self.token.text in ("+", "-"):
            rest.append((self.advance().text, self.product()))
        return Arithmetic(tree, rest)

    def product(self) -> Tree:
        tree = self.signed()
        if self.token.text not in ("*", "/", "//", "%") or self.token.kind != SYMBOL:
            return tree
        rest = []
        while self.token.kind == SYMBOL and self.token.text in ("*", "/", "//", "%"):
            rest.append((self.advance().text, self.signed()))
        return Arithmetic(tree, rest)

    def signed(self) -> Tree:
        if self.token.kind != SYMBOL or self.token.text not in ("+", "-"):
            return self.walk()
        operator = self.advance()
        self.deeper(operator)
        operand = self.signed()
        self.depth -= 1
        return Unary(operator.text, operand)

    # Values, and the steps into them

    def walk(self) -> Tree:
        base = self.value()
        steps: list[Step] = []
        while self.token.kind == SYMBOL:
            if self.token.text == ".":
                self.advance()
                steps.append(self.key())
            elif self.token.text == "[":
                steps.append(self.subscript())
            elif self.token.text == "(":
                raise self.not_callable(steps)
            else:
                break
        if steps and isinstance(base, Root) and base.kind == "result" and isinstance(steps[0], str):
            self.names.result_keys.add(steps[0])
        return Walk(base, steps) if steps else base

    def key(self) -> str:
        token = self.token
        if token.kind != NAME:
            raise self.unexpected("a name must follow '.'")
        if "-" in token.text:
            spaced = token.text.replace("-", " - ")
            raise ExpressionSyntaxError(
                f"'.{token.text}' is not clear",
                token.offset,
                f"write '[\"{token.text}\"]' for a key, '.{spaced}' to subtract",
            )
        return self.advance().text

    def subscript(self) -> Step:
        opened = self.advance()
        start = None if self.token.text == ":" and self.token.kind == SYMBOL else self.choice()
        if not self.skip(":"):
            self.expect("]", opened)
            assert start is not None
            return _constant_key(start)
        stop = self.bound()
        step = self.bound() if self.skip(":") else None
        self.expect("]", opened)
        return Slice(start, stop, step)

    def bound(self) -> Tree | None:
        is_absent = self.token.kind == SYMBOL and self.token.text in (":", "]")
        return None if is_absent else self.choice()

    def value(self) -> Tree:
        token = self.token
        if token.kind == NAME:
            return self.name()
        if token.kind == NUMBER:
            return Constant(_number(self.advance()))
        if token.kind == TEXT:
            return Constant(text_value(self.advance()))
        if token.text == "(":
            return self.parenthesis()
        if token.text == "[":
            opened = self.advance()
            return ListDisplay(self.items("]", opened))
        if token.text == "{":
            return self.object()
        raise self.unexpected("a value is expected")

    def parenthesis(self) -> Tree:
        opened = self.advance()
        if self.skip(")"):
            return ListDisplay([])
        tree = self.choice()
        if self.skip(","):
            return ListDisplay([tree, *self.items(")", opened)])
        self.expect(")", opened)
        return tree

    def items(self, closing: str, opened: Token) -> list[Tree]:
        """The comma-separated values up to `closing`; a last comma is fine."""
        items: list[Tree] = []
        while not self.skip(closing):
            items.append(self.choice())
            if len(items) > MAX_DISPLAY:
                raise ExpressionSyntaxError(f"more than {MAX_DISPLAY} items written out", opened.offset)
            if not self.skip(","):
                self.expect(closing, opened)
                break
        return items

    def object(self) -> Tree:
        opened = self.advance()
        entries: list[tuple[Tree, Tree]] = []
        while not self.skip("}"):
            key = self.choice()
            if not self.skip(":"):
                raise self.unexpected("an object is written '{\"key\": value}'")
            entries.append((key, self.choice()))
            if len(entries) > MAX_DISPLAY:
                raise ExpressionSyntaxError(f"more than {MAX_DISPLAY} items written out", opened.offset)
            if not self.skip(","):
                self.expect("}", opened)
                break
        return ObjectDisplay(entries)

    # Names

    def name(self) -> Tree:
        token = self.token
        name = token.text
        if name in _WORD_OPERATORS:
            raise self.unexpected("a value is expected")
        self.advance()
        if name in _CONSTANTS:
            return Constant(_CONSTANTS[name])
        if self.token.text == "(" and self.token.kind == SYMBOL:
            return self.call(token)
        if name in MEMBERS:
            return self.member(token)
        if name in RESERVED:
            return self.names.whole(name, token.offset)
        if "-" in name and name not in self.names.node_ids:
            raise self.hyphenated(token)
        return self.names.bare(name, token.offset)

    def member(self, token: Token) -> Tree:
        """`outputs.x`, `outputs["x"]` and the like; else the whole mapping."""
        kind = MEMBERS[token.text]
        following = self.tokens[self.at + 1] if self.token.kind == SYMBOL else None
        if self.token.text == "." and following is not None:
            self.advance()
            name = self.node_key() if token.text == "outputs" else self.key()
            return self.names.member(kind, name, following.offset)
        if self.token.text == "[" and following is not None and following.kind == TEXT:
            closing = self.tokens[self.at + 2]
            if closing.text == "]" and closing.kind == SYMBOL:
                self.advance()
                name = text_value(self.advance())
                self.advance()
                return self.names.member(kind, name, following.offset)
        return self.names.whole(token.text, token.offset)

    def node_key(self) -> str:
        if self.token.kind == NAME and self.token.text in self.names.node_ids:
            return self.advance().text
        return self.key()

    def call(self, token: Token) -> Tree:
        if token.text == SECRET:
            return self.secret(token)
        function = FUNCTIONS.get(token.text)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            hint = did_you_mean(token.text, FUNCTIONS) or f"there are {known}"
            raise ExpressionSyntaxError(f"there is no function '{token.text}'", token.offset, hint)
        self.deeper(token)
        arguments = self.items(")", self.advance())
        self.depth -= 1
        if not function.least <= len(arguments) <= function.most:
            raise ExpressionSyntaxError(
                f"'{token.text}' takes {function.arity}, not {len(arguments)}", token.offset
            )
        return Call(token.text, arguments)

    def secret(self, token: Token) -> Tree:
        """`secret("NAME")`: the name is written there, so that it is known before anything is evaluated."""
        arguments = self.items(")", self.advance())
        name = arguments[0] if len(arguments) == 1 else None
        if not isinstance(name, Constant) or not isinstance(name.value, str) or not name.value:
            hint = 'write secret("NAME")'
            raise ExpressionSyntaxError("'secret' takes the name of a secret, in quotes", token.offset, hint)
        return self.names.member(SECRET, name.value, token.offset)

    def not_callable(self, steps: list[Step]) -> ExpressionSyntaxError:
        last = steps[-1] if steps else None
        if isinstance(last, str) and last in FUNCTIONS:
            hint = f"write '{last}(…)' around the value"
        else:
            hint = f"values have no methods; the functions are {', '.join(FUNCTIONS)}"
        return ExpressionSyntaxError("values cannot be called", self.token.offset, hint)

    def hyphenated(self, token: Token) -> ExpressionSyntaxError:
        name = token.text
        hint = did_you_mean(name, (node for node in self.names.node_ids if "-" in node))
        if hint is None:
            hint = f"write '{self._spaced(name)}' to subtract, 'context[\"{name}\"]' for a context key"
        return ExpressionSyntaxError(f"there is no node '{shortened(name)}'", token.offset, hint)

    def _spaced(self, name: str) -> str:
        """The subtraction that was perhaps meant: the longest declared id stays in one piece."""
        parts = name.split("-")
        for length in range(len(parts), 0, -1):
            head = "-".join(parts[:length])
            if length == 1 or head in self.names.node_ids:
                return " - ".join([head, *parts[length:]])
        return name


def _constant_key(tree: Tree) -> Step:
    """A written-out text or integer becomes a plain key; `-1` is written as an operator and a number."""
    if isinstance(tree, Unary) and tree.operator == "-" and isinstance(tree.operand, Constant):
        value = tree.operand.value
        return -value if type(value) is int else tree
    if isinstance(tree, Constant) and type(tree.value) in (str, int):
        return tree.value  # type: ignore[return-value]  # one of the two, by the line above
    return tree


def _number(token: Token) -> int | float:
    text = token.text
    if text.replace("_", "").isdigit():
        if text[0] == "0" and len(text) > 1:
            raise ExpressionSyntaxError(f"'{shortened(text, 30)}' begins with a zero", token.offset)
        return int(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ExpressionSyntaxError(f"'{shortened(text, 30)}' is too large", token.offset)
    return value
