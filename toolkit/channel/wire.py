"""The protocol between two peers, version 3: binary messages over one WebSocket connection (RFC 6455) a channel.

A message is its kind (1 byte) and its body; numbers are big-endian, a message has 256 KiB at most. The WebSocket
subprotocol is "l2kit-channel.v3".

    kind    body
    1 HELLO    version 3 | the channel's descriptor 96 | challenge 32
    2 AUTH     signature 64 over keccak(0x19 "l2kit channel session" | version | channel id | own challenge | other's)
    3 RESUME   nonce 6 | net 8 | locks 32 | signature 64: the newest agreed state, signed by the sender, zeros for
               the first | has changes on the way 1
    4 PAY      1 to 1,024 times: nonce 6 | units 8 | signature 64 over the state after it
    5 CHANGE   1 to 1,024 times: length 2 (of what follows it) | nonce 6 | signature 64 | the change
               (`toolkit.channel.change`), anything else that makes a state
    6 ACK      nonce 6 | signature 64 over the state with that nonce; acknowledges those before it
    7 REFUSE   nonce 6 | reason 1 (`Refusal`): of a change, or 0 of anything else
    8 WANT     nothing: the sender would like to make changes
    9 TURN     nothing: now the other one may make changes
    10 SECRET  1 to 64 times: secret 32, of a lock that the receiver has offered; it should settle it
    11 ASK_CLOSE      net 8 | expiry 5: please sign this Close
    12 CLOSE          net 8 | expiry 5 | signature 64: a Close signed by the sender
    13 ASK_WITHDRAW   number 7 | units A 7 | units B 7 | expiry 5: please sign this Withdrawal
    14 WITHDRAW       the same | signature 64: a Withdrawal signed by the sender

The one that connects says HELLO first; both send HELLO, AUTH, RESUME in this order and check the other's before they
go on. Then one of the two has the turn: the one with changes on the way, else A. Only it makes changes; asked by WANT
it passes the turn once all its changes are acknowledged. The turn keeps honest peers from signing two states with one
nonce at the same time. It is no safety rule: a peer that acts out of turn is refused. After an interruption the
changes on the way are sent again, byte for byte. The connection is neither secret nor safe from being cut: every
state is signed, so whoever sits in between can only listen and delay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from toolkit.channel import change as changes
from toolkit.channel.change import Change, Pay
from toolkit.channel.state import Channel, State, Withdrawal
from toolkit.channel.transition import MAX_LOCKS, Refusal, Update
from toolkit.crypto import keccak256
from toolkit.errors import BadInput, ProtocolError

VERSION = 3
SUBPROTOCOL = "l2kit-channel.v3"
MAX_MESSAGE = 256 * 1024
MAX_PAYMENTS = 1024
"""Payments in one PAY, changes in one CHANGE, and changes on the way at a time."""

_CHANGE_HEAD = 70
PAYMENT_SIZE = 78
"""Bytes of a signed payment: nonce 6, units 8, signature 64 (EIP-2098)."""


class Kind(IntEnum):
    """Kinds of messages."""

    HELLO = 1
    AUTH = 2
    RESUME = 3
    PAY = 4
    CHANGE = 5
    ACK = 6
    REFUSE = 7
    WANT = 8
    TURN = 9
    SECRET = 10
    ASK_CLOSE = 11
    CLOSE = 12
    ASK_WITHDRAW = 13
    WITHDRAW = 14


@dataclass(frozen=True)
class Message:
    """One message."""

    kind: Kind
    body: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return bytes([self.kind]) + self.body


class Signed(NamedTuple):
    """A change that the other party says it made: the state's nonce, the change, and its signature (64 bytes)."""

    nonce: int
    change: Change
    signature: bytes


def decode(data: bytes) -> Message:
    """The message in ``data``; raises ProtocolError where its kind is unknown."""
    if not data:
        raise ProtocolError("an empty message came")
    try:
        return Message(Kind(data[0]), data[1:])
    except ValueError:
        raise ProtocolError(f"there is no message of kind {data[0]}") from None


