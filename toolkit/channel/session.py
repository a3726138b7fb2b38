"""One connection between the two peers of a channel: the protocol of `toolkit.channel.wire` over asyncio streams."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from toolkit.channel import wire
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import Side, SignedState
from toolkit.channel.transition import Refusal
from toolkit.channel.wire import Frame, Kind
from toolkit.crypto import recover
from toolkit.errors import ProtocolError, ServiceError

HANDSHAKE_SECONDS = 10.0
MAX_REFUSALS = 100
"""Refused frames after which a connection is cut."""


@dataclass
class _Order:
    """Payments that a caller waits for."""

    amounts: deque[int]
    done: asyncio.Future[int]
    last_nonce: int = 0


@dataclass
class _Close:
    """A Close that a caller waits for."""

    expiry: int
    done: asyncio.Future[bytes]
    proposed: tuple[int, int] | None = field(default=None)


class Session:
    """An open connection with the other party of a channel.

    Made by `connect` or `accept`; `run` must be running for anything to happen.
    """

    def __init__(
        self, peer: ChannelPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, my_turn: bool
    ) -> None:
        self.peer = peer
        self._reader = reader
        self._writer = writer
        self._my_turn = my_turn
        self._number = peer.connections
        self._running = False
        self._wanted = False
        self._asked = False
        self._refusals = 0
        self._orders: deque[_Order] = deque()
        self._waiting: deque[_Order] = deque()
        self._close: _Close | None = None
        self._lost: ServiceError | None = None

    async def pay(self, amounts: Sequence[int]) -> int:
        """Pay ``amounts`` (units) one after the other; returns the last one's nonce, once all are acknowledged.

        Raises:
            Refused: a rule forbids one of them, ours or (where the other party says so) theirs; those before it are
            made. ServiceError: the connection ended first. Payments that were sent count as made, and are sent again
            next time.
        """
        if not amounts:
            return self.peer.view.tip.nonce
        self._check_open()
        order = _Order(deque(amounts), asyncio.get_running_loop().create_future())
        self._orders.append(order)
        self._go_on()
        return await order.done

    async def agree_to_close(self, expiry: int) -> bytes:
        """The other party's signature of a Close with the newest net transfer, good until ``expiry`` (Unix time).

        No payment is made or taken afterwards, whether they sign or not.

        Raises:
            Refused: they do not sign.
            ServiceError: the connection ended first.
        """
        self._check_open()
        if self._close is not None:
            raise ServiceError("a Close is being agreed on already")
        self._close = _Close(expiry, asyncio.get_running_loop().create_future())
        self._go_on()
        return await self._close.done

    async def run(self) -> None:
        """Speak with the other party until the connection ends; raises ProtocolError where it breaks the protocol."""
        try:
            self._send_payments(self.peer.view.pending)
            self._running = True
            self._go_on()
            while True:
                frame = await read_frame(self._reader)
                if frame is None or self._superseded:
                    return
                self._handle(frame)
                await self._writer.drain()
        except Refused:
            raise
        except ProtocolError:
            self.peer.refuse(Refusal.MALFORMED)
            raise
        finally:
            self._end()

    @property
    def _superseded(self) -> bool:
        # The other party has connected anew and gone on from there: what still comes in here is from before.
        return self._number != self.peer.connections

    def disconnect(self) -> None:
        """Close the connection; `run` ends."""
        self._writer.close()

    def _handle(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.PAY:
                self._on_pay(wire.read_pay(frame.body))
            case Kind.ACK:
                self._on_ack(SignedState.decode(frame.body))
            case Kind.REFUSE:
                self._on_refuse(*wire.read_refuse(frame.body))
            case Kind.WANT:
                self._wanted = True
            case Kind.TURN:
                self._on_turn()
            case Kind.PROPOSE:
                self._on_propose(*wire.read_propose(frame.body))
            case Kind.CLOSE:
                self._on_close(*wire.read_close(frame.body))
            case _:
                raise ProtocolError(f"a {frame.kind.name} has no place in an open connection")
        self._go_on()

    def _on_pay(self, payments: list[SignedState]) -> None:
        if self._my_turn:
            self._refuse(payments[0].state.nonce, self.peer.refuse(Refusal.OUT_OF_TURN))
            return
        taken = self.peer.receive(payments)
        if taken.acknowledgement is not None:
            self._send(Frame(Kind.ACK, taken.acknowledgement.encode()))
        if taken.refused is not None:
            self._refuse(*taken.refused)

    def _on_ack(self, signed: SignedState) -> None:
        refusal = self.peer.acknowledge(signed)
        if refusal is not None:
            self._refuse(0, refusal)
            return
        while self._waiting and self._waiting[0].last_nonce <= self.peer.view.agreed.nonce:
            order = self._waiting.popleft()
            if not order.done.done():
                order.done.set_result(order.last_nonce)

    def _on_refuse(self, nonce: int, reason: Refusal) -> None:
        # What they refuse stays pending, as they hold our signature and may still use it; so nothing can come after
        # it here.
        if nonce == 0:
            if self._close is not None and not self._close.done.done():
                self._close.done.set_exception(Refused(reason, "the other party does not close"))
            return
        error = Refused(reason, f"the other party refused payment {nonce}")
        for order in (*self._waiting, *self._orders):
            if not order.done.done():
                order.done.set_exception(error)
        raise error

    def _on_turn(self) -> None:
        if self._my_turn:
            self._refuse(0, self.peer.refuse(Refusal.OUT_OF_TURN))
            return
        self._my_turn, self._asked = True, False

    def _on_propose(self, net: int, expiry: int) -> None:
        try:
            signature = self.peer.sign_close(net, expiry)
        except Refused as refused:
            self._refuse(0, refused.reason)
            return
        self._send(wire.close(net, expiry, signature))

    def _on_close(self, net: int, expiry: int, signature: bytes) -> None:
        asked = self._close
        if asked is None or asked.proposed != (net, expiry):
            self._refuse(0, self.peer.refuse(Refusal.OTHER_TERMS))
        elif not self.peer.check_close(net, expiry, signature):
            self._refuse(0, self.peer.refuse(Refusal.BAD_SIGNATURE))
        elif not asked.done.done():
            asked.done.set_result(signature)

    def _go_on(self) -> None:
        """Do whatever can be done now: pay, ask to close, pass or ask for the turn."""
        if not self._running:
            return
        wants = bool(self._orders) or (self._close is not None and self._close.proposed is None)
        if not self._my_turn:
            if wants and not self._asked:
                self._asked = True
                self._send(Frame(Kind.WANT))
            return
        if self._wanted:
            if not self.peer.view.pending:
                self._wanted = self._my_turn = False
                self._send(Frame(Kind.TURN))
                self._go_on()
            return
        while self._orders and (room := wire.MAX_PAYMENTS - len(self.peer.view.pending)) > 0:
            self._pay_some(self._orders[0], room)
        if self._close is not None and self._close.proposed is None and not self.peer.view.pending:
            self.peer.freeze()
            self._close.proposed = (self.peer.view.agreed.net, self._close.expiry)
            self._send(wire.propose(*self._close.proposed))

    def _pay_some(self, order: _Order, room: int) -> None:
        amounts = [order.amounts.popleft() for _ in range(min(room, len(order.amounts)))]
        try:
            payments = self.peer.pay(amounts)
        except Refused as refused:
            self._orders.popleft()
            if not order.done.done():
                order.done.set_exception(refused)
            return
        self._send_payments(payments)
        if not order.amounts:
            order.last_nonce = payments[-1].state.nonce
            self._waiting.append(self._orders.popleft())

    def _send_payments(self, payments: Sequence[SignedState]) -> None:
        for at in range(0, len(payments), wire.MAX_PAYMENTS):
            self._send(wire.pay(list(payments[at : at + wire.MAX_PAYMENTS])))

    def _refuse(self, nonce: int, reason: Refusal) -> None:
        self._send(wire.refuse(nonce, reason))
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise ProtocolError(f"more than {MAX_REFUSALS} frames had to be refused, the last one for {reason.name}")

    def _send(self, frame: Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame.encode())

    def _check_open(self) -> None:
        if self._lost is None and self._superseded:
            self._end()
        if self._lost is not None:
            raise self._lost

    def _end(self) -> None:
        self._writer.close()
        pending = len(self.peer.view.pending)
        self._lost = ServiceError(f"the connection ended; {pending} payments wait for their acknowledgement")
        for order in (*self._waiting, *self._orders):
            if not order.done.done():
                order.done.set_exception(self._lost)
        if self._close is not None and not self._close.done.done():
            self._close.done.set_exception(self._lost)


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame, None where the connection has ended; raises ProtocolError where it is none."""
    try:
        length = wire.frame_length(await reader.readexactly(4))
        return wire.decode_frame(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def connect(peer: ChannelPeer, host: str, port: int) -> Session:
    """Connect to the other party's peer and agree from where to go on.

    Raises:
        ServiceError: nobody answers there.
        ProtocolError: whoever answers is not the other party, or the two are out of step.
    """
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), HANDSHAKE_SECONDS)
    except (OSError, asyncio.TimeoutError) as error:
        raise ServiceError(f"no channel peer answers at {host}:{port}: {error}") from error
    challenge = secrets.token_bytes(32)
    try:
        writer.write(wire.hello(peer.channel.id, challenge).encode())
        channel, theirs = wire.read_hello(await _expect(reader, Kind.HELLO))
        if channel != peer.channel.id:
            raise ProtocolError(f"the other side answers for channel 0x{channel.hex()}, not 0x{peer.channel.id.hex()}")
        return await _agree(peer, reader, writer, challenge, theirs)
    except BaseException:
        writer.close()
        raise


