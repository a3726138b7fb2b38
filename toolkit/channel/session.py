"""One connection between the two peers of a channel: the protocol of `toolkit.channel.wire` over a WebSocket."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.asyncio.client import connect as websocket_connect
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed, WebSocketException

from toolkit.channel import wire
from toolkit.channel.change import Change, Pay
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import MAX_EXPIRY, Channel, Side, Withdrawal
from toolkit.channel.transition import Refusal, Update
from toolkit.channel.wire import Kind, Message
from toolkit.crypto import recover
from toolkit.errors import BadInput, ProtocolError, ServiceError

HANDSHAKE_SECONDS = 10.0
MAX_REFUSALS = 100
"""Refused messages after which a connection is cut."""

WEBSOCKET: dict[str, Any] = {
    "subprotocols": [wire.SUBPROTOCOL],
    "max_size": wire.MAX_MESSAGE,
    "compression": None,  # signatures do not compress
    "open_timeout": HANDSHAKE_SECONDS,
    "close_timeout": 1.0,
}
"""Settings of both ends of a connection."""


class Listener(Protocol):
    """Hears of what happens in a channel, after it is on disk."""

    def on_change(self, peer: ChannelPeer, changes: Sequence[Change]) -> None:
        """The agreed state is another one, after the other party's ``changes`` or (where there are none) ours."""

    def on_secrets(self, peer: ChannelPeer, secrets: Sequence[bytes]) -> int:
        """The other party shows 32-byte secrets; returns for how many of them a lock of ours waits."""


@dataclass
class _Order:
    """Changes that a caller waits for."""

    changes: deque[Change]
    done: asyncio.Future[int]
    last_nonce: int = 0


@dataclass
class _Wish:
    """A signature of the other party that a caller waits for, over a Close or a Withdrawal.

    Attributes:
        ask: says what was asked for, once it is our turn; raises Refused where it cannot be asked for.
        asked: what the answer must be about.
    """

    ask: Callable[[], tuple[Message, object]]
    done: asyncio.Future[bytes]
    asked: object = field(default=None)


