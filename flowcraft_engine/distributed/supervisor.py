"""Keeps a number of worker processes alive, and ends them well.

    SIGTERM, SIGINT   the workers have `grace_s` to end; then they are killed
    the same again    they have two seconds to hand back what they execute; a third time, they are killed now
    SIGHUP            they are replaced, one after the other; or as SIGTERM, if `ends_at_hangup`

Processes are spawned, never forked: a fork would share connections, threads and the identity of its parent.
Whatever becomes of the supervisor, the workers end: they notice the end of their line to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Final

from flowcraft_engine.distributed.seat_state import CRASH_LOOP, HURRY_S, SeatState
from flowcraft_engine.distributed.worker_process import BLOCKED, Target

_STOP: Final = b"s"
_RESTART: Final = b"r"
_CHILD: Final = b"c"
#: A look at all processes, should a signal have got lost.
_LOOK_S: Final = 1.0


class Supervisor:
    """`run` blocks in the main thread; `stop` and `restart` may be called from any.

    `target` is a function of a module, called in each process with its `WorkerSeat`, and says there when the worker
    is ready: the next one is not replaced before, and one that dies before has not got going. `on_death(name, code)`
    is told at once when a worker died that was not asked to end, or had to be killed; the code is that of its exit,
    or minus the number of its signal. As long as it takes, nobody looks after the others: it should be short.
    """

    def __init__(
        self,
        target: Target,
        count: int,
        *,
        grace_s: float = 30.0,
        ends_at_hangup: bool = False,
        on_death: Callable[[str, int], None] = lambda _name, _code: None,
        say: Callable[[str], None] = lambda _words: None,
    ) -> None:
        if count < 1:
            raise ValueError("a fleet has at least one worker")
        self._seats = [SeatState(index, target, grace_s) for index in range(count)]
        self._grace_s = grace_s
        self._ends_at_hangup = ends_at_hangup
        self._on_death = on_death
        self._say = say
        self._wishes, self._wish = os.pipe()
        os.set_blocking(self._wish, False)
        #: Seats whose process is still to be replaced; the first of them is being so.
        self._to_replace: list[SeatState] = []
        self._stopping = False
        self._hurrying = False
        self._signal = 0
        self._failed = False

    def run(self) -> int:
        """Returns 0 after a clean drain, 1 if a worker had to be killed, 128 + its number after a second signal."""
        with self._signals():
            try:
                while not (self._stopping and all(seat.process is None for seat in self._seats)):
                    self._step()
            finally:
                self._kill_all()
                wish, self._wish = self._wish, -1  # somebody else may get the number
                os.close(self._wishes)
                os.close(wish)
        return 128 + self._signal if self._signal else int(self._failed)

    def stop(self) -> None:
        """Let the workers end; the second time at once, the third time kill them."""
        self._tell(_STOP)

    def restart(self) -> None:
        """Replace the workers, one after the other."""
        self._tell(_RESTART)

    def _tell(self, wish: bytes) -> None:
        with contextlib.suppress(OSError):  # ended, or so full of wishes that this one is among them
            os.write(self._wish, wish)

    def _step(self) -> None:
        self._start_due()
        for found in wait(self._watched(), self._patience_s()):
            if found == self._wishes:
                self._hear()
        for seat in self._seats:
            self._look_at(seat)
        self._replace_next()

    def _watched(self) -> list[Any]:
        return [self._wishes, *(seat.line for seat in self._seats if seat.line is not None)]

    def _patience_s(self) -> float:
        """Until when nothing is to be done if nothing happens."""
        moments = [time.monotonic() + _LOOK_S]
        moments += [
            seat.kill_at for seat in self._seats if seat.process is not None and seat.kill_at is not None
        ]
        if not self._stopping:
            moments += [seat.due for seat in self._seats if seat.process is None]
        return max(0.0, min(moments) - time.monotonic())

    def _start_due(self) -> None:
        for seat in self._seats:
            if seat.process is None and not self._stopping and seat.due <= time.monotonic():
                try:
                    seat.start()
                except OSError as error:  # no memory, too many processes: that passes
                    seat.plan_next()
                    self._say(f"Worker {seat.index} cannot start; next try in {seat.pause_s:g} s: {error}")

    def _hear(self) -> None:
        for wish in os.read(self._wishes, 64):
            if bytes((wish,)) == _CHILD:
                continue  # only to wake up
            if bytes((wish,)) == _RESTART:
                self._begin_replacing()
            elif self._hurrying:
                self._kill_all()
            elif self._stopping:
                self._begin_hurrying()
            else:
                self._begin_stopping()

    def _begin_stopping(self) -> None:
        self._stopping = True
        self._to_replace.clear()
        busy = [seat for seat in self._seats if seat.process is not None]
        self._say(f"Waiting for {_workers(len(busy))} to end what is under way, {self._grace_s:g} s at most.")
        for seat in busy:
            seat.ask_to_end()

    def _begin_hurrying(self) -> None:
        self._hurrying = self._failed = True
        self._say("Ending the workers now: what they execute is handed back.")
        for seat in self._seats:
            seat.hurry()

    def _begin_replacing(self) -> None:
        if not self._stopping:
            self._say("Restarting the workers, one after the other.")
            # Told so while that is under way: the one that is being replaced is the first again, and not alone away.
            self._to_replace = self._to_replace[:1] + [
                it for it in self._seats if it not in self._to_replace[:1]
            ]
            self._to_replace[0].ask_to_end()
            for seat in self._seats:
                seat.due, seat.early_deaths = 0.0, 0  # what made one crash may have been mended

    def _look_at(self, seat: SeatState) -> None:
        if seat.line is not None and seat.line.poll():
            seat.listen()
        if seat.process is None:
            return
        if seat.is_dead():
            self._take_leave(seat)
        elif seat.kill_at is not None and seat.kill_at <= time.monotonic():
            grace_s = HURRY_S if self._hurrying else self._grace_s
            self._say(f"Worker {seat.name} did not end within {grace_s:g} s: it is killed.")
            self._failed = self._failed or self._stopping
            seat.kill_at = float("inf")
            seat.kill()

    def _take_leave(self, seat: SeatState) -> None:
        asked = seat.kill_at is not None
        code = seat.bury()
        if asked and code == 0:
            return
        self._report_death(seat.name, code)
        if asked:
            self._failed = self._failed or self._stopping
        else:
            seat.plan_next()
            self._tell_of_death(seat, code)

    def _report_death(self, name: str, code: int) -> None:
        try:
            self._on_death(name, code)
        except Exception as error:  # whatever it is, the other workers are still to be looked after
            self._say(f"The death of worker {name} could not be reported: {error}")

    def _tell_of_death(self, seat: SeatState, code: int) -> None:
        reason = f": {seat.last_error}" if seat.last_error else "."
        if seat.early_deaths >= CRASH_LOOP:
            self._say(
                f"Worker {seat.index} dies right after its start, {seat.early_deaths} times now "
                f"({_ending(code)}); next try in {seat.pause_s:g} s{reason}"
            )
        else:
            self._say(f"Worker {seat.name} died ({_ending(code)}) and is replaced{reason}")

    def _replace_next(self) -> None:
        """Go on to the next one when the new process is there, or cannot get going."""
        if not self._to_replace:
            return
        seat = self._to_replace[0]
        if seat.kill_at is None and (seat.is_ready or seat.early_deaths):
            self._to_replace.pop(0)
            if self._to_replace:
                self._to_replace[0].ask_to_end()

    def _kill_all(self) -> None:
        for seat in self._seats:
            if seat.process is not None:
                seat.kill()
                self._report_death(seat.name, seat.bury())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        heard = {*BLOCKED, signal.SIGCHLD}
        if self._ends_at_hangup and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
            heard.remove(signal.SIGHUP)  # nohup: the end of the terminal shall not be ours
        before = {number: signal.signal(number, self._answer) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _answer(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            self._tell(_CHILD)
        elif number == signal.SIGHUP and not self._ends_at_hangup:
            self.restart()
        else:
            if self._stopping:
                self._signal = number
            self.stop()


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
