// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEtherCredits} from "./IEtherCredits.sol";
import {Payout} from "./Payout.sol";

/// @notice Payouts of ETH that keep nobody waiting: one that fails becomes a credit, which its owner claims.
abstract contract EtherCredits is IEtherCredits {
    /// @inheritdoc IEtherCredits
    mapping(address owner => uint256) public credits;

    /// @inheritdoc IEtherCredits
    function claimCredit(address to) external {
        uint256 amount = credits[msg.sender];
        if (amount == 0) revert NoCredit(msg.sender);
        credits[msg.sender] = 0;
        emit CreditClaimed(msg.sender, to, amount);
        if (!Payout.trySendETH(to, amount)) revert PayoutFailed(to, amount);
    }

    /// @dev Last of all: the receiver gets control.
    function _pay(address to, uint256 amount) internal {
        if (!Payout.trySendETH(to, amount)) {
            credits[to] += amount;
            emit Credited(to, amount);
        }
    }
}
