// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

/// @title Payouts that cannot be griefed
/// @notice Pays ETH or an ERC20 and reports whether it worked. Whatever the receiver or the token does
/// (revert, burn gas, return megabytes), the caller keeps control, and can turn a failed payout into a
/// credit.
/// @dev The receiver gets control: change your own state first (checks, effects, interactions).
library Payout {
    /// @notice Gas a receiver of ETH may use: enough for a smart account to note the payment down, too little
    /// to grief.
    uint256 internal constant ETH_GAS = 50_000;

    /// @notice Gas a token's `transfer` may use.
    uint256 internal constant TOKEN_GAS = 300_000;

    /// @notice The payout failed while the caller had sent too little gas for it: a griefing caller must not
    /// turn a good payout into a credit.
    error PayoutOutOfGas(uint256 available, uint256 required);

    /// @notice Sends `amount` (wei, or base units of the token) to `to`.
    /// @param token The ERC20, or zero for ETH.
    /// @return sent False when the call failed, or the token returned anything but true or nothing, or has no
    /// code.
    function trySend(address token, address to, uint256 amount) internal returns (bool sent) {
        return token == address(0) ? trySendETH(to, amount) : trySendToken(token, to, amount);
    }

    /// @notice Sends `amount` wei to `to`.
    /// @return sent False when the call failed.
    function trySendETH(address to, uint256 amount) internal returns (bool sent) {
        uint256 available = gasleft();
        sent = SafeTransferLib.trySafeTransferETH(to, amount, ETH_GAS);
        if (!sent) _requireEnough(available, ETH_GAS);
    }

    /// @notice Sends `amount` base units of `token` to `to`.
    /// @return sent False when the call failed, or the token returned anything but true or nothing, or has no
    /// code.
    function trySendToken(address token, address to, uint256 amount) internal returns (bool sent) {
        uint256 available = gasleft();
        sent = _tryTransfer(token, to, amount);
        if (!sent) _requireEnough(available, TOKEN_GAS);
    }

    /// @dev The call itself costs at most 36,600 (cold, value, new account), and EIP-150 keeps one 64th of
    /// the rest.
    function _requireEnough(uint256 available, uint256 bound) private pure {
        uint256 required = bound + bound / 63 + 40_000;
        if (available < required) revert PayoutOutOfGas(available, required);
    }

    /// @dev ERC20 `transfer` with bounded gas, of whose return data at most one word is copied.
    function _tryTransfer(address token, address to, uint256 amount) private returns (bool sent) {
        uint256 bound = TOKEN_GAS;
        bytes memory data = abi.encodeWithSelector(0xa9059cbb, to, amount);
        assembly ("memory-safe") {
            sent := call(bound, token, 0, add(data, 0x20), mload(data), 0x00, 0x20)
            // Tokens return true, or (the old ones) nothing; an address without code returns nothing, too.
            if iszero(and(eq(mload(0x00), 1), gt(returndatasize(), 0x1f))) {
                sent := and(sent, and(iszero(returndatasize()), iszero(iszero(extcodesize(token)))))
            }
        }
    }
}