def hello(channel: Channel, challenge: bytes) -> Message:
    """Version, channel and challenge (32 random bytes)."""
    return Message(Kind.HELLO, VERSION.to_bytes(2, "big") + channel.encode() + challenge)


def read_hello(body: bytes) -> tuple[Channel, bytes]:
    """Channel and challenge; raises ProtocolError for another version."""
    version = int.from_bytes(body[:2], "big")
    if version != VERSION:
        raise ProtocolError(f"the other side speaks version {version} of the channel protocol, not {VERSION}")
    _sized(Kind.HELLO, body, 130)
    try:
        return Channel.decode(body[2:98]), body[98:]
    except BadInput as error:
        raise ProtocolError(f"the other side names no channel: {error}") from error


def session_digest(channel: bytes, own: bytes, others: bytes) -> bytes:
    """The 32 bytes a party signs to prove that it is there now. No EIP-712 digest, nor a transaction's."""
    return keccak256(b"\x19l2kit channel session" + VERSION.to_bytes(2, "big") + channel + own + others)


def resume(state: State, signature: bytes, has_pending: bool) -> Message:
    """From where a party goes on."""
    nonce, net = state.nonce.to_bytes(6, "big"), state.net.to_bytes(8, "big", signed=True)
    return Message(Kind.RESUME, nonce + net + state.locks + signature + bytes([has_pending]))


def read_resume(body: bytes) -> tuple[State, bytes, bool]:
    """The state, its sender's signature over it, and whether its sender has changes on the way."""
    _sized(Kind.RESUME, body, 111)
    state = State(int.from_bytes(body[:6], "big"), int.from_bytes(body[6:14], "big", signed=True), body[14:46])
    return state, body[46:110], body[110] != 0


def updates(made: Sequence[Update]) -> list[Message]:
    """The messages that carry changes, in their order; changes of a kind that follow each other share one."""
    messages: list[Message] = []
    parts: list[bytes] = []
    of, size = Kind.PAY, 0

    def flush() -> None:
        if parts:
            messages.append(Message(of, b"".join(parts)))
            parts.clear()

    for tip, change, signature in made:
        nonce = tip.state.nonce.to_bytes(6, "big")
        if isinstance(change, Pay):
            kind, part = Kind.PAY, nonce + change.units.to_bytes(8, "big") + signature
        else:
            body = nonce + signature + changes.encode(change)
            kind, part = Kind.CHANGE, len(body).to_bytes(2, "big") + body
        if kind is not of or len(parts) == MAX_PAYMENTS or size + len(part) >= MAX_MESSAGE:
            flush()
            of, size = kind, 0
        parts.append(part)
        size += len(part)
    flush()
    return messages


def read_pay(body: bytes) -> list[Signed]:
    """The payments."""
    count, rest = divmod(len(body), PAYMENT_SIZE)
    if rest or not 1 <= count <= MAX_PAYMENTS:
        raise ProtocolError(f"a PAY has 1 to {MAX_PAYMENTS} payments of {PAYMENT_SIZE} bytes, not {len(body)} bytes")
    number = int.from_bytes
    return [
        Signed(number(body[at : at + 6], "big"), Pay(number(body[at + 6 : at + 14], "big")), body[at + 14 : at + 78])
        for at in range(0, len(body), PAYMENT_SIZE)
    ]


def read_changes(body: bytes) -> list[Signed]:
    """The changes."""
    found: list[Signed] = []
    at = 0
    while at < len(body) or not found:
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        part = body[at + 2 : end]
        if len(part) <= _CHANGE_HEAD or end > len(body) or len(found) == MAX_PAYMENTS:
            raise ProtocolError(
                f"a CHANGE has 1 to {MAX_PAYMENTS} changes of more than {_CHANGE_HEAD} bytes; the one of"
                f" {len(part)} bytes at byte {at} of {len(body)} is none of them"
            )
        found.append(Signed(int.from_bytes(part[:6], "big"), changes.decode(part[_CHANGE_HEAD:]), part[6:_CHANGE_HEAD]))
        at = end
    return found


