// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Who opened a channel and when, in one word, from the left: opener (A) 160 | block number 96.
type Opening is bytes32;

using OpeningLib for Opening global;

library OpeningLib {
    function pack(address opener_, uint256 blockNumber_) internal pure returns (Opening) {
        return Opening.wrap(bytes32(uint256(uint160(opener_)) << 96 | blockNumber_));
    }

    function opener(Opening opening) internal pure returns (address) {
        return address(bytes20(Opening.unwrap(opening)));
    }

    function blockNumber(Opening opening) internal pure returns (uint256) {
        return uint96(uint256(Opening.unwrap(opening)));
    }
}
