// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {MerkleTree} from "../lib/MerkleTree.sol";
import {Payout} from "../lib/Payout.sol";
import {IInbox} from "../rollup/IInbox.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {IBridge} from "./IBridge.sol";

/// @title Bridge
contract Bridge is IBridge {
    uint8 private constant DEPOSIT_KIND = 1;

    /// @notice Where deposits are announced.
    IInbox public immutable INBOX;
    /// @notice Which confirms withdrawals.
    IRollup public immutable ROLLUP;
    /// @notice Depth of the withdrawal tree.
    uint256 public immutable WITHDRAWALS_DEPTH;

    /// @dev One bit a withdrawal, by index.
    mapping(uint256 word => uint256) private _claimed;
    /// @inheritdoc IBridge
    mapping(address token => mapping(address owner => uint256)) public credits;

    constructor(IInbox inbox, IRollup rollup, uint256 withdrawalsDepth) {
        INBOX = inbox;
        ROLLUP = rollup;
        WITHDRAWALS_DEPTH = withdrawalsDepth;
    }

    /// @inheritdoc IBridge
    function depositETH(address to) external payable {
        _announce(address(0), to, msg.value);
    }

    /// @inheritdoc IBridge
    function depositERC20(address token, address to, uint256 amount) external {
        if (token == address(0)) revert NotAToken(token);
        // A token that calls back cannot gain: whatever it deposits or claims meanwhile is accounted for by itself, and
        // moves the balance so that this deposit is refused, unless both add up to nothing.
        uint256 before = SafeTransferLib.balanceOf(token, address(this));
        SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), amount);
        uint256 received = SafeTransferLib.balanceOf(token, address(this)) - before;
        if (received != amount) revert InexactTransfer(token, received, amount);
        _announce(token, to, amount);
    }

    /// @inheritdoc IBridge
    function claim(
        bytes32 outboxRoot,
        uint256 index,
        address owner,
        address token,
        uint256 amount,
        bytes32[] calldata proof
    ) external {
        if (!ROLLUP.confirmedOutbox(outboxRoot)) revert NotConfirmed(outboxRoot);
        bytes32 leaf = keccak256(abi.encode(index, owner, token, amount));
        bytes32 computed = MerkleTree.root(leaf, index, proof, WITHDRAWALS_DEPTH);
        if (computed != outboxRoot) revert NotWithdrawn(computed, outboxRoot);
        if (isClaimed(index)) revert AlreadyClaimed(index);
        _claimed[index >> 8] |= 1 << (index & 0xff);
        emit Claimed(index, owner, token, amount);
        if (Payout.trySend(token, owner, amount)) return;
        credits[token][owner] += amount;
        emit Credited(token, owner, amount);
    }

    /// @inheritdoc IBridge
    function claimCredit(address token, address to) external {
        uint256 amount = credits[token][msg.sender];
        if (amount == 0) revert NoCredit(token, msg.sender);
        credits[token][msg.sender] = 0;
        emit CreditClaimed(token, msg.sender, to, amount);
        if (!Payout.trySend(token, to, amount)) revert PayoutFailed(token, to, amount);
    }

    /// @inheritdoc IBridge
    function isClaimed(uint256 index) public view returns (bool) {
        return (_claimed[index >> 8] >> (index & 0xff)) & 1 == 1;
    }

    /// @dev Tells the Inbox of a deposit that the bridge already holds.
    function _announce(address token, address to, uint256 amount) private {
        if (to == address(0) || to == address(this)) revert BadRecipient(to);
        if (amount == 0 || amount > type(uint128).max) revert BadAmount(amount);
        INBOX.send(abi.encodePacked(DEPOSIT_KIND, token, to, uint128(amount)));
    }
}
