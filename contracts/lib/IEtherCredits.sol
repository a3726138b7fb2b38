// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What is owed to those whose payout failed.
interface IEtherCredits {
    /// @notice A payout failed and became a credit (wei).
    event Credited(address indexed owner, uint256 amount);

    /// @notice A credit was paid to whom its owner chose (wei).
    event CreditClaimed(address indexed owner, address to, uint256 amount);

    /// @notice There is no credit.
    error NoCredit(address owner);
    /// @notice The credit's payout failed, too; it stays a credit.
    error PayoutFailed(address to, uint256 amount);

    /// @notice What is owed because a payout failed (wei).
    function credits(address owner) external view returns (uint256);

    /// @notice Pay the caller's credit to `to`.
    function claimCredit(address to) external;
}
