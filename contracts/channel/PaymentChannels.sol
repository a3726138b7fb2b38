// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {Permit} from "../lib/Permit.sol";
import {Signature} from "../lib/Signature.sol";
import {ChannelHash} from "./ChannelHash.sol";
import {Credits} from "./Credits.sol";
import {IPaymentChannels} from "./IPaymentChannels.sol";
import {Locks} from "./Locks.sol";
import {Opening, OpeningLib} from "./Opening.sol";
import {Position, PositionLib} from "./Position.sol";
import {Terms} from "./Terms.sol";

/// @title Payment channels between two parties
contract PaymentChannels is Credits, EIP712 {
    /// @dev Time for an answer even when blocks are full for a while; and an end even after a slip of the
    /// hand.
    uint256 internal constant MIN_CHALLENGE_PERIOD = 10 minutes;
    uint256 internal constant MAX_CHALLENGE_PERIOD = 90 days;

    uint256 internal constant GWEI_EXPONENT = 9;

    /// @dev 2 ** 56 units of 10 ** 59 still fit 256 bits, so no amount overflows anywhere below.
    uint256 internal constant MAX_UNIT_EXPONENT = 59;

    /// @dev In `closeMany`, for the signature of a counterparty that is a contract. Elsewhere whoever calls
    /// needs that very signature, and may spend on it what it likes.
    uint256 internal constant WALLET_GAS = 300_000;

    /// @dev A struct, so that a reference to it is worked out once and passed on.
    struct Slot {
        Position position;
    }

    mapping(bytes32 channel => Slot) private _slots;

    /// @inheritdoc IPaymentChannels
    /// @dev Not zero exactly while the channel's position has locks.
    mapping(bytes32 channel => bytes32 root) public pendingLocks;

    /// @inheritdoc IPaymentChannels
    mapping(bytes32 hash => uint256 timestamp) public revealedAt;

    // Opening and funding

    /// @inheritdoc IPaymentChannels
    function openInETH(Terms terms) external payable inWholeGwei returns (bytes32 id) {
        if (terms.unitExponent() != GWEI_EXPONENT) revert BadUnitExponent(terms.unitExponent());
        Opening opening;
        (id, opening) = _open(terms, address(0), msg.value / 1 gwei);
        emit OpenedInETH(opening, terms);
    }

    /// @inheritdoc IPaymentChannels
    function openInTokens(Terms terms, address token, uint256 units) external returns (bytes32 id) {
        id = _openInTokens(terms, token, units);
        _collect(token, terms, units);
    }

    /// @inheritdoc IPaymentChannels
    function openInTokensWithPermit(
        Terms terms,
        address token,
        uint256 units,
        uint256 permitDeadline,
        Signature calldata signature
    ) external returns (bytes32 id) {
        id = _openInTokens(terms, token, units);
        Permit.tryFromCaller(token, units * terms.unit(), permitDeadline, signature);
        _collect(token, terms, units);
    }

    /// @inheritdoc IPaymentChannels
    function topUpETH(bytes32 id, bool forA) external payable inWholeGwei {
        Slot storage slot = _slots[id];
        Position position_ = slot.position;
        if (!position_.isEther()) revert NotEther(id);
        _topUp(id, slot, position_, forA, msg.value / 1 gwei);
    }

    /// @inheritdoc IPaymentChannels
    function topUpTokens(Channel calldata channel, bool forA, uint256 units) external {
        address token = channel.token;
        if (token == address(0)) revert NotAToken(token);
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        _topUp(id, slot, position_, forA, units);
        _collect(token, channel.terms, units);
    }

    function _openInTokens(Terms terms, address token, uint256 units) private returns (bytes32 id) {
        if (terms.unitExponent() > MAX_UNIT_EXPONENT) revert BadUnitExponent(terms.unitExponent());
        if (token == address(0)) revert NotAToken(token);
        Opening opening;
        (id, opening) = _open(terms, token, units);
        emit OpenedInTokens(opening, terms, token);
    }

    function _open(Terms terms, address token, uint256 units) private returns (bytes32 id, Opening opening) {
        address b = terms.counterparty();
        // A counterparty of zero signs nothing, and the opener gets everything back.
        if (b == msg.sender) revert BadCounterparty(msg.sender);
        uint256 period = terms.challengePeriod();
        unchecked {
            // Below the least wraps around.
            if (period - MIN_CHALLENGE_PERIOD > MAX_CHALLENGE_PERIOD - MIN_CHALLENGE_PERIOD) {
                revert BadChallengePeriod(period, MIN_CHALLENGE_PERIOD, MAX_CHALLENGE_PERIOD);
            }
        }
        unchecked {
            // Zero wraps around.
            if (units - 1 > PositionLib.MAX_UNITS - 1) revert BadUnits(units, PositionLib.MAX_UNITS);
        }

        opening = OpeningLib.pack(msg.sender, block.number);
        id = ChannelHash.ofOpening(opening, terms, token);
        Slot storage slot = _slots[id];
        if (slot.position.exists()) revert AlreadyOpen(id);
        slot.position = PositionLib.open(units, token == address(0));
    }

    function _topUp(bytes32 id, Slot storage slot, Position position_, bool forA, uint256 units) private {
        // A closing channel takes no more: what the shown state leaves each side is worked out already.
        if (position_.isClosing()) revert AlreadyClosing(id, position_.deadline());
        unchecked {
            // Zero wraps around.
            uint256 room = position_.roomFor(forA);
            if (units - 1 >= room) revert BadUnits(units, room);
        }
        position_ = position_.deposit(forA, units);
        slot.position = position_;
        emit ToppedUp(id, position_);
    }

    modifier inWholeGwei() {
        if (msg.value % 1 gwei != 0) revert NotWholeUnits(msg.value, 1 gwei);
        _;
    }

    /// @dev Takes units from the caller after the deposit was noted down: whoever the token calls back finds
    /// a finished state, and if the tokens do not come after all, everything is undone. That the right amount
    /// came is not checked: see IPaymentChannels on tokens.
    function _collect(address token, Terms terms, uint256 units) private {
        unchecked {
            // 56 bits times 10 ** 59.
            SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), units * terms.unit());
        }
    }

    // Withdrawing

    /// @inheritdoc IPaymentChannels
    function withdraw(Channel calldata channel, Withdrawal calldata withdrawal, Signature calldata signature)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        address counterparty = _counterpartyOfCaller(channel);
        if (position_.isClosing()) revert AlreadyClosing(id, position_.deadline());
        if (block.timestamp > withdrawal.expiry) {
            revert WithdrawalExpired(withdrawal.expiry, block.timestamp);
        }
        if (withdrawal.number != position_.withdrawals()) {
            revert BadWithdrawalNumber(withdrawal.number, position_.withdrawals());
        }
        uint256 unitsA = withdrawal.unitsA;
        uint256 unitsB = withdrawal.unitsB;
        _requireWithin(position_, unitsA, unitsB);
        signature.requireBy(counterparty, ChannelHash.withdrawalDigest(_domainSeparator(), id, withdrawal));
        position_ = position_.withdraw(unitsA, unitsB);
        slot.position = position_;
        emit Withdrawn(id, position_);
        _payBoth(channel, position_, unitsA, unitsB);
    }

    /// @dev Something is left: a position without units is one of no channel.
    function _requireWithin(Position position_, uint256 unitsA, uint256 unitsB) private pure {
        unchecked {
            // Numbers of 56 bits; there is a unit in every channel; and zero wraps around.
            uint256 most = position_.total() - 1;
            if (unitsA + unitsB - 1 >= most) revert BadUnits(unitsA + unitsB, most);
            most = position_.roomForWithdrawal();
            if (unitsA > most) revert BadUnits(unitsA, most);
        }
    }

    // Closing together

    /// @inheritdoc IPaymentChannels
    function closeNow(Channel calldata channel, int64 net, uint40 expiry, Signature calldata signature)
        external
        closable(channel, expiry)
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        signature.requireBy(_counterpartyOfCaller(channel), _closeDigest(id, net, expiry));
        _payOut(channel, id, slot, position_.end(position_.balanceAfter(net)));
    }

    /// @inheritdoc IPaymentChannels
    function closeNowSigned(
        Channel calldata channel,
        int64 net,
        uint40 expiry,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external closable(channel, expiry) {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        bytes32 digest = _closeDigest(id, net, expiry);
        signatureA.requireBy(channel.opening.opener(), digest);
        signatureB.requireBy(channel.terms.counterparty(), digest);
        _payOut(channel, id, slot, position_.end(position_.balanceAfter(net)));
    }

    modifier closable(Channel calldata channel, uint256 expiry) {
        if (block.timestamp > expiry) revert CloseExpired(expiry, block.timestamp);
        if (block.number == channel.opening.blockNumber()) revert OpenedInThisBlock(block.number);
        _;
    }

    /// @inheritdoc IPaymentChannels
    /// @dev What the caller is owed of the channels closed so far is in no storage while their counterparties
    /// are paid: it cannot be taken twice, and nothing but these channels' deposits pays it.
    function closeMany(Closing[] calldata closings) external returns (uint256 closed) {
        address token;
        uint256 owed;
        for (uint256 i; i < closings.length; ++i) {
            Channel calldata channel = closings[i].channel;
            Position last = _tryClose(channel, closings[i]);
            if (!last.exists()) continue;
            ++closed;
            if (channel.token != token) {
                _pay(token, msg.sender, owed);
                (token, owed) = (channel.token, 0);
            }
            uint256 unit = channel.terms.unit();
            address a = channel.opening.opener();
            (uint256 forA, uint256 forB) = (last.balanceA() * unit, last.balanceB() * unit);
            owed += msg.sender == a ? forA : forB;
            if (msg.sender == a) _pay(token, channel.terms.counterparty(), forB);
            else _pay(token, a, forA);
        }
        _pay(token, msg.sender, owed);
    }

    /// @dev Forgets the channel, or does nothing where `closeNow` would refuse.
    /// @return last The position it ended with.
    function _tryClose(Channel calldata channel, Closing calldata closing) private returns (Position last) {
        bytes32 id = channelId(channel);
        Slot storage slot = _slots[id];
        last = slot.position;
        address a = channel.opening.opener();
        address b = channel.terms.counterparty();
        if (
            !last.exists() || (msg.sender != a && msg.sender != b) || block.timestamp > closing.expiry
                || block.number == channel.opening.blockNumber()
        ) return PositionLib.NONE;
        bytes32 digest = _closeDigest(id, closing.net, closing.expiry);
        if (!closing.signature.isBy(msg.sender == a ? b : a, digest, WALLET_GAS)) return PositionLib.NONE;
        last = last.end(last.balanceAfter(closing.net));
        slot.position = PositionLib.NONE;
        if (last.hasLocks()) delete pendingLocks[id];
        emit Closed(id, last);
    }

    // Closing alone

    /// @inheritdoc IPaymentChannels
    function closeAlone(Channel calldata channel, State calldata state, Signature calldata signature)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _findToStart(channel, state, signature);
        _start(channel, id, slot, position_, state, 0, state.locks);
    }

    /// @inheritdoc IPaymentChannels
    function closeAloneAndUnlock(
        Channel calldata channel,
        State calldata state,
        Signature calldata signature,
        Lock[] calldata locks,
        bytes32[] calldata secrets
    ) external {
        (bytes32 id, Slot storage slot, Position position_) = _findToStart(channel, state, signature);
        (int256 paid, bytes32 pending) = Locks.resolve(id, locks, state.locks, secrets, revealedAt);
        _start(channel, id, slot, position_, state, paid, pending);
    }

    function _findToStart(Channel calldata channel, State calldata state, Signature calldata signature)
        private
        view
        returns (bytes32 id, Slot storage slot, Position position_)
    {
        (id, slot, position_) = _find(channel);
        address counterparty = _counterpartyOfCaller(channel);
        if (position_.isClosing()) revert AlreadyClosing(id, position_.deadline());
        if (state.nonce != 0) {
            signature.requireBy(counterparty, _stateDigest(id, state));
        } else if (state.net != 0 || state.locks != 0) {
            revert BadFirstState(state.net, state.locks);
        }
    }

    /// @param paid What locks of the state have moved from A to B already.
    /// @param pending Root of the others.
    function _start(
        Channel calldata channel,
        bytes32 id,
        Slot storage slot,
        Position position_,
        State calldata state,
        int256 paid,
        bytes32 pending
    ) private {
        unchecked {
            // A timestamp and 90 days at most; and see Locks.
            uint256 deadline = block.timestamp + channel.terms.challengePeriod();
            uint256 balanceA = position_.balanceAfter(state.net + paid);
            position_ = position_.start(balanceA, state.nonce, pending, deadline);
        }
        slot.position = position_;
        if (pending != 0) pendingLocks[id] = pending;
        emit Started(id, position_);
    }

    /// @inheritdoc IPaymentChannels
    function challenge(Channel calldata channel, State calldata state, Signature calldata signature)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        signature.requireBy(_counterpartyOfCaller(channel), _stateDigest(id, state));
        _challenge(id, slot, position_, state, 0, state.locks);
    }

    /// @inheritdoc IPaymentChannels
    function challengeAndUnlock(
        Channel calldata channel,
        State calldata state,
        Signature calldata signature,
        Lock[] calldata locks,
        bytes32[] calldata secrets
    ) external {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        signature.requireBy(_counterpartyOfCaller(channel), _stateDigest(id, state));
        (int256 paid, bytes32 pending) = Locks.resolve(id, locks, state.locks, secrets, revealedAt);
        _challenge(id, slot, position_, state, paid, pending);
    }

    /// @inheritdoc IPaymentChannels
    function challengeSigned(
        Channel calldata channel,
        State calldata state,
        Signature calldata signatureA,
        Signature calldata signatureB
    ) external {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        bytes32 digest = _stateDigest(id, state);
        signatureA.requireBy(channel.opening.opener(), digest);
        signatureB.requireBy(channel.terms.counterparty(), digest);
        _challenge(id, slot, position_, state, 0, state.locks);
    }

    /// @inheritdoc IPaymentChannels
    function settleAndPay(Channel calldata channel) external {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        _requireOver(id, position_);
        if (position_.hasLocks()) revert LocksUnresolved(pendingLocks[id]);
        _payOut(channel, id, slot, position_);
    }

    /// @dev The deadline stays. Were it moved, whoever holds many old states could show them one by one and
    /// delay for ever; and it need not be, for a party that answers a start with its newest state can be
    /// overtaken only by states it signed itself later, all of which are payments it made.
    /// @param paid What locks of the state have moved from A to B already.
    /// @param pending Root of the others.
    function _challenge(
        bytes32 id,
        Slot storage slot,
        Position position_,
        State calldata state,
        int256 paid,
        bytes32 pending
    ) private {
        if (!position_.isClosing()) revert NotClosing(id);
        uint256 deadline = position_.deadline();
        if (block.timestamp > deadline) revert ChallengePeriodOver(deadline, block.timestamp);
        uint48 nonce = state.nonce;
        if (nonce <= position_.nonce()) revert NotNewer(nonce, position_.nonce());
        if (pending != 0) pendingLocks[id] = pending;
        else if (position_.hasLocks()) delete pendingLocks[id];
        unchecked {
            // See Locks.
            position_ = position_.start(position_.balanceAfter(state.net + paid), nonce, pending, deadline);
        }
        slot.position = position_;
        emit Challenged(id, position_);
    }

    function _requireOver(bytes32 id, Position position_) private view {
        if (!position_.isClosing()) revert NotClosing(id);
        uint256 deadline = position_.deadline();
        if (block.timestamp <= deadline) revert ChallengePeriodNotOver(deadline, block.timestamp);
    }

    // Locks

    /// @inheritdoc IPaymentChannels
    function reveal(bytes32 secret) external {
        bytes32 hash = Locks.hashOf(secret);
        if (revealedAt[hash] != 0) return;
        revealedAt[hash] = block.timestamp;
        emit SecretShown(hash, secret);
    }

    /// @inheritdoc IPaymentChannels
    function unlockNow(Channel calldata channel, Lock[] calldata locks, bytes32[] calldata secrets) external {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        if (!position_.isClosing()) revert NotClosing(id);
        bytes32 root = pendingLocks[id];
        (int256 paid, bytes32 pending) = Locks.resolve(id, locks, root, secrets, revealedAt);
        if (pending == root) return;
        pendingLocks[id] = pending;
        position_ = position_.resolve(position_.balanceAfterLocks(paid), pending);
        slot.position = position_;
        emit Unlocked(id, position_);
    }

    /// @inheritdoc IPaymentChannels
    function settleAndUnlock(Channel calldata channel, Lock[] calldata locks, bytes32[] calldata secrets)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        _requireOver(id, position_);
        bytes32 root = pendingLocks[id];
        (int256 paid, bytes32 pending) = Locks.resolve(id, locks, root, secrets, revealedAt);
        if (pending != 0) {
            Lock memory last = Locks.rest(locks, secrets, revealedAt, 1)[0];
            revert LockPending(last.hash, last.expiry);
        }
        // Still "has locks": paying out forgets their root.
        _payOut(channel, id, slot, position_.resolve(position_.balanceAfterLocks(paid), root));
    }

    // Paying out

    /// @dev Forgets the channel first. A payout that fails is no reason to keep the other party waiting.
    function _payOut(Channel calldata channel, bytes32 id, Slot storage slot, Position last) private {
        slot.position = PositionLib.NONE;
        if (last.hasLocks()) delete pendingLocks[id];
        emit Closed(id, last);
        _payBoth(channel, last, last.balanceA(), last.balanceB());
    }

    function _payBoth(Channel calldata channel, Position position_, uint256 unitsA, uint256 unitsB) private {
        address a = channel.opening.opener();
        address b = channel.terms.counterparty();
        unchecked {
            // 56 bits times 10 ** 59.
            if (position_.isEther()) {
                _payETH(a, unitsA * 1 gwei);
                _payETH(b, unitsB * 1 gwei);
            } else {
                uint256 unit = channel.terms.unit();
                _payTokens(channel.token, a, unitsA * unit);
                _payTokens(channel.token, b, unitsB * unit);
            }
        }
    }

    // Finding and checking

    function _find(Channel calldata channel)
        private
        view
        returns (bytes32 id, Slot storage slot, Position position_)
    {
        id = channelId(channel);
        slot = _slots[id];
        position_ = slot.position;
        if (!position_.exists()) revert NotOpen(id);
    }

    function _counterpartyOfCaller(Channel calldata channel) private view returns (address) {
        address a = channel.opening.opener();
        address b = channel.terms.counterparty();
        if (msg.sender == a) return b;
        if (msg.sender == b) return a;
        revert NotAParty(msg.sender);
    }

    function _stateDigest(bytes32 id, State calldata state) private view returns (bytes32) {
        return ChannelHash.stateDigest(_domainSeparator(), id, state);
    }

    function _closeDigest(bytes32 id, int256 net, uint256 expiry) private view returns (bytes32) {
        return ChannelHash.closeDigest(_domainSeparator(), id, net, expiry);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("l2kit PaymentChannels", "1");
    }

    // Views

    /// @inheritdoc IPaymentChannels
    function position(bytes32 id)
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
        )
    {
        Position p = _slots[id].position;
        (depositA, depositB, nonce, deadline) = (p.depositA(), p.depositB(), p.nonce(), p.deadline());
        (isEther, hasLocks) = (p.isEther(), p.hasLocks());
        if (p.isClosing()) balanceA = p.balanceA();
        else withdrawals = p.withdrawals();
    }

    /// @inheritdoc IPaymentChannels
    function channelId(Channel calldata channel) public pure returns (bytes32) {
        return ChannelHash.ofChannel(channel);
    }

    /// @inheritdoc IPaymentChannels
    function stateDigest(bytes32 id, State calldata state) external view returns (bytes32) {
        return _stateDigest(id, state);
    }

    /// @inheritdoc IPaymentChannels
    function closeDigest(bytes32 id, int64 net, uint40 expiry) external view returns (bytes32) {
        return _closeDigest(id, net, expiry);
    }

    /// @inheritdoc IPaymentChannels
    function withdrawalDigest(bytes32 id, Withdrawal calldata withdrawal) external view returns (bytes32) {
        return ChannelHash.withdrawalDigest(_domainSeparator(), id, withdrawal);
    }
}
