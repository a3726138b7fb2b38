"""SIGINT, SIGTERM and SIGHUP end the command: once, through every context manager, which stops what we started.

So does the end of the make that runs it, which a kill -9 of make would not tell us.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import NoReturn

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WATCH_SECONDS = 0.2


def listen() -> None:
    """From now on each of the signals raises SystemExit with 128 + its number.

    A SIGHUP that is ignored, as under nohup, stays so. SIGINT does not: scripts start what runs beside them with SIGINT
    ignored, and still send it.
    """
    for number in _NUMBERS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def end_with_owner() -> None:
    """Where L2KIT_OWNER is set, to the process id of our parent, its end is a SIGTERM to us."""
    owner = os.environ.pop("L2KIT_OWNER", None)  # not our children's

    def watch() -> None:
        while str(os.getppid()) == owner:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    if owner:
        threading.Thread(target=watch, daemon=True).start()


def ignore() -> None:
    """From now on none of the signals disturbs us: what has been started is being stopped."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    ignore()
    raise Ended(number)


class Ended(SystemExit):
    """A signal asked us to end.

    Attributes:
        sentence: that says so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        self.sentence = f"{how}; everything it started has been stopped"
