// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @title Token
/// @notice A plain ERC-20 of 18 decimals and a fixed supply, with EIP-2612 permits: the token of the devnet and the
/// baseline of token transfers. Nobody can mint, burn, pause or upgrade it.
/// @dev solady's ERC20 allows transfers to and from the zero address, and treats an allowance of 2**256-1 as infinite.
contract Token is ERC20 {
    string private _name;
    string private _symbol;

    /// @param name_ The token's name; part of its EIP-712 domain.
    /// @param symbol_ The token's symbol.
    /// @param supply The whole supply in base units (10**-18 of a token), minted to the deployer.
    constructor(string memory name_, string memory symbol_, uint256 supply) {
        _name = name_;
        _symbol = symbol_;
        _mint(msg.sender, supply);
    }

    /// @inheritdoc ERC20
    function name() public view override returns (string memory) {
        return _name;
    }

    /// @inheritdoc ERC20
    function symbol() public view override returns (string memory) {
        return _symbol;
    }
}
