// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A secp256k1 signature in the 64 bytes of EIP-2098: r, then yParity << 255 | s.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice This is not the signature of that account over what was submitted.
error BadSignature(address expected);

using SignatureLib for Signature global;

library SignatureLib {
    /// @dev Half the order of secp256k1, rounded up.
    uint256 private constant UPPER_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A1;

    /// @notice Reverts with BadSignature unless `signer`, an ordinary account, signed `digest`.
    /// @dev In plain words: s < UPPER_HALF && signer != address(0)
    ///     && ecrecover(digest, uint8(vs >> 255) + 27, r, s) == signer.
    /// Only the lower half of s counts (EIP-2), so that nobody can make a second signature out of a first. The
    /// zero address has signed nothing: ecrecover's failure must not pass for its signature.
    function requireBy(Signature calldata signature, address signer, bytes32 digest) internal view {
        bool signed;
        assembly ("memory-safe") {
            let m := mload(0x40)
            let vs := calldataload(add(signature, 0x20))
            let s := shr(1, shl(1, vs))
            mstore(m, digest)
            mstore(add(m, 0x20), add(shr(255, vs), 27))
            mstore(add(m, 0x40), calldataload(signature))
            mstore(add(m, 0x60), s)
            mstore(0x00, 0)
            // Nothing is written where nothing can be recovered.
            pop(staticcall(gas(), 1, m, 0x80, 0x00, 0x20))
            let recovered := mload(0x00)
            signed := and(iszero(shl(96, xor(recovered, signer))), and(lt(s, UPPER_HALF), gt(recovered, 0)))
        }
        if (!signed) revert BadSignature(signer);
    }
}
