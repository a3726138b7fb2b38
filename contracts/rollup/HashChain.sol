// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

/// @notice Hash chains of 28 bytes, which leave room for a number in their slot. A collision takes 2**112 hashes.
library HashChain {
    /// @notice The chain with one more item: 28 bytes of keccak(chain | 4 zero bytes | item).
    function extend(bytes28 chain, bytes32 item) internal pure returns (bytes28) {
        return bytes28(EfficientHashLib.hash(bytes32(chain), item));
    }
}
