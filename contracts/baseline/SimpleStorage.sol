// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title SimpleStorage
/// @notice One word that anyone may write: the smallest contract that keeps something, measured as a baseline.
contract SimpleStorage {
    uint256 private _value;

    /// @notice Replace the stored word. Anyone may call.
    /// @param value The new word; any value is accepted.
    function set(uint256 value) external {
        _value = value;
    }

    /// @notice The stored word; 0 before the first `set`.
    function get() external view returns (uint256) {
        return _value;
    }
}
