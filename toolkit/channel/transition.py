"""One party's view of a channel, and what may happen to it.

Every function is pure and total: what breaks the rules leaves the view as it was and comes back with a `Refusal`.

Who holds which signatures. A change (see `toolkit.channel.change`) makes the next state, signed by its author, who
gives something up with it; the other party keeps it (with it alone it can close) and answers with its own signature
over the newest state it took, which acknowledges all before it and lets the author close with the newest state, too.
Nobody ever signs two states with one nonce: a change is on disk before it is sent and is sent again as it was until
it is acknowledged, and a party with changes on the way takes none. For which of the two may make changes, see
`toolkit.channel.wire`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from toolkit.channel.change import Cancel, Change, Offer, Pay, Settle
from toolkit.channel.state import (
    FIRST_STATE,
    MAX_NONCE,
    Deposits,
    Lock,
    Side,
    State,
    Withdrawal,
    locks_root,
)

MAX_LOCKS = 64
"""Locks pending in a channel at a time. Whoever shows one on L1 shows the list: about 1,000 gas for each."""

MAX_LOCK_SECONDS = 14 * 24 * 3600
"""How long a lock may run: a channel that is closed alone is not paid out before its locks are resolved."""


class Refusal(IntEnum):
    """Why something was refused (the numbers go over the wire)."""

    BAD_SIGNATURE = 1
    """Not signed by the other party, or not over this."""
    NOT_NEXT = 2
    """Its nonce is not the one after the newest state's: replayed, skipped or out of order."""
    NOT_A_PAYMENT = 3
    """It pays the receiver nothing."""
    OVER_BALANCE = 4
    """The author owns less than that in the channel."""
    COLLISION = 5
    """The receiver has changes of its own on the way."""
    FROZEN = 6
    """The channel is being closed."""
    UNKNOWN_STATE = 7
    """What it acknowledges or resumes from was never sent."""
    OUT_OF_TURN = 8
    """It was not the sender's turn."""
    BAD_LOCK = 9
    """There is no such lock, or there is one already, or one too many, or the wrong side speaks of it."""
    MALFORMED = 10
    """The bytes are no message of the protocol."""
    OTHER_TERMS = 11
    """Another channel, version, net transfer, number or expiry than the receiver stands for."""
    LOCKS_PENDING = 12
    """Channels with pending locks are not closed together."""
    WRONG_SECRET = 13
    """No lock that the receiver offered has this secret."""
    WITHDRAWING = 14
    """Another withdrawal is on its way, or the receiver has not seen it on L1 yet."""


class Tip(NamedTuple):
    """A state with what its locks root stands for."""

    state: State
    locks: tuple[Offer, ...]


class Update(NamedTuple):
    """A change that was made: the tip after it and its author's signature over that state (64 bytes)."""

    tip: Tip
    change: Change
    signature: bytes


@dataclass(frozen=True, slots=True)
class View:
    """What one party knows of a channel.

    Attributes:
        side: which party.
        deposits: on L1, as far as they count for this party.
        agreed: the newest state that both parties signed or that this party was given.
        proof: the other party's signature over it; empty for the first state.
        locks: the locks pending in it.
        pending: this party's changes after it that are not acknowledged, oldest first.
        frozen: whether no change is made or taken any more.
        leaving: a withdrawal from the channel that both signed and that L1 has not shown yet.
    """

    side: Side
    deposits: Deposits
    agreed: State = FIRST_STATE
    proof: bytes = b""
    locks: tuple[Offer, ...] = ()
    pending: tuple[Update, ...] = ()
    frozen: bool = False
    leaving: Withdrawal | None = None

    @property
    def agreed_tip(self) -> Tip:
        """The newest agreed state."""
        return Tip(self.agreed, self.locks)

    @property
    def tip(self) -> Tip:
        """The newest state that this party signed or took."""
        return self.pending[-1].tip if self.pending else self.agreed_tip

    @property
    def usable(self) -> Deposits:
        """The deposits without what is about to be withdrawn."""
        if self.leaving is None:
            return self.deposits
        return Deposits(self.deposits.a - self.leaving.units_a, self.deposits.b - self.leaving.units_b)

    @property
    def balance(self) -> int:
        """Units this party can still pay."""
        return free(self.usable, self.tip, self.side)


def owned(deposits: Deposits, net: int, side: Side) -> int:
    """What ``side`` owns (units) after the net transfer, never more than there is; negative where it owes some.

    More is owed to a side only where L1 shows fewer units than it did, or none: a channel that is closed pays nobody.
    """
    return min(deposits.a - net if side is Side.A else deposits.b + net, deposits.total)


def locked(locks: Sequence[Offer], side: Side) -> int:
    """Units that ``side`` has promised in pending locks."""
    return sum(abs(offer.lock.units) for offer in locks if offer.lock.payer is side)


def free(deposits: Deposits, tip: Tip, side: Side) -> int:
    """What ``side`` can still pay (units)."""
    left = owned(deposits, tip.state.net, side)
    return left - locked(tip.locks, side) if tip.locks else left


def lock_of(tip: Tip, hash_: bytes) -> Lock | None:
    """The pending lock with that hash."""
    return next((offer.lock for offer in tip.locks if offer.lock.hash == hash_), None)


