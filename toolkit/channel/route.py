"""Payments over several channels: what each hop promises the next, and what it does about pending locks.

The payer chooses the hops. It locks in its channel with the first what the payee gets and every hop's fee; each hop
locks the same hash in its channel with the next, for less and for a shorter time. The payee, who alone knows the
secret, shows it to take its lock; so it travels back, and every hop takes what it was promised with it. A hop that
must go to L1 for the secret (it is public there) still has `Policy.expiry_delta` seconds to use it.

A hop sees the rest of the route: nothing is hidden from it (an onion, as Lightning's BOLT 4 has it, is not spoken).

`intents` is level-triggered: what is to be done follows from the locks that are pending and from what is in the store,
not from how it came to that. So there is one rule for the usual course and for the time after a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from toolkit.channel.state import ETHER, GWEI_EXPONENT, Lock, Side
from toolkit.errors import BadInput, ProtocolError

MAX_HOPS = 20
_HOP_SIZE = 33


class Failure(IntEnum):
    """Why a lock was cancelled (the numbers go over the wire)."""

    UNKNOWN_HASH = 1
    """The payee waits for no such payment."""
    UNDERPAID = 2
    """The payee waits for more, or for another asset."""
    NO_CHANNEL = 3
    """A hop has no open channel with the next one, or is not connected with it."""
    OVER_BALANCE = 4
    """A hop does not own enough in its channel with the next one."""
    FEE_TOO_LOW = 5
    """A hop wants more for its service."""
    TOO_SOON = 6
    """The lock expires too soon for a hop to be safe."""
    BAD_ROUTE = 7
    """The route is none."""
    EXPIRED = 8
    """Nobody showed the secret in time."""


class Hop(NamedTuple):
    """What one lock of a route promises, and to whom.

    Attributes:
        to: 20-byte address of who is paid.
        units: how much.
        expiry: until when (Unix time).
    """

    to: bytes
    units: int
    expiry: int


@dataclass(frozen=True)
class Policy:
    """What a party asks of the payments it forwards and takes.

    Attributes:
        fee_units: for each payment.
        fee_ppm: millionths of the forwarded amount, on top, rounded up.
        expiry_delta: seconds between the expiry of the lock that it takes and of the one that it gives; enough to learn
            a secret on L1 and to use it there.
        margin: seconds before a lock expires at which it takes what it is owed on L1.
    """

    fee_units: int = 0
    fee_ppm: int = 1_000
    expiry_delta: int = 3_600
    margin: int = 1_800

    def __post_init__(self) -> None:
        if min(self.fee_units, self.fee_ppm, self.margin) < 0 or self.expiry_delta <= self.margin:
            raise BadInput(f"no fee is negative, and a lock's margin is shorter than the time between two: {self}")

    def fee(self, units: int) -> int:
        """Units for forwarding ``units``."""
        return self.fee_units - -units * self.fee_ppm // 1_000_000


def plan(units: int, to: Sequence[bytes], now: int, policy: Policy) -> list[Hop]:
    """The hops of a payment, first one first, if all ask what ``policy`` does.

    Args:
        units: what the payee gets.
        to: 20-byte addresses of the hops and, last, of the payee.
        now: Unix time.

    Raises:
        BadInput: no hop or too many, or nothing is paid.
    """
    if not 1 <= len(to) <= MAX_HOPS:
        raise BadInput(f"a route has 1 to {MAX_HOPS} hops, not {len(to)}")
    if units <= 0:
        raise BadInput(f"a payment is more than nothing, not {units} units")
    hops: list[Hop] = []
    expiry = now + 2 * policy.expiry_delta
    for address in reversed(to):
        if hops:
            units, expiry = units + policy.fee(units), expiry + policy.expiry_delta
        hops.append(Hop(address, units, expiry))
    return hops[::-1]


def encode(hops: Sequence[Hop]) -> bytes:
    """Each hop's address 20, units 8 and expiry 5."""
    return b"".join(hop.to + hop.units.to_bytes(8, "big") + hop.expiry.to_bytes(5, "big") for hop in hops)


def decode(data: bytes) -> list[Hop]:
    """The hops; raises ProtocolError where they are none."""
    if len(data) % _HOP_SIZE or len(data) > MAX_HOPS * _HOP_SIZE:
        raise ProtocolError(f"a route of {len(data)} bytes is none")
    parts = [data[at : at + _HOP_SIZE] for at in range(0, len(data), _HOP_SIZE)]
    return [Hop(part[:20], int.from_bytes(part[20:28], "big"), int.from_bytes(part[28:], "big")) for part in parts]


def promised(lock: Lock, hop: Hop, policy: Policy, now: int) -> Failure | None:
    """Why a hop does not forward: ``lock`` is what it is promised, ``hop`` what it is to promise."""
    if not 0 < hop.units <= abs(lock.units) - policy.fee(hop.units):
        return Failure.FEE_TOO_LOW
    if lock.expiry < hop.expiry + policy.expiry_delta or hop.expiry < now + policy.margin:
        return Failure.TOO_SOON
    return None


class Bill(NamedTuple):
    """What a payee waits for.

    Attributes:
        units: how many.
        token, exponent: of the channels in which they count (20-byte address; a unit is 10**exponent base units).
    """

    units: int
    token: bytes = ETHER
    exponent: int = GWEI_EXPONENT

    def paid_by(self, each: Held) -> bool:
        """Whether a lock is enough for it."""
        return (each.token, each.exponent) == (self.token, self.exponent) and abs(each.lock.units) >= self.units


