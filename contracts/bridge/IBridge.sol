// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Signature} from "../lib/Signature.sol";
import {IInbox} from "../rollup/IInbox.sol";

/// @title Bridge
/// @notice Holds what is deposited, tells the Inbox, and pays what the Rollup has confirmed as withdrawn; and where the
/// Rollup is frozen, what its last state and the Inbox show to be somebody's.
///
/// A deposit is the message `kind u8 = 1 | token 20 | owner 20 | amount u128` (MessageSent in the Inbox, whose order is
/// that of the deposits). A withdrawal is the leaf keccak(abi.encode(index, owner, token, amount)) in the outbox tree.
///
/// The zero token is ETH. Amounts are in wei, or base units of the token. Any ERC20 will do. A token that takes fees on
/// transfer is refused at the deposit; one whose balances change by themselves (rebasing) harms those, and only those, who
/// deposit it. What cannot be paid becomes a credit, and keeps nobody waiting; who sends too little gas to tell whether a
/// payout works is refused (PayoutOutOfGas).
interface IBridge {
    /// @notice A withdrawal on L2.
    struct Withdrawal {
        uint256 index;
        address owner;
        address token;
        uint256 amount;
    }

    /// @notice What a provider pays for a withdrawal that is not confirmed yet.
    /// @param fee Kept back (base units).
    /// @param expiry Until when (seconds, that one included) the owner's signature is good.
    /// @param batch and
    /// @param accumulator The Inbox's, of the history that the provider has seen: after a reorganisation of L1 the
    /// withdrawal may not be there.
    struct FastExit {
        uint256 fee;
        uint256 expiry;
        uint256 batch;
        bytes28 accumulator;
    }

    /// @notice The assertion at which the Rollup was frozen; the last two are the halves of its machine hash.
    struct Final {
        bytes32 parent;
        uint256 batch;
        bytes28 accumulator;
        bytes32 outboxRoot;
        bytes32 innerHash;
    }

    /// @notice Where a batch consumed a message.
    /// @param batch Its number.
    /// @param before The Inbox's accumulator before it.
    /// @param posted The batch.
    /// @param place Of the message among those of the batch.
    /// @param hint The account that the batch names for it.
    struct Consumed {
        uint256 batch;
        bytes28 before;
        IInbox.Batch posted;
        uint256 place;
        uint32 hint;
    }

    /// @notice A withdrawal was claimed, for good: `index` cannot be claimed again. `payee`: its owner, or the provider.
    event Claimed(uint256 indexed index, address indexed payee, address token, uint256 amount);

    /// @notice A provider has paid a withdrawal, less the fee, and gets it when it is confirmed.
    event FastExited(
        uint256 indexed index,
        address indexed owner,
        address indexed provider,
        address token,
        uint256 amount,
        uint256 fee
    );

    /// @notice A payout failed and became a credit of `owner`.
    event Credited(address indexed token, address indexed owner, uint256 amount);

    /// @notice A credit was paid to whom its owner chose.
    event CreditClaimed(address indexed token, address indexed owner, address to, uint256 amount);

    /// @notice An account of the frozen state was paid out.
    event Escaped(uint256 indexed account, address indexed owner, address token, uint256 amount);

    /// @notice A deposit that the frozen state does not know was paid back.
    event Recovered(
        uint256 indexed batch, uint256 indexed place, address indexed owner, address token, uint256 amount
    );

    /// @notice Nobody could ever sign on L2 for the zero address, for the bridge, or for a contract.
    error BadRecipient(address to);
    /// @notice A deposit must be more than nothing, and fit 128 bits.
    error BadAmount(uint256 amount);
    /// @notice There is no token at this address; `depositETH` is for ETH.
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
    /// @notice The owner's signature is not good any more.
    error Expired(uint256 timestamp, uint256 expiry);
    /// @notice The fee is more than the withdrawal.
    error FeeTooHigh(uint256 fee, uint256 amount);
    /// @notice The Inbox knows another accumulator after this batch.
    error WrongHistory(bytes28 shown, bytes28 known);
    /// @notice A provider has paid the withdrawal before.
    error AlreadyTaken(uint256 index, address provider);
    /// @notice The value sent is not what is due (wei).
    error WrongValue(uint256 value, uint256 due);
    /// @notice The Rollup is not frozen at this assertion.
    error NotFrozen(bytes32 id);
    /// @notice The account holds nothing.
    error NothingToPay(uint256 account);
    /// @notice The account was paid out before.
    error AlreadyEscaped(uint256 account);
    /// @notice The frozen state has applied this batch: what it consumed is in the accounts.
    error InFrozenState(uint256 batch, uint256 frozenBatch);
    /// @notice The proof does not lead from this message to those of the batch.
    error NotConsumed(bytes32 computed, bytes32 messagesRoot);
    /// @notice The message is no deposit of this bridge's.
    error NotADeposit(bytes message);
    /// @notice The deposit was paid back before.
    error AlreadyRecovered(uint256 batch, uint256 place);

