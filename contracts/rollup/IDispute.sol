// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEtherCredits} from "../lib/IEtherCredits.sol";
import {IMachine} from "./IMachine.sol";
import {IRollup} from "./IRollup.sol";

/// @title Dispute
/// @notice Decides whether an assertion of the Rollup is wrong, by a game between its proposer (the *defender*) and a
/// *challenger*, at whose end L1 executes one step of the machine.
///
/// A game is about a segment of the machine's run: the state hash at its `start`, on which both agree, and the one at its
/// `end`, on which they do not. The defender splits it into 16 segments of equal length by naming the 15 hashes between;
/// the challenger picks the first whose end it disagrees with; and so on, until segments are single steps. Then the
/// challenger names the step and its witness, L1 executes it, and the end that the defender claimed is right or wrong.
///
/// The run is cut at 16**rounds steps after the parent's state. The defender chooses `rounds` with its first move. Beyond
/// the target a step changes nothing, so any number that is large enough will do; and where it is too small, or the state
/// asserted is for another reason not the machine's last, the challenger picks the segment after the 16th: one step from
/// the asserted state, which must change nothing.
///
/// Each player has a clock of `CLOCK` seconds for all its moves, and at least `EXTENSION` for each; whose clock runs out
/// has lost. Each has at most MAX_ROUNDS moves, so after 2 * (CLOCK + (MAX_ROUNDS - 1) * EXTENSION) seconds a game is over,
/// or anyone may end it. Games against one assertion run side by side, all begun inside its challenge window, and the
/// first one it loses is its end.
///
/// Of a branch, dispute the first assertion that is wrong: what is built on it may begin at a state that nobody knows, and
/// from which nobody can show a step. To build on somebody else's assertion is to trust in its defence: a proposer may
/// lose what is right.
///
/// The loser's bond pays the winner one half; the other half stays in this contract for good, so that to challenge, or to
/// lose to, oneself has its price.
///
/// A game is kept as one hash: of `Game` while the defender is to move, and of keccak(Game) and keccak(hashes) while the
/// challenger is. Whoever moves shows what is hashed.
interface IDispute is IEtherCredits {
    /// @notice What an assertion says; its id is the hash (see IRollup).
    struct Claim {
        bytes32 parent;
        uint256 batch;
        bytes28 accumulator;
        bytes32 machineHash;
    }

    /// @param assertion The id of the assertion in dispute.
    /// @param start State hash at the segment's start.
    /// @param end State hash at its end, as the defender claims.
    /// @param challenger Who opened the game.
    /// @param defender The assertion's proposer.
    /// @param target Batches after which the machine stops.
    /// @param rounds Log16 of the steps of the whole run; zero until the defender has chosen it.
    /// @param picks Segments picked so far: the present one has 16**(rounds - picks) steps.
    /// @param defenderTime Seconds that are left to the defender.
    /// @param challengerTime Seconds that are left to the challenger.
    /// @param movedAt When the last move was made: since then the clock of the player whose turn it is runs.
    struct Game {
        bytes32 assertion;
        bytes32 start;
        bytes32 end;
        address challenger;
        address defender;
        uint32 target;
        uint8 rounds;
        uint8 picks;
        uint40 defenderTime;
        uint40 challengerTime;
        uint40 movedAt;
    }

    /// @notice A game began. `start` and `end` are the state hashes of the parent and of the assertion.
    event Opened(
        bytes32 indexed game,
        bytes32 indexed assertion,
        address challenger,
        address defender,
        bytes32 start,
        bytes32 end,
        uint256 target
    );

    /// @notice The defender split the segment.
    event Defended(bytes32 indexed game, uint256 rounds, bytes32[15] hashes);

    /// @notice The challenger picked a segment, 0 to 15.
    event Challenged(bytes32 indexed game, uint256 index);

    /// @notice L1 executed a step, and came to the state `computed`; the defender had claimed `claimed`.
    event Proved(bytes32 indexed game, bytes32 before, bytes32 claimed, bytes32 computed);

    /// @notice A game is over. `winner` got its own bond back, and `reward` of the loser's (wei). Zero: nobody won, since
    /// another game had rejected the assertion.
    event Ended(bytes32 indexed game, bytes32 indexed assertion, address winner, uint256 reward);

