// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

/// @title Merkle trees
/// @notice *State trees* have a fixed depth, zero for an empty leaf, and leaves that fill from index 0 on. *List trees*
/// have as many leaves as the list, and an unpaired node moves up a level unchanged.
/// @dev A node hashes 64 bytes. Leaves must hash another number of bytes, which keeps them apart from nodes.
library MerkleTree {
    /// @notice A proof with this many siblings cannot lead from this leaf to the root.
    error BadProof(uint256 index, uint256 siblings, uint256 size);

    /// @notice The root of a state tree, seen from one leaf.
    /// @param proof The siblings from the bottom up. Those at the top may be left out while all of them are roots of
    /// empty subtrees, right of the path: a deep tree costs its users hardly more than a shallow one.
    function root(bytes32 leaf, uint256 index, bytes32[] calldata proof, uint256 depth)
        internal
        pure
        returns (bytes32 node)
    {
        uint256 height = proof.length;
        if (height > depth || index >> height != 0) revert BadProof(index, height, depth);
        node = leaf;
        // Unchecked: counts up to a length.
        unchecked {
            for (uint256 level; level < height; ++level) {
                node = index & 1 == 0
                    ? EfficientHashLib.hash(node, proof[level])
                    : EfficientHashLib.hash(proof[level], node);
                index >>= 1;
            }
            if (height == depth) return node;
            bytes32 empty;
            for (uint256 level; level < depth; ++level) {
                if (level >= height) node = EfficientHashLib.hash(node, empty);
                empty = EfficientHashLib.hash(empty, empty);
            }
        }
    }

    /// @notice The root of a state tree without leaves.
    function emptyRoot(uint256 depth) internal pure returns (bytes32 node) {
        for (uint256 level; level < depth; ++level) {
            node = EfficientHashLib.hash(node, node);
        }
    }

    /// @notice The root of a list tree, seen from one leaf.
    /// @param count Leaves in the list, which must be committed beside the root: it fixes the shape.
    /// @param proof The siblings from the bottom up; a level where the path is unpaired has none.
    function listRoot(bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata proof)
        internal
        pure
        returns (bytes32 node)
    {
        if (index >= count) revert BadProof(index, proof.length, count);
        node = leaf;
        uint256 used;
        uint256 place = index;
        for (uint256 last = count - 1; last != 0; last >>= 1) {
            if (place & 1 == 1 || place != last) {
                if (used == proof.length) revert BadProof(index, used, count);
                bytes32 sibling = proof[used++];
                node = place & 1 == 0
                    ? EfficientHashLib.hash(node, sibling)
                    : EfficientHashLib.hash(sibling, node);
            }
            place >>= 1;
        }
        if (used != proof.length) revert BadProof(index, proof.length, count);
    }

    /// @notice The root of a list tree over items of one size, lying end to end; zero for an empty list.
    /// @param size Bytes of an item; not 64, and a divisor of the data's length.
    function listRootOf(bytes calldata items, uint256 size) internal pure returns (bytes32) {
        uint256 width = items.length / size;
        if (width == 0) return bytes32(0);
        bytes32[] memory nodes = EfficientHashLib.malloc(width);
        // Unchecked: indices below a width that fits calldata.
        unchecked {
            for (uint256 i; i < width; ++i) {
                EfficientHashLib.set(nodes, i, EfficientHashLib.hashCalldata(items, i * size, (i + 1) * size));
            }
            for (; width > 1; width = (width + 1) >> 1) {
                uint256 pairs = width >> 1;
                for (uint256 i; i < pairs; ++i) {
                    EfficientHashLib.set(nodes, i, EfficientHashLib.hash(nodes[2 * i], nodes[2 * i + 1]));
                }
                if (width & 1 == 1) EfficientHashLib.set(nodes, pairs, nodes[width - 1]);
            }
        }
        return nodes[0];
    }
}
