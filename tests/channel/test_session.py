"""The protocol over real sockets with a hostile or broken other side; and its messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from toolkit.channel import change as changes
from toolkit.channel import session as sessions
from toolkit.channel import wire
from toolkit.channel.change import Cancel, Change, Offer, Pay, Settle
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.session import Session
from toolkit.channel.state import Channel, Lock, Signing, State, Withdrawal, locks_root
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, Tip, Update
from toolkit.channel.wire import Kind, Message
from toolkit.crypto import keccak256, sign
from toolkit.errors import ProtocolError, ServiceError

from .people import CHAIN_ID, CONTRACT, DEPOSITS, KEY_A, KEY_B, KEY_C, channel

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


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for store in made.stores:
        store.close()


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


def test_bad_payments_are_refused_with_a_reason_and_the_good_ones_still_taken(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        for message, refused in (
            (payment(2, 5, 5), (2, Refusal.NOT_NEXT)),
            (payment(1, 0, 0), (1, Refusal.NOT_A_PAYMENT)),
            (payment(1, DEPOSITS.a + 1, DEPOSITS.a + 1), (1, Refusal.OVER_BALANCE)),
            (payment(1, 5, 5, KEY_C), (1, Refusal.BAD_SIGNATURE)),
        ):
            await alice.send(message)
            assert await alice.refusal() == refused
        await alice.send(payment(1, 5, 5))
        assert await alice.receive() == ack(1, 5, KEY_B)
        await alice.send(payment(1, 5, 5))
        assert await alice.refusal() == (1, Refusal.NOT_NEXT), "a replay"
        assert sum(rig.bob.refused.values()) == 5

    rig.play(scene)


def test_whoever_goes_on_being_refused_is_cut_off(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        for _ in range(sessions.MAX_REFUSALS + 1):
            await alice.send(payment(7, 7, 7))
        for _ in range(sessions.MAX_REFUSALS):
            await alice.refusal()
        assert await alice.receive() is None
        await rig.until(lambda: bool(rig.ended))
        assert "had to be refused" in str(rig.ended[0])

    rig.play(scene)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty message"),
        (b"\x63", "no message of kind 99"),
        ("text", "empty message"),
        (Message(Kind.PAY, bytes(78)).encode(), "sent a PAY instead of a HELLO"),
        (Message(Kind.HELLO, bytes(130)).encode(), "version 0"),
        (Message(Kind.HELLO, b"\0\3" + bytes(10)).encode(), "HELLO has 130 bytes, not 12"),
        (Message(Kind.HELLO, b"\0\3" + bytes(128)).encode(), "names no channel"),
        (wire.hello(channel(5), bytes(32)).encode(), "none of ours"),
        (None, "went away"),
    ],
)
def test_who_does_not_speak_the_protocol_is_sent_away(rig: Rig, data: bytes | str | None, reason: str) -> None:
    async def scene(rig: Rig) -> None:
        stranger = await Hostile.connect(rig)
        if data is None:
            await stranger.socket.close()
        else:
            await stranger.socket.send(data)
        await rig.until(lambda: bool(rig.ended))
        assert reason in str(rig.ended[0])

    rig.play(scene)


def test_a_message_over_the_limit_ends_the_connection(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        await alice.socket.send(bytes(wire.MAX_MESSAGE + 1))
        assert await alice.receive() is None
        assert alice.socket.close_code == 1009

    rig.play(scene)


def test_another_subprotocol_is_not_spoken(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        for subprotocols in (None, [Subprotocol("l2kit-channel.v1")]):
            with pytest.raises(InvalidStatus, match="HTTP 400"):
                await websocket_connect(f"ws://127.0.0.1:{rig.port}", subprotocols=subprotocols, proxy=None)

    rig.play(scene)


def test_who_cannot_prove_to_be_the_other_party_learns_nothing(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        stranger = await Hostile.introduced(rig, KEY_C)
        assert await stranger.receive() is None
        await rig.until(lambda: bool(rig.ended))
        assert "did not prove" in str(rig.ended[0])
        mirror = await Hostile.connect(rig)
        await mirror.send(wire.hello(channel(), b"\1" * 32))
        await mirror.expect(Kind.HELLO)
        await mirror.send(await mirror.expect(Kind.AUTH))
        assert await mirror.receive() is None, "our own signature thrown back proves nothing"

    rig.play(scene)


def test_who_resumes_from_elsewhere_is_out_of_step(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        for key in (KEY_A, KEY_C):
            alice = await Hostile.introduced(rig)
            signature = sign(key, SIGNING.state_digest(State(5, 5)))
            await alice.send(wire.resume(State(5, 5), signature, has_pending=False))
            await alice.receive()
            assert (await alice.refusal())[0] == 0
            assert await alice.receive() is None
        await rig.until(lambda: len(rig.ended) == 2)
        assert all("out of step" in str(error) for error in rig.ended)

    rig.play(scene)


@pytest.mark.parametrize(
    "message",
    [
        Message(Kind.HELLO, b""), Message(Kind.AUTH, bytes(64)), Message(Kind.RESUME, bytes(111)),
        Message(Kind.PAY, b""), Message(Kind.PAY, bytes(77)), Message(Kind.PAY, bytes(78 * 1025)),
        Message(Kind.CHANGE, b""), Message(Kind.CHANGE, bytes(100)), Message(Kind.CHANGE, b"\0\x47" + bytes(70)),
        Message(Kind.CHANGE, b"\0\x47" + bytes(71)), Message(Kind.SECRET, b""), Message(Kind.SECRET, bytes(32 * 65)),
        Message(Kind.ACK, bytes(79)),
        Message(Kind.REFUSE, bytes(6)), Message(Kind.REFUSE, bytes(7)), Message(Kind.SECRET, bytes(31)),
        Message(Kind.ASK_CLOSE, bytes(12)), Message(Kind.CLOSE, bytes(76)), Message(Kind.ASK_WITHDRAW, bytes(25)),
        Message(Kind.WITHDRAW, bytes(89)),
    ],
)  # fmt: skip
def test_a_malformed_message_ends_the_connection_only(rig: Rig, message: Message) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        await alice.send(message)
        assert await alice.receive() is None
        await rig.until(lambda: bool(rig.ended))
        assert isinstance(rig.ended[0], ProtocolError)
        assert rig.bob.refused == {Refusal.MALFORMED: 1}
        again = await Hostile.resumed(rig)
        await again.send(payment(1, 1, 1))
        await again.expect(Kind.ACK)

    rig.play(scene)


def test_messages_out_of_place_are_refused(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        for message, refusal in (
            (ack(1, 5, KEY_A), Refusal.UNKNOWN_STATE),
            (wire.close(0, 5, bytes(64)), Refusal.OTHER_TERMS),
            (wire.withdraw(Withdrawal(0, 1, 1, 5), bytes(64)), Refusal.OTHER_TERMS),
            (wire.ask_close(1, 5), Refusal.OTHER_TERMS),
            (wire.ask_withdraw(Withdrawal(0, DEPOSITS.a + 1, 0, 5)), Refusal.OVER_BALANCE),
            (wire.ask_withdraw(Withdrawal(0, 1, 1, 5)), Refusal.OTHER_TERMS),
            (wire.secret(b"t" * 32), Refusal.WRONG_SECRET),
        ):
            await alice.send(message)
            assert await alice.refusal() == (0, refusal)
        await alice.send(Message(Kind.TURN))
        await alice.send(Message(Kind.TURN))
        assert await alice.refusal() == (0, Refusal.OUT_OF_TURN)
        await alice.send(payment(1, 5, 5))
        assert await alice.refusal() == (1, Refusal.OUT_OF_TURN), "it gave the turn away"
        await alice.send(wire.ask_close(0, 5))
        assert await alice.refusal() == (0, Refusal.OUT_OF_TURN)

    rig.play(scene)


def test_the_turn_is_passed_only_when_every_payment_is_acknowledged(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        await rig.until(lambda: bool(rig.sessions))
        paying = asyncio.ensure_future(rig.sessions[0].pay([5]))
        assert await alice.receive() == Message(Kind.WANT)
        await alice.send(Message(Kind.TURN))
        assert await alice.receive() == payment(1, 5, -5, KEY_B)
        await alice.send(Message(Kind.WANT))
        await alice.send(Message(Kind.TURN))
        assert await alice.refusal() == (0, Refusal.OUT_OF_TURN), "it still has the turn"
        await alice.send(ack(1, -5, KEY_A))
        assert await alice.receive() == Message(Kind.TURN)
        assert await paying == 1

    rig.play(scene)


def test_a_payer_is_told_why_and_the_payment_stays_on_the_way(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = rig.peer("alice", KEY_A)
        rig.bob.freeze()
        session = await sessions.connect(alice, "127.0.0.1", rig.port)
        running = asyncio.ensure_future(session.run())
        with pytest.raises(Refused, match="refused change 1: frozen"):
            await session.pay([5])
        with pytest.raises(Refused):
            await running
        assert [each.tip.state for each in alice.view.pending] == [State(1, 5)]

    rig.play(scene)


def test_a_lost_connection_fails_the_callers_and_the_next_one_makes_up_for_it(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = rig.peer("alice", KEY_A)
        silent = await serve(swallow, "127.0.0.1", 0, **sessions.WEBSOCKET)
        session = await sessions.connect(alice, "127.0.0.1", next(iter(silent.sockets)).getsockname()[1])
        running = asyncio.ensure_future(session.run())
        paying = asyncio.ensure_future(session.pay([5, 6]))
        await rig.until(lambda: len(alice.view.pending) == 2)
        await session.disconnect()
        await running
        with pytest.raises(ServiceError, match="2 changes wait"):
            await paying
        with pytest.raises(ServiceError, match="2 changes wait"):
            await session.pay([1])
        silent.close()
        session = await sessions.connect(alice, "127.0.0.1", rig.port)
        running = asyncio.ensure_future(session.run())
        assert await session.pay([1]) == 3
        assert rig.bob.view.agreed == State(3, 12)
        await session.disconnect()
        await running

    async def swallow(socket: ServerConnection) -> None:
        """A Bob who goes through the beginning and then takes nothing."""
        dumb = rig.peer("dumb", KEY_B)

        async def find(channel: Channel) -> ChannelPeer:
            return dumb

        rig.sessions.append(await sessions.accept(find, socket))
        await socket.wait_closed()

    rig.play(scene)


def test_a_second_connection_takes_over_from_the_first(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        first = await Hostile.resumed(rig)
        second = await Hostile.resumed(rig)
        await first.send(payment(1, 5, 5))
        assert await first.receive() is None, "what comes in on the first is from before"
        assert rig.bob.view.agreed == State(0, 0)
        await second.send(payment(1, 6, 6))
        await second.expect(Kind.ACK)
        assert rig.bob.view.agreed == State(1, 6)

    rig.play(scene)


def test_nobody_there_is_said_plainly(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        with pytest.raises(ServiceError, match=r"no channel peer answers at 127\.0\.0\.1:1:"):
            await sessions.connect(rig.peer("alice", KEY_A), "127.0.0.1", 1)

    rig.play(scene)


def test_a_lock_goes_back_and_forth(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        offered = State(1, 0, locks_root([LOCK]))
        await alice.send(change(1, Offer(LOCK, b"onward"), offered))
        assert await alice.receive() == ack(1, 0, KEY_B, offered.locks)
        assert rig.heard == [(Offer(LOCK, b"onward"),)]
        await alice.send(wire.secret(b"s" * 32))
        await alice.send(change(2, Settle(b"s" * 32), State(2, 7)))
        assert await alice.receive() == ack(2, 7, KEY_B)
        await alice.send(change(3, Cancel(LOCK.hash, 1), State(3, 7)))
        assert await alice.refusal() == (3, Refusal.BAD_LOCK)

    rig.play(scene)


def test_changes_of_all_kinds_arrive_in_their_order(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            assert await session.change([Pay(1), Pay(2), Offer(LOCK), Pay(3), Settle(b"s" * 32), Pay(4)]) == 6
            assert rig.bob.view.agreed_tip == session.peer.view.agreed_tip
            assert session.peer.view.agreed == State(6, 17)

    rig.play(scene)


def test_changes_that_are_ordered_at_the_same_time_share_a_message(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            orders: list[list[Change]] = [[Offer(LOCK)], [Settle(b"s" * 32)], [Offer(LOCK), Settle(b"s" * 32)]]
            assert await asyncio.gather(*(session.change(each) for each in orders)) == [1, 2, 4]
            assert rig.heard == [(Offer(LOCK), Settle(b"s" * 32), Offer(LOCK), Settle(b"s" * 32))]

    rig.play(scene)


def test_what_is_refused_keeps_nothing_back_that_is_ordered_at_the_same_time(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            orders = [1], [DEPOSITS.a], [2, DEPOSITS.a], [3] * wire.MAX_PAYMENTS, [4]
            made = await asyncio.gather(*map(session.pay, orders), return_exceptions=True)
            assert [type(each) for each in made] == [int, Refused, Refused, int, int]
            assert rig.bob.view.agreed == State(wire.MAX_PAYMENTS + 2, 5 + 3 * wire.MAX_PAYMENTS)

    rig.play(scene)


def test_a_disk_that_fails_fails_what_was_ordered_and_makes_none_of_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            with monkeypatch.context() as patch:
                patch.setattr(Store, "add_pending", lambda *_: (_ for _ in ()).throw(OSError("full")))
                made = await asyncio.gather(session.pay([1]), session.pay([2]), return_exceptions=True)
            assert [type(each) for each in made] == [OSError, OSError]
            assert await session.pay([4]) == 1
            assert rig.bob.view.agreed == State(1, 4)

    rig.play(scene)


def test_an_order_is_not_carried_out_where_the_other_party_has_connected_anew(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            ordered = asyncio.ensure_future(session.pay([1]))
            await asyncio.sleep(0)
            session.peer.connections += 1
            with pytest.raises(ServiceError, match="the connection ended"):
                await ordered
            assert session.peer.view.pending == ()

    rig.play(scene)


def test_long_changes_are_spread_over_messages() -> None:
    tip = Tip(State(1, 0), ())
    made = [Update(tip, Offer(LOCK, bytes(changes.MAX_ROUTE)), bytes(64)) for _ in range(wire.MAX_PAYMENTS)]
    messages = wire.updates(made)
    assert all(len(message.encode()) <= wire.MAX_MESSAGE for message in messages)
    read = [signed for message in messages for signed in wire.read_changes(message.body)]
    assert [signed.change for signed in read] == [update.change for update in made]
    assert len(messages) == 5
    many = [Update(tip, Settle(bytes(32)), bytes(64)) for _ in range(wire.MAX_PAYMENTS + 1)]
    assert [len(wire.read_changes(message.body)) for message in wire.updates(many)] == [wire.MAX_PAYMENTS, 1]


def test_of_the_changes_that_go_together_all_are_made_or_none(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            with pytest.raises(Refused, match=f"payment of {DEPOSITS.a} units .* over balance"):
                await session.pay([1, DEPOSITS.a, 1])
            assert session.peer.view.tip.state == State(0, 0)
            with pytest.raises(Refused, match="over balance"):
                await session.pay([1] * wire.MAX_PAYMENTS + [1, DEPOSITS.a])
            assert session.peer.view.tip.state == State(wire.MAX_PAYMENTS, wire.MAX_PAYMENTS)

    rig.play(scene)


def test_both_agree_to_withdraw_and_go_on_paying(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            withdrawal = Withdrawal(0, 10, 0, 2_000_000_000)
            assert session.peer.check_withdraw(withdrawal, await session.agree_to_withdraw(withdrawal))
            await session.pay([DEPOSITS.a - 10])
            with pytest.raises(Refused, match="over balance"):
                await session.pay([1])

    rig.play(scene)


def test_a_withdrawal_that_was_refused_takes_nothing(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        rig.bob.agree_to_withdraw(Withdrawal(0, 1, 0, 2_000_000_000))
        async with rig.alice() as session:
            with pytest.raises(Refused, match="does not sign: withdrawing"):
                await session.agree_to_withdraw(Withdrawal(0, 10, 0, 2_000_000_000))
            assert session.peer.balance == DEPOSITS.a

    rig.play(scene)


def test_asking_to_withdraw_in_vain_frees_nothing_that_the_other_may_withdraw(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            theirs = Withdrawal(0, 0, 100, 2_000_000_000)
            session.peer.agree_to_withdraw(theirs)  # Bob has her signature
            for ours in (Withdrawal(0, 10, 0, 2_000_000_000), theirs):
                with pytest.raises(Refused, match="withdrawing"):
                    await session.agree_to_withdraw(ours)
                assert session.peer.view.leaving == theirs

    rig.play(scene)


@given(st.sampled_from(Kind), st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_protocol_error(kind: Kind, body: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [
        wire.read_hello, wire.read_resume, wire.read_pay, wire.read_changes, wire.read_ack, wire.read_refuse,
        wire.read_secrets, wire.read_ask_close, wire.read_close, wire.read_ask_withdraw, wire.read_withdraw,
    ]  # fmt: skip
    for read in readers:
        with contextlib.suppress(ProtocolError):
            read(body)
    message = Message(kind, body)
    assert wire.decode(message.encode()) == message
