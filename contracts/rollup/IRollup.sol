// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEtherCredits} from "../lib/IEtherCredits.sol";
import {IMachine} from "./IMachine.sol";

/// @title Rollup
/// @notice Decides which state of the machine L1 believes. Anyone may assert, with a bond, that running the machine from
/// a parent's state over the Inbox up to some batch ends in a certain state. Assertions form a tree; siblings compete.
/// One whose parent is the last confirmed assertion, and that stood its challenge window without being held or rejected,
/// may be confirmed by anyone; its siblings are then dead.
///
/// An assertion is its id, keccak(abi.encode(parent, batch, accumulator, machineHash)): the accumulator binds it to one
/// history of the Inbox. Who asserts names it, so that a transaction made before a reorganisation and mined again after it
/// cannot assert about other batches.
///
/// A rollup that nobody brings forward any more can be frozen: anyone raises an alarm about the last confirmed assertion,
/// and if that is still the last one ESCAPE_DELAY later, anyone makes it the last for ever. What else holds what the rollup
/// decides, the bridge, then pays by that state. While the rollup lives an alarm is void with the next confirmation.
///
/// The `DISPUTE` contract alone may hold an assertion (while it is being disputed), release it, or reject it.
interface IRollup is IEtherCredits {
    enum Status {
        None,
        Pending,
        Confirmed,
        Rejected,
        Frozen
    }

    /// @notice What is stored about an assertion: one slot. The last confirmed one has a slot, those before it have none.
    /// @param proposer Who gets the bond back.
    /// @param deadline End of the challenge window (seconds; 32 bits end in 2106).
    /// @param batch Batches that its state has applied.
    /// @param holds Disputes that hold it: room for more than anybody's money can open.
    struct Assertion {
        address proposer;
        uint32 deadline;
        uint32 batch;
        uint24 holds;
        Status status;
    }

    /// @notice An assertion was made. `deadline`: end of its challenge window.
    event Asserted(
        bytes32 indexed id,
        bytes32 indexed parent,
        uint256 batch,
        bytes28 accumulator,
        bytes32 machineHash,
        address proposer,
        uint256 deadline
    );

    /// @notice An assertion is final, and so is what its outbox holds.
    event Confirmed(bytes32 indexed id, bytes32 outboxRoot);

    /// @notice A dispute began, and must end before the assertion can be confirmed.
    event Held(bytes32 indexed id, uint256 holds);

    /// @notice A dispute ended in the assertion's favour.
    event Released(bytes32 indexed id, uint256 holds);

    /// @notice A dispute ended against the assertion; its bond went to `payee`.
    event Rejected(bytes32 indexed id, address payee);

    /// @notice An assertion that a confirmed sibling left behind gave its bond back.
    event Reclaimed(bytes32 indexed id);

    /// @notice The rollup can be frozen from `freezableAt` on, unless something is confirmed before.
    event Alarmed(bytes32 indexed id, uint256 freezableAt);

    /// @notice This assertion is the last, for ever.
    event Frozen(bytes32 indexed id);

    /// @notice Nothing could be confirmed before the rollup may be frozen (seconds).
    error BadDelays(uint256 challengeWindow, uint256 escapeDelay);
    /// @notice The value sent is not the bond (wei).
    error WrongBond(uint256 value, uint256 bond);
    /// @notice The assertion is neither pending nor the last confirmed one: nothing can be built on it.
    error UnknownParent(bytes32 parent);
    /// @notice An assertion must go further than its parent.
    error NoProgress(uint256 batch, uint256 parentBatch);
    /// @notice The assertion is about other batches than the Inbox holds.
    error WrongAccumulator(bytes28 named, bytes28 known);
    /// @notice The same assertion stands already.
    error AlreadyAsserted(bytes32 id);
    /// @notice No such assertion waits for its confirmation.
    error NotPending(bytes32 id);
    /// @notice The assertion's parent is not the last confirmed one.
    error ParentNotConfirmed(bytes32 parent);
    /// @notice The parent still stands in the tree, so the assertion is not left behind.
    error NotLeftBehind(bytes32 id);
    /// @notice The challenge window is still open.
    error WindowOpen(uint256 timestamp, uint256 deadline);
    /// @notice The challenge window is over: too late for a dispute.
    error WindowClosed(uint256 timestamp, uint256 deadline);
    /// @notice Disputes hold the assertion.
    error IsHeld(bytes32 id, uint256 holds);
    /// @notice No dispute holds the assertion.
    error NotHeld(bytes32 id);
    /// @notice Only the dispute contract may do this.
    error NotDispute(address sender, address dispute);

