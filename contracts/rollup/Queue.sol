// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Of the messages that no batch has consumed, what stands in one word: `tip` 28 bytes, the chain over those that
/// make no full segment yet | whether there is a snapshot, 1 bit | full segments behind it, 15 bits | messages in the tip,
/// 16 bits.
type Queue is bytes32;

using QueueLib for Queue global;

library QueueLib {
    uint256 internal constant MAX_SEGMENTS = (1 << 15) - 1;

    uint256 private constant SNAPSHOT = 1 << 31;
    uint256 private constant SEGMENT = 1 << 16;

    /// @dev `full` and `messages` must fit; the callers' do.
    function pack(bytes28 chain, bool snapshot, uint256 full, uint256 messages)
        internal
        pure
        returns (Queue)
    {
        uint256 numbers = (snapshot ? SNAPSHOT : 0) | full * SEGMENT | messages;
        return Queue.wrap(bytes32(chain) | bytes32(numbers));
    }

    function tip(Queue queue) internal pure returns (bytes28) {
        return bytes28(Queue.unwrap(queue));
    }

    function hasSnapshot(Queue queue) internal pure returns (bool) {
        return uint256(Queue.unwrap(queue)) & SNAPSHOT != 0;
    }

    function segments(Queue queue) internal pure returns (uint256) {
        return (uint256(Queue.unwrap(queue)) / SEGMENT) & MAX_SEGMENTS;
    }

    function count(Queue queue) internal pure returns (uint256) {
        return uint256(Queue.unwrap(queue)) & (SEGMENT - 1);
    }
}
