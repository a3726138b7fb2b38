// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice All that the contract remembers of a channel, in one word, from the right:
/// deposit A 56 | deposit B 56 | balance A 56 | nonce 48 | is ETH 1 | deadline 39. Amounts are in units.
/// @dev Zero: no such channel (never opened, or closed). An open channel has no balance A and no deadline
/// yet; a closing one has a deadline, and the balance and nonce of the newest state shown. The deposits' sum
/// fits 56 bits, so that every balance does. 39 bits of seconds last until the year 19,391.
type Position is uint256;

using PositionLib for Position global;

library PositionLib {
    Position internal constant NONE = Position.wrap(0);
    uint256 internal constant MAX_UNITS = type(uint56).max;

    uint256 private constant B = 56;
    uint256 private constant BALANCE = 112;
    uint256 private constant NONCE = 168;
    uint256 private constant ETHER = 216;
    uint256 private constant DEADLINE = 217;

    /// @notice A channel just opened with `units` (at most MAX_UNITS) of A's.
    function open(uint256 units, bool isEther_) internal pure returns (Position) {
        return Position.wrap(units | (isEther_ ? 1 << ETHER : 0));
    }

    /// @notice With `units` more on one side; the caller has checked that the total still fits.
    function deposit(Position position, bool forA, uint256 units) internal pure returns (Position) {
        return Position.wrap(Position.unwrap(position) + (forA ? units : units << B));
    }

    /// @notice Closing until `deadline_` (at most 39 bits), with the state given; `balanceA_` is at most the
    /// total.
    function start(Position position, uint256 balanceA_, uint48 nonce_, uint256 deadline_)
        internal
        pure
        returns (Position)
    {
        uint256 kept = Position.unwrap(position) & (1 << ETHER | type(uint112).max);
        return Position.wrap(kept | balanceA_ << BALANCE | uint256(nonce_) << NONCE | deadline_ << DEADLINE);
    }

    /// @notice With A's balance alone, for a channel that ends here; `balanceA_` is at most the total.
    function end(Position position, uint256 balanceA_) internal pure returns (Position) {
        return position.start(balanceA_, 0, 0);
    }

    function exists(Position position) internal pure returns (bool) {
        return Position.unwrap(position) != 0;
    }

    function isClosing(Position position) internal pure returns (bool) {
        return Position.unwrap(position) >> DEADLINE != 0;
    }

    function depositA(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position));
    }

    function depositB(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position) >> B);
    }

    function total(Position position) internal pure returns (uint256) {
        unchecked {
            // Two numbers of 56 bits.
            return position.depositA() + position.depositB();
        }
    }

    function balanceB(Position position) internal pure returns (uint256) {
        unchecked {
            // A's balance is at most the total.
            return position.total() - position.balanceA();
        }
    }

    function balanceA(Position position) internal pure returns (uint256) {
        return uint56(Position.unwrap(position) >> BALANCE);
    }

    function nonce(Position position) internal pure returns (uint48) {
        return uint48(Position.unwrap(position) >> NONCE);
    }

    function isEther(Position position) internal pure returns (bool) {
        return Position.unwrap(position) >> ETHER & 1 == 1;
    }

    /// @return Last second in which a newer state is taken (Unix time), or 0 while nobody is closing.
    function deadline(Position position) internal pure returns (uint256) {
        return Position.unwrap(position) >> DEADLINE;
    }

    /// @notice What A is owed after a net transfer from A to B: A's deposit less `net`, kept between 0 and
    /// the total. @dev Clamped rather than refused: two parties who sign more than there is must still be
    /// able to leave.
    function balanceAfter(Position position, int256 net) internal pure returns (uint256) {
        int256 owed;
        unchecked {
            // 56 bits, and 64 of a state's net.
            owed = int256(position.depositA()) - net;
        }
        if (owed <= 0) return 0;
        uint256 most = position.total();
        return uint256(owed) < most ? uint256(owed) : most;
    }
}