def changed(tip: Tip, deposits: Deposits, author: Side, change: Change, now: int) -> Tip | Refusal:
    """The state after a change, or why ``author`` may not make it; ``now`` is Unix time."""
    (nonce, net, root), locks = tip
    if nonce >= MAX_NONCE:
        return Refusal.NOT_NEXT
    match change:
        case Pay(units):
            if units <= 0:
                return Refusal.NOT_A_PAYMENT
            if units > free(deposits, tip, author):
                return Refusal.OVER_BALANCE
            net += units if author is Side.A else -units
        case Offer(lock, _):
            if lock.units == 0:
                return Refusal.NOT_A_PAYMENT
            known = lock_of(tip, lock.hash) is not None
            if known or lock.payer is not author or len(locks) >= MAX_LOCKS or lock.expiry > now + MAX_LOCK_SECONDS:
                return Refusal.BAD_LOCK
            if abs(lock.units) > free(deposits, tip, author):
                return Refusal.OVER_BALANCE
            locks = (*locks, change)
        case Settle():
            lock_ = lock_of(tip, change.hash)
            if lock_ is None or lock_.payer is not author:
                return Refusal.BAD_LOCK
            net += lock_.units
            locks = tuple(offer for offer in locks if offer.lock is not lock_)
        case Cancel(hash_, _):
            lock_ = lock_of(tip, hash_)
            if lock_ is None or lock_.payer is author:
                return Refusal.BAD_LOCK
            locks = tuple(offer for offer in locks if offer.lock is not lock_)
    if locks is not tip.locks:
        root = locks_root([offer.lock for offer in locks])
    return Tip(State(nonce + 1, net, root), locks)


def may_change(view: View) -> Refusal | None:
    """Why this party may make no changes now."""
    return Refusal.FROZEN if view.frozen else None


def may_take(view: View) -> Refusal | None:
    """Why this party may take no changes now."""
    if view.frozen:
        return Refusal.FROZEN
    return Refusal.COLLISION if view.pending else None


def sent(view: View, updates: Sequence[Update]) -> View:
    """With own changes on the way, the first of them made to the view's tip."""
    return replace(view, pending=(*view.pending, *updates))


def taken(view: View, tip: Tip, proof: bytes) -> View:
    """After the other party's changes, up to ``tip`` with its signature."""
    return replace(view, agreed=tip.state, locks=tip.locks, proof=proof)


def acknowledged(view: View, nonce: int, signature: bytes, by_other: bool) -> tuple[View, Refusal | None]:
    """Take the other party's signature over one of the changes on the way; it stands for all before it.

    ``by_other`` says whether it is the other party's signature over the state that `offered_state` gives.
    """
    if offered_state(view, nonce) is None:
        return view, Refusal.UNKNOWN_STATE
    if not by_other:
        return view, Refusal.BAD_SIGNATURE
    index = nonce - view.agreed.nonce
    tip = view.pending[index - 1].tip
    return replace(view, agreed=tip.state, locks=tip.locks, proof=signature, pending=view.pending[index:]), None


def offered_state(view: View, nonce: int) -> State | None:
    """The state with that nonce among the changes on the way."""
    index = nonce - view.agreed.nonce - 1
    return view.pending[index].tip.state if 0 <= index < len(view.pending) else None


def resumed(
    view: View, theirs: State, signature: bytes, they_have_pending: bool, by_other: bool
) -> tuple[View, Refusal | None]:
    """Compare with the state from which the other party resumes after an interruption, and catch up with it.

    In step are: the same state; one of our changes, whose acknowledgement was lost; an older one while the other
    party's changes wait for ours. Anything else means that one of the two has lost its store.
    """
    if theirs.nonce > 0 and not by_other:
        return view, Refusal.BAD_SIGNATURE
    if they_have_pending and view.pending:
        return view, Refusal.COLLISION
    if theirs == view.agreed:
        return view, None
    if they_have_pending and theirs.nonce < view.agreed.nonce:
        return view, None
    if offered_state(view, theirs.nonce) != theirs:
        return view, Refusal.UNKNOWN_STATE
    return acknowledged(view, theirs.nonce, signature, by_other)


def may_close(view: View) -> Refusal | None:
    """Why the channel cannot be closed together now."""
    if view.pending:
        return Refusal.COLLISION
    return Refusal.LOCKS_PENDING if view.locks else None


def may_withdraw(view: View, withdrawal: Withdrawal) -> Refusal | None:
    """Why this party does not agree to a withdrawal now."""
    if view.frozen:
        return Refusal.FROZEN
    if view.pending:
        return Refusal.COLLISION
    if view.leaving is not None:
        return Refusal.WITHDRAWING
    left_a = free(view.deposits, view.tip, Side.A) - withdrawal.units_a
    left_b = free(view.deposits, view.tip, Side.B) - withdrawal.units_b
    if min(left_a, left_b) < 0 or not 0 < withdrawal.units_a + withdrawal.units_b < view.deposits.total:
        return Refusal.OVER_BALANCE
    return None


def withdrawing(view: View, withdrawal: Withdrawal) -> View:
    """With a withdrawal agreed on."""
    return replace(view, leaving=withdrawal)


def staying(view: View) -> View:
    """Without the withdrawal that was asked for."""
    return replace(view, leaving=None)


def frozen(view: View) -> View:
    """With no change made or taken any more."""
    return replace(view, frozen=True)


def seen(view: View, deposits: Deposits, withdrawals: int, now: int) -> View:
    """With what L1 shows: the deposits, how many withdrawals there have been, and its time (Unix)."""
    leaving = view.leaving
    if leaving is not None and (withdrawals > leaving.number or now > leaving.expiry):
        leaving = None
    if deposits == view.deposits and leaving is view.leaving:
        return view
    return replace(view, deposits=deposits, leaving=leaving)
