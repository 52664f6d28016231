"""The first moment of the command: an interruption before the command line is imported is a sentence, too."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """The console script."""
    try:
        from flowcraft_cli.main import main as run

        run()
    except KeyboardInterrupt as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from flowcraft_cli.failure import Boundary

        sys.exit(Boundary(sys.argv[1:]).report(error))