    /// @notice The clock must not be zero, shorter than the extension, or beyond 32 bits; rounds are 1 to 15.
    error BadParameters(uint256 clock, uint256 extension, uint256 maxRounds);
    /// @notice The value sent is not the bond (wei).
    error WrongBond(uint256 value, uint256 bond);
    /// @notice This challenger's game against the assertion goes on already.
    error AlreadyOpen(bytes32 game);
    /// @notice What was shown is not the game, or it is the other player's turn.
    error WrongGame(bytes32 shown, bytes32 known);
    /// @notice It is somebody else's move.
    error NotPlayer(address sender, address player);
    /// @notice The run cannot have 16**rounds steps: zero, too many, or another number than chosen before.
    error WrongRounds(uint256 rounds, uint256 chosen);
    /// @notice There is no such segment, or not at this stage of the game.
    error WrongSegment(uint256 index, uint256 rounds, uint256 picks);
    /// @notice The player's clock has run out (seconds used since the last move, seconds it had).
    error OutOfTime(uint256 used, uint256 left);
    /// @notice The player's clock has not run out.
    error StillTime(uint256 used, uint256 left);
    /// @notice The assertion was not rejected: the game must be played to its end.
    error NotRejected(bytes32 assertion);
    /// @notice Only the Rollup sends ETH here, beside bonds.
    error NotRollup(address sender);

    /// @notice Whose assertions are disputed.
    function ROLLUP() external view returns (IRollup);

    /// @notice Which executes the last step.
    function MACHINE() external view returns (IMachine);

    /// @notice Seconds that a player has for all its moves.
    function CLOCK() external view returns (uint256);

    /// @notice Seconds that a player has at least for each move.
    function EXTENSION() external view returns (uint256);

    /// @notice A run has at most 16**MAX_ROUNDS steps.
    function MAX_ROUNDS() external view returns (uint256);

    /// @notice The bond of a challenger (wei).
    function BOND() external view returns (uint256);

    /// @notice Challenge an assertion inside its challenge window, with the bond as value. Anyone may, each once at a time.
    /// @param parent The assertion's parent: from its state the run begins.
    /// @param batch and
    /// @param accumulator and
    /// @param machineHash The rest of the assertion.
    /// @return game keccak(assertion | challenger), the name of the game.
    function open(Claim calldata parent, uint256 batch, bytes28 accumulator, bytes32 machineHash)
        external
        payable
        returns (bytes32 game);

    /// @notice Split the segment. Only the defender.
    /// @param rounds Log16 of the steps of the run: chosen by the first move, repeated by the others.
    /// @param hashes State hashes after 1/16, 2/16, ... 15/16 of the segment.
    function defend(Game calldata game, uint256 rounds, bytes32[15] calldata hashes) external;

    /// @notice Pick the first segment whose end is wrong. Only the challenger, while segments have more than one step.
    /// @param hashes Those that the defender named.
    /// @param index 0 to 15.
    function challenge(Game calldata game, bytes32[15] calldata hashes, uint256 index) external;

    /// @notice Have L1 execute a step: the one picked, or one from the asserted state. Decides the game, either way. Only
    /// the challenger.
    /// @param index 0 to 15 where segments are single steps. 16, before anything was picked: the asserted state is not
    /// the machine's last.
    /// @param witness As IMachine.step wants it. Reverts, and nothing is decided, where it is wrong.
    function prove(Game calldata game, bytes32[15] calldata hashes, uint256 index, bytes calldata witness)
        external;

    /// @notice End the game of a player whose clock has run out. Anyone may.
    /// @param hashes keccak of the 15 hashes that the defender named, or zero if it is the defender's turn.
    function timeout(Game calldata game, bytes32 hashes) external;

    /// @notice Give the challenger's bond back, where another game has rejected the assertion. Anyone may.
    /// @param hashes As of `timeout`.
    function refund(Game calldata game, bytes32 hashes) external;

    /// @notice The hash that a game is kept as; zero where there is none.
    function commitment(bytes32 game) external view returns (bytes32);
}
