// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Machine
/// @notice A rollup's state transition, cut into steps small enough for L1 to execute. A state is known by its hash:
/// keccak(outboxRoot | innerHash), where the outbox root commits to what L2 says to L1, and all else is the machine's own.
/// A step is total: whatever the Inbox holds, every state has exactly one successor.
interface IMachine {
    /// @notice The witness does not belong to this state, or not to the batches in the Inbox.
    error WrongWitness(bytes32 computed, bytes32 expected);

    /// @notice The state before any batch, as the two halves of its hash. For the deployment of the Rollup; later the
    /// Inbox may have forgotten what it takes.
    function genesis() external view returns (bytes32 outboxRoot, bytes32 innerHash);

    /// @notice The hash of the state after one step. In a state that has applied `targetBatch` batches, a step changes
    /// nothing, so that steps can be counted beyond the end. Reverts if, and only if, the witness is wrong, or the Inbox
    /// has forgotten the accumulator after the state's next batch (`checkpoint` brings it back).
    /// @param machineHash The state's hash.
    /// @param targetBatch Batches after which the machine stops.
    /// @param witness Whatever it takes to recompute the hash before and after; its form is the machine's own.
    function step(bytes32 machineHash, uint64 targetBatch, bytes calldata witness)
        external
        view
        returns (bytes32);

    /// @notice What a witness shows somebody to hold in a state: what they get out where the state is the last for ever.
    /// Reverts where the witness is wrong.
    /// @param innerHash The second half of the state's hash.
    /// @param witness Its form is the machine's own.
    /// @return index Names the account in this state.
    /// @return owner Whose it is. @return token Which; zero is ETH. @return amount How much (base units).
    function holding(bytes32 innerHash, bytes calldata witness)
        external
        view
        returns (uint256 index, address owner, address token, uint256 amount);
}
