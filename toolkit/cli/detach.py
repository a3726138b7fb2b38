"""A command that goes on in the background: who asked waits until it runs, and is told what went wrong meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from toolkit.cli import signals


class Detached:
    """We are the one in the background.

    Until `runs` what we say on stderr goes to who asked; when they are gone before, saying anything fails.
    """

    def __init__(self, report: int) -> None:
        self._report = report

    def runs(self, report: bytes, log: Path) -> None:
        """Give who asked their report; what we say from now on goes to ``log``."""
        sys.stderr.flush()
        with log.open("ab", buffering=0) as kept:
            os.dup2(kept.fileno(), 1)
            os.dup2(kept.fileno(), 2)
        with open(self._report, "wb") as pipe:  # noqa: PTH123
            pipe.write(report)


def detach() -> Detached | bytes:
    """Go on in the background, in a session of its own (setsid(2)), without the threads that there are now.

    Returns in both processes: in the one in the background a `Detached`, and in the one that asked, once that one
    runs, its report. Where it ends before, the one that asked ends as it did.
    """
    report_reader, report_writer = os.pipe()
    said_reader, said_writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(report_reader)
        os.close(said_reader)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number, target in ((0, nothing), (1, nothing), (2, said_writer)):
            os.dup2(target, number)
        os.close(nothing)
        os.close(said_writer)
        return Detached(report_writer)
    os.close(report_writer)
    os.close(said_writer)
    try:
        _relay(said_reader)
        with open(report_reader, "rb") as pipe:  # noqa: PTH123
            report = pipe.read()
    except signals.Ended:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise
    if not report:
        _end_as(pid)
    return report


def _relay(said: int) -> None:
    """Pass on what the other says until it says no more to us."""
    while part := os.read(said, 4096):
        sys.stderr.buffer.write(part)
        sys.stderr.flush()
    os.close(said)


def _end_as(pid: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.exit(code if code >= 0 else 128 - code)
