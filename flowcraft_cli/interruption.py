"""SIGINT, SIGTERM and SIGHUP outside of a run: they end the command with a sentence, not a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: SIGHUP (the terminal was closed) counts as a request to end.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

#: How the threads of `asyncio.to_thread` are called: no end of a command waits for what nodes have left in them.
NODE_THREADS = "flowcraft-asyncio"


class Interruption(BaseException):
    """Somebody asked this process to end. Not an `Exception`: no `except` on the way may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        return exit_code_of(self.number)

    @property
    def word(self) -> str:
        return word_of(self.number)


def exit_code_of(number: int) -> int:
    return 130 if number == signal.SIGINT else 143


def word_of(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else "terminated"


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals into `Interruption`. One that was ignored (`nohup`) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, _raise)
        for number in SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> None:
    raise Interruption(number)
