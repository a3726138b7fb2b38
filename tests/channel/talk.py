"""Bob behind a real socket, and who talks to him: another peer, or somebody hostile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from toolkit.channel import change as changes
from toolkit.channel import session as sessions
from toolkit.channel import wire
from toolkit.channel.change import Change
from toolkit.channel.peer import ChannelPeer
from toolkit.channel.session import Session
from toolkit.channel.state import Channel, Lock, Signing, State
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal
from toolkit.channel.wire import Kind, Message
from toolkit.crypto import keccak256, sign
from toolkit.errors import ProtocolError

from .people import CHAIN_ID, CONTRACT, DEPOSITS, KEY_A, KEY_B, channel

SIGNING = Signing(CHAIN_ID, CONTRACT, channel().id)
LOCK = Lock(keccak256(b"s" * 32), 7, 2_000_000_000)


class Rig:
    """Bob behind a real listening socket, and what became of his connections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: list[Store] = []
        self.bob = self.peer("bob", KEY_B)
        self.ended: list[Exception | None] = []
        self.sessions: list[Session] = []
        self.sockets: list[ClientConnection] = []
        self.heard: list[tuple[Change, ...]] = []
        self.port = 0

    def peer(self, name: str, key: bytes) -> ChannelPeer:
        self.stores.append(Store(self.folder / name))
        return ChannelPeer(channel(), CHAIN_ID, CONTRACT, key, self.stores[-1], DEPOSITS, lambda: LOCK.expiry - 60)

    def on_change(self, peer: ChannelPeer, changes: Sequence[Change]) -> None:
        self.heard.append(tuple(changes))

    def on_secrets(self, peer: ChannelPeer, secrets: Sequence[bytes]) -> int:
        return secrets.count(b"s" * 32)

    async def find(self, wanted: Channel) -> ChannelPeer | None:
        return self.bob if wanted == channel() else None

    async def serve(self, socket: ServerConnection) -> None:
        try:
            session = await sessions.accept(self.find, socket, self)
            self.sessions.append(session)
            await session.run()
        except ProtocolError as error:
            self.ended.append(error)
        else:
            self.ended.append(None)

    def play(self, scene: Callable[[Rig], Awaitable[None]]) -> None:
        async def run() -> None:
            async with serve(self.serve, "127.0.0.1", 0, logger=quiet(), **sessions.WEBSOCKET) as server:
                self.port = next(iter(server.sockets)).getsockname()[1]
                try:
                    await asyncio.wait_for(scene(self), 20)
                finally:
                    for socket in self.sockets:
                        await socket.close()
                    for session in self.sessions:
                        await session.disconnect()

        asyncio.run(run())

    @contextlib.asynccontextmanager
    async def alice(self) -> AsyncIterator[Session]:
        """Her end of an open connection with bob."""
        session = await sessions.connect(self.peer("alice", KEY_A), "127.0.0.1", self.port)
        running = asyncio.ensure_future(session.run())
        yield session
        await session.disconnect()
        await running

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.001)


def quiet() -> logging.Logger:
    log = logging.Logger("websockets")
    log.addHandler(logging.NullHandler())
    return log


class Hostile:
    """The other side, holding Alice's key, that says what it likes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    @classmethod
    async def connect(cls, rig: Rig) -> Hostile:
        self = cls(
            await websocket_connect(
                f"ws://127.0.0.1:{rig.port}", subprotocols=sessions.WEBSOCKET["subprotocols"], proxy=None
            )
        )
        rig.sockets.append(self.socket)
        return self

    @classmethod
    async def introduced(cls, rig: Rig, key: bytes = KEY_A) -> Hostile:
        """Connected, and through HELLO and AUTH."""
        self = await cls.connect(rig)
        await self.send(wire.hello(channel(), b"\1" * 32))
        hello = await self.expect(Kind.HELLO)
        _, challenge = wire.read_hello(hello.body)
        await self.send(Message(Kind.AUTH, sign(key, wire.session_digest(channel().id, b"\1" * 32, challenge))))
        await self.receive()
        return self

    @classmethod
    async def resumed(cls, rig: Rig) -> Hostile:
        """Connected, and going on from the first state."""
        self = await cls.introduced(rig)
        await self.send(Message(Kind.RESUME, bytes(111)))
        await self.expect(Kind.RESUME)
        return self

    async def send(self, message: Message) -> None:
        await self.socket.send(message.encode())

    async def receive(self) -> Message | None:
        try:
            data = await self.socket.recv()
        except ConnectionClosed:
            return None
        assert isinstance(data, bytes)
        return wire.decode(data)

    async def expect(self, kind: Kind) -> Message:
        message = await self.receive()
        assert message is not None
        assert message.kind is kind
        return message

    async def refusal(self) -> tuple[int, Refusal]:
        return wire.read_refuse((await self.expect(Kind.REFUSE)).body)


def payment(nonce: int, units: int, net: int, key: bytes = KEY_A) -> Message:
    signature = sign(key, SIGNING.state_digest(State(nonce, net)))
    return Message(Kind.PAY, nonce.to_bytes(6, "big") + units.to_bytes(8, "big") + signature)


def change(nonce: int, what: Change, state: State, key: bytes = KEY_A) -> Message:
    body = nonce.to_bytes(6, "big") + sign(key, SIGNING.state_digest(state)) + changes.encode(what)
    return Message(Kind.CHANGE, len(body).to_bytes(2, "big") + body)


def ack(nonce: int, net: int, key: bytes, locks: bytes = bytes(32)) -> Message:
    return wire.ack(nonce, sign(key, SIGNING.state_digest(State(nonce, net, locks))))