class Session:
    """An open connection with the other party of a channel.

    Made by `connect` or `accept`; `run` must be running for anything to happen.

    Attributes:
        bytes_sent, bytes_received: of messages, without the framing of WebSocket and TCP.
    """

    def __init__(self, peer: ChannelPeer, socket: Connection, my_turn: bool, listener: Listener | None = None) -> None:
        self.peer = peer
        self.bytes_sent = self.bytes_received = 0
        self._socket = socket
        self._my_turn = my_turn
        self._listener = listener
        self._number = peer.connections
        self._running = False
        self._wanted = False
        self._asked = False
        self._refusals = 0
        self._outbox: deque[Message] = deque()
        self._sending = asyncio.Lock()
        self._orders: deque[_Order] = deque()
        self._waiting: deque[_Order] = deque()
        self._wish: _Wish | None = None
        self._lost: ServiceError | None = None

    async def pay(self, amounts: Sequence[int]) -> int:
        """Pay ``amounts`` (units) one after the other; as `change`."""
        return await self.change([Pay(units) for units in amounts])

    async def change(self, changes: Sequence[Change]) -> int:
        """Make changes one after the other; returns the last one's nonce, once all are acknowledged.

        Raises:
            Refused: a rule forbids one of them. Ours: nothing is made of the lot of up to `wire.MAX_PAYMENTS` that it
            is in, nor after it. Theirs, as the other party says: those before it are made.
            ServiceError: the connection ended first. Changes that were sent count as made, and are sent again next
            time.
        """
        if not changes:
            return self.peer.view.tip.state.nonce
        self._check_open()
        order = _Order(deque(changes), asyncio.get_running_loop().create_future())
        self._orders.append(order)
        # Others order at the same time, perhaps: what can be made together shares a message and a write to the disk.
        await asyncio.sleep(0)
        if self._superseded:
            self._end()
        if not order.done.done():
            self._go_on()
            await self._flush()
        return await order.done

    async def show(self, shown: Sequence[bytes]) -> None:
        """Tell the other party the secrets of locks it has offered, as many as a channel has at most."""
        self._send(wire.secret(*shown))
        await self._flush()

    async def agree_to_close(self, expiry: int) -> bytes:
        """The other party's signature of a Close with the newest net transfer, good until ``expiry`` (Unix time).

        No change is made or taken afterwards, whether they sign or not.

        Raises:
            BadInput: that is no time that a Close can have; nothing was asked for.
            Refused: locks are pending, or they do not sign.
            ServiceError: the connection ended first.
        """
        if not 0 <= expiry <= MAX_EXPIRY:
            raise BadInput(f"an expiry is 0 to {MAX_EXPIRY}, not {expiry}")

        def ask() -> tuple[Message, object]:
            net = self.peer.view.agreed.net
            self.peer.sign_close(net, expiry)  # freezes; our own signature is the transaction
            return wire.ask_close(net, expiry), (net, expiry)

        return await self._wish_for(ask)

    async def agree_to_withdraw(self, withdrawal: Withdrawal) -> bytes:
        """The other party's signature of a Withdrawal.

        Raises:
            Refused: somebody owns less than that, another withdrawal is on the way, or they do not sign.
            ServiceError: the connection ended first.
        """

        asked = False

        def ask() -> tuple[Message, object]:
            nonlocal asked
            self.peer.agree_to_withdraw(withdrawal)
            asked = True
            return wire.ask_withdraw(withdrawal), withdrawal

        try:
            return await self._wish_for(ask)
        except Refused:
            if asked:  # else what is on the way is another one, for which they may have our signature
                self.peer.stay()  # without their signature nothing can leave
            raise

    async def _wish_for(self, ask: Callable[[], tuple[Message, object]]) -> bytes:
        self._check_open()
        if self._wish is not None:
            raise ServiceError("another Close or Withdrawal is being agreed on")
        self._wish = _Wish(ask, asyncio.get_running_loop().create_future())
        try:
            self._go_on()
            await self._flush()
            return await self._wish.done
        finally:
            self._wish = None

    async def run(self) -> None:
        """Speak with the other party until the connection ends; raises ProtocolError where it breaks the protocol."""
        try:
            self._send_updates(self.peer.view.pending)
            self._running = True
            self._go_on()
            await self._flush()
            while True:
                data = await self._socket.recv()
                if self._superseded:
                    return
                if not isinstance(data, bytes):
                    raise ProtocolError("the other side sent text")
                self.bytes_received += len(data)
                self._handle(wire.decode(data))
                await self._flush()
        except ConnectionClosed:
            return
        except Refused:
            raise
        except ProtocolError:
            self.peer.refuse(Refusal.MALFORMED)
            raise
        finally:
            self._end()
            await self._socket.close()

    @property
    def _superseded(self) -> bool:
        # The other party has connected anew and gone on from there: what still comes in here is from before.
        return self._number != self.peer.connections

    async def disconnect(self) -> None:
        """Close the connection; `run` ends."""
        await self._socket.close()

    def _handle(self, message: Message) -> None:
        match message.kind:
            case Kind.PAY:
                self._on_changes(wire.read_pay(message.body))
            case Kind.CHANGE:
                self._on_changes(wire.read_changes(message.body))
            case Kind.ACK:
                self._on_ack(*wire.read_ack(message.body))
            case Kind.REFUSE:
                self._on_refuse(*wire.read_refuse(message.body))
            case Kind.WANT:
                self._wanted = True
            case Kind.TURN:
                self._on_turn()
            case Kind.SECRET:
                self._on_secrets(wire.read_secrets(message.body))
            case Kind.ASK_CLOSE:
                net, expiry = wire.read_ask_close(message.body)
                self._on_ask(lambda: wire.close(net, expiry, self.peer.sign_close(net, expiry)))
            case Kind.ASK_WITHDRAW:
                withdrawal = wire.read_ask_withdraw(message.body)
                self._on_ask(lambda: wire.withdraw(withdrawal, self.peer.let_withdraw(withdrawal)))
            case Kind.CLOSE:
                net, expiry, signature = wire.read_close(message.body)
                self._on_answer((net, expiry), signature, self.peer.check_close(net, expiry, signature))
            case Kind.WITHDRAW:
                withdrawal, signature = wire.read_withdraw(message.body)
                self._on_answer(withdrawal, signature, self.peer.check_withdraw(withdrawal, signature))
            case _:
                raise ProtocolError(f"a {message.kind.name} has no place in an open connection")
        self._go_on()

    def _on_changes(self, signed: list[wire.Signed]) -> None:
        if self._my_turn:
            self._refuse(signed[0].nonce, self.peer.refuse(Refusal.OUT_OF_TURN))
            return
        taken = self.peer.receive(signed)
        if taken.signature is not None:
            self._send(wire.ack(self.peer.view.agreed.nonce, taken.signature))
            if self._listener is not None:
                self._listener.on_change(self.peer, taken.changes)
        if taken.refused is not None:
            self._refuse(*taken.refused)

    def _on_ack(self, nonce: int, signature: bytes) -> None:
        refusal = self.peer.acknowledge(nonce, signature)
        if refusal is not None:
            self._refuse(0, refusal)
            return
        while self._waiting and self._waiting[0].last_nonce <= self.peer.view.agreed.nonce:
            order = self._waiting.popleft()
            if not order.done.done():
                order.done.set_result(order.last_nonce)
        if self._listener is not None:
            self._listener.on_change(self.peer, ())

    def _on_refuse(self, nonce: int, reason: Refusal) -> None:
        # What they refuse stays pending, as they hold our signature and may still use it; so nothing can come after
        # it here.
        if nonce == 0:
            wish = self._wish
            if wish is not None and wish.asked is not None and not wish.done.done():
                wish.done.set_exception(Refused(reason, "the other party does not sign"))
            return
        error = Refused(reason, f"the other party refused change {nonce}")
        for order in (*self._waiting, *self._orders):
            if not order.done.done():
                order.done.set_exception(error)
        raise error

    def _on_turn(self) -> None:
        if self._my_turn:
            self._refuse(0, self.peer.refuse(Refusal.OUT_OF_TURN))
            return
        self._my_turn, self._asked = True, False

    def _on_secrets(self, shown: list[bytes]) -> None:
        wanted = 0 if self._listener is None else self._listener.on_secrets(self.peer, shown)
        for _ in range(len(shown) - wanted):
            self._refuse(0, self.peer.refuse(Refusal.WRONG_SECRET))

    def _on_ask(self, sign: Callable[[], Message]) -> None:
        if self._my_turn:
            self._refuse(0, self.peer.refuse(Refusal.OUT_OF_TURN))
            return
        try:
            answer = sign()
        except Refused as refused:
            self._refuse(0, refused.reason)
            return
        self._send(answer)

    def _on_answer(self, about: object, signature: bytes, by_other: bool) -> None:
        wish = self._wish
        if wish is None or wish.asked != about:
            self._refuse(0, self.peer.refuse(Refusal.OTHER_TERMS))
        elif not by_other:
            self._refuse(0, self.peer.refuse(Refusal.BAD_SIGNATURE))
        elif not wish.done.done():
            wish.done.set_result(signature)

    def _go_on(self) -> None:
        """Do whatever can be done now: make changes, ask for a signature, pass or ask for the turn."""
        if not self._running:
            return
        wish = self._wish if self._wish is not None and self._wish.asked is None else None
        if not self._my_turn:
            if (self._orders or wish) and not self._asked:
                self._asked = True
                self._send(Message(Kind.WANT))
            return
        if self._wanted:
            if not self.peer.view.pending:
                self._wanted = self._my_turn = False
                self._send(Message(Kind.TURN))
                self._go_on()
            return
        while self._orders and (room := wire.MAX_PAYMENTS - len(self.peer.view.pending)) > 0:
            self._change_some(room)
        if wish is not None and not self.peer.view.pending and not wish.done.done():
            try:
                message, wish.asked = wish.ask()
            except Refused as refused:
                wish.done.set_exception(refused)
            else:
                self._send(message)

    def _change_some(self, room: int) -> None:
        """Make what there is room for, of all orders at once; one by one where something of it is refused."""
        lots: list[tuple[_Order, list[Change]]] = []
        while self._orders and room > 0:
            order = self._orders.popleft()
            changes = [order.changes.popleft() for _ in range(min(room, len(order.changes)))]
            lots.append((order, changes))
            room -= len(changes)
        try:
            self._make(lots)
        except Exception:  # a rule, or a full disk, say
            for order, changes in lots:
                try:
                    self._make([(order, changes)])
                except Exception as error:
                    if not order.done.done():
                        order.done.set_exception(error)
                    order.changes.clear()
        if lots[-1][0].changes:
            self._orders.appendleft(lots[-1][0])

    def _make(self, lots: Sequence[tuple[_Order, list[Change]]]) -> None:
        updates = self.peer.change([change for _, changes in lots for change in changes])
        self._send_updates(updates)
        at = 0
        for order, changes in lots:
            at += len(changes)
            if not order.changes:
                order.last_nonce = updates[at - 1].tip.state.nonce
                self._waiting.append(order)

    def _send_updates(self, updates: Sequence[Update]) -> None:
        for message in wire.updates(updates):
            self._send(message)

    def _refuse(self, nonce: int, reason: Refusal) -> None:
        self._send(wire.refuse(nonce, reason))
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise ProtocolError(f"more than {MAX_REFUSALS} messages had to be refused, the last one for {reason.name}")

    def _send(self, message: Message) -> None:
        self._outbox.append(message)

    async def _flush(self) -> None:
        """Send what is to be sent, in order; whoever reads slowly slows us down, not our memory."""
        async with self._sending:
            while self._outbox:
                data = self._outbox.popleft().encode()
                self.bytes_sent += len(data)
                try:
                    await self._socket.send(data)
                except ConnectionClosed:
                    self._outbox.clear()

    def _check_open(self) -> None:
        if self._lost is None and self._superseded:
            self._end()
        if self._lost is not None:
            raise self._lost

    def _end(self) -> None:
        pending = len(self.peer.view.pending)
        self._lost = ServiceError(f"the connection ended; {pending} changes wait for their acknowledgement")
        waiting: list[asyncio.Future[Any]] = [order.done for order in (*self._waiting, *self._orders)]
        if self._wish is not None:
            waiting.append(self._wish.done)
        for done in waiting:
            if not done.done():
                done.set_exception(self._lost)


