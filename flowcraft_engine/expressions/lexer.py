"""Text into tokens. Names keep their spelling: nothing is normalised, look-alikes are other names."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowcraft_engine.expressions.evaluator import ExpressionSyntaxError
from flowcraft_engine.expressions.limits import MAX_LENGTH

NAME = "name"
NUMBER = "number"
TEXT = "text"
SYMBOL = "symbol"
END = "end"


class Token(NamedTuple):
    kind: str
    text: str
    offset: int


#: A hyphen between word characters belongs to the name; whether such a name exists is for the parser to say.
_TOKEN = re.compile(
    r"""
      \s+
    | (?P<name> [^\W\d]\w*(?:-\w+)* )
    | (?P<number> (?: [0-9]+(?:_[0-9]+)* (?:\.[0-9]*)? | \.[0-9]+ ) (?:[eE][+-]?[0-9]+)? )
    | (?P<text> "[^"\\]*(?:\\.[^"\\]*)*" | '[^'\\]*(?:\\.[^'\\]*)*' )
    | (?P<symbol> === | !== | \*\* | // | == | != | <= | >= | && | \|\| | << | >> | := | => | <> | \?\. | \?\?
                  | [-+*/%<>()\[\]{}.,:!&|^~@=?;] )
    """,
    re.VERBOSE | re.DOTALL,
)

_NO_POWER = "powers are not part of expressions: multiply, or do it in a node"
_NO_BITS = "write 'and', 'or', 'not'; operators on bits are not part of expressions"
#: Symbols of JavaScript and Python that are not ours → what to write instead.
FOREIGN = {
    "===": "write '=='",
    "!==": "write '!='",
    "&&": "write 'and'",
    "||": "write 'or'",
    "!": "write 'not'",
    "<>": "write '!='",
    "=": "write '==' to compare",
    ":=": "expressions cannot assign",
    "=>": "write '>=' to compare; expressions have no functions of their own",
    "?.": "write '.': a missing path is null here",
    "??": "write 'a if a != null else b'",
    "?": "write 'value if condition else other'",
    "**": _NO_POWER,
    "&": _NO_BITS,
    "|": _NO_BITS,
    "^": _NO_BITS,
    "~": _NO_BITS,
    "<<": _NO_BITS,
    ">>": _NO_BITS,
    "@": None,
    ";": "one expression only",
}

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "/": "/", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)


def tokens_of(text: str) -> list[Token]:
    """The tokens of an expression, the last of kind `END`. Raises `ExpressionSyntaxError`."""
    check_length(text)
    tokens: list[Token] = []
    position, end = 0, len(text)
    match_at = _TOKEN.match
    while position < end:
        match = match_at(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind = match.lastgroup
        if kind is not None:
            word = match[0]
            if kind == SYMBOL:
                if word in FOREIGN:
                    raise _foreign(word, position)
            elif kind != NAME or text[match.end() : match.end() + 1] in ("'", '"'):
                _check_end(text, match.end(), kind, word, position)
            tokens.append(Token(kind, word, position))
        position = match.end()
    tokens.append(Token(END, "", end))
    return tokens


def check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError(
            f"the expression has {len(text):,} characters, {MAX_LENGTH:,} are allowed",
            MAX_LENGTH,
            "move the work into a node",
        )


def text_value(token: Token) -> str:
    """The text that a quoted token stands for. Raises for unknown escapes and halves of surrogate pairs."""
    body = token.text[1:-1]
    if "\\" in body:
        body = _ESCAPE.sub(lambda match: _unescape(match, token), body)
    if body.isascii():
        return body
    try:
        return body.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ExpressionSyntaxError("the text has half of a surrogate pair", token.offset) from None


def _unescape(match: re.Match[str], token: Token) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in _ESCAPES:
        raise ExpressionSyntaxError(
            f"'\\{code}' is not an escape", token.offset + 1 + match.start(), "write '\\\\' for a backslash"
        )
    return _ESCAPES[code]


def _check_end(text: str, end: int, kind: str, word: str, offset: int) -> None:
    following = text[end : end + 1]
    if kind == NAME:
        raise ExpressionSyntaxError(
            f"'{word}' stands before a quoted text", offset, "texts have no prefixes here"
        )
    if kind == NUMBER and (following == "_" or following.isalnum()):
        raise ExpressionSyntaxError(f"'{word}{following}' is not a number", offset, "numbers are decimal")


def _foreign(symbol: str, offset: int) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(f"'{symbol}' is not an operator here", offset, FOREIGN[symbol])


def _unreadable(text: str, offset: int) -> ExpressionSyntaxError:
    character = text[offset]
    if character in "\"'":
        return ExpressionSyntaxError("the quoted text is not closed", offset)
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = None
    if character == "$":
        is_template = text.startswith("${{", offset)
        hint = "write the expression alone, without ${{ }}" if is_template else "names have no dollar here"
    return ExpressionSyntaxError(f"the character '{shown}' has no meaning here", offset, hint)