    /// @notice Deposit the value sent to the L2 account of `to`. Anyone may. `to` must have a key, though its account may
    /// be delegated (EIP-7702). Reverts with the Inbox's InboxFull while too many messages wait there.
    ///
    /// The bridge does not ask whether the Rollup is frozen: a deposit made after that comes back by `recoverDeposit`.
    function depositETH(address to) external payable;

    /// @notice Deposit `amount` of `token` to the L2 account of `to`, as `depositETH` does. Anyone may who has allowed the
    /// bridge as much.
    function depositERC20(address token, address to, uint256 amount) external;

    /// @notice The same, approving the deposit by the caller's EIP-2612 permit of exactly `amount` to the bridge. Whether
    /// the token takes the permit does not matter if the bridge may have the deposit: somebody else may have used it
    /// already.
    /// @param permitDeadline Of the permit (seconds).
    /// @param signature The permit's; of an account with a key only.
    function depositERC20WithPermit(
        address token,
        address to,
        uint256 amount,
        uint256 permitDeadline,
        Signature calldata signature
    ) external;

    /// @notice Pay a withdrawal to its owner, or to the provider that took it over. Anyone may. Any confirmed outbox that
    /// holds the withdrawal will do, for ever, also an old one, and after the Rollup's end.
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

    /// @notice Pay a withdrawal now, less a fee, and take the claim over. The caller is the provider whom the owner's
    /// signature names. Nothing is checked of the withdrawal itself: one that is never confirmed is the provider's loss, and
    /// nobody else's; also a right one, where the Rollup is frozen before it (its owner then escapes with the balance). ETH comes with the call; of a token the provider has allowed the bridge as much.
    /// @param signature Of the withdrawal's owner, by its key, over the EIP-712 struct
    /// FastExit(uint256 index,address token,uint256 amount,uint256 fee,address provider,uint256 expiry). BadSignature.
    function fastExit(Withdrawal calldata withdrawal, FastExit calldata terms, Signature calldata signature)
        external
        payable;

    /// @notice Pay the caller's whole credit in `token` to `to`.
    function claimCredit(address token, address to) external;

    /// @notice Where the Rollup is frozen, pay what an account holds in the last state to its owner, once. Anyone may.
    /// @param witness Of the machine's `holding`.
    function escape(Final calldata last, bytes calldata witness) external;

    /// @notice Where the Rollup is frozen, pay back a deposit that the last state does not know to whom it was for, once.
    /// Anyone may. A deposit that waits in the Inbox must be consumed by a batch first: anyone may post late ones there.
    /// Reverts with the Inbox's UnknownAccumulator where it has forgotten the batch (`checkpoint` brings it back).
    /// @param message The message's preimage: sender 20 | timestamp u64 | data.
    /// @param proof The siblings of the message's leaf among those of the batch, from the bottom up.
    function recoverDeposit(
        Final calldata last,
        Consumed calldata consumed,
        bytes calldata message,
        bytes32[] calldata proof
    ) external;

    /// @notice Whether a withdrawal was claimed.
    function isClaimed(uint256 index) external view returns (bool);

    /// @notice Whether an account of the frozen state was paid out.
    function isEscaped(uint256 account) external view returns (bool);

    /// @notice Whether the deposit at this place in the messages of a batch was paid back.
    function isRecovered(uint256 batch, uint256 place) external view returns (bool);

    /// @notice Who has paid a withdrawal, by its leaf, and is paid for it; zero for none.
    function providerOf(bytes32 withdrawal) external view returns (address);

    /// @notice What the bridge owes because a payout failed.
    function credits(address token, address owner) external view returns (uint256);

    /// @notice EIP-712 domain ("l2kit bridge", "1", chain id, this address).
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}
