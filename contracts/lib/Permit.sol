// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Signature} from "./Signature.sol";

/// @notice The part of EIP-2612 that spends a permit.
interface IERC20Permit {
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}

/// @notice Permits whose failure does not matter.
library Permit {
    /// @notice Lets this contract have `amount` base units of the caller's by its permit, if the token takes it.
    /// Somebody may have used the permit first: the transfer that follows says whether there is an allowance.
    /// @dev `token` is whatever the caller says, and is called with the caller as the owner: nobody else's
    /// tokens are touched. It gets control.
    function tryFromCaller(address token, uint256 amount, uint256 deadline, Signature calldata signature)
        internal
    {
        (uint8 v, bytes32 r, bytes32 s) = signature.split();
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
    }
}