async def connect(peer: ChannelPeer, host: str, port: int, listener: Listener | None = None) -> Session:
    """Connect to the other party's peer and agree from where to go on.

    Raises:
        ServiceError: nobody answers there.
        ProtocolError: whoever answers is not the other party, or the two are out of step.
    """
    try:
        socket = await websocket_connect(f"ws://{host}:{port}", proxy=None, **WEBSOCKET)
    except (OSError, TimeoutError, asyncio.TimeoutError, WebSocketException) as error:
        raise ServiceError(f"no channel peer answers at {host}:{port}: {error}") from error
    challenge = secrets.token_bytes(32)
    try:
        _check_subprotocol(socket)
        await _say(socket, wire.hello(peer.channel, challenge))
        channel, theirs = wire.read_hello(await _expect(socket, Kind.HELLO))
        if channel != peer.channel:
            raise ProtocolError(f"the other side answers for channel 0x{channel.id.hex()}, another one")
        return await _agree(peer, socket, challenge, theirs, listener)
    except BaseException:
        await socket.close()
        raise


async def accept(
    find: Callable[[Channel], Awaitable[ChannelPeer | None]], socket: Connection, listener: Listener | None = None
) -> Session:
    """Take a connection; ``find`` gives our peer for the channel that the other side names.

    Raises:
        ProtocolError: whoever connects is not the other party, or the two are out of step.
    """
    try:
        _check_subprotocol(socket)
        channel, theirs = wire.read_hello(await _expect(socket, Kind.HELLO))
        peer = await find(channel)
        if peer is None:
            raise ProtocolError(f"channel 0x{channel.id.hex()} is none of ours")
        challenge = secrets.token_bytes(32)
        await _say(socket, wire.hello(channel, challenge))
        return await _agree(peer, socket, challenge, theirs, listener)
    except BaseException:
        await socket.close()
        raise


