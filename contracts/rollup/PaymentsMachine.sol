// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "solady/utils/ECDSA.sol";
import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";

import {MerkleTree} from "../lib/MerkleTree.sol";
import {BlobReader} from "./BlobReader.sol";
import {HashChain} from "./HashChain.sol";
import {IInbox} from "./IInbox.sol";
import {IMachine} from "./IMachine.sol";

/// @title The payments machine
/// @notice Balances of ETH and ERC20s: one step of what `toolkit/rollup/machine.py` specifies, with the same names. What
/// the specification calls an outcome other than applied is a plain `return` here: nothing but the position changes.
/// @dev Every word that a witness brings is checked against the state's hash or a batch's before it counts.
contract PaymentsMachine is IMachine {
    using HashChain for bytes28;

    /// @dev All but the outbox root. Hashed as seven words.
    struct State {
        bytes32 accountsRoot;
        uint256 accounts;
        uint256 withdrawals;
        bytes28 accumulator;
        uint256 batch;
        uint256 position;
        uint256 fees;
    }

    /// @dev A leaf of the account tree, hashed as four words.
    struct Account {
        address owner;
        address token;
        uint256 balance;
        uint256 nonce;
    }

    struct Opening {
        Account account;
        bytes32[] proof;
    }

    /// @param item The step's record, or the preimage of its message: sender 20 | timestamp u64 | data.
    /// @param hint The message's account hint.
    /// @param itemProof Of the message's leaf, or of the record's where the batch lies in calldata.
    /// @param opening Of the record, where the batch lies in blobs.
    /// @param first The payer; or the account hinted at by a deposit.
    /// @param second The payee in the tree in which the payer has already paid; or the free leaf, of which only the proof
    /// counts.
    /// @param withdrawalProof Of the free leaf of the withdrawal tree.
    struct Witness {
        bytes32 outboxRoot;
        State state;
        IInbox.Batch batch;
        uint256 hint;
        bytes item;
        bytes32[] itemProof;
        BlobReader.Opening opening;
        Opening first;
        Opening second;
        bytes32[] withdrawalProof;
    }

    /// @dev The witness of `holding`.
    struct Holding {
        State state;
        uint256 index;
        Account account;
        bytes32[] proof;
    }

    uint256 private constant HEADER_VERSION = 1;
    uint256 private constant NO_ACCOUNT = type(uint32).max;
    uint256 private constant MAX_BALANCE = type(uint128).max;
    /// @dev The amount that means all the payer holds, less the fee charged: as it is signed, and as a record's code.
    uint256 private constant WHOLE_BALANCE = type(uint128).max;
    uint256 private constant WHOLE_BALANCE_CODE = type(uint24).max;
    uint256 private constant RECORD_SIZE = 76;
    /// @dev The first byte of a message's data, and how long it then is: that of a forced operation is a record.
    bytes1 private constant DEPOSIT_KIND = 0x01;
    uint256 private constant DEPOSIT_SIZE = 57;
    bytes1 private constant FORCED_KIND = 0x02;
    uint256 private constant FORCED_SIZE = 1 + RECORD_SIZE;
    /// @dev Where a message's data begins.
    uint256 private constant DATA_OFFSET = 28;

    bytes32 private constant TRANSFER_TYPE_HASH = keccak256(
        "Transfer(uint32 account,address to,address token,uint128 amount,uint128 fee,uint64 nonce)"
    );
    bytes32 private constant WITHDRAW_TYPE_HASH =
        keccak256("Withdraw(uint32 account,address token,uint128 amount,uint128 fee,uint64 nonce)");

    /// @notice The only sender of deposits.
    address public immutable BRIDGE;
    /// @notice Whose batches the machine applies.
    IInbox public immutable INBOX;
    /// @notice Depth of the account tree, at most 31: indices are u32, and the highest is no account.
    uint256 public immutable ACCOUNTS_DEPTH;
    /// @notice Depth of the withdrawal tree, at most 32.
    uint256 public immutable WITHDRAWALS_DEPTH;
    /// @notice EIP-712 domain ("l2kit rollup", "1", chain id, this address). Fixed: what a signature means must not
    /// change when L1 forks.
    bytes32 public immutable DOMAIN_SEPARATOR;

    /// @notice A tree of such a depth cannot be.
    error BadDepth(uint256 depth, uint256 most);
    /// @notice The Inbox takes batches that the machine could not read.
    error BadInbox(uint256 recordSize, uint256 blobRecords);

    constructor(IInbox inbox, address bridge, uint256 accountsDepth, uint256 withdrawalsDepth) {
        if (accountsDepth == 0 || accountsDepth > 31) revert BadDepth(accountsDepth, 31);
        if (withdrawalsDepth == 0 || withdrawalsDepth > 32) revert BadDepth(withdrawalsDepth, 32);
        (uint256 recordSize, uint256 blobRecords) = (inbox.RECORD_SIZE(), inbox.BLOB_RECORDS());
        if (recordSize != RECORD_SIZE || blobRecords != BlobReader.BLOB_RECORDS) {
            revert BadInbox(recordSize, blobRecords);
        }
        INBOX = inbox;
        BRIDGE = bridge;
        ACCOUNTS_DEPTH = accountsDepth;
        WITHDRAWALS_DEPTH = withdrawalsDepth;
        DOMAIN_SEPARATOR = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("l2kit rollup"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }

    /// @inheritdoc IMachine
    function genesis() external view returns (bytes32 outboxRoot, bytes32 innerHash) {
        State memory state;
        state.accountsRoot = MerkleTree.emptyRoot(ACCOUNTS_DEPTH);
        state.accumulator = INBOX.accumulator(0);
        return (MerkleTree.emptyRoot(WITHDRAWALS_DEPTH), keccak256(abi.encode(state)));
    }

    /// @inheritdoc IMachine
    function step(bytes32 machineHash, uint64 targetBatch, bytes calldata witness)
        external
        view
        returns (bytes32)
    {
        Witness calldata w = _decode(witness);
        State memory state = w.state;
        bytes32 outboxRoot = w.outboxRoot;
        _check(_hash(outboxRoot, state), machineHash);
        if (state.batch >= targetBatch) return machineHash;

        bytes28 next = state.accumulator.extend(keccak256(abi.encode(w.batch)));
        _check(next, INBOX.accumulator(state.batch + 1));

        if (state.position < w.batch.records) {
            bytes calldata record = _record(w, state.position);
            if (_version(w.batch.header) == HEADER_VERSION) {
                outboxRoot = _applyRecord(w, state, outboxRoot, record, true);
            }
            ++state.position;
        } else if (state.position < w.batch.records + w.batch.messages) {
            outboxRoot = _applyMessage(w, state, outboxRoot);
            ++state.position;
        } else {
            _endBatch(w, state, next);
        }
        return _hash(outboxRoot, state);
    }

    /// @inheritdoc IMachine
    function holding(bytes32 innerHash, bytes calldata witness)
        external
        view
        returns (uint256 index, address owner, address token, uint256 amount)
    {
        Holding calldata h;
        assembly ("memory-safe") {
            h := add(witness.offset, calldataload(witness.offset)) // as in _decode
        }
        _check(keccak256(abi.encode(h.state)), innerHash);
        _check(_accountsRoot(h.account, h.index, h.proof), h.state.accountsRoot);
        return (h.index, h.account.owner, h.account.token, h.account.balance);
    }

    /// @dev The batch's record at `position`.
    function _record(Witness calldata w, uint256 position) private view returns (bytes calldata record) {
        record = w.item;
        bytes32 leaf = keccak256(record);
        bytes32 recordsRoot = w.batch.recordsRoot;
        if (w.batch.blobs == 0) {
            _check(MerkleTree.listRoot(leaf, position, w.batch.records, w.itemProof), recordsRoot);
        } else {
            _check(keccak256(abi.encodePacked(w.opening.versionedHashes)), recordsRoot);
            _check(keccak256(BlobReader.record(w.opening, position)), leaf);
        }
    }

    /// @dev Applies a record; returns the new outbox root. A forced one pays no fee, though its signature names one.
    function _applyRecord(
        Witness calldata w,
        State memory state,
        bytes32 outboxRoot,
        bytes calldata record,
        bool paysFee
    ) private view returns (bytes32) {
        uint256 from = uint32(bytes4(record[0:4]));
        if (from == NO_ACCOUNT) {
            address owner = address(bytes20(record[4:24]));
            if (owner != address(0)) _open(w, state, Account(owner, address(bytes20(record[24:44])), 0, 0));
            return outboxRoot;
        }
        if (from >= state.accounts) return outboxRoot;
        Account memory payer = w.first.account;
        _check(_accountsRoot(payer, from, w.first.proof), state.accountsRoot);

        uint256 signedAmount = _amount(uint24(bytes3(record[8:11])));
        uint256 fee = _decimal(uint8(record[11]), 3);
        uint256 charged = paysFee && payer.token == _feeToken(w.batch.header) ? fee : 0;
        if (payer.balance < charged) return outboxRoot;
        payer.balance -= charged;
        uint256 amount = signedAmount == WHOLE_BALANCE ? payer.balance : signedAmount;
        if (payer.balance < amount) return outboxRoot;
        payer.balance -= amount;
        uint256 nonce = payer.nonce++;
        bytes32 debitedRoot = _accountsRoot(payer, from, w.first.proof);

        uint256 to = uint32(bytes4(record[4:8]));
        if (to == NO_ACCOUNT) {
            if (state.withdrawals >> WITHDRAWALS_DEPTH != 0) return outboxRoot;
            bytes32 withdraw =
                keccak256(abi.encode(WITHDRAW_TYPE_HASH, from, payer.token, signedAmount, fee, nonce));
            if (!_isSigned(withdraw, payer.owner, record)) return outboxRoot;
            outboxRoot = _append(w, state, outboxRoot, payer, amount);
        } else {
            if (to >= state.accounts) return outboxRoot;
            Account memory payee = w.second.account;
            _check(_accountsRoot(payee, to, w.second.proof), debitedRoot);
            if (payee.token != payer.token) return outboxRoot;
            bytes32 transfer = keccak256(
                abi.encode(TRANSFER_TYPE_HASH, from, payee.owner, payer.token, signedAmount, fee, nonce)
            );
            if (!_isSigned(transfer, payer.owner, record)) return outboxRoot;
            if (payee.balance + amount > MAX_BALANCE) return outboxRoot;
            payee.balance += amount;
            debitedRoot = _accountsRoot(payee, to, w.second.proof);
        }
        state.accountsRoot = debitedRoot;
        state.fees += charged;
        return outboxRoot;
    }

    /// @dev Applies the message at the state's position; returns the new outbox root.
    function _applyMessage(Witness calldata w, State memory state, bytes32 outboxRoot)
        private
        view
        returns (bytes32)
    {
        bytes calldata message = w.item;
        bytes32 leaf = keccak256(abi.encodePacked(keccak256(message), uint32(w.hint)));
        bytes32 messagesRoot =
            MerkleTree.listRoot(leaf, state.position - w.batch.records, w.batch.messages, w.itemProof);
        _check(messagesRoot, w.batch.messagesRoot);

        bytes calldata data = message[DATA_OFFSET:];
        if (data.length == FORCED_SIZE && data[0] == FORCED_KIND) {
            return _applyRecord(w, state, outboxRoot, data[1:], false);
        }
        if (data.length != DEPOSIT_SIZE || data[0] != DEPOSIT_KIND) return outboxRoot;
        if (address(bytes20(message[0:20])) != BRIDGE) return outboxRoot;
        address token = address(bytes20(data[1:21]));
        address owner = address(bytes20(data[21:41]));
        _credit(w, state, uint32(w.hint), owner, token, uint128(bytes16(data[41:57])));
        return outboxRoot;
    }

    /// @dev Pays the batch's fees to its poster, and moves on to the next batch.
    function _endBatch(Witness calldata w, State memory state, bytes28 next) private view {
        if (state.fees != 0) {
            bytes32 header = w.batch.header;
            uint256 hint = uint32(uint256(header) >> 216);
            _credit(w, state, hint, w.batch.poster, _feeToken(header), state.fees);
        }
        state.fees = 0;
        state.accumulator = next;
        ++state.batch;
        state.position = 0;
    }

    /// @dev Credits the hinted account if it is the owner's, of that token, and has room; otherwise opens a new one.
    function _credit(
        Witness calldata w,
        State memory state,
        uint256 hint,
        address owner,
        address token,
        uint256 amount
    ) private view {
        if (hint < state.accounts) {
            Account memory account = w.first.account;
            _check(_accountsRoot(account, hint, w.first.proof), state.accountsRoot);
            if (account.owner == owner && account.token == token && account.balance + amount <= MAX_BALANCE) {
                account.balance += amount;
                state.accountsRoot = _accountsRoot(account, hint, w.first.proof);
                return;
            }
        }
        _open(w, state, Account(owner, token, amount, 0));
    }

    /// @dev Opens an account at the next free leaf, unless the tree is full.
    function _open(Witness calldata w, State memory state, Account memory account) private view {
        uint256 index = state.accounts;
        if (index >> ACCOUNTS_DEPTH != 0) return;
        bytes32 accountsRoot = MerkleTree.root(bytes32(0), index, w.second.proof, ACCOUNTS_DEPTH);
        _check(accountsRoot, state.accountsRoot);
        state.accountsRoot = _accountsRoot(account, index, w.second.proof);
        ++state.accounts;
    }

    /// @dev Appends a withdrawal; returns the new outbox root.
    function _append(
        Witness calldata w,
        State memory state,
        bytes32 outboxRoot,
        Account memory payer,
        uint256 amount
    ) private view returns (bytes32) {
        uint256 index = state.withdrawals++;
        _check(MerkleTree.root(bytes32(0), index, w.withdrawalProof, WITHDRAWALS_DEPTH), outboxRoot);
        bytes32 leaf = keccak256(abi.encode(index, payer.owner, payer.token, amount));
        return MerkleTree.root(leaf, index, w.withdrawalProof, WITHDRAWALS_DEPTH);
    }

    function _accountsRoot(Account memory account, uint256 index, bytes32[] calldata proof)
        private
        view
        returns (bytes32)
    {
        return MerkleTree.root(keccak256(abi.encode(account)), index, proof, ACCOUNTS_DEPTH);
    }

    /// @dev Whether the record carries the owner's signature. Only the lower half of s counts (EIP-2), as in the
    /// specification; and what ecrecover says of an invalid signature must not pass for the zero address's.
    function _isSigned(bytes32 structHash, address owner, bytes calldata record) private view returns (bool) {
        bytes32 r = bytes32(record[12:44]);
        bytes32 vs = bytes32(record[44:76]);
        if (uint256(vs) & uint256(type(int256).max) > ECDSA.N / 2) return false;
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR, structHash));
        address signer = ECDSA.tryRecover(digest, r, vs);
        return signer == owner && signer != address(0);
    }

    function _hash(bytes32 outboxRoot, State memory state) private pure returns (bytes32) {
        return EfficientHashLib.hash(outboxRoot, keccak256(abi.encode(state)));
    }

    /// @dev What a record's amount says, as it is signed.
    function _amount(uint256 code) private pure returns (uint256) {
        return code == WHOLE_BALANCE_CODE ? WHOLE_BALANCE : _decimal(code, 19);
    }

    /// @dev A decimal float: the exponent above `bits` bits of mantissa.
    function _decimal(uint256 code, uint256 bits) private pure returns (uint256) {
        return (code & ((1 << bits) - 1)) * 10 ** (code >> bits);
    }

    function _version(bytes32 header) private pure returns (uint256) {
        return uint8(bytes1(header));
    }

    function _feeToken(bytes32 header) private pure returns (address) {
        return address(bytes20(header << 40));
    }

    function _check(bytes32 computed, bytes32 expected) private pure {
        if (computed != expected) revert WrongWitness(computed, expected);
    }

    /// @dev The witness where it lies: abi.encode(Witness). Offsets in it that lead elsewhere reach other calldata, which
    /// is as untrusted as the witness itself.
    function _decode(bytes calldata witness) private pure returns (Witness calldata w) {
        assembly ("memory-safe") {
            w := add(witness.offset, calldataload(witness.offset))
        }
    }
}
