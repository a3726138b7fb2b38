"""What a liquidity provider does so that the money it has paid comes back; pure.

Claiming is enough while others assert what is right, dispute what is wrong, and confirm. Where they do not, it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toolkit.bridge.calls import encode_claim
from toolkit.bridge.claims import Claim
from toolkit.bridge.ledger import FastExited
from toolkit.bridge.underwriting import last_right, real, wrong_assertions
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.moves import (
    Move,
    challenger_moves,
    defender_moves,
    expired_moves,
    is_sound,
    must_challenge,
    open_move,
    reclaim_moves,
)
from toolkit.rollup.late import late_batch_call
from toolkit.rollup.life import QUIET_SECONDS
from toolkit.rollup.merkle import SparseMerkleTree
from toolkit.rollup.proposer import assert_moves, beside_moves, confirm_moves

CLAIMS_AT_ONCE = 50
"""Claims sent together."""


def own_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """What is due whatever others do: its claims, its games, its bonds; and while money is out, every dispute.

    Args:
        me: the provider's 20-byte address.
        now: L1's time (seconds).
    """
    waits_for = real(replica, replica.bridge.taken_by(me))
    disputes = challenger_moves(replica, me, now)
    return [
        *claim_moves(replica, waits_for),
        *(disputes if waits_for else (move for move in disputes if not _opens(move))),
        *defender_moves(replica, me, now),
        *(expired_moves(replica, me, now) if waits_for else ()),
        *reclaim_moves(replica, me, now),
    ]


def common_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """What somebody must do, and anybody may, so that money comes back, or can be lent at all; as `own_moves`."""
    waits_for = real(replica, replica.bridge.taken_by(me))
    if not waits_for:
        # Nothing is paid while something wrong stands that nobody disputes.
        wrong = [each for each in wrong_assertions(replica) if not replica.disputes.holds(each.id)]
        return [open_move(replica, each) for each in wrong if must_challenge(replica, each, me, now)]
    moves = confirm_moves(replica, now)
    if unasserted(replica, waits_for) and is_sound(replica, replica.confirmed):
        moves += assert_moves(replica)
    following = replica.chosen().get(replica.confirmed)
    is_alarmed = replica.alarm is not None and replica.frozen is None
    if is_alarmed or (following is not None and replica.disputes.holds(following.id)):
        moves += beside_moves(replica, me)  # whose it is may lose it, though it is right
    if is_alarmed and not moves and not _has_own(replica, me):
        moves += _late_moves(replica, now)
    return moves


def _has_own(replica: Replica, me: bytes) -> bool:
    """Whether something right of ``me`` may be confirmed next."""
    return any(
        each.proposer == me and each.agree and each.parent == replica.confirmed for each in replica.pending.values()
    )


def _late_moves(replica: Replica, now: int) -> list[Move]:
    """A batch where none has come for long: something that can be asserted, where all that was asserted is others'."""
    posted = replica.history.posted
    if not posted or now < posted[-1].batch.timestamp + QUIET_SECONDS:
        return []
    data = late_batch_call(replica, replica.derived[-2].accumulator, posted[-1].batch)
    number = len(posted) + 1
    return [Move(("late batch", number), replica.contracts.inbox, data, f"posts batch {number}, which nobody does")]


def claim_moves(replica: Replica, exits: Sequence[FastExited]) -> list[Move]:
    """The claims of what was paid for and is confirmed, some at a time."""
    at = last_right(replica)
    due = [each for each in real(replica, exits) if each.index < at.withdrawals][:CLAIMS_AT_ONCE]
    if not due:
        return []
    tree = SparseMerkleTree(replica.state.genesis.withdrawals_depth)
    for withdrawal in replica.state.withdrawals[: at.withdrawals]:
        tree[withdrawal.index] = withdrawal.leaf()
    return [
        Move(
            ("claim", each.index),
            replica.contracts.bridge,
            encode_claim(Claim(tree.root, each.withdrawal, tree.proof(each.index))),
            f"claims withdrawal {each.index}, which it paid early",
        )
        for each in due
    ]


def unasserted(replica: Replica, exits: Iterable[FastExited]) -> bool:
    """Whether something was paid for that no right assertion speaks of yet."""
    _, batch = replica.tip()
    covered = replica.derived[batch].withdrawals
    return any(each.index >= covered for each in real(replica, exits))


def _opens(move: Move) -> bool:
    return isinstance(move.name, tuple) and move.name[0] == "open"
