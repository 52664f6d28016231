"""Masks known secrets wherever they appear in text or JSON, in their common encodings, too."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

#: What stands in a secret's place.
MASK = "***"
#: Shorter secrets could not be told from ordinary text.
SHORTEST = 4
#: Lines of a secret of several lines are masked by themselves from this length on.
_SHORTEST_LINE = 8
_SHORTEST_PART = 6
#: Parts of a secret at the end or the beginning of a text are masked from this length on.
_SHORTEST_END = 7
_LEFT_OUT = "[… "


class Masker:
    """Knows secrets, and takes them out of what is about to be kept or shown. Threads may share it."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        #: True once there is a secret to mask. No property: looked at for every node.
        self.is_active = False

    def add(self, secret: str) -> None:
        """Mask `secret` from now on; it has at least `SHORTEST` characters."""
        if secret in self._known:
            return
        forms = self._forms | set(_forms(secret))
        # The longest first: one form may begin with another.
        pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
        self._forms, self._pattern, self.is_active = forms, pattern, True
        self._known.add(secret)

    def text(self, text: str) -> str:
        """`text` with every secret masked; at its ends parts of one, too: it may have been cut."""
        pattern = self._pattern
        return text if pattern is None else self._cut(pattern.sub(MASK, text))

    def json(self, value: Any) -> Any:
        """The same value if nothing is masked in it, else a copy. Keys and numbers are looked at, too."""
        return value if self._pattern is None else self._masked(value, self._pattern)

    def _masked(self, value: Any, pattern: re.Pattern[str]) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is dict:
            made = {self._masked(key, pattern): self._masked(item, pattern) for key, item in value.items()}
            return value if made == value and len(made) == len(value) else made
        if kind is list or kind is tuple:
            items = [self._masked(item, pattern) for item in value]
            return value if items == list(value) else kind(items)
        if kind is int and -1000 < value < 1000:
            return value
        if kind is int or kind is float:
            return MASK if pattern.search(repr(value)) else value
        return value

    def _cut(self, text: str) -> str:
        if len(text) < _SHORTEST_END:
            return text
        # What `shell` keeps of long output begins with a line that says so.
        begin = text.find("\n") + 1 if text.startswith(_LEFT_OUT) else 0
        for secret in self._known:
            size = len(secret)
            # A look for the shortest part tells nearly always that there is none.
            if secret[:_SHORTEST_END] in text[-size:]:
                text = _without_end(text, secret)
            if secret[-_SHORTEST_END:] in text[begin : begin + size]:
                text = text[:begin] + _without_beginning(text[begin:], secret)
        return text


def _without_end(text: str, secret: str) -> str:
    for size in range(min(len(secret) - 1, len(text)), _SHORTEST_END - 1, -1):
        if text.endswith(secret[:size]):
            return text[:-size] + MASK
    return text


def _without_beginning(text: str, secret: str) -> str:
    for size in range(min(len(secret) - 1, len(text)), _SHORTEST_END - 1, -1):
        if text.startswith(secret[-size:]):
            return MASK + text[size:]
    return text


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, and as programs write it."""
    import html

    yield secret
    stripped = secret.strip()
    if len(stripped) >= SHORTEST:
        yield stripped
    for line in secret.splitlines():
        if len(line.strip()) >= _SHORTEST_LINE:
            yield line.strip()
    for is_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield once
        # JSON as a text in JSON: what one service tells of the answer of another.
        yield json.dumps(once, ensure_ascii=is_ascii)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret, quote=False)
    quoted = html.escape(secret)
    yield quoted
    yield quoted.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    for escaped in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield escaped
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), escaped)
    data = secret.encode("utf-8", "surrogatepass")
    yield repr(data)[2:-1]
    yield data.hex()
    yield data.hex().upper()
    yield from _base64_forms(data)


def _base64_forms(data: bytes) -> Iterator[str]:
    """Whole, and as a part of something longer: three places in the groups of three bytes are possible."""
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        yield encode(data).decode().rstrip("=")
        for before in range(3):
            encoded = encode(b"\0" * before + data).decode()
            first = -(-before * 8 // 6)
            end = (before + len(data)) * 8 // 6
            part = encoded[first:end]
            if len(part) >= _SHORTEST_PART:
                yield part
