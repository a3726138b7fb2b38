// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Signature} from "../lib/Signature.sol";
import {Opening} from "./Opening.sol";
import {Position} from "./Position.sol";
import {Terms} from "./Terms.sol";

/// @title Payment channels between two parties
/// @notice One contract for all channels. A opens a channel with B and deposits; either side may deposit
/// more, or withdraw with the other's consent. Off chain they sign states, each newer than the last; the
/// newest decides who gets what. Either leaves with the other's consent at once, or alone after a challenge
/// period in which anybody may show a newer state.
///
/// Amounts are in units of 10 ** unitExponent base units; for ETH a unit is one gwei. A state carries the
/// *net transfer* from A to B since the channel was opened, never balances: so a deposit made meanwhile by
/// either side is its own without anybody signing anything, and a withdrawal leaves every state good.
///
/// A state may have *locks*: payments on condition that a secret, of which both know the hash, is on chain by
/// their expiry. It is either *shown* together with the locks (cheap, and good for the state that the
/// contract has just then), or *revealed* (good in every lock of that hash, in every channel and every state,
/// whenever that is shown). A lock that has expired without it returns: nothing moves.
///
/// These rules make a party safe, and the contract cannot keep them for it.
/// Answer a start at once with your newest state, even if the one shown favours you: there is one challenge
/// period, and it is never extended.
/// After signing a Close, sign and accept no payment until it has expired; after signing a Withdrawal, pay
/// as if it were withdrawn already.
/// Sign only states in which either side can pay all of its locks, whose list you have (without it they cannot
/// be resolved), few enough for one transaction (hundreds are: all are shown at once), and with expiries that
/// you can wait for: a channel settles when its last lock has paid or expired.
/// Reveal your secret, do not show it, where you have signed a newer state that the other side may still
/// show (after the expiry, say), and where little time is left: an unlock is refused if another one has just
/// resolved other locks of the list, a reveal never is.
///
/// A signer that is a contract is asked by ERC-1271 when its signature is used, so it can take back what it
/// has signed: whoever accepts its payments trusts its code.
///
/// The token must move exactly what it is told to, and change no balances by itself. One that takes fees on
/// transfers or rebases leaves the contract with less than it owes in that token, and its last channels
/// unpaid; channels in other assets are not touched. (To measure every receipt would cost 1,200 gas a deposit
/// for all the honest ones.)
interface IPaymentChannels {
    /// @notice The descriptor of a channel, of which the contract stores no more than the hash (its id).
    /// @param opening Opener (A) and block number. Nothing closes in that block, so no id is ever used twice.
    /// @param terms Counterparty (B), challenge period, unit exponent and salt.
    /// @param token ERC20, or zero for ETH.
    struct Channel {
        Opening opening;
        Terms terms;
        address token;
    }

    /// @notice A state of a channel: EIP-712 type State(bytes32 channel,uint48 nonce,int64 net,bytes32
    /// locks). @param nonce Of two states the higher nonce wins. The state before the first payment is nonce
    /// 0, net 0, unsigned.
    /// @param net Units that A has paid B, less what B has paid A; pending locks are not in it.
    /// @param locks Root of the pending locks: keccak256 of their words in order (96 bytes each); zero for
    /// none.
    struct State {
        uint48 nonce;
        int64 net;
        bytes32 locks;
    }

    /// @notice A conditional payment (a hash time lock).
    /// @param hash keccak256 of the secret (32 bytes, not zero: zero can be revealed, but not shown).
    /// @param units What A pays B; negative where B pays A.
    /// @param expiry Last second in which the secret counts (Unix time).
    struct Lock {
        bytes32 hash;
        int64 units;
        uint40 expiry;
    }

    /// @notice Units that both sides agree to take out of an open channel: EIP-712 type
    /// Withdrawal(bytes32 channel,uint56 number,uint56 unitsA,uint56 unitsB,uint40 expiry).
    /// @param number How many withdrawals the channel has had before, which makes each good once.
    /// @param unitsA For A. @param unitsB For B.
    /// @param expiry Last second at which it is good (Unix time).
    struct Withdrawal {
        uint56 number;
        uint56 unitsA;
        uint56 unitsB;
        uint40 expiry;
    }

    /// @notice One of the channels of `closeMany`, with the arguments of `closeNow`.
    struct Closing {
        Channel channel;
        int64 net;
        uint40 expiry;
        Signature signature;
    }

    /// @notice A channel in ETH was opened; with the zero token this is its descriptor.
    event OpenedInETH(Opening opening, Terms terms);

