// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// @notice All that the contract remembers of a channel, in one word, from the right: total 56 | deposit A,
/// signed, 57 | balance A, or withdrawals, 56 | nonce 48 | is ETH 1 | has locks 1 | deadline 37. Amounts are
/// in units.
/// @dev Zero: no such channel (never opened, or closed), for one that exists holds a unit at least. A deposit
/// is what its side put in less what it withdrew; B's is the total less A's, and either is negative once its
/// side has withdrawn what the other one paid it. While nobody is closing (no deadline) the third field counts
/// the withdrawals so far; then it is the balance that the newest state shown leaves A. "Has locks" says that
/// locks of that state are pending. 37 bits of seconds last until the year 6325.
type Position is uint256;

using PositionLib for Position global;

library PositionLib {
    Position internal constant NONE = Position.wrap(0);
    uint256 internal constant MAX_UNITS = type(uint56).max;

    uint256 private constant DEPOSIT_A = 56;
    uint256 private constant BALANCE = 113;
    uint256 private constant NONCE = 169;
    uint256 private constant ETHER = 217;
    uint256 private constant LOCKS = 218;
    uint256 private constant DEADLINE = 219;

    /// @dev Deposit A is a number of 57 bits in two's complement.
    uint256 private constant DEPOSIT_A_BITS = type(uint256).max >> (256 - 57);

    /// @notice A channel just opened with `units` (at most MAX_UNITS) of A's.
    function open(uint256 units, bool isEther_) internal pure returns (Position) {
        unchecked {
            // In both fields at once.
            return Position.wrap(units * (1 | 1 << DEPOSIT_A) | _one(isEther_) << ETHER);
        }
    }

    /// @notice With `units` more on one side; at most `roomFor` that side, as the caller has checked.
    function deposit(Position position, bool forA, uint256 units) internal pure returns (Position) {
        unchecked {
            // There is room for them.
            Position more = Position.wrap(Position.unwrap(position) + units);
            return forA ? more._setDepositA(position.depositA() + int256(units)) : more;
        }
    }

    /// @notice Units that may still be deposited on one side: the total and A's deposit keep within MAX_UNITS.
    function roomFor(Position position, bool forA) internal pure returns (uint256 most) {
        unchecked {
            // Neither is more than MAX_UNITS. A's deposit exceeds the total where B's is negative.
            most = MAX_UNITS - position.total();
            if (forA) {
                uint256 alone = uint256(int256(MAX_UNITS) - position.depositA());
                if (alone < most) most = alone;
            }
        }
    }

    /// @notice Units that A may withdraw, as far as its deposit's 57 bits go: down to -(2 ** 56).
    function roomForWithdrawal(Position position) internal pure returns (uint256) {
        unchecked {
            // A deposit is never less than that.
            return uint256(position.depositA() + int256(MAX_UNITS) + 1);
        }
    }

    /// @notice After a withdrawal, which the total and A's deposit allow, as the caller has checked.
    function withdraw(Position position, uint256 unitsA, uint256 unitsB) internal pure returns (Position) {
        unchecked {
            // The total is more than their sum, and 2 ** 56 withdrawals would cost more gas than there is.
            Position less = Position.wrap(Position.unwrap(position) + (1 << BALANCE) - unitsA - unitsB);
            return less._setDepositA(position.depositA() - int256(unitsA));
        }
    }

    /// @notice Closing until `deadline_` (at most 37 bits), with the state given; `balanceA_` is at most the
    /// total. @param pending Root of the state's locks that are pending.
    function start(Position position, uint256 balanceA_, uint48 nonce_, bytes32 pending, uint256 deadline_)
        internal
        pure
        returns (Position)
    {
        uint256 kept = Position.unwrap(position) & (1 << ETHER | (1 << BALANCE) - 1);
        return Position.wrap(
            kept | balanceA_ << BALANCE | uint256(nonce_) << NONCE | _one(pending != 0) << LOCKS | deadline_
                << DEADLINE
        );
    }

    /// @notice Closing as before, with another balance of A's (at most the total) once locks were resolved.
    function resolve(Position position, uint256 balanceA_, bytes32 pending) internal pure returns (Position) {
        return position.start(balanceA_, position.nonce(), pending, position.deadline());
    }

    /// @notice With A's balance alone, and whether there are locks, for a channel that ends here;
    /// `balanceA_` is at most the total.
    function end(Position position, uint256 balanceA_) internal pure returns (Position) {
        uint256 kept = Position.unwrap(position) & (1 << LOCKS | 1 << ETHER | (1 << BALANCE) - 1);
        return Position.wrap(kept | balanceA_ << BALANCE);
    }

    function exists(Position position) internal pure returns (bool) {
        return Position.unwrap(position) != 0;
    }

    function isClosing(Position position) internal pure returns (bool) {
        return Position.unwrap(position) >> DEADLINE != 0;
    }

    function total(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position));
    }

    function depositA(Position position) internal pure returns (int256) {
        return int256(Position.unwrap(position) << (256 - BALANCE)) >> (256 - 57);
    }

    function depositB(Position position) internal pure returns (int256) {
        unchecked {
            // Numbers of 57 bits.
            return int256(position.total()) - position.depositA();
        }
    }

    /// @return Withdrawals so far; only while nobody is closing.
    function withdrawals(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position) >> BALANCE);
    }

    /// @return Only while somebody is closing.
    function balanceA(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position) >> BALANCE);
    }

    function balanceB(Position position) internal pure returns (uint256) {
        unchecked {
            // A's balance is at most the total.
            return position.total() - position.balanceA();
        }
    }

    function nonce(Position position) internal pure returns (uint48) {
        return uint48(Position.unwrap(position) >> NONCE);
    }

    function isEther(Position position) internal pure returns (bool) {
        return Position.unwrap(position) & 1 << ETHER != 0;
    }

    function hasLocks(Position position) internal pure returns (bool) {
        return Position.unwrap(position) & 1 << LOCKS != 0;
    }

    /// @return Last second in which a newer state is taken (Unix time), or 0 while nobody is closing.
    function deadline(Position position) internal pure returns (uint256) {
        return Position.unwrap(position) >> DEADLINE;
    }

    /// @notice What A is owed after a net transfer from A to B: A's deposit less `net`, kept between 0 and
    /// the total. @dev Clamped rather than refused: two parties who sign more than there is must still be
    /// able to leave. `net` is far below 256 bits.
    function balanceAfter(Position position, int256 net) internal pure returns (uint256) {
        return position._within(position.depositA(), net);
    }

    /// @notice What A is owed of a closing channel after it has paid `paid` more, kept in the same bounds.
    function balanceAfterLocks(Position position, int256 paid) internal pure returns (uint256) {
        return position._within(int256(position.balanceA()), paid);
    }

    function _within(Position position, int256 from, int256 paid) internal pure returns (uint256) {
        int256 owed;
        unchecked {
            // 57 bits, and 64 of a state's net and of each lock.
            owed = from - paid;
        }
        return uint256(FixedPointMathLib.clamp(owed, 0, int256(position.total())));
    }

    function _setDepositA(Position position, int256 deposit_) internal pure returns (Position) {
        uint256 others = Position.unwrap(position) & ~(DEPOSIT_A_BITS << DEPOSIT_A);
        return Position.wrap(others | (uint256(deposit_) & DEPOSIT_A_BITS) << DEPOSIT_A);
    }

    /// @return one_ 1 for true, 0 for false, without a branch.
    function _one(bool bit) private pure returns (uint256 one_) {
        assembly ("memory-safe") {
            one_ := iszero(iszero(bit))
        }
    }
}
