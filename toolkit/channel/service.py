"""A channel peer as a process: ``python -m toolkit.channel.service --config FILE`` (see `toolkit.channel.config`).

Its data folder holds the store and, once everything answers, ``ready.json`` with host, port and the process id; the
same line goes to standard output. Its owner speaks to it through the Unix socket ``control.sock`` there (see
`toolkit.channel.control`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as websocket_serve

from toolkit.channel import running
from toolkit.channel import session as sessions
from toolkit.channel.book import Book
from toolkit.channel.config import Config
from toolkit.channel.node import Node
from toolkit.channel.owner import Owner
from toolkit.channel.peer import ChannelPeer
from toolkit.channel.running import Announce, write_ready
from toolkit.channel.session import Session
from toolkit.channel.state import Channel, Deposits
from toolkit.channel.store import Store
from toolkit.devnet.hold import SOCKET, Gate, Holder
from toolkit.errors import BadInput, L2KitError, ProtocolError, Reverted, ServiceError

if TYPE_CHECKING:
    from toolkit.channel.shore import Deed, Shore

_REDIAL_SECONDS = (0.05, 5.0)
_AGAIN_SECONDS = 1.0
"""How long who was told to go on waits for connections that were there before."""
_LOOK_SECONDS = 0.001
_FIND_POLLS = 20
_LOST_SECONDS = 24 * 3600
"""After which a transaction that opens a channel is taken for lost."""
_MOST_TROUBLES = 1_000
"""That are told apart: strangers choose what they send."""


class Service:
    """Serves the channels of one party until `stop`.

    Attributes:
        refused: connections that broke the protocol, and other troubles, by what they were.
        gate: through which the owner's commands go.
        holder: lets it stand still.
    """

    def __init__(self, config: Config, key: bytes) -> None:
        self.config = config
        self.refused: Counter[str] = Counter()
        self._key = key
        config.data.mkdir(parents=True, exist_ok=True)
        self.gate, self.holder = Gate(), Holder(config.data)
        self.holder.service = self
        self.holder.enter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialling: dict[bytes, asyncio.Task[None]] = {}
        self._began, self._works = asyncio.Event(), asyncio.Event()
        self._connected = set[bytes]()  # when it came to stand still
        self._adopting = asyncio.Lock()  # so that strangers' questions to L1 never queue up before the guardian's
        self._stopped = asyncio.Event()
        self._failure: Exception | None = None
        try:
            self._open()
        except BaseException:
            self.holder.leave()
            raise

    def _open(self) -> None:
        """Know what is on disk, and nothing else."""
        self._store = Store(self.config.data / "channels.db")
        self._book = Book(self._store)
        self.node = Node(self._book, self.config.policy, self.now, self.report, self.past)
        self.shore = self._shore()
        for channel in self._store.channels():
            self._add(channel, Deposits(0, 0))
        for each in self.config.channels:
            self._add(each.channel, each.deposits)

    def _shore(self) -> Shore | None:
        if self.config.l1_rpc is None:
            return None
        from toolkit.channel.shore import Shore  # brings aiohttp and requests, 0.4 s

        return Shore(self.config, self._key, self.node, self._book, self.report)

    def now(self) -> float:
        """Unix time: L1's, which may have travelled, where a node is asked."""
        return max(time.time(), self.shore.now if self.shore else 0)

    def past(self) -> float:
        """Unix time that L1 has certainly reached."""
        return self.shore.past if self.shore else time.time()

    async def run(self, announce: Announce) -> None:
        """Serve until `stop`; once it answers says so in ``ready.json`` and to ``announce``."""
        ready = self.config.data / "ready.json"
        try:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(Owner(self).listening(self.config.data / SOCKET))
                stack.push_async_callback(self._end_tasks)
                if self.shore is not None:
                    await self.shore.look()
                server = await self._listen(stack)
                self._start()
                self._began.set()
                port = next(iter(server.sockets)).getsockname()[1]
                self._book.listens(port)
                told = {"host": self.config.host, "port": port, "pid": os.getpid()}
                write_ready(ready, told)
                stack.callback(ready.unlink, missing_ok=True)
                announce(told)
                await self._stopped.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            self._store.close()
            self.holder.leave()

    def _start(self) -> None:
        """Begin all that goes on by itself."""
        if self.shore is not None:
            self._spawn(self.shore.watch())
            self._spawn(self._find_opened(self.shore))
            self._spawn(self.shore.tell_towers())
        for channel, where in self._contacts().items():
            self.dial(self.node.peers[channel].channel, *where)
        self._works.set()

    async def hold(self) -> None:
        """See `toolkit.devnet.hold.Still`; who is just starting does so first, as it uses what is closed here."""
        await self._began.wait()
        await self.gate.close()
        self._works.clear()
        self._connected = set(self.node.sessions)
        await self._end_tasks()
        self._dialling.clear()
        self._store.close(durable=False)

    async def go(self) -> None:
        """See `toolkit.devnet.hold.Still`; waits a moment until who was connected is so again."""
        if not self._works.is_set():
            self._open()
            if self.shore is not None:
                await self.shore.look()
            self._start()
            end = asyncio.get_running_loop().time() + _AGAIN_SECONDS
            while asyncio.get_running_loop().time() < end:
                if self._connected & self.node.peers.keys() <= self.node.sessions.keys():
                    break
                await asyncio.sleep(_LOOK_SECONDS)
        self.gate.open()

    def fail(self, error: Exception) -> None:
        """See `toolkit.devnet.hold.Still`."""
        self._failure = error
        self.stop()

    def stop(self) -> None:
        """Let `run` end; what was acknowledged is on disk already."""
        self._stopped.set()

    def dial(self, channel: Channel, host: str, port: int) -> None:
        """Connect to the other party there, and again whenever the connection ends."""
        if (before := self._dialling.pop(channel.id, None)) is not None:
            before.cancel()
        self._dialling[channel.id] = self._spawn(self._dial(channel.id, host, port))

    def report(self, error: Exception) -> None:
        """Count and log something that went wrong without harm."""
        what = str(error)[:200]
        self.refused[what if what in self.refused or len(self.refused) < _MOST_TROUBLES else "others"] += 1
        sys.stderr.write(f"refused: {error}\n")
        sys.stderr.flush()

    async def adopt(self, channel: Channel) -> ChannelPeer | None:
        """Our side of a channel, which is taken up where it is new and L1 shows it; None where it is none of ours."""
        known = self.node.peers.get(channel.id)
        if known is not None or self.shore is None:
            return known
        async with self._adopting:
            deposits = await self.shore.deposits_in_new(channel)
        return None if deposits is None else self._add(channel, deposits)

    async def open(
        self, to: bytes, units: int, period: int, token: bytes, exponent: int, host: str, port: int
    ) -> tuple[Channel, Deed]:
        """Open a channel with whoever listens there, and serve it; see `Shore.open`."""
        if self.shore is None:
            raise BadInput("this peer was started without an L1 node")
        # Noted first: whatever ends us before it is served, the channel is found again.
        number = self._book.opening(await self.shore.block_number(), int(self.past()), host, port)
        try:
            channel, deed = await self.shore.open(to, units, period, token, exponent)
        except (BadInput, Reverted):
            self._book.opened(number)  # nothing was sent
            raise
        self._take_up(channel, host, port)
        self._book.opened(number)
        await self.shore.look()
        return channel, deed

    def _take_up(self, channel: Channel, host: str, port: int) -> None:
        """Serve a channel that we have opened; its money counts once it is confirmed."""
        self._add(channel, Deposits(0, 0))
        self._book.contact(channel, host, port)
        self.dial(channel, host, port)

    async def _find_opened(self, shore: Shore) -> None:
        """Now and then: serve what we have opened without learning of it, because we were killed, or L1 was slow."""
        while True:
            try:
                for number, block, time_, host, port in self._book.openings():
                    for channel in await shore.opened_since(block):
                        if channel.id not in self.node.peers:
                            self._take_up(channel, host, port)
                    if self.past() > time_ + _LOST_SECONDS:
                        self._book.opened(number)
            except Exception as error:
                self.report(error)
            await asyncio.sleep(_FIND_POLLS * self.config.poll_seconds)

    def _add(self, channel: Channel, deposits: Deposits) -> ChannelPeer:
        if channel.id not in self.node.peers:
            config = self.config
            self.node.peers[channel.id] = ChannelPeer(
                channel, config.chain_id, config.contract, self._key, self._store, deposits, self.now
            )
        return self.node.peers[channel.id]

    def _contacts(self) -> dict[bytes, tuple[str, int]]:
        told = {each.channel.id: each.peer for each in self.config.channels if each.peer is not None}
        return {**self._book.contacts(), **told}

    async def _listen(self, stack: contextlib.AsyncExitStack) -> Server:
        """Listen where we are told to; else where the others know us, if nobody has taken that; else anywhere."""
        log = logging.Logger("websockets")
        log.addHandler(_Counting(self))
        host, port = self.config.host, self.config.port
        if port == 0 and (before := self._book.last_port()):
            with contextlib.suppress(ServiceError):
                return await stack.enter_async_context(_listening(self._on_connection, host, before, log))
        return await stack.enter_async_context(_listening(self._on_connection, host, port, log))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end_tasks(self) -> None:
        await self.node.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.node.close()  # what a session had it begin meanwhile
        if self.shore is not None:
            await self.shore.close()

    async def _on_connection(self, socket: ServerConnection) -> None:
        await self._works.wait()
        # A task of its own, as nobody but the server may cancel this one.
        task = self._spawn(self._take(socket))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        if not task.cancelled():
            task.result()

    async def _take(self, socket: ServerConnection) -> None:
        try:
            session = await sessions.accept(self.adopt, socket, self.node)
        except L2KitError as error:
            self.report(error)
            return
        await self._keep(session)

    async def _dial(self, channel: bytes, host: str, port: int) -> None:
        shortest, longest = _REDIAL_SECONDS
        wait = shortest
        while True:
            try:
                session = await sessions.connect(self.node.peers[channel], host, port, self.node)
            except ServiceError:
                wait = min(2 * wait, longest)
            except ProtocolError as error:
                self.report(error)
                wait = min(2 * wait, longest)
            else:
                try:
                    wait = shortest if await self._keep(session) else min(2 * wait, longest)
                except Exception as error:  # a full disk, say; the next connection may do better
                    self.report(error)
                    wait = longest
            await asyncio.sleep(wait)

    async def _keep(self, session: Session) -> bool:
        """Run a session to its end; returns whether nobody broke a rule in it."""
        before = self.node.sessions.get(session.peer.channel.id)
        if before is not None:
            # The other party has proved that it is there anew: the old connection is dead.
            self._spawn(before.disconnect())
        self.node.connected(session)
        try:
            await session.run()
        except ProtocolError as error:
            self.report(error)
            return False
        finally:
            self.node.disconnected(session)
        return True


class _Counting(logging.Handler):
    """Counts what the WebSocket library complains about: whoever connected speaks something else."""

    def __init__(self, service: Service) -> None:
        super().__init__(logging.ERROR)
        self._service = service

    def emit(self, record: logging.LogRecord) -> None:
        why = record.exc_info[1] if record.exc_info else None
        self._service.report(ProtocolError(f"{record.getMessage()}: {why}" if why else record.getMessage()))


@contextlib.asynccontextmanager
async def _listening(
    handler: Callable[[ServerConnection], Awaitable[None]], host: str, port: int, log: logging.Logger
) -> AsyncIterator[Server]:
    try:
        server = await websocket_serve(handler, host, port, logger=log, **sessions.WEBSOCKET)
    except OSError as error:
        raise ServiceError(f"the channel peer cannot listen on {host}:{port}: {error}") from error
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns the exit code."""
    return running.main(
        "toolkit.channel.service",
        "A payment channel peer.",
        lambda file, key: Service(Config.load(file), key),
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
