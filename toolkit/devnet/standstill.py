"""All services of a devnet stand still at the same time, so that their files can be copied or replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from toolkit.devnet.databases import DATABASES
from toolkit.devnet.faults import standing_faults
from toolkit.devnet.hold import LOCK, SOCKET
from toolkit.devnet.line import Line
from toolkit.errors import ServiceError

HOLD_SECONDS = 20.0
"""How long a service that runs may take until it stands still, or works again."""
_LOCK = "standstill.lock"
_POLL_SECONDS = 0.01


@dataclass
class Place:
    """A service's data folder.

    Attributes:
        path: the folder.
        name: of the folder in the devnet's.
        runs: whether the service does; who was killed, or is kept away, keeps its files.
    """

    path: Path
    name: str
    runs: bool = False
    _line: Line | None = field(default=None, repr=False)
    _lock: IO[bytes] | None = field(default=None, repr=False)

    def files(self) -> list[Path]:
        """The databases, with what SQLite has left beside those of who was killed."""
        try:
            names = os.listdir(self.path)  # noqa: PTH208 (several times faster, and it counts here)
        except FileNotFoundError:
            return []
        return [self.path / name for name in sorted(names) if name.endswith(DATABASES)]

    def ask(self, do: str) -> None:
        """Say what the service is to do."""
        assert self._line is not None
        self._line.say(do)

    def answer(self, do: str, deadline: float) -> str | None:
        """Wait for the answer: why it does not, "" where it does, None where it has ended over it."""
        assert self._line is not None
        try:
            said = self._line.hear(max(deadline - time.monotonic(), 0.01))
            return None if said is None else str(said.get("error", ""))
        except TimeoutError:
            return f"no answer to {do!r}"
        except (OSError, ValueError) as error:
            return None if isinstance(error, ConnectionError) else str(error)

    def connect(self) -> bool:
        """Whether somebody listens at the socket."""
        try:
            self._line = Line(self.path / SOCKET, HOLD_SECONDS)
        except OSError:
            return False
        return True

    def hang_up(self) -> None:
        """End the connection; who was held through it goes on."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def take(self) -> bool:
        """Keep a service that is starting away from its files; whether they are free."""
        if self._lock is None:
            lock = (self.path / LOCK).open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
        return True

    def give_back(self) -> None:
        """Let the service have its files again."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def places(folder: Path) -> list[Place]:
    """The data folders of the services that were ever started in a devnet's folder."""
    return [Place(path, str(path.relative_to(folder))) for path in _with_config(folder, 2)]


def _with_config(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as found:
        inside = sorted(each.path for each in found if each.is_dir(follow_symlinks=False))
    for path in map(Path, inside):
        if os.path.exists(path / "config.json"):  # noqa: PTH110 (faster)
            yield path
        elif depth > 1:
            yield from _with_config(path, depth - 1)


@contextlib.contextmanager
def standstill(folder: Path, seconds: float = HOLD_SECONDS) -> Iterator[list[Place]]:
    """Let all services of a devnet stand still for as long as the block lasts; gives their data folders.

    Args:
        folder: of the devnet.
        seconds: that each may take, and whoever else has them stand still.

    Raises:
        ServiceError: one that runs does not stand still; then all go on, and nothing has happened. Or one did not go
            on afterwards; the others do.
    """
    with _alone(folder, seconds):
        _check_faults(folder)
        found = places(folder)
        try:
            _hold(found, time.monotonic() + seconds)
            yield found
        finally:
            trouble = _go(found, time.monotonic() + seconds)
        if trouble:
            raise ServiceError(f"{'; '.join(trouble)}: see 'l2kit status' and its log")


def lock(folder: Path) -> IO[bytes] | None:
    """Keep everybody else from having a devnet's services stand still, until the file is closed; None where one has."""
    file = (folder / _LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextlib.contextmanager
def _alone(folder: Path, seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while (locked := lock(folder)) is None:
        if time.monotonic() > deadline:
            why = f"somebody else has taken, saved or restored it, or breaks or heals it, for {seconds:g} s already"
            raise ServiceError(f"the devnet in {folder} stands still: {why}")
        time.sleep(_POLL_SECONDS)
    with locked:
        yield


def _check_faults(folder: Path) -> None:
    """Raise ServiceError where somebody cannot be told to stand still, and would be waited for in vain."""
    for fault in standing_faults(folder):
        if fault.how in ("offline", "down"):
            raise ServiceError(f"not all can stand still: {fault.said}; 'l2kit heal {fault.what}' brings it back")


def _hold(found: list[Place], deadline: float) -> None:
    waiting = [place for place in found if not _reach(place, deadline)]
    for place in waiting:
        place.ask("hold")
    for place in waiting:
        said = place.answer("hold", deadline)
        if said:
            raise ServiceError(f"the {place.name} does not stand still ({said}); everything goes on as it was")
        place.runs = said is not None
        while not place.take():  # of one that has ended over it, a moment later
            if time.monotonic() > deadline:
                raise ServiceError(f"the {place.name} still uses its files; everything goes on as it was")
            time.sleep(_POLL_SECONDS)


def _reach(place: Place, deadline: float) -> bool:
    """Connect to a service; whether it does not run, and its files are ours."""
    while not place.connect():
        if place.take():
            return True
        if time.monotonic() > deadline:
            raise ServiceError(f"the {place.name} runs and does not answer; everything goes on as it was")
        time.sleep(_POLL_SECONDS)  # it is starting, or ending
    return False


def _go(found: list[Place], deadline: float) -> list[str]:
    """Let all go on; returns a sentence for each that does not."""
    trouble = list[str]()
    for place in found:
        place.give_back()
    asked = [place for place in found if place.runs]
    for place in asked:
        with contextlib.suppress(OSError):
            place.ask("go")
    for place in asked:
        said = place.answer("go", deadline)
        if said is None:
            trouble.append(f"the {place.name} has ended instead of going on")
        elif said:
            trouble.append(f"the {place.name} does not go on ({said})")
    for place in found:
        place.hang_up()
    return trouble
