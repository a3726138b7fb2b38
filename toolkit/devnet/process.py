"""Child processes and the folder they run in; neither outlives us."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from toolkit.devnet import guard
from toolkit.errors import ServiceError

_POLL_SECONDS = 0.01


class RunFolder:
    """A temporary folder for logs, databases and sockets, gone when its owner is (also after kill -9).

    Attributes:
        path: the folder.
        children: the processes started in it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="l2kit-"))
        self.lock = self.path / "lock"
        self.children: list[Child] = []
        self._sweeper, self._lifeline = _start_guard(["sweep"], [str(self.lock), str(self.path)], log=None)

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
        child = Child(name, command, self.lock, self.path / f"{name}.log", env, cwd)
        self.children.append(child)
        return child

    def close(self) -> None:
        """End every child, newest first, and remove the folder."""
        while self.children:
            self.children.pop().stop()
        with contextlib.suppress(OSError):
            os.close(self._lifeline)
        self._sweeper.wait()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Child:
    """A running child process behind its guard.

    Attributes:
        name: what messages call it.
        log: the file with its output.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        lock: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._guard, self._lifeline = _start_guard(["run"], [str(lock), *command], log=log, env=env, cwd=cwd)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._guard.poll() is None

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
                raise ServiceError(f"{self.name} ended with code {self._guard.returncode}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not {what} within {seconds:.0f} s: {self.last_words()}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the process (SIGTERM, then SIGKILL) and wait until it is gone."""
        with contextlib.suppress(OSError):
            os.close(self._lifeline)
        self._guard.wait()

    def kill(self) -> None:
        """Kill the process as kill -9 does, and wait until it is gone."""
        with contextlib.suppress(OSError):
            os.write(self._lifeline, b"k")
        self._guard.wait()


def _start_guard(
    verb: list[str],
    arguments: list[str],
    *,
    log: Path | None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> tuple[subprocess.Popen[bytes], int]:
    reader, writer = os.pipe()
    output = log.open("ab") if log else None
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, *verb, str(reader), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=output or subprocess.DEVNULL,
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
            pass_fds=(reader,),
            start_new_session=True,  # Ctrl-C reaches the owner only; the owner decides the order of the end
        )
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
        if output:
            output.close()
    return process, writer
