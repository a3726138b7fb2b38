// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPaymentChannels} from "./IPaymentChannels.sol";

/// @notice The hash time locks that a state leaves pending: their root, and what has become of them.
library Locks {
    /// @return root_ keccak256 of the locks' words in order (96 bytes each), zero for none. Of a list with
    /// dirty bits it is another root; and no field of it can be read.
    function root(IPaymentChannels.Lock[] calldata locks) internal pure returns (bytes32 root_) {
        assembly ("memory-safe") {
            if locks.length {
                let m := mload(0x40)
                let size := mul(locks.length, 0x60)
                calldatacopy(m, locks.offset, size)
                root_ := keccak256(m, size)
            }
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
    /// @param id Of the channel.
    /// @param locks All that are pending.
    /// @param expected Their root, as the contract or a state has it.
    /// @param secrets One for each lock, zero where it is not shown.
    /// @param revealedAt When secrets were revealed (Unix time), by hash.
    /// @return paid Units that the locks that pay move from A to B.
    /// @return pending Root of those that may pay yet.
    function resolve(
        bytes32 id,
        IPaymentChannels.Lock[] calldata locks,
        bytes32 expected,
        bytes32[] calldata secrets,
        mapping(bytes32 hash => uint256) storage revealedAt
    ) internal returns (int256 paid, bytes32 pending) {
        bytes32 root_ = root(locks);
        if (root_ != expected) revert IPaymentChannels.BadLocks(root_, expected);
        if (secrets.length != locks.length) {
            revert IPaymentChannels.BadSecretCount(secrets.length, locks.length);
        }
        uint256 left;
        unchecked {
            // Calldata is too short for numbers of 64 bits to add up to 256.
            for (uint256 i; i < locks.length; ++i) {
                (bytes32 hash, int256 units, uint256 expiry, bytes32 secret) = _read(locks, secrets, i);
                if (secret != 0) {
                    if (hashOf(secret) != hash) revert IPaymentChannels.WrongSecret(hash, secret);
                    if (block.timestamp <= expiry) {
                        paid += units;
                        emit IPaymentChannels.SecretShown(hash, secret);
                        continue;
                    }
                }
                if (_revealedBy(revealedAt[hash], expiry)) paid += units;
                else if (block.timestamp <= expiry) ++left;
            }
        }
        if (left == 0) return (paid, 0);
        if (left == locks.length) return (paid, root_);
        IPaymentChannels.Lock[] memory rest_ = rest(locks, secrets, revealedAt, left);
        emit IPaymentChannels.LocksPending(id, rest_);
        pending = rootOf(rest_);
    }

    /// @notice The locks that are still pending, in order. @param left How many, or fewer for the last ones.
    function rest(
        IPaymentChannels.Lock[] calldata locks,
        bytes32[] calldata secrets,
        mapping(bytes32 hash => uint256) storage revealedAt,
        uint256 left
    ) internal view returns (IPaymentChannels.Lock[] memory pending) {
        pending = new IPaymentChannels.Lock[](left);
        for (uint256 i = locks.length; left != 0;) {
            (bytes32 hash,, uint256 expiry, bytes32 secret) = _read(locks, secrets, --i);
            if (secret != 0 || block.timestamp > expiry || _revealedBy(revealedAt[hash], expiry)) continue;
            pending[--left] = locks[i];
        }
    }

    function _revealedBy(uint256 timestamp, uint256 expiry) private pure returns (bool) {
        return timestamp != 0 && timestamp <= expiry;
    }

    /// @dev A lock and its secret; `i` is below the length of both. Bits beyond a field's type are cut off: who
    /// signed the locks' root has seen to it that there are none.
    function _read(IPaymentChannels.Lock[] calldata locks, bytes32[] calldata secrets, uint256 i)
        private
        pure
        returns (bytes32 hash, int256 units, uint256 expiry, bytes32 secret)
    {
        assembly ("memory-safe") {
            let lock := add(locks.offset, mul(i, 0x60))
            hash := calldataload(lock)
            units := signextend(7, calldataload(add(lock, 0x20)))
            expiry := and(calldataload(add(lock, 0x40)), 0xffffffffff)
            secret := calldataload(add(secrets.offset, shl(5, i)))
        }
    }

    /// @return hash keccak256(abi.encode(secret))
    function hashOf(bytes32 secret) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, secret)
            hash := keccak256(0x00, 0x20)
        }
    }
}
