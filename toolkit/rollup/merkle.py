"""Merkle trees, as ``contracts/lib/MerkleTree.sol`` verifies them.

Two kinds. The *state trees* (accounts, withdrawals) have a fixed depth, empty leaves are zero, and leaves fill from
index 0 on; a proof leaves out the siblings above the populated part, all of them roots of empty subtrees, so that a
deep tree costs hardly more than a shallow one. The *list trees* (a batch's records and messages) have as many leaves as
the list; an unpaired node moves up a level unchanged, and as the number of leaves is committed beside the root, the
shape is never in doubt.

A node hashes 64 bytes. Leaves hash another number of bytes, which keeps them apart from nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import sha3

from toolkit.crypto import keccak256
from toolkit.errors import BadInput

EMPTY = bytes(32)
"""The empty leaf, and the root of an empty list."""


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two 32-byte children."""
    return keccak256(left + right)


@lru_cache(maxsize=64)
def empty_roots(depth: int) -> tuple[bytes, ...]:
    """The roots of empty trees of depth 0 to ``depth``."""
    roots = [EMPTY]
    for _ in range(depth):
        roots.append(node(roots[-1], roots[-1]))
    return tuple(roots)


class SparseMerkleTree:
    """A state tree: fixed depth, leaves set one by one, hashed only when the root or a proof is asked for.

    Memory is about two 32-byte hashes for each leaf up to the highest one set.
    """

    def __init__(self, depth: int) -> None:
        if not 0 < depth <= 32:
            raise BadInput(f"a state tree has depth 1 to 32, not {depth}")
        self.depth = depth
        self._levels: list[list[bytes]] = [[]]
        self._dirty: set[int] = set()

    def __len__(self) -> int:
        """One more than the highest leaf that was set."""
        return len(self._levels[0])

    def __getitem__(self, index: int) -> bytes:
        leaves = self._levels[0]
        return leaves[index] if index < len(leaves) else EMPTY

    def __setitem__(self, index: int, leaf: bytes) -> None:
        leaves = self._levels[0]
        if index >= len(leaves):
            if index >> self.depth:
                raise BadInput(f"leaf {index} is beyond a tree of depth {self.depth}")
            self._dirty.update(range(len(leaves), index))
            leaves.extend([EMPTY] * (index + 1 - len(leaves)))
        leaves[index] = leaf
        self._dirty.add(index)

    def copy(self) -> SparseMerkleTree:
        """An independent copy."""
        other = SparseMerkleTree(self.depth)
        other._levels = [level.copy() for level in self._levels]
        other._dirty = self._dirty.copy()
        return other

    @property
    def root(self) -> bytes:
        """The 32-byte root over all ``2**depth`` leaves."""
        self._hash()
        roots = empty_roots(self.depth)
        height = len(self._levels) - 1
        top = self._levels[height][0] if self._levels[height] else EMPTY
        for level in range(height, self.depth):
            top = keccak256(top + roots[level])
        return top

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The siblings of a leaf from the bottom up, without the empty ones above the populated part.

        The leaf may be one that was not set yet: that is the proof for appending it.
        """
        if index >> self.depth:
            raise BadInput(f"leaf {index} is beyond a tree of depth {self.depth}")
        self._hash()
        roots, levels = empty_roots(self.depth), self._levels
        top = levels[-1][0] if levels[-1] else EMPTY
        siblings = []
        for height in range(max(len(levels) - 1, index.bit_length())):
            level = levels[height] if height < len(levels) else [top]
            sibling = (index >> height) ^ 1
            siblings.append(level[sibling] if sibling < len(level) else roots[height])
            if height >= len(levels) - 1:
                top = node(top, roots[height])
        return tuple(siblings)

    def _hash(self) -> None:
        if not self._dirty:
            return
        levels, dirty, roots = self._levels, self._dirty, empty_roots(self.depth)
        keccak = sha3.keccak_256
        for height in range((len(levels[0]) - 1).bit_length()):
            below, width = levels[height], len(levels[height])
            if height + 1 == len(levels):
                levels.append([])
            above = levels[height + 1]
            if len(above) < (width + 1) // 2:
                above.extend([EMPTY] * ((width + 1) // 2 - len(above)))
            dirty = {index >> 1 for index in dirty}
            for index in dirty:
                left = 2 * index
                right = below[left + 1] if left + 1 < width else roots[height]
                above[index] = keccak(below[left] + right).digest()
        self._dirty = set()


def root_of_proof(leaf: bytes, index: int, proof: Sequence[bytes], depth: int) -> bytes | None:
    """The root that a state tree's proof leads to, or None where the proof has no such shape.

    Siblings left out at the top are the roots of empty subtrees, to the right of the path.
    """
    if len(proof) > depth or index >> len(proof):
        return None
    for height, sibling in enumerate(proof):
        leaf = node(sibling, leaf) if index >> height & 1 else node(leaf, sibling)
    for empty in empty_roots(depth)[len(proof) : depth]:
        leaf = node(leaf, empty)
    return leaf


def list_root(leaves: Iterable[bytes]) -> bytes:
    """The root over a list of 32-byte leaves, zero for an empty list."""
    level = list(leaves)
    while len(level) > 1:
        level = _list_level(level)
    return level[0] if level else EMPTY


def list_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings of a list's leaf from the bottom up; levels where it is unpaired have none."""
    if not 0 <= index < len(leaves):
        raise BadInput(f"leaf {index} is not in a list of {len(leaves)}")
    level, siblings = list(leaves), []
    while len(level) > 1:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        level, index = _list_level(level), index >> 1
    return tuple(siblings)


def root_of_list_proof(leaf: bytes, index: int, count: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a list's proof leads to, or None where the proof has no such shape."""
    if not 0 <= index < count:
        return None
    siblings = iter(proof)
    last = count - 1
    while last:
        if index & 1 or index != last:
            sibling = next(siblings, None)
            if sibling is None:
                return None
            leaf = node(sibling, leaf) if index & 1 else node(leaf, sibling)
        index, last = index >> 1, last >> 1
    return None if next(siblings, None) is not None else leaf


def _list_level(level: list[bytes]) -> list[bytes]:
    keccak = sha3.keccak_256
    above = [keccak(level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    if len(level) & 1:
        above.append(level[-1])
    return above