class Held(NamedTuple):
    """A lock that is pending in a channel of ours, in the newest state that both signed.

    Attributes:
        channel: 32-byte id.
        side: ours in it.
        lock: the lock.
        route: where the payment goes on to; encoded.
        live: whether changes can be made now: the other party is connected and nobody closes the channel.
        moving: whether a change of ours that takes the lock away is on the way.
        token, exponent: the channel's.
        forwarding: whether the next hop is being promised its part, and has not acknowledged it.
    """

    channel: bytes
    side: Side
    lock: Lock
    route: bytes
    live: bool
    moving: bool
    token: bytes = ETHER
    exponent: int = GWEI_EXPONENT
    forwarding: bool = False

    @property
    def ours(self) -> bool:
        """Whether it pays us."""
        return self.lock.payer is not self.side


@dataclass(frozen=True)
class Knowledge:
    """What a party remembers beside its channels.

    Attributes:
        secrets: hash -> 32-byte secret.
        invoices: hash -> what it waits for as a payee.
        forwarded: hash -> channel in which it forwarded.
        failures: hash -> why the next hop cancelled.
        accepted: (channel, hash) of the locks to whose payer it has shown, as the payee, the secret.
        revealed: hash -> when (Unix time) the secret was noted on L1, where it counts whatever happens later.
    """

    secrets: Mapping[bytes, bytes] = field(default_factory=dict)
    invoices: Mapping[bytes, Bill] = field(default_factory=dict)
    forwarded: Mapping[bytes, bytes] = field(default_factory=dict)
    failures: Mapping[bytes, int] = field(default_factory=dict)
    accepted: Collection[tuple[bytes, bytes]] = ()
    revealed: Mapping[bytes, int] = field(default_factory=dict)

    def counts(self, lock: Lock, now: int) -> bool:
        """Whether the secret of ``lock`` is known and L1 would take it, or has taken it."""
        in_time = min(now, self.revealed.get(lock.hash, now)) <= lock.expiry
        return lock.hash in self.secrets and in_time

    def may_show(self, each: Held) -> bool:
        """Whether the secret of a lock, which proves a payment, may be shown off chain or on L1: only for enough."""
        hash_ = each.lock.hash
        bill = self.invoices.get(hash_)
        return hash_ in self.secrets and (bill is None or (each.channel, hash_) in self.accepted or bill.paid_by(each))


class Show(NamedTuple):
    """Tell the other party of a channel the secret of a lock that pays us."""

    channel: bytes
    secret: bytes


class SettleLock(NamedTuple):
    """Pay a lock whose secret is known."""

    channel: bytes
    secret: bytes


class CancelLock(NamedTuple):
    """Give up a lock that was to pay us."""

    channel: bytes
    hash: bytes
    reason: Failure


class Forward(NamedTuple):
    """Promise the next hop what it is to get, or cancel the lock in ``channel`` where that cannot be done."""

    channel: bytes
    lock: Lock
    hop: Hop
    rest: bytes


Intent = Show | SettleLock | CancelLock | Forward


def intents(held: Sequence[Held], known: Knowledge, policy: Policy, now: int, past: int) -> list[Intent]:
    """What to do about the pending locks; nothing is done about a channel that is not live.

    Args:
        now: Unix time, the later of ours and L1's: by it something is too late to be relied on.
        past: Unix time that L1 has certainly reached: by it nobody can take a lock any more that has expired.
    """
    given: Collection[bytes] = {each.lock.hash for each in held if not each.ours}
    found: list[Intent] = []
    for each in held:
        if not each.live or each.moving:
            continue
        if each.ours:
            intent = _about_ours(each, known, policy, now, past, given)
        elif known.counts(each.lock, now):
            intent = SettleLock(each.channel, known.secrets[each.lock.hash])
        else:
            intent = None  # it is the payee who gives up what has expired
        if intent is not None:
            found.append(intent)
    return found


def _about_ours(
    each: Held, known: Knowledge, policy: Policy, now: int, past: int, given: Collection[bytes]
) -> Intent | None:
    channel, lock = each.channel, each.lock
    if lock.hash in known.invoices and (channel, lock.hash) not in known.accepted:
        failure = _unacceptable(each, known.invoices[lock.hash], policy, now)
        return Show(channel, known.secrets[lock.hash]) if failure is None else CancelLock(channel, lock.hash, failure)
    if known.counts(lock, now):
        return Show(channel, known.secrets[lock.hash])
    if past > lock.expiry:
        return CancelLock(channel, lock.hash, Failure.EXPIRED)
    if lock.hash in known.secrets:
        return None  # too late by our clock alone: on L1, which may be far behind it, the lock is still to be had
    if each.forwarding or lock.hash in given:
        return None  # the next hop has its time
    if lock.hash in known.forwarded:
        return CancelLock(channel, lock.hash, Failure(known.failures.get(lock.hash, Failure.EXPIRED)))
    return _about_new(each, policy, now)


def _about_new(each: Held, policy: Policy, now: int) -> Intent:
    channel, lock = each.channel, each.lock
    try:
        hops = decode(each.route)
    except ProtocolError:
        return CancelLock(channel, lock.hash, Failure.BAD_ROUTE)
    if not hops:
        return CancelLock(channel, lock.hash, Failure.UNKNOWN_HASH)
    failure = promised(lock, hops[0], policy, now)
    if failure is not None:
        return CancelLock(channel, lock.hash, failure)
    return Forward(channel, lock, hops[0], encode(hops[1:]))


def _unacceptable(each: Held, bill: Bill, policy: Policy, now: int) -> Failure | None:
    """Why a payee does not show the secret: afterwards it has the lock alone to be paid."""
    if not bill.paid_by(each):
        return Failure.UNDERPAID
    return Failure.TOO_SOON if each.lock.expiry < now + policy.margin else None
