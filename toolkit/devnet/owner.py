"""How others ask the owner of a devnet, the process that keeps it going, for something: ``up.sock`` in its run folder.

One line of JSON is a command, {"do": NAME, ...}, and one line the answer, with "error" where it was refused. The socket
is the user's alone (mode 0600). The owner has one thread and other things to do: it waits for commands where it would
sleep, and one that takes its time is carried on bit by bit. Nobody who asks slowly, or listens slowly, holds it up.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from toolkit.devnet.line import Line
from toolkit.devnet.sockets import bound
from toolkit.errors import BadInput, L2KitError, NodeError, ServiceError

SOCKET = "up.sock"
"""In the run folder."""
LONGEST_LINE = 64 * 1024
"""Bytes of a command."""
MOST_GUESTS = 32
"""Connections at the same time."""
PATIENCE_SECONDS = 10.0
"""How long a command may take to arrive, and an answer to be read."""
_BUSY_SECONDS = 0.02
"""Between two looks at what a command waits for."""
_PART = 1 << 16

Work = Generator[None, None, dict[str, Any]]
"""What a command does: yields as long as it must wait for something, and returns the answer."""
Obey = Callable[[dict[str, Any]], Work]
"""Begins a command. What it raises, then or later, is the answer."""


class _Guest:
    """A connection: a command comes, is worked on, and its answer leaves; then the next."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.came, self.leaves = bytearray(), bytearray()
        self.work: Work | None = None
        self.is_last = False
        self.since = time.monotonic()

    @property
    def asks(self) -> bool:
        """Whether the next command can be begun, or is too long."""
        is_there = b"\n" in self.came or len(self.came) > LONGEST_LINE
        return is_there and self.work is None and not self.leaves and not self.is_last

    @property
    def late(self) -> bool:
        """Whether it has taken too long to ask, or to listen."""
        return self.work is None and time.monotonic() - self.since > PATIENCE_SECONDS


