"""A service that stands still: for as long as it is held it does nothing, and its databases are closed.

Whoever holds all services of a devnet may copy or replace their files meanwhile; the services know nothing of that.
Asked for in lines of JSON over the Unix socket ``control.sock`` in a service's data folder (mode 0600):

    {"do": "hold"}    answered once nothing is done any more and the databases are closed; then calls from outside wait
    {"do": "go"}      answered once it works again, from the databases as they are then, as after a crash

An answer is one line, ``{}`` or with "error". Who holds a service holds it by their connection: when that ends, the
service goes on by itself, so that nobody who is killed leaves a devnet standing. A service has a lock on
``control.lock`` there (flock) while its databases are open; one that is just starting waits until that is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from toolkit.devnet.sockets import bound
from toolkit.errors import L2KitError

SOCKET = "control.sock"
LOCK = "control.lock"
WAIT_SECONDS = 30.0
"""How long a call waits for a service that stands still."""
DRAIN_SECONDS = 2.0
"""How long calls under way may take until a service that is to stand still drops them."""
_LONGEST_LINE = 1 << 24
_POLL_SECONDS = 0.01

T = TypeVar("T")


class StandsStill(L2KitError):
    """A call could not be answered because the service stands still.

    Attributes:
        begun: whether something may have come of it.
    """

    def __init__(self, why: str, *, begun: bool) -> None:
        super().__init__(why)
        self.begun = begun


class Still(Protocol):
    """What can stand still."""

    async def hold(self) -> None:
        """Do nothing any more, with nothing under way that would still be acted on, and close the databases."""

    async def go(self) -> None:
        """Work again, from the databases as they are now."""

    def fail(self, error: Exception) -> None:
        """It could not go on: end with this error."""


class Gate:
    """Lets calls through, or lets them wait while the service stands still."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._under_way: set[asyncio.Future[Any]] = set()
        self._dropped: set[asyncio.Future[Any]] = set()

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        """What a call returns. Raises StandsStill where it had to wait too long, or was dropped."""
        while not self._open.is_set():
            try:
                await asyncio.wait_for(self._open.wait(), WAIT_SECONDS)
            except asyncio.TimeoutError:
                raise StandsStill(f"busy: it has stood still for {WAIT_SECONDS:g} s; ask again", begun=False) from None
        task = asyncio.ensure_future(call())
        self._under_way.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._dropped:
                why = "it was told to stand still before this was done; look what came of it"
                raise StandsStill(why, begun=True) from None
            raise
        finally:
            self._under_way.discard(task)
            self._dropped.discard(task)

    async def close(self) -> None:
        """Let nobody through any more; returns once all who were are done, or dropped."""
        self._open.clear()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=DRAIN_SECONDS)
        late = [task for task in self._under_way if not task.done()]
        self._dropped.update(late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def open(self) -> None:
        """Let everybody through again."""
        self._open.set()


class Holder:
    """Holds one service, for one connection at a time.

    Args:
        data: the service's folder, which must be there.

    Attributes:
        service: which; to be set before anybody asks.
    """

    service: Still

    def __init__(self, data: Path) -> None:
        self._lock_file = data / LOCK
        self._lock: int | None = None
        self._by: object = None
        self._turn = asyncio.Lock()

    def enter(self) -> None:
        """Before the databases are opened: wait until nobody replaces them."""
        if self._lock is not None:
            return
        lock = os.open(self._lock_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_POLL_SECONDS)  # not in the loop of a service that works: that is only started, or held
                else:
                    break
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def leave(self) -> None:
        """The databases are closed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def obey(self, do: str, by: object) -> dict[str, Any]:
        """Do what a connection asks, "hold" or "go"; returns the answer."""
        async with self._turn:
            if self._by not in (None, by):
                return {"error": "it is held by somebody else"}
            try:
                if do == "hold" and self._by is None:
                    self._by = by
                    await self._hold()
                elif do == "go" and self._by is not None:
                    await self._go()
            except Exception as error:  # the service's log has it where it is no sentence
                return {"error": str(error) if isinstance(error, L2KitError) else repr(error)}
            return {}

    async def left(self, by: object) -> None:
        """A connection has ended: what it held goes on."""
        async with self._turn:
            if self._by is by:
                with contextlib.suppress(Exception):  # the service ends over it
                    await self._go()

    async def _hold(self) -> None:
        try:
            await self.service.hold()
        except Exception:
            await self._go()
            raise
        self.leave()

    async def _go(self) -> None:
        try:
            self.enter()
            await self.service.go()
        except Exception as error:
            self.service.fail(error)
            raise
        self._by = None


def settle() -> None:
    """To be called once when a service works: what it has imported is not looked through for garbage any more.

    Else each time that it is built anew would soon cost it some milliseconds for that alone.
    """
    gc.collect()
    gc.freeze()


@contextlib.asynccontextmanager
async def listening(
    holder: Holder, socket: Path, obey: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None
) -> AsyncIterator[None]:
    """Answer at a Unix socket that nobody but the owner can connect to (mode 0600).

    Args:
        obey: answers every command but "hold" and "go", where a service has more of them.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def reply(line: bytes, by: object) -> dict[str, Any]:
        try:
            command = json.loads(line)
            do = str(command["do"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return {"error": f"not a command: {error!r}"}
        if do in ("hold", "go"):
            return await holder.obey(do, by)
        if obey is not None:
            return await obey(command)
        return {"error": f"there is no command {do[:100]!r}"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await reply(line, writer)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line that is too long
            pass
        finally:
            writer.close()
        await holder.left(writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_unix_server(connected, sock=bound(socket), limit=_LONGEST_LINE)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        socket.unlink(missing_ok=True)
