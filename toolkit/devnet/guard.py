"""The guard of a child process: the child ends when its owner does, however the owner ends.

Run as a script with the standard library alone, so that it starts in a few milliseconds:

    guard.py run LIFELINE COMMAND ...       run COMMAND until it ends or the lifeline closes
    guard.py sweep LIFELINE LOCK FOLDER     wait for the lifeline to close and for every guard to be gone, then
                                            remove FOLDER

LIFELINE is the read end of a pipe whose write end only the owner holds: the kernel closes it when the owner ends,
kill -9 included. A byte written to it is an order: KILL the child at once, as kill -9 does; FREEZE it and its own
children (SIGSTOP), or let them go on (THAW). The guard itself is never stopped, so that it can end a frozen child, too.
Every guard inherits the owner's shared hold of the file LOCK, so from its first moment on the sweeper, which waits to
hold it alone, knows of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from types import FrameType

GRACE_SECONDS = 3.0
KILL, FREEZE, THAW = b"k", b"f", b"t"


def _become_child() -> None:
    """A process group of its own, so that signals reach its children, too, and not the guard.

    On Linux it dies even when the guard itself is killed (prctl PR_SET_PDEATHSIG).
    """
    os.setpgid(0, 0)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _wait_for_end(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass


def run(lifeline: int, command: list[str]) -> int:
    """Run ``command``; returns its exit code (128 + signal where a signal ended it)."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=_become_child,  # noqa: PLW1509 (no threads yet)
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return 127

    def signal_all(number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it is just ending
            os.killpg(child.pid, number)

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        if child.poll() is None:
            signal_all(signal.SIGCONT)  # who is frozen would not heed it
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    def watch_owner() -> None:
        while order := os.read(lifeline, 1):
            if order == KILL:
                child.kill()
                signal_all(signal.SIGCONT)  # its children outlive it, as they do after a kill -9, and not frozen
            elif child.poll() is None:
                signal_all(signal.SIGSTOP if order == FREEZE else signal.SIGCONT)
        end()

    def asked_to_end(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, asked_to_end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch_owner, daemon=True).start()
    code = child.wait()
    return 128 - code if code < 0 else code


def sweep(lifeline: int, lock: str, folder: str) -> int:
    """Remove ``folder`` once its owner and all guards are gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    held = os.open(lock, os.O_RDONLY)
    _wait_for_end(lifeline)
    fcntl.flock(held, fcntl.LOCK_EX)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "sweep":
        sys.exit(sweep(int(sys.argv[2]), sys.argv[3], sys.argv[4]))
    sys.exit(run(int(sys.argv[2]), sys.argv[3:]))
