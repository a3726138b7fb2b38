"""Child processes and the folder they run in; neither outlives us."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from toolkit.devnet import guard
from toolkit.errors import ServiceError

_POLL_SECONDS = 0.01
PREFIX = "l2kit-"
"""How the names of run folders begin, in the folder for temporary files."""
_LOCK = "lock"
_NOT_FOR_CHILDREN = ("PYTHONDONTWRITEBYTECODE", "L2KIT_KEY", "L2KIT_PASSWORD")
"""Variables that a child has only where it is given its own (`toolkit.devnet.keys.SECRETS` are among them)."""


def is_held(folder: Path) -> bool:
    """Whether the owner of a run folder, or a process that it has started there, still lives."""
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class RunFolder:
    """A temporary folder for logs, databases and sockets, gone when its owner is (also after kill -9).

    Nobody but its user can look into it (`tempfile.mkdtemp`).

    Attributes:
        path: the folder.
        children: the processes started in it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.children: list[Child] = []
        lock = self.path / _LOCK
        try:
            self._held = lock.open("wb")
            fcntl.flock(self._held, fcntl.LOCK_SH)
            self._sweeper, self._lifeline = _start_guard(["sweep"], [str(lock), str(self.path)])
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Child:
        """Start ``command`` as a guarded child whose output goes to ``<name>.log`` in this folder.

        Args:
            env: variables set beside our own.
            cwd: the folder it works in; ours where None.
        """
        child = Child(name, command, self._held, self.path / f"{name}.log", env, cwd)
        self.children.append(child)
        return child

    def check_alive(self) -> None:
        """Raise ServiceError where a child has ended that nobody has stopped."""
        for child in self.children:
            if not child.stopped and not child.alive:
                raise ServiceError(f"{child.name} has ended ({child.ending()})")

    def forget(self, child: Child) -> None:
        """End a child, where it still runs, and be without it."""
        child.stop()
        self.children.remove(child)

    def close(self) -> None:
        """End every child, the first one (L1's node, where there is one) after the others, and remove the folder."""
        for child in self.children[1:]:
            child.begin_stop()
        while self.children:
            self.children.pop().stop()
        self._held.close()
        self._lifeline.close()
        self._sweeper.wait()
        shutil.rmtree(self.path, ignore_errors=True)  # where somebody killed the sweeper

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Child:
    """A running child process behind its guard.

    Args:
        held: the lock of the run folder, which stays as long as the process does; None: it is in nobody's folder.

    Attributes:
        name: what messages call it.
        log: the file with its output.
        stopped: whether it was to end: `stop`, `begin_stop` or `kill_on_purpose` was called.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        held: BinaryIO | None,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.stopped = False
        self._guard, self._lifeline = _start_guard(["run"], command, held, log=log, env=env, cwd=cwd)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._guard.poll() is None

    def ending(self) -> str:
        """How the process ended: "killed by signal 9", or "code 1: " and the last line of its log."""
        code = self._guard.wait()
        if code < 0 or code > 128:
            return f"killed by signal {-code if code < 0 else code - 128}"
        return f"code {code}: {self.last_words()}"

    def last_words(self) -> str:
        """The last non-empty line of the log, "" if there is none."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def wait_until(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until ``ready()``.

        Raises:
            ServiceError: the process ended first, or ``seconds`` went by.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise ServiceError(f"{self.name} has ended ({self.ending()})")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not {what} within {seconds:.0f} s: {self.last_words()}")
            time.sleep(_POLL_SECONDS)

    def begin_stop(self) -> None:
        """Have the process end (SIGTERM, then SIGKILL), without waiting for it: `alive` tells."""
        self.stopped = True
        self._lifeline.close()

    def stop(self) -> None:
        """End the process (SIGTERM, then SIGKILL) and wait until it is gone."""
        self.begin_stop()
        self._guard.wait()

    def kill(self) -> None:
        """Kill the process as kill -9 does, and wait until it is gone."""
        self._order(guard.KILL)
        self._guard.wait()

    def kill_on_purpose(self) -> None:
        """The same, and nobody wonders that it has ended."""
        self.stopped = True
        self.kill()

    def freeze(self) -> None:
        """Have the process and its children stand still (SIGSTOP): with all that is in memory, until `thaw`."""
        self._order(guard.FREEZE)

    def thaw(self) -> None:
        """Let it go on."""
        self._order(guard.THAW)

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended already, or was stopped
            self._lifeline.write(order)


def _start_guard(
    verb: list[str],
    arguments: Sequence[str],
    held: BinaryIO | None = None,
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    """Start a guard that inherits ``held``; returns it and the end of its lifeline that is ours."""
    reader, writer = os.pipe()
    lifeline = open(writer, "wb", buffering=0)  # noqa: PTH123, SIM115 (closed by who stops the guard)
    output = log.open("ab") if log else None
    # A service imports for seconds where Python may not keep what it compiles, and our own key is nobody else's.
    ours = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, *verb, str(reader), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=output or subprocess.DEVNULL,
            env={**ours, **(env or {})},
            cwd=cwd,
            pass_fds=(reader,) if held is None else (reader, held.fileno()),
            start_new_session=True,  # Ctrl-C reaches the owner only; the owner decides the order of the end
        )
    except BaseException:
        lifeline.close()
        raise
    finally:
        os.close(reader)
        if output:
            output.close()
    return process, lifeline
