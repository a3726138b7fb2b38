// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title BatchPay
/// @notice Pays many recipients in one transaction on L1: the baseline that every technique must beat. It keeps nothing
/// between transactions, and one payment that fails undoes them all.
/// @dev Each payment is one word, so that calldata holds nothing but what is paid: the recipient in the upper 160 bits,
/// the amount in base units (wei, or the token's smallest unit) in the lower 96, which hold 7.9e28.
contract BatchPay {
    /// @notice The value sent with the call does not cover this payment.
    /// @param index The payment's place in the list, from 0.
    /// @param left What was left of the value, in wei.
    /// @param amount What was to be paid, in wei.
    error ValueTooLow(uint256 index, uint256 left, uint256 amount);

    /// @notice The value sent with the call is more than the sum of the payments.
    /// @param left What would be left of the value, in wei.
    error ValueTooHigh(uint256 left);

    /// @notice The recipient refused its ETH, or ran out of the gas that was left.
    /// @param index The payment's place in the list, from 0.
    /// @param recipient Who was to be paid.
    /// @param amount In wei.
    error PaymentFailed(uint256 index, address recipient, uint256 amount);

    /// @notice The token refused a transfer (balance, allowance, or a rule of its own).
    /// @param index The payment's place in the list, from 0.
    /// @param recipient Who was to be paid.
    /// @param amount In the token's base units.
    error TokenPaymentFailed(uint256 index, address token, address recipient, uint256 amount);

    /// @notice The address holds no code, so it is no token.
    error NotAToken(address token);

    /// @notice Pay ETH to every recipient. Anyone may call, with exactly the sum as value.
    /// @dev Reverts with PaymentFailed for the first recipient that cannot be paid, with ValueTooLow at the first payment
    /// that the value does not cover, and with ValueTooHigh where some of it would be left. A recipient that calls back
    /// can pay from the value of its own call alone, for the same reason. No event: the calldata says who was paid.
    /// @param payments One word each: recipient << 96 | amount in wei.
    function payETH(bytes32[] calldata payments) external payable {
        uint256 left = msg.value;
        for (uint256 i; i < payments.length; ++i) {
            (address recipient, uint256 amount) = _unpack(payments[i]);
            if (amount > left) revert ValueTooLow(i, left, amount);
            unchecked {
                left -= amount; // amount <= left
            }
            (bool paid,) = recipient.call{value: amount}("");
            if (!paid) revert PaymentFailed(i, recipient, amount);
        }
        if (left != 0) revert ValueTooHigh(left);
    }

    /// @notice Pay an ERC-20 token from the caller to every recipient. Anyone may call who has approved this contract.
    /// @dev Reverts with TokenPaymentFailed for the first transfer that the token refuses, and with NotAToken where there
    /// is no code at `token`. Tokens never rest here: each goes from the caller to its recipient directly.
    /// @param token The ERC-20 token; tokens that return nothing are understood.
    /// @param payments One word each: recipient << 96 | amount in the token's base units.
    function payToken(address token, bytes32[] calldata payments) external {
        if (token.code.length == 0) revert NotAToken(token);
        for (uint256 i; i < payments.length; ++i) {
            (address recipient, uint256 amount) = _unpack(payments[i]);
            if (!SafeTransferLib.trySafeTransferFrom(token, msg.sender, recipient, amount)) {
                revert TokenPaymentFailed(i, token, recipient, amount);
            }
        }
    }

    function _unpack(bytes32 payment) private pure returns (address recipient, uint256 amount) {
        recipient = address(bytes20(payment));
        amount = uint96(uint256(payment));
    }
}
