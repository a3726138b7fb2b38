// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPaymentChannels} from "./IPaymentChannels.sol";
import {Opening} from "./Opening.sol";
import {Terms} from "./Terms.sol";

/// @notice The hashes of channels and states, on which every call spends most of its own gas. Each is the
/// plain expression in its comment; the tests hold them against each other.
/// @dev Scratch memory beyond the free pointer is used and given back. Calldata is hashed as it comes: of a
/// descriptor with dirty bits nothing is stored under the hash, and the fields of a state or a withdrawal are
/// checked where they are read.
library ChannelHash {
    // keccak256("State(bytes32 channel,uint48 nonce,int64 net,bytes32 locks)")
    bytes32 internal constant STATE_TYPEHASH =
        0x2ae37c1c2271c0f58f0711ff98a291901e4bd070a85148899f24ba49d55c1cf3;
    // keccak256("Close(bytes32 channel,int64 net,uint40 expiry)")
    bytes32 internal constant CLOSE_TYPEHASH =
        0x53a59f4646c14d3a95d35c22d3c083b0ae46ebd6476a94224d94f1005b39a0ac;
    // keccak256("Withdrawal(bytes32 channel,uint56 number,uint56 unitsA,uint56 unitsB,uint40 expiry)")
    bytes32 internal constant WITHDRAWAL_TYPEHASH =
        0xce502debe2d29d49171aaef9a21ed2a94d5b25c3881b55ccfeb7d90993769ab8;

    /// @return id keccak256(abi.encode(channel))
    function ofChannel(IPaymentChannels.Channel calldata channel) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            calldatacopy(m, channel, 0x60)
            id := keccak256(m, 0x60)
        }
    }

    /// @return id keccak256(abi.encode(opening, terms, token))
    function ofOpening(Opening opening, Terms terms, address token) internal pure returns (bytes32 id) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(0x00, opening)
            mstore(0x20, terms)
            mstore(0x40, shr(96, shl(96, token)))
            id := keccak256(0x00, 0x60)
            mstore(0x40, m)
        }
    }

    /// @notice The EIP-712 digest of a state under the domain `separator`.
    /// @return digest keccak256(abi.encodePacked(hex"1901", separator, keccak256(abi.encode(
    ///     STATE_TYPEHASH, id, state.nonce, state.net, state.locks))))
    function stateDigest(bytes32 separator, bytes32 id, IPaymentChannels.State calldata state)
        internal
        pure
        returns (bytes32 digest)
    {
        bytes32 typehash = STATE_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typehash)
            mstore(add(m, 0x20), id)
            calldatacopy(add(m, 0x40), state, 0x60)
            mstore(add(m, 0x22), keccak256(m, 0xa0))
            mstore(m, shl(240, 0x1901))
            mstore(add(m, 0x02), separator)
            digest := keccak256(m, 0x42)
        }
    }

    /// @notice The EIP-712 digest of a Close under the domain `separator`.
    /// @return digest keccak256(abi.encodePacked(hex"1901", separator, keccak256(abi.encode(
    ///     CLOSE_TYPEHASH, id, net, expiry))))
    function closeDigest(bytes32 separator, bytes32 id, int256 net, uint256 expiry)
        internal
        pure
        returns (bytes32 digest)
    {
        bytes32 typehash = CLOSE_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typehash)
            mstore(add(m, 0x20), id)
            mstore(add(m, 0x40), net)
            mstore(add(m, 0x60), expiry)
            mstore(add(m, 0x22), keccak256(m, 0x80))
            mstore(m, shl(240, 0x1901))
            mstore(add(m, 0x02), separator)
            digest := keccak256(m, 0x42)
        }
    }

    /// @notice The EIP-712 digest of a withdrawal under the domain `separator`.
    /// @return digest keccak256(abi.encodePacked(hex"1901", separator, keccak256(abi.encode(
    ///     WITHDRAWAL_TYPEHASH, id, withdrawal))))
    function withdrawalDigest(bytes32 separator, bytes32 id, IPaymentChannels.Withdrawal calldata withdrawal)
        internal
        pure
        returns (bytes32 digest)
    {
        bytes32 typehash = WITHDRAWAL_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typehash)
            mstore(add(m, 0x20), id)
            calldatacopy(add(m, 0x40), withdrawal, 0x80)
            mstore(add(m, 0x22), keccak256(m, 0xc0))
            mstore(m, shl(240, 0x1901))
            mstore(add(m, 0x02), separator)
            digest := keccak256(m, 0x42)
        }
    }
}