async def _agree(
    peer: ChannelPeer, socket: Connection, own: bytes, theirs: bytes, listener: Listener | None
) -> Session:
    channel = peer.channel.id
    await _say(socket, Message(Kind.AUTH, peer.sign_session(wire.session_digest(channel, own, theirs))))
    signature = await _expect(socket, Kind.AUTH)
    if not peer.is_other(recover(wire.session_digest(channel, theirs, own), signature)):
        peer.refuse(Refusal.BAD_SIGNATURE)
        raise ProtocolError("the other side did not prove to be the other party of the channel")
    peer.connections += 1
    number = peer.connections
    have_pending = bool(peer.view.pending)
    await _say(socket, wire.resume(peer.view.agreed, peer.resume(), have_pending))
    state, signature, they_have_pending = wire.read_resume(await _expect(socket, Kind.RESUME))
    if number != peer.connections:
        raise ProtocolError("the other side connected a second time")
    refusal = peer.resumed(state, signature, they_have_pending)
    if refusal is not None:
        await _say(socket, wire.refuse(0, refusal))
        raise ProtocolError(
            f"the two sides are out of step: theirs goes on from state {state.nonce}, ours from"
            f" {peer.view.agreed.nonce} ({refusal.name.lower()}); one has lost its store, close the channel on L1"
        )
    my_turn = have_pending or (peer.side is Side.A and not they_have_pending)
    return Session(peer, socket, my_turn, listener)


def _check_subprotocol(socket: Connection) -> None:
    if socket.subprotocol != wire.SUBPROTOCOL:
        raise ProtocolError(f"the other side does not speak {wire.SUBPROTOCOL}")


async def _say(socket: Connection, message: Message) -> None:
    try:
        await socket.send(message.encode())
    except ConnectionClosed as closed:
        raise ProtocolError(f"the other side went away before our {message.kind.name}") from closed


async def _expect(socket: Connection, kind: Kind) -> bytes:
    try:
        data = await asyncio.wait_for(socket.recv(), HANDSHAKE_SECONDS)
    except asyncio.TimeoutError:
        raise ProtocolError(f"no {kind.name} came within {HANDSHAKE_SECONDS:.0f} s") from None
    except ConnectionClosed:
        raise ProtocolError(f"the other side went away instead of a {kind.name}") from None
    message = wire.decode(data if isinstance(data, bytes) else b"")
    if message.kind is not kind:
        raise ProtocolError(f"the other side sent a {message.kind.name} instead of a {kind.name}")
    return message.body
