// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Records in blobs
/// @notice A blob is 4,096 field elements of 32 bytes (EIP-4844). Of each only the lower 31 bytes count here, so that
/// every blob holds something. Two records A and B of 76 bytes lie in five elements:
///
///     A[0:31]   A[31:62]   A[62:76] | B[62:76] | 3 bytes without meaning   B[0:31]   B[31:62]
///
/// So a record touches three elements of one blob, and each of them takes one point evaluation (50,000 gas) to show.
library BlobReader {
    /// @notice What shows one record of a batch.
    /// @param versionedHashes Of the batch's blobs.
    /// @param commitment To the blob with the record: 48 bytes.
    /// @param elements The two that are the record's own, and the one that it shares.
    /// @param proofs Of these three elements: 48 bytes each, end to end.
    struct Opening {
        bytes32[] versionedHashes;
        bytes commitment;
        bytes32[3] elements;
        bytes proofs;
    }

    /// @notice Records in a blob: 819 pairs.
    uint256 internal constant BLOB_RECORDS = 1638;

    /// @dev EIP-4844: the precompile, and what it answers where the proof is good.
    address private constant POINT_EVALUATION = address(0x0a);
    uint256 private constant FIELD_ELEMENTS_PER_BLOB = 4096;
    uint256 private constant BLS_MODULUS =
        52435875175126190479447740508185965837690552500527637822603658699938581184513;
    /// @dev A primitive root of unity of order 4,096: 7 ** ((BLS_MODULUS - 1) / 4096), as in EIP-4844's trusted setup.
    uint256 private constant ROOT_OF_UNITY =
        39033254847818212395286706435128746857159659164139250548781411570340225835782;

    /// @notice The commitment or the proofs shown have not the length that they must have.
    error BadLength(uint256 commitment, uint256 proofs);
    /// @notice The element shown is not at this place of the blob.
    error WrongElement(uint256 place, bytes32 element);

    /// @notice The record at `index` among all those of a batch's blobs, after checking what shows it against the versioned
    /// hashes; whether these are the batch's is for the caller to check.
    function record(Opening calldata shown, uint256 index) internal view returns (bytes memory) {
        if (shown.commitment.length != 48 || shown.proofs.length != 144) {
            revert BadLength(shown.commitment.length, shown.proofs.length);
        }
        bytes32 versionedHash = shown.versionedHashes[index / BLOB_RECORDS];
        uint256 first = index % BLOB_RECORDS / 2 * 5;
        uint256 second = index % 2; // BLOB_RECORDS is even
        _check(versionedHash, shown, 0, first + 3 * second);
        _check(versionedHash, shown, 1, first + 3 * second + 1);
        _check(versionedHash, shown, 2, first + 2);
        return abi.encodePacked(
            bytes31(shown.elements[0] << 8),
            bytes31(shown.elements[1] << 8),
            bytes14(shown.elements[2] << (8 + 112 * second))
        );
    }

    /// @dev Checks that the element stands at `place` of the blob: the blob is the polynomial that has it as its value at
    /// the place's point.
    function _check(bytes32 versionedHash, Opening calldata shown, uint256 number, uint256 place)
        private
        view
    {
        bytes32 element = shown.elements[number];
        bytes calldata proof = shown.proofs[48 * number:48 * number + 48];
        (bool success, bytes memory answer) = POINT_EVALUATION.staticcall(
            abi.encodePacked(versionedHash, _point(place), element, shown.commitment, proof)
        );
        // Where there is no such precompile, the call succeeds and answers nothing.
        if (!success || keccak256(answer) != keccak256(abi.encode(FIELD_ELEMENTS_PER_BLOB, BLS_MODULUS))) {
            revert WrongElement(place, element);
        }
    }

    /// @dev The root of unity whose exponent is `place` with its 12 bits in reverse order: from its lowest bit on, squared
    /// and multiplied.
    function _point(uint256 place) private pure returns (uint256 point) {
        point = 1;
        for (uint256 bit; bit < 12; ++bit) {
            point = mulmod(point, point, BLS_MODULUS);
            if ((place >> bit) & 1 == 1) point = mulmod(point, ROOT_OF_UNITY, BLS_MODULUS);
        }
    }
}