    /// @notice A channel in an ERC20 was opened; this is its descriptor.
    event OpenedInTokens(Opening opening, Terms terms, address token);

    /// @notice Somebody added to a channel's deposits.
    event ToppedUp(bytes32 indexed channel, Position position);

    /// @notice Both sides agreed to take something out of a channel, and it was paid.
    event Withdrawn(bytes32 indexed channel, Position position);

    /// @notice A party began to close alone.
    event Started(bytes32 indexed channel, Position position);

    /// @notice A newer state replaced the one shown before.
    event Challenged(bytes32 indexed channel, Position position);

    /// @notice Locks of the state shown were resolved after it was shown.
    event Unlocked(bytes32 indexed channel, Position position);

    /// @notice Some locks were resolved; these are still pending. (Where none was, it is the state's list.)
    event LocksPending(bytes32 indexed channel, Lock[] locks);

    /// @notice A secret was shown with a lock, or revealed.
    event SecretShown(bytes32 indexed hash, bytes32 secret);

    /// @notice A channel was paid out as its last position says (B: the rest of the total), and is gone for
    /// good.
    event Closed(bytes32 indexed channel, Position last);

    /// @notice A payout failed and became a credit of `owner` (wei, or base units of the token).
    event Credited(address indexed token, address indexed owner, uint256 amount);

    /// @notice A credit was paid to whom its owner chose.
    event CreditClaimed(address indexed token, address indexed owner, address to, uint256 amount);

    /// @notice B must be another account than A.
    error BadCounterparty(address counterparty);
    /// @notice Challenge periods are between these bounds (seconds).
    error BadChallengePeriod(uint256 period, uint256 least, uint256 most);
    /// @notice ETH is counted in gwei (exponent 9), tokens in 10 ** 59 base units at most.
    error BadUnitExponent(uint8 unitExponent);
    /// @notice The ERC20 functions take no zero token; `openInETH` and `topUpETH` are for ETH.
    error NotAToken(address token);
    /// @notice The channel's asset is not ETH.
    error NotEther(bytes32 channel);
    /// @notice ETH must come in whole units (wei).
    error NotWholeUnits(uint256 amount, uint256 unit);
    /// @notice A deposit is one unit at least, and a channel, and what A put in less what it withdrew, are
    /// 2 ** 56 - 1 units at most: there is room for `most`. A withdrawal is one unit at least, leaves one unit
    /// at least, and A withdraws no more than 2 ** 56 units beyond what it put in: it may be `most`.
    error BadUnits(uint256 units, uint256 most);
    /// @notice The same terms were opened by the same account in this block already: choose another salt.
    error AlreadyOpen(bytes32 channel);
    /// @notice There is no such channel: never opened, already closed, or the descriptor is wrong.
    error NotOpen(bytes32 channel);
    /// @notice Somebody is closing it already.
    error AlreadyClosing(bytes32 channel, uint256 deadline);
    /// @notice Nobody has started to close it.
    error NotClosing(bytes32 channel);
    /// @notice A channel cannot be closed in the block in which it was opened.
    error OpenedInThisBlock(uint256 blockNumber);
    /// @notice Only A and B may do this.
    error NotAParty(address caller);
    /// @notice The Close was good until `expiry` only (Unix time).
    error CloseExpired(uint256 expiry, uint256 timestamp);
    /// @notice The Withdrawal was good until `expiry` only (Unix time).
    error WithdrawalExpired(uint256 expiry, uint256 timestamp);
    /// @notice The channel's next withdrawal has another number: this one was made already, or is early.
    error BadWithdrawalNumber(uint256 number, uint256 next);
    /// @notice The state is not newer than the one the contract has.
    error NotNewer(uint48 nonce, uint48 current);
    /// @notice The state of nonce 0 is the one before the first payment: nothing transferred, nothing locked.
    error BadFirstState(int64 net, bytes32 locks);
    /// @notice These are not the locks that are pending, or those of the state: theirs is another root.
    error BadLocks(bytes32 root, bytes32 expected);
    /// @notice There is one secret for each lock; zero where it is not shown.
    error BadSecretCount(uint256 secrets, uint256 locks);
    /// @notice This is not the secret of that hash.
    error WrongSecret(bytes32 hash, bytes32 secret);
    /// @notice The newest state shown has pending locks: `settleAndUnlock` settles it.
    error LocksUnresolved(bytes32 root);
    /// @notice The lock's secret may come until `expiry` (Unix time), that second included.
    error LockPending(bytes32 hash, uint256 expiry);
    /// @notice The challenge period ended at `deadline` (Unix time).
    error ChallengePeriodOver(uint256 deadline, uint256 timestamp);
    /// @notice The challenge period lasts until `deadline` (Unix time), that second included.
    error ChallengePeriodNotOver(uint256 deadline, uint256 timestamp);
    /// @notice Nothing is owed to that account.
    error NoCredit(address token, address owner);

