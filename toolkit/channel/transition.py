"""One party's view of a channel, and what may happen to it.

Every function is pure and total: what breaks the rules leaves the view as it was and comes back with a `Refusal`.

Who holds which signatures. A payment is the next state, signed by the payer; the payee keeps it (with it alone it can
close) and answers with its own signature over the newest state it took, which acknowledges all before it and lets the
payer close with the newest state, too. Nobody ever signs two states with one nonce: a payment is on disk before it is
sent and is sent again as it was until it is acknowledged, and a party with payments on the way takes none. For which
of the two may pay, see `toolkit.channel.wire`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from toolkit.channel.state import FIRST_STATE, MAX_NONCE, NO_LOCKS, Deposits, Side, SignedState, State


class Refusal(IntEnum):
    """Why something was refused (the numbers go over the wire)."""

    BAD_SIGNATURE = 1
    """Not signed by the other party, or not over this."""
    NOT_NEXT = 2
    """Its nonce is not the one after the newest state's: replayed, skipped or out of order."""
    NOT_A_PAYMENT = 3
    """It pays the receiver nothing, or takes something away."""
    OVER_BALANCE = 4
    """The payer owns less than that in the channel."""
    COLLISION = 5
    """The receiver has payments of its own on the way."""
    FROZEN = 6
    """The channel is being closed."""
    UNKNOWN_STATE = 7
    """What it acknowledges or resumes from was never sent."""
    OUT_OF_TURN = 8
    """It was not the sender's turn."""
    LOCKS = 9
    """Conditional payments are not spoken here."""
    MALFORMED = 10
    """The bytes are no message of the protocol."""
    OTHER_TERMS = 11
    """Another channel, version, net transfer or expiry than the receiver stands for."""


@dataclass(frozen=True, slots=True)
class View:
    """What one party knows of a channel.

    Attributes:
        side: which party.
        deposits: on L1, as far as they count for this party.
        agreed: the newest state that both parties signed or that this party was paid with.
        proof: the other party's signature over it; empty for the first state.
        pending: this party's payments after it that are not acknowledged, oldest first, with this party's signatures.
        frozen: whether no payment is made or taken any more.
    """

    side: Side
    deposits: Deposits
    agreed: State = FIRST_STATE
    proof: bytes = b""
    pending: tuple[SignedState, ...] = ()
    frozen: bool = False

    @property
    def tip(self) -> State:
        """The newest state that this party signed or took."""
        return self.pending[-1].state if self.pending else self.agreed

    @property
    def balance(self) -> int:
        """Units this party can still pay."""
        return owned(self.deposits, self.tip.net, self.side)


def owned(deposits: Deposits, net: int, side: Side) -> int:
    """What ``side`` owns (units) after the net transfer; negative where that is more than there is."""
    return deposits.a - net if side is Side.A else deposits.b + net


def paid(net: int, payer: Side, units: int) -> int:
    """The net transfer after ``payer`` paid ``units`` more."""
    return net + units if payer is Side.A else net - units


def payments(view: View, amounts: Sequence[int]) -> tuple[list[State], Refusal | None]:
    """The states that pay ``amounts`` (units) one after the other up to the first refused, and why that was."""
    if view.frozen:
        return [], Refusal.FROZEN
    states: list[State] = []
    nonce, net = view.tip.nonce, view.tip.net
    for units in amounts:
        nonce, net = nonce + 1, paid(net, view.side, units)
        if units <= 0:
            return states, Refusal.NOT_A_PAYMENT
        if owned(view.deposits, net, view.side) < 0:
            return states, Refusal.OVER_BALANCE
        if nonce > MAX_NONCE:
            return states, Refusal.NOT_NEXT
        states.append(State(nonce, net))
    return states, None


def sent(view: View, signed: Sequence[SignedState]) -> View:
    """With payments on the way; they are `payments` of this view, signed."""
    return replace(view, pending=(*view.pending, *signed))


def received(view: View, signed: SignedState, by_other: bool) -> tuple[View, Refusal | None]:
    """Take a payment; ``by_other`` says whether the signature over it is the other party's."""
    state, before = signed.state, view.agreed
    payer = view.side.other
    refusal = None
    if state.locks != NO_LOCKS:
        refusal = Refusal.LOCKS
    elif view.frozen:
        refusal = Refusal.FROZEN
    elif view.pending:
        refusal = Refusal.COLLISION
    elif state.nonce != before.nonce + 1:
        refusal = Refusal.NOT_NEXT
    elif owned(view.deposits, state.net, view.side) <= owned(view.deposits, before.net, view.side):
        refusal = Refusal.NOT_A_PAYMENT
    elif owned(view.deposits, state.net, payer) < 0:
        refusal = Refusal.OVER_BALANCE
    elif not by_other:
        refusal = Refusal.BAD_SIGNATURE
    if refusal is not None:
        return view, refusal
    return replace(view, agreed=state, proof=signed.signature), None


def acknowledged(view: View, signed: SignedState, by_other: bool) -> tuple[View, Refusal | None]:
    """Take the other party's signature over one of the payments on the way; it stands for all before it."""
    for index, payment in enumerate(view.pending):
        if payment.state == signed.state:
            if not by_other:
                return view, Refusal.BAD_SIGNATURE
            rest = view.pending[index + 1 :]
            return replace(view, agreed=signed.state, proof=signed.signature, pending=rest), None
    return view, Refusal.UNKNOWN_STATE


def resumed(view: View, theirs: SignedState, they_have_pending: bool, by_other: bool) -> tuple[View, Refusal | None]:
    """Compare with the state from which the other party resumes after an interruption, and catch up with it.

    In step are: the same state; one of our payments, whose acknowledgement was lost; an older one while the other
    party's payments wait for ours. Anything else means that one of the two has lost its store.
    """
    if theirs.state.nonce > 0 and not by_other:
        return view, Refusal.BAD_SIGNATURE
    if they_have_pending and view.pending:
        return view, Refusal.COLLISION
    if theirs.state == view.agreed:
        return view, None
    if they_have_pending and theirs.state.nonce < view.agreed.nonce:
        return view, None
    return acknowledged(view, theirs, by_other)


def frozen(view: View) -> View:
    """With no payment made or taken any more."""
    return replace(view, frozen=True)


def funded(view: View, deposits: Deposits) -> View:
    """With the deposits that L1 shows."""
    return replace(view, deposits=deposits)
