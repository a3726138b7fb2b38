// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {Payout} from "../lib/Payout.sol";
import {Signature} from "../lib/Signature.sol";
import {ChannelHash} from "./ChannelHash.sol";
import {IPaymentChannels} from "./IPaymentChannels.sol";
import {Opening, OpeningLib} from "./Opening.sol";
import {Position, PositionLib} from "./Position.sol";
import {Terms} from "./Terms.sol";

/// @title Payment channels between two parties
contract PaymentChannels is IPaymentChannels, EIP712 {
    /// @dev Time for an answer even when blocks are full for a while; and an end even after a slip of the
    /// hand.
    uint256 internal constant MIN_CHALLENGE_PERIOD = 10 minutes;
    uint256 internal constant MAX_CHALLENGE_PERIOD = 90 days;

    uint256 internal constant GWEI_EXPONENT = 9;

    /// @dev 2 ** 56 units of 10 ** 59 still fit 256 bits, so no amount overflows anywhere below.
    uint256 internal constant MAX_UNIT_EXPONENT = 59;

    /// @dev A struct, so that a reference to it is worked out once and passed on.
    struct Slot {
        Position position;
    }

    mapping(bytes32 channel => Slot) private _slots;

    /// @inheritdoc IPaymentChannels
    mapping(address token => mapping(address owner => uint256)) public credits;

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
        if (terms.unitExponent() > MAX_UNIT_EXPONENT) revert BadUnitExponent(terms.unitExponent());
        if (token == address(0)) revert NotAToken(token);
        Opening opening;
        (id, opening) = _open(terms, token, units);
        emit OpenedInTokens(opening, terms, token);
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

    function _open(Terms terms, address token, uint256 units) private returns (bytes32 id, Opening opening) {
        address b = terms.counterparty();
        // A counterparty of zero signs nothing, and the opener gets everything back.
        if (b == msg.sender) revert BadCounterparty(b);
        uint256 period = terms.challengePeriod();
        unchecked {
            // Below the least wraps around.
            if (period - MIN_CHALLENGE_PERIOD > MAX_CHALLENGE_PERIOD - MIN_CHALLENGE_PERIOD) {
                revert BadChallengePeriod(period, MIN_CHALLENGE_PERIOD, MAX_CHALLENGE_PERIOD);
            }
        }
        unchecked {
            // Zero wraps around.
            if (units - 1 >= PositionLib.MAX_UNITS) revert BadUnits(units, PositionLib.MAX_UNITS);
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
            // The total is at most MAX_UNITS, and zero wraps around.
            uint256 room = PositionLib.MAX_UNITS - position_.total();
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

    // Closing alone

    /// @inheritdoc IPaymentChannels
    function closeAlone(Channel calldata channel, State calldata state, Signature calldata signature)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        address counterparty = _counterpartyOfCaller(channel);
        if (position_.isClosing()) revert AlreadyClosing(id, position_.deadline());
        uint48 nonce = state.nonce;
        int64 net = state.net;
        if (nonce == 0) {
            if (net != 0 || state.locks != 0) revert BadFirstState(net, state.locks);
        } else {
            _requireNewer(position_, nonce, state.locks);
            signature.requireBy(counterparty, _stateDigest(id, state));
        }
        uint256 balanceA = position_.balanceAfter(net);
        unchecked {
            // A timestamp and 90 days at most.
            position_ = position_.start(balanceA, nonce, block.timestamp + channel.terms.challengePeriod());
        }
        slot.position = position_;
        emit Started(id, position_);
    }

    /// @inheritdoc IPaymentChannels
    function challenge(Channel calldata channel, State calldata state, Signature calldata signature)
        external
    {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        signature.requireBy(_counterpartyOfCaller(channel), _stateDigest(id, state));
        _challenge(id, slot, position_, state);
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
        _challenge(id, slot, position_, state);
    }

    /// @inheritdoc IPaymentChannels
    function settleAndPay(Channel calldata channel) external {
        (bytes32 id, Slot storage slot, Position position_) = _find(channel);
        if (!position_.isClosing()) revert NotClosing(id);
        uint256 deadline = position_.deadline();
        if (block.timestamp <= deadline) revert ChallengePeriodNotOver(deadline, block.timestamp);
        _payOut(channel, id, slot, position_);
    }

    /// @dev The deadline stays. Were it moved, whoever holds many old states could show them one by one and
    /// delay for ever; and it need not be, for a party that answers a start with its newest state can be
    /// overtaken only by states it signed itself later, all of which are payments it made.
    function _challenge(bytes32 id, Slot storage slot, Position position_, State calldata state) private {
        if (!position_.isClosing()) revert NotClosing(id);
        uint256 deadline = position_.deadline();
        if (block.timestamp > deadline) revert ChallengePeriodOver(deadline, block.timestamp);
        uint48 nonce = state.nonce;
        _requireNewer(position_, nonce, state.locks);
        uint256 balanceA = position_.balanceAfter(state.net);
        position_ = position_.start(balanceA, nonce, deadline);
        slot.position = position_;
        emit Challenged(id, position_);
    }

    function _requireNewer(Position position_, uint48 nonce, bytes32 locks) private pure {
        if (nonce <= position_.nonce()) revert NotNewer(nonce, position_.nonce());
        if (locks != 0) revert LocksNotSupported(locks);
    }

    // Paying out

    /// @dev Forgets the channel first. A payout that fails is no reason to keep the other party waiting.
    function _payOut(Channel calldata channel, bytes32 id, Slot storage slot, Position last) private {
        slot.position = PositionLib.NONE;
        emit Closed(id, last);
        address a = channel.opening.opener();
        address b = channel.terms.counterparty();
        unchecked {
            // 56 bits times 10 ** 59.
            if (last.isEther()) {
                _payETH(a, last.balanceA() * 1 gwei);
                _payETH(b, last.balanceB() * 1 gwei);
            } else {
                uint256 unit = channel.terms.unit();
                _payTokens(channel.token, a, last.balanceA() * unit);
                _payTokens(channel.token, b, last.balanceB() * unit);
            }
        }
    }

    function _payETH(address to, uint256 amount) private {
        if (amount != 0 && !Payout.trySendETH(to, amount)) _credit(address(0), to, amount);
    }

    function _payTokens(address token, address to, uint256 amount) private {
        if (amount != 0 && !Payout.trySendToken(token, to, amount)) _credit(token, to, amount);
    }

    function _credit(address token, address owner, uint256 amount) private {
        credits[token][owner] += amount;
        emit Credited(token, owner, amount);
    }

    /// @inheritdoc IPaymentChannels
    function claimCredit(address token, address to) external {
        uint256 amount = credits[token][msg.sender];
        if (amount == 0) revert NoCredit(token, msg.sender);
        delete credits[token][msg.sender];
        emit CreditClaimed(token, msg.sender, to, amount);
        if (token == address(0)) SafeTransferLib.safeTransferETH(to, amount);
        else SafeTransferLib.safeTransfer(token, to, amount);
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
            uint256 depositA,
            uint256 depositB,
            uint256 balanceA,
            uint48 nonce,
            uint256 deadline,
            bool isEther
        )
    {
        Position p = _slots[id].position;
        return (p.depositA(), p.depositB(), p.balanceA(), p.nonce(), p.deadline(), p.isEther());
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
}