    /// @notice Opens a channel in ETH with the caller as A; the value is A's deposit (wei, whole gwei, not
    /// zero). @return channel The id.
    /// Errors: BadCounterparty, BadChallengePeriod, BadUnitExponent, NotWholeUnits, BadUnits, AlreadyOpen.
    function openInETH(Terms terms) external payable returns (bytes32 channel);

    /// @notice Opens a channel in an ERC20 with the caller as A, who has approved the deposit of `units` (not
    /// zero). @return channel The id.
    /// Errors: as `openInETH`, and NotAToken, and what the token's transferFrom reverts with.
    function openInTokens(Terms terms, address token, uint256 units) external returns (bytes32 channel);

    /// @notice The same, approving the deposit by the caller's EIP-2612 permit of exactly that many base
    /// units to this contract. Whether the token takes the permit does not matter if it lets this contract
    /// have the deposit: somebody else may have used the permit already.
    /// @param permitDeadline Of the permit (Unix time). @param signature The permit's; of an account with a
    /// key.
    /// Errors: as `openInTokens`.
    function openInTokensWithPermit(
        Terms terms,
        address token,
        uint256 units,
        uint256 permitDeadline,
        Signature calldata signature
    ) external returns (bytes32 channel);

    /// @notice Adds the value (wei, whole gwei, not zero) to one side of an open channel in ETH. Anybody may.
    /// Errors: NotEther (also where there is no such channel), AlreadyClosing, NotWholeUnits, BadUnits.
    function topUpETH(bytes32 channel, bool forA) external payable;

    /// @notice Adds `units` (not zero) of the caller's, who has approved them, to one side of an open channel
    /// in an ERC20. Anybody may. Errors: NotAToken, NotOpen, AlreadyClosing, BadUnits, and what the token's
    /// transferFrom reverts with.
    function topUpTokens(Channel calldata channel, bool forA, uint256 units) external;

    /// @notice Pays each side what both agree to take out of an open channel: the caller is a party, and the
    /// other one signed the Withdrawal. States stay good.
    /// Errors: NotOpen, NotAParty, AlreadyClosing, WithdrawalExpired, BadWithdrawalNumber, BadUnits,
    /// BadSignature.
    function withdraw(Channel calldata channel, Withdrawal calldata withdrawal, Signature calldata signature)
        external;

    /// @notice Closes at once: the caller is a party, and the other one signed Close(bytes32 channel,int64
    /// net,uint40 expiry). What was shown before, and its locks, count no more.
    /// @param net As in a state. It need not be the newest one's: both parties consent.
    /// @param expiry Last second at which the signature is good (Unix time).
    /// Errors: CloseExpired, OpenedInThisBlock, NotOpen, NotAParty, BadSignature.
    function closeNow(Channel calldata channel, int64 net, uint40 expiry, Signature calldata signature)
        external;

