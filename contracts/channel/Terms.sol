// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What the opener of a channel chooses, in one word, from the left:
/// counterparty (B) 160 | challenge period in seconds 32 | unit exponent 8 | salt 56.
/// @dev One unit is 10 ** exponent base units of the asset. The salt tells apart channels of the same two
/// parties that are opened in the same block.
type Terms is bytes32;

using TermsLib for Terms global;

library TermsLib {
    function pack(address counterparty_, uint32 challengePeriod_, uint8 unitExponent_, uint56 salt)
        internal
        pure
        returns (Terms)
    {
        return Terms.wrap(
            bytes32(
                uint256(uint160(counterparty_)) << 96 | uint256(challengePeriod_) << 64
                    | uint256(unitExponent_) << 56 | salt
            )
        );
    }

    function counterparty(Terms terms) internal pure returns (address) {
        return address(bytes20(Terms.unwrap(terms)));
    }

    /// @return Seconds.
    function challengePeriod(Terms terms) internal pure returns (uint32) {
        return uint32(uint256(Terms.unwrap(terms)) >> 64);
    }

    function unitExponent(Terms terms) internal pure returns (uint8) {
        return uint8(uint256(Terms.unwrap(terms)) >> 56);
    }

    /// @return Base units (wei for ETH) in one unit.
    function unit(Terms terms) internal pure returns (uint256) {
        return 10 ** uint256(terms.unitExponent());
    }
}
