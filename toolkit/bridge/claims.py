"""What it takes to claim a withdrawal on L1; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.errors import BadInput
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.merkle import SparseMerkleTree


@dataclass(frozen=True)
class Claim:
    """The arguments of ``Bridge.claim``.

    Attributes:
        outbox_root: of the outbox that holds the withdrawal; it must be confirmed on L1.
        withdrawal: what is claimed.
        proof: the 32-byte siblings from the leaf up, without the empty ones at the top.
    """

    outbox_root: bytes
    withdrawal: Withdrawal
    proof: tuple[bytes, ...]


def withdrawal_claim(withdrawals: Sequence[Withdrawal], index: int, depth: int = 32) -> Claim:
    """The claim of one withdrawal against the outbox that holds exactly ``withdrawals``.

    Args:
        withdrawals: all of them up to a confirmed assertion (``State.withdrawals`` at that time).
        index: which one.
        depth: of the withdrawal tree.

    Raises:
        BadInput: there is no such withdrawal among them.
    """
    if not 0 <= index < len(withdrawals):
        raise BadInput(f"there is no withdrawal {index} among the first {len(withdrawals)}")
    tree = SparseMerkleTree(depth)
    for withdrawal in withdrawals:
        tree[withdrawal.index] = withdrawal.leaf()
    return Claim(tree.root, withdrawals[index], tree.proof(index))
