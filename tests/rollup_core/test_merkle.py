"""The trees against a naive reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.crypto import keccak256
from toolkit.errors import BadInput
from toolkit.rollup.merkle import (
    EMPTY,
    SparseMerkleTree,
    empty_roots,
    list_proof,
    list_root,
    root_of_list_proof,
    root_of_proof,
)

_LEAF = st.binary(min_size=32, max_size=32)


def _naive_root(leaves: dict[int, bytes], depth: int, index: int = 0) -> bytes:
    """The root of the subtree whose first leaf is ``index``, by the definition."""
    if depth == 0:
        return leaves.get(index, EMPTY)
    half = 1 << (depth - 1)
    return keccak256(_naive_root(leaves, depth - 1, index) + _naive_root(leaves, depth - 1, index + half))


def _naive_list_root(leaves: list[bytes]) -> bytes:
    """RFC 6962's shape: the left part is the largest power of two below the length."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return keccak256(_naive_list_root(leaves[:split]) + _naive_list_root(leaves[split:]))


@given(st.lists(st.tuples(st.integers(0, 31), _LEAF, st.booleans()), max_size=40))
def test_a_tree_has_the_root_of_its_definition_whenever_asked(writes: list[tuple[int, bytes, bool]]) -> None:
    tree, leaves = SparseMerkleTree(5), dict[int, bytes]()
    for index, leaf, ask in writes:
        tree[index] = leaf
        leaves[index] = leaf
        if ask:
            assert tree.root == _naive_root(leaves, 5)
    assert tree.root == _naive_root(leaves, 5)
    assert all(tree[index] == leaves.get(index, EMPTY) for index in range(32))


@given(st.lists(_LEAF, max_size=20), st.integers(0, 31), st.integers(5, 32))
def test_a_proof_leads_to_the_root_also_for_a_leaf_not_yet_set(leaves: list[bytes], index: int, depth: int) -> None:
    tree = SparseMerkleTree(depth)
    for place, leaf in enumerate(leaves):
        tree[place] = leaf
    proof = tree.proof(index)
    assert len(proof) <= 5
    assert root_of_proof(tree[index], index, proof, depth) == tree.root
    full = proof + empty_roots(depth)[len(proof) : depth]
    assert root_of_proof(tree[index], index, full, depth) == tree.root
    appended = keccak256(b"new")
    expected = root_of_proof(appended, index, proof, depth)
    tree[index] = appended
    assert tree.root == expected


def test_a_proof_of_the_wrong_shape_leads_nowhere() -> None:
    tree = SparseMerkleTree(3)
    for index in range(5):
        tree[index] = keccak256(bytes([index]))
    assert root_of_proof(tree[4], 4, tree.proof(4)[:2], 3) is None
    assert root_of_proof(tree[4], 4, (*tree.proof(4), EMPTY), 3) is None
    assert root_of_proof(tree[4], 5, tree.proof(4), 3) != tree.root


def test_a_tree_refuses_leaves_beyond_its_depth() -> None:
    tree = SparseMerkleTree(2)
    tree[3] = EMPTY
    with pytest.raises(BadInput, match="leaf 4"):
        tree[4] = EMPTY
    with pytest.raises(BadInput, match="leaf 4"):
        tree.proof(4)
    with pytest.raises(BadInput, match="33"):
        SparseMerkleTree(33)


def test_a_copy_is_independent() -> None:
    tree = SparseMerkleTree(4)
    tree[0] = keccak256(b"a")
    before = tree.root
    other = tree.copy()
    other[0] = keccak256(b"b")
    other[1] = keccak256(b"c")
    assert (tree.root, len(tree)) == (before, 1)
    assert other.root != before


@given(st.lists(_LEAF, max_size=40))
def test_a_list_has_the_root_of_its_definition_and_every_leaf_a_proof(leaves: list[bytes]) -> None:
    root = list_root(leaves)
    assert root == _naive_list_root(leaves)
    for index, leaf in enumerate(leaves):
        assert root_of_list_proof(leaf, index, len(leaves), list_proof(leaves, index)) == root


@given(st.lists(_LEAF, min_size=2, max_size=20, unique=True), st.data())
def test_a_list_proof_holds_for_no_other_place_count_or_leaf(leaves: list[bytes], data: st.DataObject) -> None:
    root, count = list_root(leaves), len(leaves)
    index = data.draw(st.integers(0, count - 1))
    proof = list_proof(leaves, index)
    for other in range(count):
        if other != index:
            assert root_of_list_proof(leaves[index], other, count, proof) != root
    assert root_of_list_proof(leaves[index], index, count, proof[:-1]) != root
    assert root_of_list_proof(leaves[index], index, count, (*proof, EMPTY)) is None
    assert root_of_list_proof(leaves[index], count, count, proof) is None
    with pytest.raises(BadInput):
        list_proof(leaves, count)
