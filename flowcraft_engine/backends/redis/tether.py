"""Becomes the program that it is given, tied to its parent: Linux ends it when the parent ends. Run as a script.

`python -I -S tether.py SIGNAL PARENT PROGRAM ARGUMENT…`. Not a `preexec_fn`, which is not safe beside threads.
"""

from __future__ import annotations

import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    signal_number, parent, program, *rest = arguments
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):
            return  # the parent ended before the kernel was asked to watch it
    os.execv(program, [program, *rest])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