    /// @notice The assertion is not the last confirmed one; or the rollup is frozen.
    error NotLastConfirmed(bytes32 id);
    /// @notice An alarm was raised before.
    error AlreadyAlarmed(bytes32 id, uint256 freezableAt);
    /// @notice No alarm was raised about this assertion.
    error NotAlarmed(bytes32 id);
    /// @notice Something may still be confirmed.
    error FreezeTooEarly(uint256 timestamp, uint256 freezableAt);

    /// @notice The bond of an assertion (wei).
    function BOND() external view returns (uint256);

    /// @notice Seconds in which an assertion may be disputed.
    function CHALLENGE_WINDOW() external view returns (uint256);

    /// @notice Seconds from an alarm until the rollup may be frozen: more than it takes to post, assert and confirm under
    /// dispute, with room for one assertion lost on the way.
    function ESCAPE_DELAY() external view returns (uint256);

    /// @notice The machine whose states are asserted.
    function MACHINE() external view returns (IMachine);

    /// @notice The contract that decides disputes; zero if there is none.
    function DISPUTE() external view returns (address);

    /// @notice The assertion that is confirmed from the beginning.
    function GENESIS() external view returns (bytes32);

    /// @notice Assert that the state reached from `parent`'s by running the machine up to `batch` hashes to
    /// `machineHash`. Anyone may, with the bond as value. Reverts with the Inbox's UnknownAccumulator where that of `batch`
    /// is not there.
    /// @param accumulator The Inbox's after `batch` batches, as the asserter knows them.
    function assertState(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        external
        payable
        returns (bytes32 id);

    /// @notice Confirm a child of the last confirmed assertion after its window. Anyone may. The bond goes back; what
    /// cannot be paid becomes a credit; PayoutOutOfGas where too little gas was sent to tell.
    /// @param outboxRoot and
    /// @param innerHash The two halves of the machine hash.
    function confirm(
        bytes32 parent,
        uint256 batch,
        bytes28 accumulator,
        bytes32 outboxRoot,
        bytes32 innerHash
    ) external;

    /// @notice Give back the bond of an assertion that was not rejected, but whose sibling, or whose parent's sibling,
    /// was confirmed in its stead: two may be right and differ in how far they go; or whose parent was rejected: who
    /// built on it cost nobody a dispute; or which the rollup's end overtook. Anyone may.
    function reclaim(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash) external;

    /// @notice Begin a dispute inside the challenge window. Only the dispute contract; as often as there are disputes.
    function hold(bytes32 id) external;

    /// @notice End a dispute in the assertion's favour. Only the dispute contract; not after another dispute has rejected
    /// the assertion (NotPending).
    function release(bytes32 id) external;

    /// @notice End a dispute against the assertion, and pay its bond to `payee`. Only the dispute contract, while it holds
    /// the assertion. Its other disputes then have nothing left to decide. The same assertion cannot be made again; what
    /// lost though it was right can be asserted for another batch.
    function reject(bytes32 id, address payee) external;

    /// @notice Say that the rollup seems dead. Anyone may, about the last confirmed assertion, once.
    function alarm(bytes32 id) external;

    /// @notice Make the last confirmed assertion the last for ever. Anyone may, ESCAPE_DELAY after an alarm about it.
    function freeze(bytes32 id) external;

    /// @notice From when on (seconds) the rollup may be frozen at this assertion, if it is then the last confirmed one; zero
    /// without an alarm.
    function freezableAt(bytes32 id) external view returns (uint256);

    /// @notice What is stored about an assertion.
    function assertion(bytes32 id) external view returns (Assertion memory);

    /// @notice Whether an outbox root was ever confirmed, as the empty one is from the beginning. Once it was, it stays so.
    function confirmedOutbox(bytes32 outboxRoot) external view returns (bool);
}
