// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPaymentChannels} from "./IPaymentChannels.sol";

/// @notice The hash time locks that a state leaves pending: their root, and what has become of them.
library Locks {
    /// @return root_ keccak256 of the locks' words in order (96 bytes each), zero for none. Of a list with
    /// dirty bits it is another root; and no field of it can be read.
    function root(IPaymentChannels.Lock[] calldata locks) internal pure returns (bytes32 root_) {
        if (locks.length == 0) return 0;
        assembly ("memory-safe") {
            let m := mload(0x40)
            let size := mul(locks.length, 0x60)
            calldatacopy(m, locks.offset, size)
            root_ := keccak256(m, size)
        }
    }

    /// @notice The same of a list in memory.
    function rootOf(IPaymentChannels.Lock[] memory locks) internal pure returns (bytes32 root_) {
        if (locks.length == 0) return 0;
        bytes memory encoded = abi.encode(locks);
        assembly ("memory-safe") {
            // After the length of the bytes come the offset and the length of the list.
            root_ := keccak256(add(encoded, 0x60), sub(mload(encoded), 0x40))
        }
    }

    /// @notice Says of each lock whether it pays, returns or is still pending.
    /// @param secrets One for each lock, zero where it is not shown.
    /// @param revealedAt When secrets were revealed (Unix time), by hash.
    /// @return paid Units that the locks that pay move from A to B.
    /// @return pending The locks that may pay yet, in order.
    function resolve(
        IPaymentChannels.Lock[] calldata locks,
        bytes32[] calldata secrets,
        mapping(bytes32 hash => uint256) storage revealedAt
    ) internal returns (int256 paid, IPaymentChannels.Lock[] memory pending) {
        if (secrets.length != locks.length) {
            revert IPaymentChannels.BadSecretCount(secrets.length, locks.length);
        }
        uint256 left;
        for (uint256 i; i < locks.length; ++i) {
            IPaymentChannels.Lock calldata lock = locks[i];
            bool inTime = block.timestamp <= lock.expiry;
            if (_shown(lock, secrets[i], inTime) || _revealed(revealedAt[lock.hash], lock.expiry)) {
                unchecked {
                    // Calldata is shorter than the 2 ** 192 locks that it takes to overflow.
                    paid += lock.units;
                }
            } else if (inTime) {
                if (left == 0) pending = new IPaymentChannels.Lock[](locks.length - i);
                pending[left++] = lock;
            }
        }
        assembly ("memory-safe") {
            // An empty list may be the one that all empty lists share: leave it alone.
            if left { mstore(pending, left) }
        }
    }

    /// @return Whether this is the lock's secret, and in time.
    function _shown(IPaymentChannels.Lock calldata lock, bytes32 secret, bool inTime) private returns (bool) {
        if (secret == 0) return false;
        if (hashOf(secret) != lock.hash) revert IPaymentChannels.WrongSecret(lock.hash, secret);
        if (inTime) emit IPaymentChannels.SecretShown(lock.hash, secret);
        return inTime;
    }

    function _revealed(uint256 timestamp, uint256 expiry) private pure returns (bool) {
        return timestamp != 0 && timestamp <= expiry;
    }

    /// @return hash keccak256(abi.encode(secret))
    function hashOf(bytes32 secret) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, secret)
            hash := keccak256(0x00, 0x20)
        }
    }
}
