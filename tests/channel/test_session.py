"""The protocol over real sockets with a hostile or broken other side; and its frames."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.channel import session as sessions
from toolkit.channel import wire
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.session import Session, read_frame
from toolkit.channel.state import Signing, State
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal
from toolkit.channel.wire import Frame, Kind
from toolkit.crypto import sign
from toolkit.errors import ProtocolError, ServiceError

from .people import CHAIN_ID, CONTRACT, DEPOSITS, KEY_A, KEY_B, KEY_C, channel

SIGNING = Signing(CHAIN_ID, CONTRACT, channel().id)


class Rig:
    """Bob behind a real listening socket, and what became of his connections."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: list[Store] = []
        self.bob = self.peer("bob", KEY_B)
        self.ended: list[Exception | None] = []
        self.sessions: list[Session] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    def peer(self, name: str, key: bytes) -> ChannelPeer:
        self.stores.append(Store(self.folder / name))
        return ChannelPeer(channel(), CHAIN_ID, CONTRACT, key, self.stores[-1], DEPOSITS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            session = await sessions.accept({channel().id: self.bob}.get, reader, writer)
            self.sessions.append(session)
            await session.run()
        except ProtocolError as error:
            self.ended.append(error)
        else:
            self.ended.append(None)

    def play(self, scene: Callable[[Rig], Awaitable[None]]) -> None:
        async def run() -> None:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            try:
                await asyncio.wait_for(scene(self), 20)
            finally:
                server.close()
                for writer in self.writers:
                    writer.close()
                for session in self.sessions:
                    session.disconnect()
                await asyncio.sleep(0)

        asyncio.run(run())

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for store in made.stores:
        store.close()


class Hostile:
    """The other side, holding Alice's key, that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, rig: Rig) -> Hostile:
        self = cls(*await asyncio.open_connection("127.0.0.1", rig.port))
        rig.writers.append(self.writer)
        return self

    @classmethod
    async def introduced(cls, rig: Rig, key: bytes = KEY_A) -> Hostile:
        """Connected, and through HELLO and AUTH."""
        self = await cls.connect(rig)
        self.send(wire.hello(channel().id, b"\1" * 32))
        hello = await self.receive()
        assert hello is not None
        _, challenge = wire.read_hello(hello.body)
        self.send(Frame(Kind.AUTH, sign(key, wire.session_digest(channel().id, b"\1" * 32, challenge))))
        await self.receive()
        return self

    @classmethod
    async def resumed(cls, rig: Rig) -> Hostile:
        """Connected, and going on from the first state."""
        self = await cls.introduced(rig)
        self.send(Frame(Kind.RESUME, bytes(79)))
        assert (await self.receive()).kind is Kind.RESUME  # type: ignore[union-attr]
        return self

    def send(self, frame: Frame) -> None:
        self.writer.write(frame.encode())

    async def receive(self) -> Frame | None:
        return await read_frame(self.reader)

    async def refusal(self) -> tuple[int, Refusal]:
        frame = await self.receive()
        assert frame is not None
        assert frame.kind is Kind.REFUSE
        return wire.read_refuse(frame.body)


def payment(nonce: int, net: int, key: bytes = KEY_A) -> Frame:
    return wire.pay([SIGNING.sign_state(key, State(nonce, net))])


def test_bad_payments_are_refused_with_a_reason_and_the_good_ones_still_taken(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        for frame, refused in (
            (payment(2, 5), (2, Refusal.NOT_NEXT)),
            (payment(1, -5), (1, Refusal.NOT_A_PAYMENT)),
            (payment(1, DEPOSITS.a + 1), (1, Refusal.OVER_BALANCE)),
            (payment(1, 5, KEY_C), (1, Refusal.BAD_SIGNATURE)),
        ):
            alice.send(frame)
            assert await alice.refusal() == refused
        alice.send(payment(1, 5))
        ack = await alice.receive()
        assert ack == Frame(Kind.ACK, SIGNING.sign_state(KEY_B, State(1, 5)).encode())
        alice.send(payment(1, 5))
        assert await alice.refusal() == (1, Refusal.NOT_NEXT), "a replay"
        assert sum(rig.bob.refused.values()) == 5

    rig.play(scene)


def test_whoever_goes_on_being_refused_is_cut_off(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        for _ in range(sessions.MAX_REFUSALS + 1):
            alice.send(payment(7, 7))
        for _ in range(sessions.MAX_REFUSALS + 1):
            await alice.refusal()
        assert await alice.receive() is None
        assert "had to be refused" in str(rig.ended[0])

    rig.play(scene)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "frame of 1195725856 bytes"),
        ((0).to_bytes(4, "big"), "frame of 0 bytes"),
        ((1 << 20).to_bytes(4, "big"), "frame of 1048576 bytes"),
        (b"\0\0\0\1\x63", "no frame of kind 99"),
        (Frame(Kind.PAY, bytes(78)).encode(), "sent a PAY instead of a HELLO"),
        (Frame(Kind.HELLO, b"L2CH" + bytes(66)).encode(), "version 0"),
        (Frame(Kind.HELLO, b"L2CH" + bytes(10)).encode(), "does not speak"),
        (wire.hello(b"\5" * 32, bytes(32)).encode(), "none of ours"),
        (b"", "went away"),
        (wire.hello(channel().id, bytes(32)).encode()[:40], "went away"),
    ],
)
def test_who_does_not_speak_the_protocol_is_sent_away(rig: Rig, data: bytes, reason: str) -> None:
    async def scene(rig: Rig) -> None:
        stranger = await Hostile.connect(rig)
        stranger.writer.write(data)
        stranger.writer.write_eof()
        await rig.until(lambda: bool(rig.ended))
        assert reason in str(rig.ended[0])

    rig.play(scene)


def test_who_cannot_prove_to_be_the_other_party_learns_nothing(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        stranger = await Hostile.introduced(rig, KEY_C)
        assert await stranger.receive() is None
        assert "did not prove" in str(rig.ended[0])
        mirror = await Hostile.connect(rig)
        mirror.send(wire.hello(channel().id, b"\1" * 32))
        hello = await mirror.receive()
        assert hello is not None
        auth = await mirror.receive()
        assert auth is not None
        mirror.send(auth)
        assert await mirror.receive() is None, "our own signature thrown back proves nothing"

    rig.play(scene)


def test_who_resumes_from_elsewhere_is_out_of_step(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        for resume in (
            wire.resume(SIGNING.sign_state(KEY_A, State(5, 5)), has_pending=False),
            wire.resume(SIGNING.sign_state(KEY_C, State(5, 5)), has_pending=False),
        ):
            alice = await Hostile.introduced(rig)
            alice.send(resume)
            await alice.receive()
            assert (await alice.refusal())[0] == 0
            assert await alice.receive() is None
        assert all("out of step" in str(error) for error in rig.ended)

    rig.play(scene)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.HELLO, b""), Frame(Kind.AUTH, bytes(64)), Frame(Kind.RESUME, bytes(79)), Frame(Kind.PAY, b""),
        Frame(Kind.PAY, bytes(77)), Frame(Kind.PAY, bytes(78 * 1025)), Frame(Kind.ACK, bytes(79)),
        Frame(Kind.REFUSE, bytes(6)), Frame(Kind.REFUSE, bytes(7)), Frame(Kind.PROPOSE, bytes(12)),
        Frame(Kind.CLOSE, bytes(76)),
    ],
)  # fmt: skip
def test_a_malformed_frame_ends_the_connection_only(rig: Rig, frame: Frame) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        alice.send(frame)
        assert await alice.receive() is None
        await rig.until(lambda: bool(rig.ended))
        assert isinstance(rig.ended[0], ProtocolError)
        assert rig.bob.refused == {Refusal.MALFORMED: 1}
        again = await Hostile.resumed(rig)
        again.send(payment(1, 1))
        assert (await again.receive()).kind is Kind.ACK  # type: ignore[union-attr]

    rig.play(scene)


def test_messages_out_of_place_are_refused(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        alice.send(Frame(Kind.ACK, SIGNING.sign_state(KEY_A, State(1, 5)).encode()))
        assert await alice.refusal() == (0, Refusal.UNKNOWN_STATE)
        alice.send(wire.close(0, 5, bytes(64)))
        assert await alice.refusal() == (0, Refusal.OTHER_TERMS)
        alice.send(wire.propose(1, 5))
        assert await alice.refusal() == (0, Refusal.OTHER_TERMS)
        alice.send(Frame(Kind.TURN))
        alice.send(Frame(Kind.TURN))
        assert await alice.refusal() == (0, Refusal.OUT_OF_TURN)
        alice.send(payment(1, 5))
        assert await alice.refusal() == (1, Refusal.OUT_OF_TURN), "it gave the turn away"

    rig.play(scene)


def test_the_turn_is_passed_only_when_every_payment_is_acknowledged(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        await rig.until(lambda: bool(rig.sessions))
        paying = asyncio.ensure_future(rig.sessions[0].pay([5]))
        assert await alice.receive() == Frame(Kind.WANT)
        alice.send(Frame(Kind.TURN))
        assert await alice.receive() == payment(1, -5, KEY_B)
        alice.send(Frame(Kind.WANT))
        alice.send(Frame(Kind.TURN))
        assert await alice.refusal() == (0, Refusal.OUT_OF_TURN), "it still has the turn"
        alice.send(Frame(Kind.ACK, SIGNING.sign_state(KEY_A, State(1, -5)).encode()))
        assert await alice.receive() == Frame(Kind.TURN)
        assert await paying == 1

    rig.play(scene)


def test_a_payer_is_told_why_and_the_payment_stays_on_the_way(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = rig.peer("alice", KEY_A)
        rig.bob.freeze()
        session = await sessions.connect(alice, "127.0.0.1", rig.port)
        running = asyncio.ensure_future(session.run())
        with pytest.raises(Refused, match="refused payment 1: frozen"):
            await session.pay([5])
        with pytest.raises(Refused):
            await running
        assert [each.state for each in alice.view.pending] == [State(1, 5)]

    rig.play(scene)


def test_a_lost_connection_fails_the_callers_and_the_next_one_makes_up_for_it(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = rig.peer("alice", KEY_A)
        silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
        session = await sessions.connect(alice, "127.0.0.1", silent.sockets[0].getsockname()[1])
        running = asyncio.ensure_future(session.run())
        paying = asyncio.ensure_future(session.pay([5, 6]))
        await rig.until(lambda: len(alice.view.pending) == 2)
        session.disconnect()
        await running
        with pytest.raises(ServiceError, match="2 payments wait"):
            await paying
        with pytest.raises(ServiceError, match="2 payments wait"):
            await session.pay([1])
        silent.close()
        session = await sessions.connect(alice, "127.0.0.1", rig.port)
        running = asyncio.ensure_future(session.run())
        assert await session.pay([1]) == 3
        assert rig.bob.view.agreed == State(3, 12)
        session.disconnect()
        await running

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A Bob who goes through the beginning and then takes nothing."""
        quiet = rig.peer("quiet", KEY_B)
        rig.sessions.append(await sessions.accept({channel().id: quiet}.get, reader, writer))

    rig.play(scene)


def test_a_second_connection_takes_over_from_the_first(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        first = await Hostile.resumed(rig)
        second = await Hostile.resumed(rig)
        first.send(payment(1, 5))
        assert await first.receive() is None, "what comes in on the first is from before"
        assert rig.bob.view.agreed == State(0, 0)
        second.send(payment(1, 6))
        assert (await second.receive()).kind is Kind.ACK  # type: ignore[union-attr]
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
        wire.read_hello, wire.read_resume, wire.read_pay, wire.read_refuse, wire.read_propose, wire.read_close
    ]  # fmt: skip
    for read in readers:
        with contextlib.suppress(ProtocolError):
            read(body)
    frame = Frame(kind, body)
    encoded = frame.encode()
    assert wire.frame_length(encoded[:4]) == len(encoded) - 4
    assert wire.decode_frame(encoded[4:]) == frame
