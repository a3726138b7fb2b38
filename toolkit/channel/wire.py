"""The protocol between two peers, version 1: frames over one TCP connection a channel.

A frame is its length (4 bytes, big-endian, of what follows), its kind (1 byte) and its body; numbers are big-endian,
a state is the 78 bytes of `SignedState`, a body is 256 KiB at most.

    kind  body
    1 HELLO    "L2CH" 4 | version 2 | channel id 32 | challenge 32
    2 AUTH     signature 64 over keccak(0x19 "l2kit channel session" | version | channel id | own challenge | other's)
    3 RESUME   state: the newest agreed one, signed by the sender, zeros for the first | has payments on the way 1
    4 PAY      states, 1 to 1,024: payments signed by the sender
    5 ACK      state: the newest payment taken, signed by the sender; acknowledges those before it
    6 REFUSE   nonce 6 | reason 1 (`Refusal`): of a payment, or 0 of anything else
    7 WANT     nothing: the sender would like to pay
    8 TURN     nothing: now the other one may pay
    9 PROPOSE  net 8 | expiry 5: please sign this Close
    10 CLOSE   net 8 | expiry 5 | signature 64: a Close signed by the sender

The one that connects says HELLO first; both send HELLO, AUTH, RESUME in this order and check the other's before they
go on. Then one of the two has the turn: the one with payments on the way, else A. Only it pays; asked by WANT it
passes the turn once all its payments are acknowledged. The turn keeps honest peers from signing two states with one
nonce at the same time. It is no safety rule: a peer that pays out of turn is refused. After an interruption the
payments on the way are sent again, byte for byte. The connection is neither secret nor safe from being cut: every
state is signed, so whoever sits in between can only listen and delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from toolkit.channel.state import SIGNED_STATE_SIZE, SignedState
from toolkit.channel.transition import Refusal
from toolkit.crypto import keccak256
from toolkit.errors import ProtocolError

VERSION = 1
MAX_BODY = 256 * 1024
MAX_PAYMENTS = 1024
"""Payments in one PAY frame."""

_MAGIC = b"L2CH"


class Kind(IntEnum):
    """Kinds of frames."""

    HELLO = 1
    AUTH = 2
    RESUME = 3
    PAY = 4
    ACK = 5
    REFUSE = 6
    WANT = 7
    TURN = 8
    PROPOSE = 9
    CLOSE = 10


@dataclass(frozen=True)
class Frame:
    """One message."""

    kind: Kind
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return (1 + len(self.body)).to_bytes(4, "big") + bytes([self.kind]) + self.body


def frame_length(prefix: bytes) -> int:
    """The length that a frame's first 4 bytes announce; raises ProtocolError where it is out of bounds."""
    length = int.from_bytes(prefix, "big")
    if not 1 <= length <= 1 + MAX_BODY:
        raise ProtocolError(f"a frame of {length} bytes was announced; they have 1 to {1 + MAX_BODY}")
    return length


def decode_frame(data: bytes) -> Frame:
    """The frame after its length; raises ProtocolError where its kind is unknown."""
    try:
        return Frame(Kind(data[0]), data[1:])
    except ValueError:
        raise ProtocolError(f"there is no frame of kind {data[0]}") from None


def hello(channel: bytes, challenge: bytes) -> Frame:
    """Version, channel id (32 bytes) and challenge (32 random bytes)."""
    return Frame(Kind.HELLO, _MAGIC + VERSION.to_bytes(2, "big") + channel + challenge)


def read_hello(body: bytes) -> tuple[bytes, bytes]:
    """Channel id and challenge; raises ProtocolError for another protocol or version."""
    if len(body) != 70 or body[:4] != _MAGIC:
        raise ProtocolError("the other side does not speak the channel protocol")
    version = int.from_bytes(body[4:6], "big")
    if version != VERSION:
        raise ProtocolError(f"the other side speaks version {version} of the channel protocol, not {VERSION}")
    return body[6:38], body[38:]


def session_digest(channel: bytes, own: bytes, others: bytes) -> bytes:
    """The 32 bytes a party signs to prove that it is there now. No EIP-712 digest, nor a transaction's."""
    return keccak256(b"\x19l2kit channel session" + VERSION.to_bytes(2, "big") + channel + own + others)


def resume(state: SignedState, has_pending: bool) -> Frame:
    """From where a party goes on."""
    return Frame(Kind.RESUME, state.encode() + bytes([has_pending]))


def read_resume(body: bytes) -> tuple[SignedState, bool]:
    """The state, and whether its sender has payments on the way."""
    if len(body) != SIGNED_STATE_SIZE + 1 or body[-1] > 1:
        raise ProtocolError(f"a RESUME of {len(body)} bytes is none")
    return SignedState.decode(body[:-1]), body[-1] == 1


def pay(payments: list[SignedState]) -> Frame:
    """1 to `MAX_PAYMENTS` payments."""
    return Frame(Kind.PAY, b"".join(each.encode() for each in payments))


def read_pay(body: bytes) -> list[SignedState]:
    """The payments."""
    count, rest = divmod(len(body), SIGNED_STATE_SIZE)
    if rest or not 1 <= count <= MAX_PAYMENTS:
        raise ProtocolError(f"a PAY has 1 to {MAX_PAYMENTS} states of {SIGNED_STATE_SIZE} bytes, not {len(body)} bytes")
    return [SignedState.decode(body[at : at + SIGNED_STATE_SIZE]) for at in range(0, len(body), SIGNED_STATE_SIZE)]


def refuse(nonce: int, reason: Refusal) -> Frame:
    """Why something was refused; ``nonce`` of the payment, 0 for anything else."""
    return Frame(Kind.REFUSE, nonce.to_bytes(6, "big") + bytes([reason]))


def read_refuse(body: bytes) -> tuple[int, Refusal]:
    """Nonce and reason."""
    try:
        if len(body) == 7:
            return int.from_bytes(body[:6], "big"), Refusal(body[6])
    except ValueError:
        pass
    raise ProtocolError(f"0x{body.hex()} is no REFUSE")


def propose(net: int, expiry: int) -> Frame:
    """Please sign this Close."""
    return Frame(Kind.PROPOSE, _close(net, expiry))


def close(net: int, expiry: int, signature: bytes) -> Frame:
    """A signed Close."""
    return Frame(Kind.CLOSE, _close(net, expiry) + signature)


def read_propose(body: bytes) -> tuple[int, int]:
    """Net transfer and expiry."""
    if len(body) != 13:
        raise ProtocolError(f"a PROPOSE has 13 bytes, not {len(body)}")
    return int.from_bytes(body[:8], "big", signed=True), int.from_bytes(body[8:], "big")


def read_close(body: bytes) -> tuple[int, int, bytes]:
    """Net transfer, expiry and signature."""
    if len(body) != 77:
        raise ProtocolError(f"a CLOSE has 77 bytes, not {len(body)}")
    return (*read_propose(body[:13]), body[13:])


def _close(net: int, expiry: int) -> bytes:
    return net.to_bytes(8, "big", signed=True) + expiry.to_bytes(5, "big")
