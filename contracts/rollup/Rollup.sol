// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";

import {EtherCredits} from "../lib/EtherCredits.sol";
import {IInbox} from "./IInbox.sol";
import {IMachine} from "./IMachine.sol";
import {IRollup} from "./IRollup.sol";

/// @title Rollup
contract Rollup is IRollup, EtherCredits {
    using SafeCastLib for uint256;

    IInbox public immutable INBOX;
    IMachine public immutable MACHINE;
    address public immutable DISPUTE;
    uint256 public immutable CHALLENGE_WINDOW;
    uint256 public immutable BOND;
    uint256 public immutable ESCAPE_DELAY;
    bytes32 public immutable GENESIS;

    mapping(bytes32 id => Assertion) private _assertions;
    /// @inheritdoc IRollup
    mapping(bytes32 outboxRoot => bool) public confirmedOutbox;
    /// @inheritdoc IRollup
    mapping(bytes32 id => uint256) public freezableAt;

    constructor(
        IInbox inbox,
        IMachine machine,
        address dispute,
        uint256 challengeWindow,
        uint256 bond,
        uint256 escapeDelay
    ) {
        if (escapeDelay <= challengeWindow) revert BadDelays(challengeWindow, escapeDelay);
        INBOX = inbox;
        MACHINE = machine;
        DISPUTE = dispute;
        CHALLENGE_WINDOW = challengeWindow;
        BOND = bond;
        ESCAPE_DELAY = escapeDelay;
        (bytes32 outboxRoot, bytes32 innerHash) = machine.genesis();
        bytes28 accumulator = inbox.accumulator(0);
        confirmedOutbox[outboxRoot] = true;
        bytes32 machineHash = EfficientHashLib.hash(outboxRoot, innerHash);
        GENESIS = _id(bytes32(0), 0, accumulator, machineHash);
        _assertions[GENESIS] = Assertion(address(0), block.timestamp.toUint32(), 0, 0, Status.Confirmed);
        emit Asserted(GENESIS, bytes32(0), 0, accumulator, machineHash, address(0), block.timestamp);
        emit Confirmed(GENESIS, outboxRoot);
    }

    /// @inheritdoc IRollup
    function assertState(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        external
        payable
        returns (bytes32 id)
    {
        if (msg.value != BOND) revert WrongBond(msg.value, BOND);
        Assertion memory base = _assertions[parent];
        if (base.status != Status.Pending && base.status != Status.Confirmed) revert UnknownParent(parent);
        if (batch <= base.batch) revert NoProgress(batch, base.batch);
        bytes28 known = INBOX.accumulator(batch);
        if (accumulator != known) revert WrongAccumulator(accumulator, known);
        id = _id(parent, batch, accumulator, machineHash);
        if (_assertions[id].status != Status.None) revert AlreadyAsserted(id);
        uint256 deadline = block.timestamp + CHALLENGE_WINDOW;
        // The Inbox knows no batch beyond 32 bits.
        _assertions[id] = Assertion(msg.sender, deadline.toUint32(), uint32(batch), 0, Status.Pending);
        emit Asserted(id, parent, batch, accumulator, machineHash, msg.sender, deadline);
    }

    /// @inheritdoc IRollup
    function confirm(
        bytes32 parent,
        uint256 batch,
        bytes28 accumulator,
        bytes32 outboxRoot,
        bytes32 innerHash
    ) external {
        bytes32 id = _id(parent, batch, accumulator, EfficientHashLib.hash(outboxRoot, innerHash));
        if (_assertions[parent].status != Status.Confirmed) revert ParentNotConfirmed(parent);
        delete _assertions[parent];
        address proposer = _undisputed(id);
        _assertions[id].status = Status.Confirmed;
        confirmedOutbox[outboxRoot] = true;
        emit Confirmed(id, outboxRoot);
        _pay(proposer, BOND);
    }

    /// @inheritdoc IRollup
    function reclaim(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash) external {
        bytes32 id = _id(parent, batch, accumulator, machineHash);
        address proposer = _undisputed(id);
        // A parent without a slot was confirmed and left behind, or reclaimed: like a rejected or a frozen one it never comes back.
        Status above = _assertions[parent].status;
        if (above == Status.Pending || above == Status.Confirmed) revert NotLeftBehind(id);
        delete _assertions[id];
        emit Reclaimed(id);
        _pay(proposer, BOND);
    }

    /// @inheritdoc IRollup
    function alarm(bytes32 id) external {
        _requireLastConfirmed(id);
        uint256 known = freezableAt[id];
        if (known != 0) revert AlreadyAlarmed(id, known);
        uint256 time = block.timestamp + ESCAPE_DELAY;
        freezableAt[id] = time;
        emit Alarmed(id, time);
    }

    /// @inheritdoc IRollup
    function freeze(bytes32 id) external {
        _requireLastConfirmed(id);
        uint256 time = freezableAt[id];
        if (time == 0) revert NotAlarmed(id);
        if (block.timestamp < time) revert FreezeTooEarly(block.timestamp, time);
        _assertions[id].status = Status.Frozen;
        emit Frozen(id);
    }

    /// @inheritdoc IRollup
    function hold(bytes32 id) external {
        Assertion storage held = _disputed(id);
        if (block.timestamp >= held.deadline) revert WindowClosed(block.timestamp, held.deadline);
        emit Held(id, ++held.holds);
    }

    /// @inheritdoc IRollup
    function release(bytes32 id) external {
        Assertion storage held = _disputed(id);
        if (held.holds == 0) revert NotHeld(id);
        emit Released(id, --held.holds);
    }

    /// @inheritdoc IRollup
    function reject(bytes32 id, address payee) external {
        Assertion storage held = _disputed(id);
        if (held.holds == 0) revert NotHeld(id);
        held.status = Status.Rejected;
        emit Rejected(id, payee);
        _pay(payee, BOND);
    }

    /// @inheritdoc IRollup
    function assertion(bytes32 id) external view returns (Assertion memory) {
        return _assertions[id];
    }

    /// @dev The proposer of a pending assertion whose window is over and that nothing holds.
    function _undisputed(bytes32 id) private view returns (address proposer) {
        Assertion storage pending = _assertions[id];
        (Status status, uint256 deadline, uint256 holds) = (pending.status, pending.deadline, pending.holds);
        proposer = pending.proposer;
        if (status != Status.Pending) revert NotPending(id);
        if (block.timestamp < deadline) revert WindowOpen(block.timestamp, deadline);
        if (holds != 0) revert IsHeld(id, holds);
    }

    function _requireLastConfirmed(bytes32 id) private view {
        if (_assertions[id].status != Status.Confirmed) revert NotLastConfirmed(id);
    }

    /// @dev A pending assertion, for the dispute contract.
    function _disputed(bytes32 id) private view returns (Assertion storage pending) {
        if (msg.sender != DISPUTE) revert NotDispute(msg.sender, DISPUTE);
        pending = _assertions[id];
        if (pending.status != Status.Pending) revert NotPending(id);
    }

    function _id(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        private
        pure
        returns (bytes32)
    {
        return EfficientHashLib.hash(parent, bytes32(batch), bytes32(accumulator), machineHash);
    }
}