    /// @notice The same by anybody, with the Close signed by both.
    function closeNowSigned(
        Channel calldata channel,
        int64 net,
        uint40 expiry,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice The same for many channels of the caller's, who is paid once for neighbours in the same asset:
    /// sort them by token. One that `closeNow` would refuse is left out, so that no counterparty can hold up
    /// the others. It may cost gas, for which the caller's limit must suffice: the signature of a contract
    /// 300,000 at most, a payout what Payout says.
    /// @return closed How many were closed.
    /// Errors: SignatureOutOfGas; and an arithmetic panic where neighbours owe the caller more than 2 ** 256 -
    /// 1 base units.
    function closeMany(Closing[] calldata closings) external returns (uint256 closed);

    /// @notice A party begins to close alone, with the newest state that the other one signed; or with the
    /// state of nonce 0, which needs no signature. Newer states are taken until the challenge period has
    /// passed. The state's locks, if any, are pending from now on.
    /// Errors: NotOpen, NotAParty, AlreadyClosing, BadFirstState, BadSignature.
    function closeAlone(Channel calldata channel, State calldata state, Signature calldata signature) external;

    /// @notice The same, resolving the state's locks as `unlockNow` does.
    /// Errors: as `closeAlone`, and BadLocks, BadSecretCount, WrongSecret.
    function closeAloneAndUnlock(
        Channel calldata channel,
        State calldata state,
        Signature calldata signature,
        Lock[] calldata locks,
        bytes32[] calldata secrets
    ) external;

    /// @notice A party shows a newer state that the other one signed. The deadline stays. Its locks are
    /// pending instead of those of the state before, and what those have paid is undone.
    /// Errors: NotOpen, NotAParty, BadSignature, NotClosing, ChallengePeriodOver, NotNewer.
    function challenge(Channel calldata channel, State calldata state, Signature calldata signature) external;

    /// @notice The same, resolving the state's locks as `unlockNow` does.
    /// Errors: as `challenge`, and BadLocks, BadSecretCount, WrongSecret.
    function challengeAndUnlock(
        Channel calldata channel,
        State calldata state,
        Signature calldata signature,
        Lock[] calldata locks,
        bytes32[] calldata secrets
    ) external;

    /// @notice Anybody (a watchtower) shows a newer state that both signed. The deadline stays.
    /// Errors: as `challenge`, less NotAParty.
    function challengeSigned(
        Channel calldata channel,
        State calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice Resolves pending locks, before or after the deadline: one pays if its secret is shown here by
    /// its expiry, or was revealed by then; one that has expired otherwise returns; the rest stays pending.
    /// Anybody may.
    /// @param locks All that are pending, in their order.
    /// @param secrets One for each, zero where it is not shown. One shown too late is worth nothing.
    /// Errors: NotOpen, NotClosing, BadLocks, BadSecretCount, WrongSecret.
    function unlockNow(Channel calldata channel, Lock[] calldata locks, bytes32[] calldata secrets) external;

    /// @notice Notes down that a secret is known from now on: it counts in every lock of its hash that has
    /// not expired, whenever that lock is shown. Only the first time counts. Anybody may.
    function reveal(bytes32 secret) external;

    /// @notice Pays both parties what the newest state shown leaves them, once the challenge period is over
    /// and no lock is pending. Anybody may.
    /// Errors: NotOpen, NotClosing, ChallengePeriodNotOver, LocksUnresolved.
    function settleAndPay(Channel calldata channel) external;

    /// @notice The same, resolving what is pending as `unlockNow` does; nothing may remain.
    /// Errors: NotOpen, NotClosing, ChallengePeriodNotOver, BadLocks, BadSecretCount, WrongSecret,
    /// LockPending.
    function settleAndUnlock(Channel calldata channel, Lock[] calldata locks, bytes32[] calldata secrets)
        external;

    /// @notice Pays the caller's credit, all of it, to `to`.
    /// Errors: NoCredit, and a failure of the transfer.
    function claimCredit(address token, address to) external;

    /// @notice Base units (wei for ETH) that a failed payout left for `owner`.
    function credits(address token, address owner) external view returns (uint256);

    /// @notice What the contract knows of a channel; all zero if there is none. Amounts in units, deadline in
    /// Unix time (zero: nobody is closing). A deposit is negative where its side withdrew more than it put
    /// in. balanceA, nonce and hasLocks are of the newest state shown; withdrawals are how many there were,
    /// while nobody is closing.
    function position(bytes32 channel)
        external
        view
        returns (
            int256 depositA,
            int256 depositB,
            uint256 balanceA,
            uint48 nonce,
            uint256 deadline,
            bool isEther,
            bool hasLocks,
            uint256 withdrawals
        );

    /// @notice Root of the locks of a closing channel that are pending; zero for none.
    function pendingLocks(bytes32 channel) external view returns (bytes32 root);

    /// @notice When the secret of that hash was revealed (Unix time); zero: it was not.
    function revealedAt(bytes32 hash) external view returns (uint256 timestamp);

    /// @notice keccak256(abi.encode(channel)).
    function channelId(Channel calldata channel) external pure returns (bytes32);

    /// @notice The EIP-712 digest of a state.
    function stateDigest(bytes32 channel, State calldata state) external view returns (bytes32);

    /// @notice The EIP-712 digest of a Close.
    function closeDigest(bytes32 channel, int64 net, uint40 expiry) external view returns (bytes32);

    /// @notice The EIP-712 digest of a Withdrawal.
    function withdrawalDigest(bytes32 channel, Withdrawal calldata withdrawal) external view returns (bytes32);
}
