// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {Payout} from "../lib/Payout.sol";
import {IPaymentChannels} from "./IPaymentChannels.sol";

/// @notice Payouts that keep nobody waiting: one that fails becomes a credit, which its owner claims.
abstract contract Credits is IPaymentChannels {
    /// @inheritdoc IPaymentChannels
    mapping(address token => mapping(address owner => uint256)) public credits;

    /// @inheritdoc IPaymentChannels
    function claimCredit(address token, address to) external {
        uint256 amount = credits[token][msg.sender];
        if (amount == 0) revert NoCredit(token, msg.sender);
        delete credits[token][msg.sender];
        emit CreditClaimed(token, msg.sender, to, amount);
        if (token == address(0)) SafeTransferLib.safeTransferETH(to, amount);
        else SafeTransferLib.safeTransfer(token, to, amount);
    }

    function _pay(address token, address to, uint256 amount) internal {
        if (token == address(0)) _payETH(to, amount);
        else _payTokens(token, to, amount);
    }

    function _payETH(address to, uint256 amount) internal {
        if (amount == 0) return;
        if (!Payout.trySendETH(to, amount)) _credit(address(0), to, amount);
    }

    function _payTokens(address token, address to, uint256 amount) internal {
        if (amount == 0) return;
        if (!Payout.trySendToken(token, to, amount)) _credit(token, to, amount);
    }

    function _credit(address token, address owner, uint256 amount) private {
        credits[token][owner] += amount;
        emit Credited(token, owner, amount);
    }
}
