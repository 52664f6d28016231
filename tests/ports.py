"""Ports for servers of tests, which nobody else is given between the choice and the use, or while a server is away.

The kernel gives the ports that it chooses itself, also those of every outgoing connection, from a range above these.
"""

from __future__ import annotations

import socket
from functools import cache
from itertools import cycle

_HOST = "127.0.0.1"
_SIZE = 100
_FIRST, _BEHIND = 10_000, 32_000


def free_port(in_a_row: int = 1) -> int:
    """A port that nobody listens on: the first of so many in a row. Not given again soon."""
    block, places = _block()
    for place in places:
        ports = range(block + place, block + place + in_a_row)
        if place + in_a_row <= _SIZE and all(map(_is_free, ports)):
            return ports[0]
    raise AssertionError("`places` has no end")


@cache
def _block() -> tuple[int, cycle[int]]:
    """The first port of a block that is this process's own, and the places in it, round and round."""
    for first in range(_FIRST, _BEHIND, _SIZE):
        sign = socket.socket()
        try:
            sign.bind((_HOST, first))
        except OSError:
            sign.close()
            continue
        _signs.append(sign)
        return first, cycle(range(1, _SIZE))
    raise AssertionError("there is no block of ports left")


#: Held as long as this process lives: whoever cannot have the first port of a block leaves it alone.
_signs: list[socket.socket] = []


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
