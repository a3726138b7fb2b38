// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A secp256k1 signature in the 64 bytes of EIP-2098: r, then yParity << 255 | s. Or, where the
/// signer is a contract, what its `isValidSignature` takes (ERC-1271): these 64 bytes themselves; or, where r
/// is an offset within the calldata and vs a length that fits behind it, that part of the calldata, so that a
/// longer (or empty) signature is appended to a call.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice This is not the signature of that account over what was submitted.
error BadSignature(address expected);

/// @notice A contract refused its signature while the caller had sent too little gas for it to answer: a good
/// signature must not pass for a bad one.
error SignatureOutOfGas(uint256 available, uint256 required);

using SignatureLib for Signature global;

library SignatureLib {
    /// @dev Half the order of secp256k1, rounded up.
    uint256 private constant UPPER_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A1;

    /// @dev bytes4(keccak256("isValidSignature(bytes32,bytes)")), and what it returns for a good one.
    uint256 private constant IS_VALID_SIGNATURE = 0x1626ba7e;

    /// @notice Reverts with BadSignature unless `signer` signed `digest`: with its key; or, where it has code,
    /// by its own word.
    function requireBy(Signature calldata signature, address signer, bytes32 digest) internal view {
        if (signature._byKey(signer, digest)) return;
        if (!signature._byCode(signer, digest, gasleft())) revert BadSignature(signer);
    }

    /// @notice Reverts with BadSignature unless `signer` signed `digest` with its key.
    function requireByKey(Signature calldata signature, address signer, bytes32 digest) internal view {
        if (!signature._byKey(signer, digest)) revert BadSignature(signer);
    }

    /// @notice Whether `signer` signed `digest`, for a caller who goes on without. Reverts with
    /// SignatureOutOfGas where that cannot be said.
    /// @param bound Gas that a signer with code may use.
    function isBy(Signature calldata signature, address signer, bytes32 digest, uint256 bound)
        internal
        view
        returns (bool)
    {
        uint256 available = gasleft();
        if (signature._byKey(signer, digest) || signature._byCode(signer, digest, bound)) return true;
        // Recovering and asking cost less than 20,000 themselves, and EIP-150 keeps one 64th of the rest.
        uint256 required = bound + bound / 63 + 20_000;
        if (available < required && signer.code.length != 0) revert SignatureOutOfGas(available, required);
        return false;
    }

    /// @dev In plain words: s < UPPER_HALF && signer != address(0)
    ///     && ecrecover(digest, uint8(vs >> 255) + 27, r, s) == signer.
    /// Only the lower half of s counts (EIP-2), so that nobody can make a second signature out of a first. The
    /// zero address has signed nothing: ecrecover's failure must not pass for its signature.
    function _byKey(Signature calldata signature, address signer, bytes32 digest)
        internal
        view
        returns (bool signed)
    {
        assembly ("memory-safe") {
            let m := mload(0x40)
            let vs := calldataload(add(signature, 0x20))
            let s := shr(1, shl(1, vs))
            mstore(m, digest)
            mstore(add(m, 0x20), add(shr(255, vs), 27))
            mstore(add(m, 0x40), calldataload(signature))
            mstore(add(m, 0x60), s)
            // Nothing is written where nothing can be recovered, and then this is nobody that anybody asks for.
            mstore(0x00, not(signer))
            pop(staticcall(gas(), 1, m, 0x80, 0x00, 0x20))
            signed := and(iszero(shl(96, xor(mload(0x00), signer))), lt(s, UPPER_HALF))
        }
    }

    /// @return v 27 or 28. @return r As it is. @return s Without the parity.
    function split(Signature calldata signature) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        uint256 vs = uint256(signature.vs);
        return (uint8(vs >> 255) + 27, signature.r, bytes32(vs << 1 >> 1));
    }

    /// @dev A static call: whatever the signer does, nothing changes meanwhile. It must answer with the magic
    /// value in a whole word; one that reverts, or returns less, or anything else, has not signed.
    function _byCode(Signature calldata signature, address signer, bytes32 digest, uint256 bound)
        internal
        view
        returns (bool signed)
    {
        if (signer.code.length == 0) return false;
        assembly ("memory-safe") {
            let from := signature
            let size := 0x40
            let r := calldataload(signature)
            if lt(r, calldatasize()) {
                let vs := calldataload(add(signature, 0x20))
                if iszero(gt(vs, sub(calldatasize(), r))) {
                    from := r
                    size := vs
                }
            }
            let m := mload(0x40)
            let magic := shl(224, IS_VALID_SIGNATURE)
            mstore(m, magic)
            mstore(add(m, 0x04), digest)
            mstore(add(m, 0x24), 0x40)
            mstore(add(m, 0x44), size)
            // Past the signature is zero padding to a whole word, as the ABI has it.
            calldatacopy(add(m, 0x64), from, size)
            calldatacopy(add(add(m, 0x64), size), calldatasize(), 0x1f)
            let padded := and(add(size, 0x1f), not(0x1f))
            mstore(0x00, 0)
            let answered := staticcall(bound, signer, m, add(padded, 0x64), 0x00, 0x20)
            signed := and(eq(mload(0x00), magic), and(answered, gt(returndatasize(), 0x1f)))
        }
    }
}
