// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInbox} from "contracts/rollup/IInbox.sol";
import {IMachine} from "contracts/rollup/IMachine.sol";

/// @notice A machine for tests, as small as one can be: each batch takes `STEPS` steps, and each mixes the Inbox's
/// accumulator after the batch into a value. At a batch's end the value goes to the outbox, too.
contract Alphabet is IMachine {
    struct State {
        bytes32 outboxRoot;
        uint256 batch;
        uint256 position;
        bytes32 value;
    }

    IInbox public immutable INBOX;
    uint256 public immutable STEPS;

    constructor(IInbox inbox, uint256 steps) {
        INBOX = inbox;
        STEPS = steps;
    }

    /// @inheritdoc IMachine
    function genesis() external pure returns (bytes32 outboxRoot, bytes32 innerHash) {
        return (bytes32(0), _inner(State(0, 0, 0, 0)));
    }

    /// @inheritdoc IMachine
    function step(bytes32 machineHash, uint64 targetBatch, bytes calldata witness)
        external
        view
        returns (bytes32)
    {
        State memory state = abi.decode(witness, (State));
        bytes32 computed = _hash(state);
        if (computed != machineHash) revert WrongWitness(computed, machineHash);
        if (state.batch >= targetBatch) return machineHash;
        state.value =
            keccak256(abi.encode(state.value, INBOX.accumulator(state.batch + 1), state.position));
        if (++state.position == STEPS) {
            state.outboxRoot = state.value;
            ++state.batch;
            state.position = 0;
        }
        return _hash(state);
    }

    /// @inheritdoc IMachine
    function holding(bytes32, bytes calldata) external pure returns (uint256, address, address, uint256) {
        return (0, address(0), address(0), 0); // nobody holds anything here
    }

    function _hash(State memory state) private pure returns (bytes32) {
        return keccak256(abi.encode(state.outboxRoot, _inner(state)));
    }

    function _inner(State memory state) private pure returns (bytes32) {
        return keccak256(abi.encode(state.batch, state.position, state.value));
    }
}
