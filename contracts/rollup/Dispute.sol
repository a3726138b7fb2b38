// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

import {EtherCredits} from "../lib/EtherCredits.sol";
import {IDispute} from "./IDispute.sol";
import {IMachine} from "./IMachine.sol";
import {IRollup} from "./IRollup.sol";

/// @title Dispute
/// @dev The bisection is that of Kalodner et al., "Arbitrum: Scalable, private smart contracts" (2018), with 16 segments
/// and one player who splits. Knows nothing of what the machine does.
contract Dispute is IDispute, EtherCredits {
    uint256 private constant SEGMENTS = 16;
    /// @dev The step from the asserted state, which must change nothing.
    uint256 private constant LAST_STEP = 16;

    IRollup public immutable ROLLUP;
    IMachine public immutable MACHINE;
    uint256 public immutable CLOCK;
    uint256 public immutable EXTENSION;
    uint256 public immutable MAX_ROUNDS;
    uint256 public immutable BOND;
    /// @dev The assertion's bond.
    uint256 private immutable ASSERTION_BOND;

    /// @inheritdoc IDispute
    mapping(bytes32 game => bytes32) public commitment;

    constructor(IRollup rollup, uint256 clock, uint256 extension, uint256 maxRounds, uint256 bond) {
        // Clocks are kept in 40 bits, rounds in 8. A run of 16**15 steps is more than anybody can compute.
        if (
            clock == 0 || clock < extension || clock > type(uint32).max || maxRounds == 0
                || maxRounds >= SEGMENTS
        ) {
            revert BadParameters(clock, extension, maxRounds);
        }
        ROLLUP = rollup;
        MACHINE = rollup.MACHINE();
        ASSERTION_BOND = rollup.BOND();
        CLOCK = clock;
        EXTENSION = extension;
        MAX_ROUNDS = maxRounds;
        BOND = bond;
    }

    /// @notice Takes the bonds of rejected assertions.
    receive() external payable {
        if (msg.sender != address(ROLLUP)) revert NotRollup(msg.sender);
    }

    /// @inheritdoc IDispute
    function open(Claim calldata parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        external
        payable
        returns (bytes32 id)
    {
        if (msg.value != BOND) revert WrongBond(msg.value, BOND);
        Game memory game;
        bytes32 parentId = _claimId(parent.parent, parent.batch, parent.accumulator, parent.machineHash);
        game.assertion = _claimId(parentId, batch, accumulator, machineHash);
        id = _gameId(game.assertion, msg.sender);
        if (commitment[id] != 0) revert AlreadyOpen(id);
        game.start = parent.machineHash;
        game.end = machineHash;
        game.challenger = msg.sender;
        IRollup.Assertion memory disputed = ROLLUP.assertion(game.assertion);
        game.defender = disputed.proposer;
        game.target = disputed.batch;
        game.defenderTime = uint40(CLOCK);
        game.challengerTime = uint40(CLOCK);
        game.movedAt = uint40(block.timestamp);
        commitment[id] = _hash(game);
        emit Opened(id, game.assertion, msg.sender, game.defender, game.start, game.end, game.target);
        // Reverts unless the assertion is pending and inside its window.
        ROLLUP.hold(game.assertion);
    }

    /// @inheritdoc IDispute
    function defend(Game calldata shown, uint256 rounds, bytes32[15] calldata hashes) external {
        Game memory game = shown;
        bytes32 id = _known(game, 0);
        if (msg.sender != game.defender) revert NotPlayer(msg.sender, game.defender);
        if (game.rounds == 0 ? rounds == 0 || rounds > MAX_ROUNDS : rounds != game.rounds) {
            revert WrongRounds(rounds, game.rounds);
        }
        game.defenderTime = _stop(game.movedAt, game.defenderTime);
        game.challengerTime = _extended(game.challengerTime);
        game.movedAt = uint40(block.timestamp);
        game.rounds = uint8(rounds);
        commitment[id] = EfficientHashLib.hash(_hash(game), _hash(hashes));
        emit Defended(id, rounds, hashes);
    }

    /// @inheritdoc IDispute
    function challenge(Game calldata shown, bytes32[15] calldata hashes, uint256 index) external {
        Game memory game = shown;
        bytes32 id = _known(game, _hash(hashes));
        if (msg.sender != game.challenger) revert NotPlayer(msg.sender, game.challenger);
        if (index >= SEGMENTS || game.rounds - game.picks == 1) {
            revert WrongSegment(index, game.rounds, game.picks);
        }
        game.challengerTime = _stop(game.movedAt, game.challengerTime);
        game.defenderTime = _extended(game.defenderTime);
        game.movedAt = uint40(block.timestamp);
        (game.start, game.end) = _segment(game, hashes, index);
        ++game.picks;
        commitment[id] = _hash(game);
        emit Challenged(id, index);
    }

    /// @inheritdoc IDispute
    function prove(Game calldata game, bytes32[15] calldata hashes, uint256 index, bytes calldata witness)
        external
    {
        bytes32 id = _known(game, _hash(hashes));
        if (msg.sender != game.challenger) revert NotPlayer(msg.sender, game.challenger);
        if (index > LAST_STEP || (index == LAST_STEP ? game.picks != 0 : game.rounds - game.picks != 1)) {
            revert WrongSegment(index, game.rounds, game.picks);
        }
        _stop(game.movedAt, game.challengerTime);
        (bytes32 start, bytes32 end) =
            index == LAST_STEP ? (game.end, game.end) : _segment(game, hashes, index);
        bytes32 computed = MACHINE.step(start, game.target, witness);
        emit Proved(id, start, end, computed);
        _end(id, game, computed != end);
    }

    /// @inheritdoc IDispute
    function timeout(Game calldata game, bytes32 hashes) external {
        bytes32 id = _known(game, hashes);
        uint256 left = hashes == 0 ? game.defenderTime : game.challengerTime;
        uint256 used = block.timestamp - game.movedAt;
        if (used <= left) revert StillTime(used, left);
        _end(id, game, hashes == 0);
    }

    /// @inheritdoc IDispute
    function refund(Game calldata game, bytes32 hashes) external {
        bytes32 id = _known(game, hashes);
        if (ROLLUP.assertion(game.assertion).status != IRollup.Status.Rejected) {
            revert NotRejected(game.assertion);
        }
        delete commitment[id];
        emit Ended(id, game.assertion, address(0), 0);
        _pay(game.challenger, BOND);
    }

    /// @dev Ends a game. The half of the loser's bond that is not paid can never leave this contract.
    function _end(bytes32 id, Game calldata game, bool challengerWins) private {
        delete commitment[id];
        if (challengerWins) {
            uint256 reward = ASSERTION_BOND / 2;
            emit Ended(id, game.assertion, game.challenger, reward);
            ROLLUP.reject(game.assertion, address(this));
            _pay(game.challenger, BOND + reward);
        } else {
            uint256 reward = BOND / 2;
            emit Ended(id, game.assertion, game.defender, reward);
            ROLLUP.release(game.assertion);
            _pay(game.defender, reward);
        }
    }

    /// @dev The id of the game shown, which must be in this state.
    /// @param hashes Hash of what the defender named; zero where the defender is to move.
    function _known(Game memory game, bytes32 hashes) private view returns (bytes32 id) {
        id = _gameId(game.assertion, game.challenger);
        bytes32 shown = _hash(game);
        if (hashes != 0) shown = EfficientHashLib.hash(shown, hashes);
        bytes32 known = commitment[id];
        if (shown != known) revert WrongGame(shown, known);
    }

    /// @dev Stops a clock; returns what is left on it.
    function _stop(uint256 movedAt, uint256 left) private view returns (uint40) {
        uint256 used = block.timestamp - movedAt;
        if (used > left) revert OutOfTime(used, left);
        return uint40(left - used);
    }

    /// @dev What the player has who is to move next.
    function _extended(uint256 left) private view returns (uint40) {
        return uint40(left < EXTENSION ? EXTENSION : left);
    }

    function _segment(Game memory game, bytes32[15] calldata hashes, uint256 index)
        private
        pure
        returns (bytes32 start, bytes32 end)
    {
        start = index == 0 ? game.start : hashes[index - 1];
        end = index == SEGMENTS - 1 ? game.end : hashes[index];
    }

    function _hash(Game memory game) private pure returns (bytes32) {
        return keccak256(abi.encode(game));
    }

    function _hash(bytes32[15] calldata hashes) private pure returns (bytes32) {
        return keccak256(abi.encode(hashes));
    }

    function _gameId(bytes32 assertion, address challenger) private pure returns (bytes32) {
        return EfficientHashLib.hash(assertion, bytes32(uint256(uint160(challenger))));
    }

    function _claimId(bytes32 parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        private
        pure
        returns (bytes32)
    {
        return EfficientHashLib.hash(parent, bytes32(batch), bytes32(accumulator), machineHash);
    }
}
