// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bridge
/// @notice Holds what is deposited, tells the Inbox, and pays what the Rollup has confirmed as withdrawn.
///
/// A deposit is the message `kind u8 = 1 | token 20 | owner 20 | amount u128` (MessageSent in the Inbox, whose order is
/// that of the deposits). A withdrawal is the leaf keccak(abi.encode(index, owner, token, amount)) in the outbox tree.
///
/// The zero token is ETH. Amounts are in wei, or base units of the token. A token that takes fees on transfer is refused at
/// the deposit; one whose balances change by themselves (rebasing) harms those, and only those, who deposit it.
interface IBridge {
    /// @notice A withdrawal was claimed, for good: `index` cannot be claimed again.
    event Claimed(uint256 indexed index, address indexed owner, address token, uint256 amount);

    /// @notice A payout failed and became a credit of `owner`.
    event Credited(address indexed token, address indexed owner, uint256 amount);

    /// @notice A credit was paid to whom its owner chose.
    event CreditClaimed(address indexed token, address indexed owner, address to, uint256 amount);

    /// @notice Nobody could ever sign for the zero address, or for the bridge.
    error BadRecipient(address to);
    /// @notice A deposit must be more than nothing, and fit 128 bits.
    error BadAmount(uint256 amount);
    /// @notice `depositERC20` takes no zero token; `depositETH` is for ETH.
    error NotAToken(address token);
    /// @notice The token did not hand over exactly what was asked of it.
    error InexactTransfer(address token, uint256 received, uint256 amount);
    /// @notice This outbox root was never confirmed.
    error NotConfirmed(bytes32 outboxRoot);
    /// @notice The proof does not lead from this withdrawal to the outbox root.
    error NotWithdrawn(bytes32 computed, bytes32 outboxRoot);
    /// @notice The withdrawal was claimed before.
    error AlreadyClaimed(uint256 index);
    /// @notice There is no credit.
    error NoCredit(address token, address owner);
    /// @notice The credit's payout failed, too; it stays a credit.
    error PayoutFailed(address token, address to, uint256 amount);

    /// @notice Deposit the value sent to the L2 account of `to`. Anyone may. `to` must have a key: a contract cannot sign on
    /// L2. Reverts with the Inbox's InboxFull while too many messages wait there.
    function depositETH(address to) external payable;

    /// @notice Deposit `amount` of `token` to the L2 account of `to`, as `depositETH` does. Anyone may who has allowed the
    /// bridge as much.
    function depositERC20(address token, address to, uint256 amount) external;

    /// @notice Pay a withdrawal to its owner. Anyone may. What cannot be paid becomes a credit; PayoutOutOfGas where too
    /// little gas was sent to tell. Any confirmed outbox that holds the withdrawal will do, also an old one.
    /// @param outboxRoot Root of the confirmed outbox.
    /// @param index The withdrawal's place in it.
    /// @param proof The siblings from the bottom up, without the empty ones at the top.
    function claim(
        bytes32 outboxRoot,
        uint256 index,
        address owner,
        address token,
        uint256 amount,
        bytes32[] calldata proof
    ) external;

    /// @notice Pay the caller's whole credit in `token` to `to`.
    function claimCredit(address token, address to) external;

    /// @notice Whether a withdrawal was claimed.
    function isClaimed(uint256 index) external view returns (bool);

    /// @notice What the bridge owes because a payout failed.
    function credits(address token, address owner) external view returns (uint256);
}