class Listener:
    """Answers commands at a Unix socket; a context manager.

    Args:
        path: of the socket.
        obey: begins each command.
    """

    def __init__(self, path: Path, obey: Obey) -> None:
        self._path, self._obey = path, obey
        self._guests: dict[socket.socket, _Guest] = {}
        self._left: list[Work] = []  # begun for somebody who has hung up; it is brought to its end all the same
        self._selector = selectors.DefaultSelector()
        try:
            self._door = bound(path)
        except OSError as error:
            raise ServiceError(f"the owner cannot listen at {path}: {error}") from error
        self._door.listen(MOST_GUESTS)
        self._door.setblocking(False)
        self._selector.register(self._door, selectors.EVENT_READ)

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more; who waits for an answer is hung up on."""
        for guest in list(self._guests.values()):
            self._end(guest)
        self._selector.close()
        self._door.close()
        self._path.unlink(missing_ok=True)

    def wait(self, seconds: float) -> None:
        """Do what is asked for so long, or less where there is something to carry on."""
        if any(guest.asks for guest in self._guests.values()):
            seconds = 0
        elif self._left or any(guest.work is not None for guest in self._guests.values()):
            seconds = min(seconds, _BUSY_SECONDS)
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._door:
                self._welcome()
            else:
                self._serve(key.data)
        for guest in list(self._guests.values()):
            if guest.asks:
                self._begin(guest)
            if guest.work is not None:
                self._carry_on(guest, guest.work)
            if guest.late:
                self._end(guest)
        self._left = [work for work in self._left if _go_on(work) is None]

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):  # whoever it was has gone again
            line, _ = self._door.accept()
            if len(self._guests) >= MOST_GUESTS:
                line.close()
                return
            line.setblocking(False)
            self._guests[line] = guest = _Guest(line)
            self._selector.register(line, selectors.EVENT_READ, guest)

    def _serve(self, guest: _Guest) -> None:
        """Send, or take what came."""
        try:
            if guest.leaves:
                self._send(guest)
                return
            came = guest.line.recv(_PART)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        guest.came += came
        if not came or (len(guest.came) > LONGEST_LINE and guest.work is not None):
            self._end(guest)

    def _begin(self, guest: _Guest) -> None:
        line, found, rest = bytes(guest.came).partition(b"\n")
        guest.came = bytearray(rest)
        if not found or len(line) > LONGEST_LINE:
            guest.is_last = True  # what else comes is the rest of this line
            self._answer(guest, _refusal(BadInput(f"a command has {LONGEST_LINE} bytes at most")))
            return
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or not isinstance(command.get("do"), str):
                raise BadInput('a command is an object with "do"')
            guest.work = self._obey(command)
        except (ValueError, RecursionError) as error:
            why = error if isinstance(error, BadInput) else BadInput("a command is a line of JSON")
            self._answer(guest, _refusal(why))
        except Exception as error:  # whatever it is, it must not end the devnet
            self._answer(guest, _refusal(error))

    def _carry_on(self, guest: _Guest, work: Work) -> None:
        if (answer := _go_on(work)) is not None:
            self._answer(guest, answer)

    def _answer(self, guest: _Guest, answer: dict[str, Any]) -> None:
        guest.work, guest.since = None, time.monotonic()
        guest.leaves += json.dumps(answer).encode() + b"\n"
        self._selector.modify(guest.line, selectors.EVENT_WRITE, guest)
        self._send(guest)

    def _send(self, guest: _Guest) -> None:
        try:
            del guest.leaves[: guest.line.send(guest.leaves)]
        except BlockingIOError:
            return
        except OSError:
            self._end(guest)
            return
        if guest.leaves:
            return
        if guest.is_last:
            self._end(guest)
            return
        self._selector.modify(guest.line, selectors.EVENT_READ, guest)
        guest.since = time.monotonic()

    def _end(self, guest: _Guest) -> None:
        if self._guests.pop(guest.line, None) is None:
            return
        if guest.work is not None:
            self._left.append(guest.work)
        self._selector.unregister(guest.line)
        guest.line.close()


class Owner:
    """The owner of the devnet in a run folder, as others ask it for something.

    Args:
        folder: of the devnet.
        seconds: how long an answer may take.
    """

    def __init__(self, folder: Path, seconds: float = 120.0) -> None:
        self._path, self._seconds = folder / SOCKET, seconds

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """The answer to a command.

        Raises:
            BadInput, NodeError, ServiceError: it refuses; the message says why.
            ServiceError: also where nobody listens, or no answer comes.
        """
        try:
            line = Line(self._path, self._seconds)
        except OSError as error:
            raise ServiceError(
                f"nobody keeps the devnet in {self._path.parent} who could be asked to {do}; 'l2kit up' does"
            ) from error
        with contextlib.closing(line):
            try:
                line.say(do, **what)
                answer = line.hear()
            except OSError as error:
                raise ServiceError(f"the owner of the devnet did not answer {do}: {error}") from error
        if answer is None:
            raise ServiceError(f"the owner of the devnet hung up before it answered {do}")
        if "error" in answer:
            raise _KINDS.get(answer.get("kind", ""), ServiceError)(str(answer["error"]))
        return answer


_KINDS: dict[str, type[L2KitError]] = {"BadInput": BadInput, "NodeError": NodeError}


def _refusal(error: Exception) -> dict[str, Any]:
    kind = next((name for name, each in _KINDS.items() if isinstance(error, each)), "ServiceError")
    said = str(error) if isinstance(error, L2KitError) else f"the owner could not do that: {error!r}"
    return {"error": said, "kind": kind}


def _go_on(work: Work) -> dict[str, Any] | None:
    """Carry a command on; its answer, once there is one."""
    try:
        next(work)
    except StopIteration as done:
        answer: dict[str, Any] = done.value
        return answer
    except Exception as error:  # whatever it is, it must not end the devnet
        return _refusal(error)
    return None
