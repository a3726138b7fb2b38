"""The protocol over real sockets with a hostile or broken other side; and its messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect as websocket_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from toolkit.channel import session as sessions
from toolkit.channel import wire
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import Channel, State, Withdrawal
from toolkit.channel.transition import Refusal
from toolkit.channel.wire import Kind, Message
from toolkit.crypto import sign
from toolkit.errors import ProtocolError, ServiceError

from .people import DEPOSITS, KEY_A, KEY_B, KEY_C, channel
from .talk import SIGNING, Hostile, Rig, ack, payment


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for store in made.stores:
        store.close()


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
