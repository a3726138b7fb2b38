"""``MerkleTree.sol`` against ``merkle.py``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.compile import compile_sources
from toolkit.crypto import keccak256
from toolkit.errors import Reverted
from toolkit.rollup.merkle import (
    SparseMerkleTree,
    empty_roots,
    list_proof,
    list_root,
    root_of_list_proof,
    root_of_proof,
)

from .evm import Evm

_SOURCE = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {MerkleTree} from "contracts/lib/MerkleTree.sol";
contract Merkle {
    function root(bytes32 leaf, uint256 index, bytes32[] calldata proof, uint256 depth)
        external pure returns (bytes32)
    {
        return MerkleTree.root(leaf, index, proof, depth);
    }
    function emptyRoot(uint256 depth) external pure returns (bytes32) { return MerkleTree.emptyRoot(depth); }
    function listRoot(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata proof)
        external pure returns (bytes32)
    {
        return MerkleTree.listRoot(leaf, index, count, proof);
    }
    function listRootOf(bytes calldata items, uint256 size) external pure returns (bytes32) {
        return MerkleTree.listRootOf(items, size);
    }
}
"""


class Merkle:
    def __init__(self) -> None:
        self.evm = Evm()
        self.contract = self.evm.deploy(compile_sources({"test/Merkle.sol": _SOURCE})["Merkle"])

    def call(self, name: str, *arguments: object) -> bytes | None:
        """The root, or None where the library refuses the proof's shape."""
        try:
            found: bytes = self.evm.call(self.contract, name, *arguments)
        except Reverted as error:
            assert error.error == "BadProof", error
            return None
        return found


@pytest.fixture(scope="module")
def merkle() -> Merkle:
    merkle = Merkle()
    merkle.evm.errors[keccak256(b"BadProof(uint256,uint256,uint256)")[:4]] = ("BadProof", ["uint256"] * 3)
    return merkle


_HASH = st.binary(min_size=32, max_size=32)


def test_the_table_of_empty_roots_is_right(merkle: Merkle) -> None:
    assert [merkle.call("emptyRoot", depth) for depth in range(33)] == list(empty_roots(32))


@settings(max_examples=200, deadline=None)
@given(leaf=_HASH, index=st.integers(0, 70), proof=st.lists(_HASH, max_size=7), depth=st.integers(1, 6))
def test_any_proof_leads_to_the_same_root_or_is_refused_by_both(
    merkle: Merkle, leaf: bytes, index: int, proof: list[bytes], depth: int
) -> None:
    assert merkle.call("root", leaf, index, proof, depth) == root_of_proof(leaf, index, proof, depth)


@pytest.mark.parametrize("depth", [1, 5, 32])
def test_proofs_of_a_tree_hold_at_every_depth(merkle: Merkle, depth: int) -> None:
    tree = SparseMerkleTree(depth)
    for index in range(min(5, 1 << depth)):
        tree[index] = keccak256(bytes([index]))
        for place in range(index + 1):
            assert merkle.call("root", tree[place], place, tree.proof(place), depth) == tree.root


@settings(max_examples=200, deadline=None)
@given(leaf=_HASH, index=st.integers(0, 20), count=st.integers(0, 20), proof=st.lists(_HASH, max_size=6))
def test_any_list_proof_leads_to_the_same_root_or_is_refused_by_both(
    merkle: Merkle, leaf: bytes, index: int, count: int, proof: list[bytes]
) -> None:
    found = merkle.call("listRoot", leaf, index, count, proof)
    assert found == root_of_list_proof(leaf, index, count, proof)


@settings(max_examples=60, deadline=None)
@given(items=st.lists(st.binary(min_size=36, max_size=36), max_size=40))
def test_a_list_has_one_root_and_its_proofs_hold(merkle: Merkle, items: list[bytes]) -> None:
    leaves = [keccak256(item) for item in items]
    assert merkle.call("listRootOf", b"".join(items), 36) == list_root(leaves)
    for index, leaf in enumerate(leaves):
        proof = list_proof(leaves, index)
        assert merkle.call("listRoot", leaf, index, len(leaves), proof) == list_root(leaves)
        assert merkle.call("listRoot", leaf, index, len(leaves), [*proof, bytes(32)]) is None
