"""Ctrl-C, a kernel's interrupt button, SIGTERM and a closed terminal: finish the step, save, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopRequest:
    """Context in which SIGINT, SIGTERM and SIGHUP only set `stopped`; a second SIGINT interrupts at once, as usual.

    An exception in the middle of a step would leave networks and optimizers half updated, and a checkpoint of that
    could not be resumed exactly; therefore the loop looks at `stopped` between steps. Outside the main thread, where
    Python delivers no signals, the context does nothing.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM]
            hangup = getattr(signal, "SIGHUP", None)  # not on Windows
            if hangup and signal.getsignal(hangup) != signal.SIG_IGN:  # as `nohup` leaves it: then training goes on
                numbers.append(hangup)
            for number in numbers:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.stopped and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stopped = True