def ack(nonce: int, signature: bytes) -> Message:
    """The changes up to ``nonce`` are taken."""
    return Message(Kind.ACK, nonce.to_bytes(6, "big") + signature)


def read_ack(body: bytes) -> tuple[int, bytes]:
    """Nonce and signature."""
    _sized(Kind.ACK, body, 70)
    return int.from_bytes(body[:6], "big"), body[6:]


def refuse(nonce: int, reason: Refusal) -> Message:
    """Why something was refused; ``nonce`` of the change, 0 for anything else."""
    return Message(Kind.REFUSE, nonce.to_bytes(6, "big") + bytes([reason]))


def read_refuse(body: bytes) -> tuple[int, Refusal]:
    """Nonce and reason."""
    _sized(Kind.REFUSE, body, 7)
    try:
        return int.from_bytes(body[:6], "big"), Refusal(body[6])
    except ValueError:
        raise ProtocolError(f"there is no reason {body[6]} to refuse something") from None


def secret(*of_locks: bytes) -> Message:
    """The secrets of locks that the receiver has offered."""
    return Message(Kind.SECRET, b"".join(of_locks))


def read_secrets(body: bytes) -> list[bytes]:
    """The 32-byte secrets."""
    if len(body) % 32 or not 1 <= len(body) // 32 <= MAX_LOCKS:
        raise ProtocolError(f"a SECRET has 1 to {MAX_LOCKS} secrets of 32 bytes, not {len(body)} bytes")
    return [body[at : at + 32] for at in range(0, len(body), 32)]


def ask_close(net: int, expiry: int) -> Message:
    """Please sign this Close."""
    return Message(Kind.ASK_CLOSE, _close(net, expiry))


def close(net: int, expiry: int, signature: bytes) -> Message:
    """A signed Close."""
    return Message(Kind.CLOSE, _close(net, expiry) + signature)


def read_ask_close(body: bytes) -> tuple[int, int]:
    """Net transfer and expiry."""
    _sized(Kind.ASK_CLOSE, body, 13)
    return int.from_bytes(body[:8], "big", signed=True), int.from_bytes(body[8:], "big")


def read_close(body: bytes) -> tuple[int, int, bytes]:
    """Net transfer, expiry and signature."""
    _sized(Kind.CLOSE, body, 77)
    return (*read_ask_close(body[:13]), body[13:])


def ask_withdraw(withdrawal: Withdrawal) -> Message:
    """Please sign this Withdrawal."""
    return Message(Kind.ASK_WITHDRAW, _withdrawal(withdrawal))


def withdraw(withdrawal: Withdrawal, signature: bytes) -> Message:
    """A signed Withdrawal."""
    return Message(Kind.WITHDRAW, _withdrawal(withdrawal) + signature)


def read_ask_withdraw(body: bytes) -> Withdrawal:
    """The withdrawal."""
    _sized(Kind.ASK_WITHDRAW, body, 26)
    return Withdrawal(*(int.from_bytes(part, "big") for part in (body[:7], body[7:14], body[14:21], body[21:])))


def read_withdraw(body: bytes) -> tuple[Withdrawal, bytes]:
    """The withdrawal and its signature."""
    _sized(Kind.WITHDRAW, body, 90)
    return read_ask_withdraw(body[:26]), body[26:]


def _close(net: int, expiry: int) -> bytes:
    return net.to_bytes(8, "big", signed=True) + expiry.to_bytes(5, "big")


def _withdrawal(withdrawal: Withdrawal) -> bytes:
    number, units_a, units_b, expiry = withdrawal
    return b"".join(each.to_bytes(7, "big") for each in (number, units_a, units_b)) + expiry.to_bytes(5, "big")


def _sized(kind: Kind, body: bytes, size: int) -> None:
    if len(body) != size:
        raise ProtocolError(f"a {kind.name} has {size} bytes, not {len(body)}")
