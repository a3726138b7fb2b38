// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Signature} from "../lib/Signature.sol";
import {Opening} from "./Opening.sol";
import {Position} from "./Position.sol";
import {Terms} from "./Terms.sol";

/// @title Payment channels between two parties
/// @notice One contract for all channels. A opens a channel with B and deposits; either side may deposit
/// more. Off chain they sign states, each newer than the last; the newest decides who gets what. Either
/// leaves with the other's consent at once, or alone after a challenge period in which anybody may show a
/// newer state.
///
/// Amounts are in units of 10 ** unitExponent base units; for ETH a unit is one gwei. A state carries the
/// *net transfer* from A to B since the channel was opened, never balances: so a deposit made meanwhile by
/// either side is its own without anybody signing anything.
///
/// Two rules make a party safe, and the contract cannot keep them for it. Answer a start at once with your
/// newest state, even if the one shown favours you: there is one challenge period, and it is never extended.
/// And after signing a Close, sign and accept no payment until it has expired.
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
    /// @param net Units that A has paid B, less what B has paid A.
    /// @param locks Root of the conditional payments that are pending; zero for none.
    struct State {
        uint48 nonce;
        int64 net;
        bytes32 locks;
    }

    /// @notice A channel in ETH was opened; with the zero token this is its descriptor.
    event OpenedInETH(Opening opening, Terms terms);

    /// @notice A channel in an ERC20 was opened; this is its descriptor.
    event OpenedInTokens(Opening opening, Terms terms, address token);

    /// @notice Somebody added to a channel's deposits.
    event ToppedUp(bytes32 indexed channel, Position position);

    /// @notice A party began to close alone.
    event Started(bytes32 indexed channel, Position position);

    /// @notice A newer state replaced the one shown before.
    event Challenged(bytes32 indexed channel, Position position);

    /// @notice A channel was paid out as its last position says (B: the rest of the deposits), and is gone
    /// for good.
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
    /// @notice A deposit is more than nothing, and a channel holds at most 2 ** 56 - 1 units: it has room for
    /// `most`.
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
    /// @notice The state is not newer than the one the contract has.
    error NotNewer(uint48 nonce, uint48 current);
    /// @notice The state of nonce 0 is the one before the first payment: nothing transferred, nothing locked.
    error BadFirstState(int64 net, bytes32 locks);
    /// @notice Conditional payments cannot be shown to this contract.
    error LocksNotSupported(bytes32 locks);
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

    /// @notice Adds the value (wei, whole gwei, not zero) to one side of an open channel in ETH. Anybody may.
    /// Errors: NotEther (also where there is no such channel), AlreadyClosing, NotWholeUnits, BadUnits.
    function topUpETH(bytes32 channel, bool forA) external payable;

    /// @notice Adds `units` (not zero) of the caller's, who has approved them, to one side of an open channel
    /// in an ERC20. Anybody may. Errors: NotAToken, NotOpen, AlreadyClosing, BadUnits, and what the token's
    /// transferFrom reverts with.
    function topUpTokens(Channel calldata channel, bool forA, uint256 units) external;

    /// @notice Closes at once: the caller is a party, and the other one signed Close(bytes32 channel,int64
    /// net,uint40 expiry).
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

    /// @notice A party begins to close alone, with the newest state that the other one signed; or with the
    /// state of nonce 0, which needs no signature. Newer states are taken until the challenge period has
    /// passed.
    /// Errors: NotOpen, NotAParty, AlreadyClosing, LocksNotSupported, BadFirstState, BadSignature, NotNewer.
    function closeAlone(Channel calldata channel, State calldata state, Signature calldata signature) external;

    /// @notice A party shows a newer state that the other one signed. The deadline stays.
    /// Errors: NotOpen, NotAParty, NotClosing, ChallengePeriodOver, LocksNotSupported, NotNewer,
    /// BadSignature.
    function challenge(Channel calldata channel, State calldata state, Signature calldata signature) external;

    /// @notice Anybody (a watchtower) shows a newer state that both signed. The deadline stays.
    /// Errors: as `challenge`, less NotAParty.
    function challengeSigned(
        Channel calldata channel,
        State calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external;

    /// @notice Pays both parties what the newest state shown leaves them, once the challenge period is over.
    /// Anybody may. Errors: NotOpen, NotClosing, ChallengePeriodNotOver.
    function settleAndPay(Channel calldata channel) external;

    /// @notice Pays the caller's credit, all of it, to `to`.
    /// Errors: NoCredit, and a failure of the transfer.
    function claimCredit(address token, address to) external;

    /// @notice Base units (wei for ETH) that a failed payout left for `owner`.
    function credits(address token, address owner) external view returns (uint256);

    /// @notice What the contract knows of a channel; all zero if there is none. Amounts in units, deadline in
    /// Unix time (zero: nobody is closing), balanceA and nonce of the newest state shown.
    function position(bytes32 channel)
        external
        view
        returns (
            uint256 depositA,
            uint256 depositB,
            uint256 balanceA,
            uint48 nonce,
            uint256 deadline,
            bool isEther
        );

    /// @notice keccak256(abi.encode(channel)).
    function channelId(Channel calldata channel) external pure returns (bytes32);

    /// @notice The EIP-712 digest of a state.
    function stateDigest(bytes32 channel, State calldata state) external view returns (bytes32);

    /// @notice The EIP-712 digest of a Close.
    function closeDigest(bytes32 channel, int64 net, uint40 expiry) external view returns (bytes32);
}