async def accept(
    find: Callable[[bytes], ChannelPeer | None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Session:
    """Take a connection; ``find`` gives our peer for the channel id that the other side names.

    Raises:
        ProtocolError: whoever connects is not the other party, or the two are out of step.
    """
    try:
        channel, theirs = wire.read_hello(await _expect(reader, Kind.HELLO))
        peer = find(channel)
        if peer is None:
            raise ProtocolError(f"channel 0x{channel.hex()} is none of ours")
        challenge = secrets.token_bytes(32)
        writer.write(wire.hello(channel, challenge).encode())
        return await _agree(peer, reader, writer, challenge, theirs)
    except BaseException:
        writer.close()
        raise


async def _agree(
    peer: ChannelPeer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: bytes, theirs: bytes
) -> Session:
    channel = peer.channel.id
    writer.write(Frame(Kind.AUTH, peer.sign_session(wire.session_digest(channel, own, theirs))).encode())
    signature = await _expect(reader, Kind.AUTH)
    if not peer.is_other(recover(wire.session_digest(channel, theirs, own), signature)):
        peer.refuse(Refusal.BAD_SIGNATURE)
        raise ProtocolError("the other side did not prove to be the other party of the channel")
    peer.connections += 1
    number = peer.connections
    have_pending = bool(peer.view.pending)
    writer.write(wire.resume(peer.resume(), have_pending).encode())
    state, they_have_pending = wire.read_resume(await _expect(reader, Kind.RESUME))
    if number != peer.connections:
        raise ProtocolError("the other side connected a second time")
    refusal = peer.resumed(state, they_have_pending)
    if refusal is not None:
        writer.write(wire.refuse(0, refusal).encode())
        raise ProtocolError(
            f"the two sides are out of step: theirs goes on from state {state.state.nonce}, ours from"
            f" {peer.view.agreed.nonce} ({refusal.name.lower()}); one has lost its store, close the channel on L1"
        )
    my_turn = have_pending or (peer.side is Side.A and not they_have_pending)
    return Session(peer, reader, writer, my_turn)


async def _expect(reader: asyncio.StreamReader, kind: Kind) -> bytes:
    try:
        frame = await asyncio.wait_for(read_frame(reader), HANDSHAKE_SECONDS)
    except asyncio.TimeoutError:
        raise ProtocolError(f"no {kind.name} came within {HANDSHAKE_SECONDS:.0f} s") from None
    if frame is None:
        raise ProtocolError(f"the other side went away instead of a {kind.name}")
    if frame.kind is not kind:
        raise ProtocolError(f"the other side sent a {frame.kind.name} instead of a {kind.name}")
    return frame.body
