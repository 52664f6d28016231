"""The fenced blocks of a Markdown page, and what the words behind their language ask the tests to do.

```yaml file=hello.yaml    written to the page's folder, and validated
```yaml                    validated: it must be a whole blueprint without errors
```yaml part=nodes         the same, put under that key of a blueprint
```yaml invalid=cycle      must have exactly these errors (codes, with commas)
```python                  executed, in order, in one namespace a page
```python file=nodes.py    written, not executed
```console                 each `$ command` is run, what follows it is compared
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w+)([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    words: dict[str, str]
    text: str
    #: Of its first line of text, from 1.
    line: int


def blocks_of(page: Path) -> list[Block]:
    """The blocks in the order of the page."""
    text = page.read_text(encoding="utf-8")
    return [_block(text, match) for match in _FENCE.finditer(text)]


def _block(text: str, match: re.Match[str]) -> Block:
    words = dict(word.partition("=")[::2] for word in match[2].split())
    return Block(match[1], words, match[3], text.count("\n", 0, match.start()) + 2)
