"""What may change in a channel off chain, and its bytes.

Whoever gives something up with a change signs the state after it first, so that holding the other party's signature
never hurts: the payer makes a payment, offers a lock and settles it once it knows the secret; the payee cancels it.
"""

from __future__ import annotations

from typing import NamedTuple

from toolkit.channel.state import Lock
from toolkit.crypto import keccak256
from toolkit.errors import ProtocolError

MAX_ROUTE = 1024
"""Bytes of an offer's route."""


class Pay(NamedTuple):
    """The author pays the other party.

    Attributes:
        units: how much, more than nothing.
    """

    units: int


class Offer(NamedTuple):
    """The author will pay once it is shown a secret (a hash time lock).

    Attributes:
        lock: the conditional payment; its sign says that the author pays.
        route: for the payee, where the payment goes on to (see `toolkit.channel.route`); empty at its end.
    """

    lock: Lock
    route: bytes = b""


class Settle(NamedTuple):
    """The author, who offered a lock, knows its secret now: the lock goes, its units are paid.

    Attributes:
        secret: the 32 bytes whose keccak256 is the lock's hash.
    """

    secret: bytes

    @property
    def hash(self) -> bytes:
        """Of the lock."""
        return keccak256(self.secret)


class Cancel(NamedTuple):
    """The author, to whom a lock was offered, gives it up.

    Attributes:
        hash: of the lock.
        reason: for whoever offered it, a `toolkit.channel.route.Failure`.
    """

    hash: bytes
    reason: int


Change = Pay | Offer | Settle | Cancel


def encode(change: Change) -> bytes:
    """A kind (1 byte), then: units 8 | hash 32, units 8, expiry 5, route | secret 32 | hash 32, reason 1."""
    match change:
        case Pay(units):
            return b"\x01" + units.to_bytes(8, "big")
        case Offer(lock, route):
            terms = lock.units.to_bytes(8, "big", signed=True) + lock.expiry.to_bytes(5, "big")
            return b"\x02" + lock.hash + terms + route
        case Settle(secret):
            return b"\x03" + secret
        case Cancel(hash_, reason):
            return b"\x04" + hash_ + bytes([reason])


def decode(data: bytes) -> Change:
    """The change in ``data``; raises ProtocolError where it is none."""
    kind, body = data[:1], data[1:]
    if kind == b"\x01" and len(body) == 8:
        return Pay(int.from_bytes(body, "big"))
    if kind == b"\x02" and 45 <= len(body) <= 45 + MAX_ROUTE:
        units, expiry = int.from_bytes(body[32:40], "big", signed=True), int.from_bytes(body[40:45], "big")
        return Offer(Lock(body[:32], units, expiry), body[45:])
    if kind == b"\x03" and len(body) == 32:
        return Settle(body)
    if kind == b"\x04" and len(body) == 33:
        return Cancel(body[:32], body[32])
    raise ProtocolError(f"0x{data[:64].hex()} is no change of a channel")
