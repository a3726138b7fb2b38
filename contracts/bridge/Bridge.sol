// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "solady/utils/EIP712.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {LibBitmap} from "solady/utils/LibBitmap.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {MerkleTree} from "../lib/MerkleTree.sol";
import {Payout} from "../lib/Payout.sol";
import {Permit} from "../lib/Permit.sol";
import {Signature} from "../lib/Signature.sol";
import {HashChain} from "../rollup/HashChain.sol";
import {IInbox} from "../rollup/IInbox.sol";
import {IMachine} from "../rollup/IMachine.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {IBridge} from "./IBridge.sol";

/// @title Bridge
contract Bridge is IBridge, EIP712 {
    using HashChain for bytes28;
    using LibBitmap for LibBitmap.Bitmap;

    uint8 private constant DEPOSIT_KIND = 1;
    /// @dev Bytes of a deposit's message: sender 20 | timestamp u64 | kind u8 | token 20 | owner 20 | amount u128.
    uint256 private constant DEPOSIT_SIZE = 85;

    /// @dev What the code of an account begins with whose key has delegated it (EIP-7702). Other code has no key, and so never
    /// signs anything on L2.
    bytes3 private constant DELEGATION = 0xef0100;

    bytes32 private constant FAST_EXIT_TYPE_HASH = keccak256(
        "FastExit(uint256 index,address token,uint256 amount,uint256 fee,address provider,uint256 expiry)"
    );

    /// @notice Where deposits are announced.
    IInbox public immutable INBOX;
    /// @notice Which confirms withdrawals.
    IRollup public immutable ROLLUP;
    /// @notice Which says what somebody holds in a state.
    IMachine public immutable MACHINE;
    /// @notice Depth of the withdrawal tree.
    uint256 public immutable WITHDRAWALS_DEPTH;

    /// @dev Two bits a withdrawal, by index: whether it was claimed; and whether a provider has paid for what was said to be
    /// it, so that other claims need not look for one.
    mapping(uint256 word => uint256) private _marks;
    LibBitmap.Bitmap private _escaped;
    mapping(uint256 batch => LibBitmap.Bitmap) private _recovered;
    /// @inheritdoc IBridge
    mapping(bytes32 withdrawal => address) public providerOf;
    /// @inheritdoc IBridge
    mapping(address token => mapping(address owner => uint256)) public credits;

    constructor(IInbox inbox, IRollup rollup, uint256 withdrawalsDepth) {
        INBOX = inbox;
        ROLLUP = rollup;
        MACHINE = rollup.MACHINE();
        WITHDRAWALS_DEPTH = withdrawalsDepth;
    }

    /// @inheritdoc IBridge
    function depositETH(address to) external payable {
        _announce(address(0), to, msg.value);
    }

    /// @inheritdoc IBridge
    function depositERC20(address token, address to, uint256 amount) external {
        _depositERC20(token, to, amount);
    }

    /// @inheritdoc IBridge
    function depositERC20WithPermit(
        address token,
        address to,
        uint256 amount,
        uint256 permitDeadline,
        Signature calldata signature
    ) external {
        if (token.code.length == 0) revert NotAToken(token);
        Permit.tryFromCaller(token, amount, permitDeadline, signature);
        _depositERC20(token, to, amount);
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
        (uint256 word, uint256 claimed) = _mark(index);
        uint256 marks = _marks[word];
        if (marks & claimed != 0) revert AlreadyClaimed(index);
        _marks[word] = marks | claimed;
        address payee = owner;
        if (marks & (claimed << 1) != 0) {
            address provider = providerOf[leaf];
            if (provider != address(0)) payee = provider;
        }
        emit Claimed(index, payee, token, amount);
        _pay(token, payee, amount);
    }

    /// @inheritdoc IBridge
    function fastExit(Withdrawal calldata withdrawal, FastExit calldata terms, Signature calldata signature)
        external
        payable
    {
        (uint256 index, uint256 amount, uint256 fee) = (withdrawal.index, withdrawal.amount, terms.fee);
        if (block.timestamp > terms.expiry) revert Expired(block.timestamp, terms.expiry);
        if (fee > amount) revert FeeTooHigh(fee, amount);
        bytes28 known = INBOX.accumulator(terms.batch);
        if (terms.accumulator != known) revert WrongHistory(terms.accumulator, known);
        (uint256 word, uint256 claimed) = _mark(index);
        uint256 marks = _marks[word];
        if (marks & claimed != 0) revert AlreadyClaimed(index);
        bytes32 leaf = keccak256(abi.encode(withdrawal));
        address provider = providerOf[leaf];
        if (provider != address(0)) revert AlreadyTaken(index, provider);
        // The key alone counts, as on L2: where its account has code (EIP-7702), that code moves nothing there.
        signature.requireByKey(withdrawal.owner, _fastExitDigest(withdrawal, terms));

        _marks[word] = marks | (claimed << 1);
        providerOf[leaf] = msg.sender;
        emit FastExited(index, withdrawal.owner, msg.sender, withdrawal.token, amount, fee);
        // No underflow: checked above.
        uint256 due = amount - fee;
        uint256 value = withdrawal.token == address(0) ? due : 0;
        if (msg.value != value) revert WrongValue(msg.value, value);
        if (withdrawal.token == address(0)) _pay(address(0), withdrawal.owner, due);
        else SafeTransferLib.safeTransferFrom(withdrawal.token, msg.sender, withdrawal.owner, due);
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
    function escape(Final calldata last, bytes calldata witness) external {
        _requireFrozen(last);
        (uint256 account, address owner, address token, uint256 amount) =
            MACHINE.holding(last.innerHash, witness);
        if (amount == 0) revert NothingToPay(account);
        if (_escaped.get(account)) revert AlreadyEscaped(account);
        _escaped.set(account);
        emit Escaped(account, owner, token, amount);
        _pay(token, owner, amount);
    }

    /// @inheritdoc IBridge
    function recoverDeposit(
        Final calldata last,
        Consumed calldata consumed,
        bytes calldata message,
        bytes32[] calldata proof
    ) external {
        _requireFrozen(last);
        (uint256 batch, uint256 place) = (consumed.batch, consumed.place);
        if (batch <= last.batch) revert InFrozenState(batch, last.batch);
        bytes28 shown = consumed.before.extend(keccak256(abi.encode(consumed.posted)));
        bytes28 known = INBOX.accumulator(batch);
        if (shown != known) revert WrongHistory(shown, known);
        bytes32 leaf = keccak256(abi.encodePacked(keccak256(message), consumed.hint));
        bytes32 computed = MerkleTree.listRoot(leaf, place, consumed.posted.messages, proof);
        if (computed != consumed.posted.messagesRoot) {
            revert NotConsumed(computed, consumed.posted.messagesRoot);
        }
        (address token, address owner, uint256 amount) = _deposit(message);
        if (_recovered[batch].get(place)) revert AlreadyRecovered(batch, place);
        _recovered[batch].set(place);
        emit Recovered(batch, place, owner, token, amount);
        _pay(token, owner, amount);
    }

    /// @inheritdoc IBridge
    function isClaimed(uint256 index) external view returns (bool) {
        (uint256 word, uint256 claimed) = _mark(index);
        return _marks[word] & claimed != 0;
    }

    /// @inheritdoc IBridge
    function isEscaped(uint256 account) external view returns (bool) {
        return _escaped.get(account);
    }

    /// @inheritdoc IBridge
    function isRecovered(uint256 batch, uint256 place) external view returns (bool) {
        return _recovered[batch].get(place);
    }

    /// @inheritdoc IBridge
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparator();
    }

    function _depositERC20(address token, address to, uint256 amount) private {
        if (token == address(0)) revert NotAToken(token);
        // A token that calls back cannot gain: whatever it deposits or claims meanwhile is accounted for by itself, and
        // moves the balance so that this deposit is refused, unless both add up to nothing.
        uint256 before = SafeTransferLib.balanceOf(token, address(this));
        SafeTransferLib.safeTransferFrom(token, msg.sender, address(this), amount);
        uint256 received = SafeTransferLib.balanceOf(token, address(this)) - before;
        if (received != amount) revert InexactTransfer(token, received, amount);
        _announce(token, to, amount);
    }

    /// @dev Tells the Inbox of a deposit that the bridge already holds.
    function _announce(address token, address to, uint256 amount) private {
        if (to == address(0) || to == address(this)) revert BadRecipient(to);
        if (to.code.length != 0 && bytes3(to.code) != DELEGATION) revert BadRecipient(to);
        if (amount == 0 || amount > type(uint128).max) revert BadAmount(amount);
        INBOX.send(abi.encodePacked(DEPOSIT_KIND, token, to, uint128(amount)));
    }

    /// @dev The word of a withdrawal, and the lower of its two bits there.
    function _mark(uint256 index) private pure returns (uint256 word, uint256 claimed) {
        return (index >> 7, 1 << ((index & 127) << 1));
    }

    /// @dev Last of all: the receiver gets control. A payout that fails keeps nobody waiting.
    function _pay(address token, address to, uint256 amount) private {
        if (Payout.trySend(token, to, amount)) return;
        credits[token][to] += amount;
        emit Credited(token, to, amount);
    }

    function _requireFrozen(Final calldata last) private view {
        bytes32 machineHash = EfficientHashLib.hash(last.outboxRoot, last.innerHash);
        bytes32 id =
            EfficientHashLib.hash(last.parent, bytes32(last.batch), bytes32(last.accumulator), machineHash);
        if (ROLLUP.assertion(id).status != IRollup.Status.Frozen) revert NotFrozen(id);
    }

    /// @dev What a message of this bridge's says.
    function _deposit(bytes calldata message)
        private
        view
        returns (address token, address owner, uint256 amount)
    {
        if (
            message.length != DEPOSIT_SIZE || address(bytes20(message[:20])) != address(this)
                || uint8(message[28]) != DEPOSIT_KIND
        ) revert NotADeposit(message);
        token = address(bytes20(message[29:49]));
        owner = address(bytes20(message[49:69]));
        amount = uint128(bytes16(message[69:85]));
    }

    function _fastExitDigest(Withdrawal calldata withdrawal, FastExit calldata terms)
        private
        view
        returns (bytes32)
    {
        return _hashTypedData(
            keccak256(
                abi.encode(
                    FAST_EXIT_TYPE_HASH,
                    withdrawal.index,
                    withdrawal.token,
                    withdrawal.amount,
                    terms.fee,
                    msg.sender,
                    terms.expiry
                )
            )
        );
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("l2kit bridge", "1");
    }
}
