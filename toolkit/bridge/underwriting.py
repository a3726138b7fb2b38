"""What a liquidity provider pays for, and when it gets its money back; pure.

Everything follows from the rollup as the provider has derived it from L1 by itself. So what it believes of a withdrawal
is what L1 will confirm, as long as somebody asserts it and disputes what is wrong; and that it can do itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.bridge.fee import Tariff
from toolkit.bridge.ledger import FastExited
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup.derive import Assertion, Derived, Replica
from toolkit.rollup.dispute.moves import is_sound
from toolkit.rollup.machine import Withdrawal


class Declined(L2KitError):
    """The provider does not pay a withdrawal; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What a provider puts at stake.

    Attributes:
        per_exit: worth of one withdrawal at most (wei).
        outstanding: worth of all that it has paid for and not been paid for, at most (wei).
        confirmations: blocks of L1 that a batch must be deep before its withdrawals are paid; 1 is the newest block.
    """

    per_exit: int
    outstanding: int
    confirmations: int


def danger(replica: Replica) -> str | None:
    """Why no withdrawal at all can be relied on at present; None where they can."""
    confirmed = replica.assertions.get(replica.confirmed)
    if confirmed is not None and not confirmed.agree:
        return f"L1 has confirmed a wrong state for batch {confirmed.batch}: no withdrawal since then is safe"
    if replica.frozen is not None:
        return "the rollup is frozen: a withdrawal that is not confirmed never will be"
    for each in wrong_assertions(replica):
        lost = any(game.lost_by_step for game in replica.disputes.against(each.id))
        if lost or not replica.disputes.holds(each.id):
            why = "L1 has found for it" if lost else "nobody disputes it"
            return f"assertion {hex_of(each.id)} says something wrong of batch {each.batch}, and {why}"
    return None


def wrong_assertions(replica: Replica) -> list[Assertion]:
    """The pending assertions that are wrong though all before them is right: those that must be disputed."""
    return [each for each in replica.pending.values() if not each.agree and is_sound(replica, each.parent)]


def examine(replica: Replica, index: int, head: int, now: int, limits: Limits) -> Withdrawal:
    """The withdrawal with an index, if it can be relied on to be confirmed.

    Args:
        head, now: number and time (seconds) of the L1 block up to which ``replica`` is.

    Raises:
        Declined: it cannot, or there is no reason to pay for it.
    """
    if (reason := danger(replica)) is not None:
        raise Declined(reason)
    withdrawals, ledger = replica.state.withdrawals, replica.bridge
    if index >= len(withdrawals):
        raise Declined(f"there is no withdrawal {index} on L1 yet; there are {len(withdrawals)}")
    withdrawal = withdrawals[index]
    if index in ledger.claimed:
        raise Declined(f"withdrawal {index} was claimed, and paid to {checksum(ledger.claimed[index])}")
    if (taken := ledger.provider_of(withdrawal)) is not None:
        raise Declined(f"withdrawal {index} was paid early by {checksum(taken.provider)}")
    if index < last_right(replica).withdrawals:
        raise Declined(f"withdrawal {index} is confirmed on L1: it can be claimed now, without any fee")
    place = replica.places.withdrawal(index)
    deep = head - place.block + 1
    if deep < limits.confirmations:
        raise Declined(
            f"batch {place.batch} with withdrawal {index} is {deep} blocks deep; it must be {limits.confirmations}"
        )
    # An alarm costs hardly anything, and is void with the next confirmation: it matters where that might be too late.
    due = claimable_from(replica, index, now) + replica.contracts.window
    if replica.alarm is not None and due >= replica.alarm:
        raise Declined(
            f"an alarm was raised: the rollup can be frozen from {replica.alarm} (L1's time in seconds) on, which may "
            f"be before withdrawal {index} is confirmed, and would make it void"
        )
    return withdrawal


def check_limits(worth: int, at_stake: int, limits: Limits) -> None:
    """Whether a withdrawal worth so much (wei) can be paid beside what is at stake already. Raises Declined."""
    if worth > limits.per_exit:
        raise Declined(f"the withdrawal is worth {worth} wei; more than {limits.per_exit} are not paid for one")
    if at_stake + worth > limits.outstanding:
        raise Declined(
            f"the withdrawal is worth {worth} wei, and {at_stake} are paid for others that are not confirmed yet; "
            f"more than {limits.outstanding} together are not"
        )


def last_right(replica: Replica) -> Derived:
    """The machine at the last confirmed assertion that is right: its withdrawals can be claimed for good."""
    confirmed = (each for each in replica.assertions.values() if each.status == "confirmed" and each.agree)
    return replica.derived[max((each.batch for each in confirmed), default=0)]


def claimable_from(replica: Replica, index: int, now: int) -> int:
    """From when on (seconds of L1's time) a withdrawal on L1 can be claimed, as far as can be said at ``now``.

    Where nobody has asserted it yet, as if somebody did now. Where a dispute goes on, as if it lasted until both clocks
    have run out.
    """
    if index < last_right(replica).withdrawals:
        return now
    due, tip, chosen = now, replica.confirmed, replica.chosen()
    while (child := chosen.get(tip)) is not None:
        due = max(due, child.deadline)
        for dispute in replica.disputes.against(child.id):
            if dispute.ended is None:
                due = max(due, now + dispute.state.game.defender_time + dispute.state.game.challenger_time)
        if replica.derived[child.batch].withdrawals > index:
            return due
        tip = child.id
    return max(due, now + replica.contracts.window)


def history_of(replica: Replica, batch: int) -> tuple[int, bytes]:
    """A batch not before ``batch`` whose accumulator the Inbox knows, also some time from now; and the accumulator.

    The earlier one is, the fewer reorganisations undo a payment for something that still stands.
    """
    posted, size = replica.history.posted, replica.contracts.ring_size
    number = min(max(batch, len(posted) - size + 1 + size // 4), len(posted))
    return number, replica.derived[number].accumulator


def worth(tariff: Tariff, exits: Iterable[FastExited]) -> int:
    """What was paid for these, in wei; what is of a token that has no price any more is not counted."""
    total = 0
    for each in exits:
        try:
            total += tariff.value(each.token, each.amount)
        except BadInput:
            continue
    return total


def real(replica: Replica, exits: Iterable[FastExited]) -> list[FastExited]:
    """Of fast exits those whose withdrawal is there."""
    withdrawals = replica.state.withdrawals
    return [each for each in exits if each.index < len(withdrawals) and withdrawals[each.index] == each.withdrawal]
