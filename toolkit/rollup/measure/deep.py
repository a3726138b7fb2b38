"""A state as deep as states can be: full trees, made up where nobody looks, whose proofs have all their siblings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.crypto import keccak256
from toolkit.rollup.machine import Account, Genesis, State, Withdrawal
from toolkit.rollup.merkle import SparseMerkleTree, node


class DeepTree(SparseMerkleTree):
    """A tree whose every node is there; those above no leaf of ours are any hash."""

    def __init__(self, depth: int, size: int) -> None:
        super().__init__(depth)
        self._size = size
        self._nodes: dict[tuple[int, int], bytes] = {(0, size): bytes(32)}

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> bytes:
        return self._node(0, index)

    def __setitem__(self, index: int, leaf: bytes) -> None:
        self._nodes[0, index] = leaf
        for height in range(self.depth):
            index >>= 1
            children = self._node(height, 2 * index), self._node(height, 2 * index + 1)
            self._nodes[height + 1, index] = node(*children)

    @property
    def root(self) -> bytes:
        return self._node(self.depth, 0)

    def proof(self, index: int) -> tuple[bytes, ...]:
        return tuple(self._node(height, (index >> height) ^ 1) for height in range(self.depth))

    def copy(self) -> DeepTree:
        other = DeepTree(self.depth, self._size)
        other._nodes = self._nodes.copy()
        return other

    def _node(self, height: int, index: int) -> bytes:
        return self._nodes.get((height, index)) or keccak256(bytes([height]) + index.to_bytes(8, "big"))


class _Accounts(dict[int, Account]):
    """All accounts of a full tree, of which only some are of interest."""

    def __init__(self, known: Mapping[int, Account], size: int) -> None:
        super().__init__(known)
        self._size = size

    def __len__(self) -> int:
        return self._size

    def append(self, account: Account) -> None:
        self[self._size] = account
        self._size += 1


class _Withdrawals(list[Withdrawal]):
    """A long list of withdrawals, of which only the new ones are kept."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __len__(self) -> int:
        return self._size + super().__len__()


class DeepState(State):
    """A state with ``2**31 - 1`` accounts, of which those ``known`` are as given, and ``2**32 - 2`` withdrawals."""

    def __init__(self, genesis: Genesis, known: Mapping[int, Account]) -> None:
        super().__init__(genesis)
        accounts: Any = _Accounts(known, (1 << genesis.accounts_depth) - 1)
        self.accounts = accounts
        self.withdrawals = _Withdrawals((1 << genesis.withdrawals_depth) - 2)
        self._account_tree = DeepTree(genesis.accounts_depth, len(self.accounts))
        self._withdrawal_tree = DeepTree(genesis.withdrawals_depth, len(self.withdrawals))
        for trees, index in ((self._account_tree, len(self.accounts)), (self._withdrawal_tree, len(self.withdrawals))):
            trees[index] = bytes(32)
        self._dirty = set(known)

    @property
    def withdrawal_tree(self) -> SparseMerkleTree:
        for withdrawal in self.withdrawals:
            self._withdrawal_tree[withdrawal.index] = withdrawal.leaf()
        return self._withdrawal_tree
