// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EfficientHashLib} from "solady/utils/EfficientHashLib.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

import {MerkleTree} from "../lib/MerkleTree.sol";
import {HashChain} from "./HashChain.sol";
import {IInbox} from "./IInbox.sol";
import {Queue, QueueLib} from "./Queue.sol";

/// @title Inbox
/// @dev A batch without messages reads three slots and writes one. The accumulators' slots carry their own numbers, so
/// that no counter has to be rewritten: batch n is the next one if n - 1 is in the ring and n is not.
contract Inbox is IInbox {
    using HashChain for bytes28;

    /// @dev Bytes of a message reference: hash 32 | account u32.
    uint256 private constant REFERENCE_SIZE = 36;
    /// @inheritdoc IInbox
    uint256 public constant MAX_MESSAGES = 200;
    /// @dev The tip of an empty queue. Not zero, for the first message to rewrite a slot, not to create it.
    bytes28 private constant EMPTY = bytes28(uint224(1));

    /// @dev Messages that a batch consumes as a whole, and since when they are these.
    struct Segment {
        bytes28 tip;
        uint32 since;
    }

    struct Entry {
        bytes28 accumulator;
        uint32 batch;
    }

    address public immutable SEQUENCER;
    uint256 public immutable SEQUENCER_WINDOW;
    uint256 public immutable RING_SIZE;
    uint256 public immutable RECORD_SIZE;
    uint256 public immutable BLOB_RECORDS;
    uint256 public immutable MAX_MESSAGE_SIZE;

    Queue private _queue = QueueLib.pack(EMPTY, false, 0, 0);
    Segment private _snapshot = Segment(EMPTY, 0);
    /// @dev Full segments behind the snapshot, by number, and the number of the first of them.
    mapping(uint256 number => Segment) private _full;
    uint256 private _firstFull;
    mapping(uint256 place => Entry) private _ring;
    mapping(uint256 batch => bytes28) private _checkpoints;

    /// @param sequencer Who may post batches.
    /// @param sequencerWindow Seconds without a batch after which anyone may.
    /// @param ringSize Accumulators kept.
    /// @param recordSize Bytes of a record.
    /// @param blobRecords Records that a blob holds.
    /// @param maxMessageSize Bytes of a message at most: the machine must be able to show one to L1.
    constructor(
        address sequencer,
        uint256 sequencerWindow,
        uint256 ringSize,
        uint256 recordSize,
        uint256 blobRecords,
        uint256 maxMessageSize
    ) {
        if (ringSize < 2 || recordSize == 0 || recordSize == 64) {
            revert BadParameters(ringSize, recordSize);
        }
        SEQUENCER = sequencer;
        SEQUENCER_WINDOW = sequencerWindow;
        RING_SIZE = ringSize;
        RECORD_SIZE = recordSize;
        BLOB_RECORDS = blobRecords;
        MAX_MESSAGE_SIZE = maxMessageSize;
        Batch memory genesis =
            Batch(bytes32(block.chainid), bytes32(0), 0, 0, bytes32(0), 0, block.timestamp, address(this));
        _ring[0] = Entry(bytes28(0).extend(keccak256(abi.encode(genesis))), 0);
    }

    /// @inheritdoc IInbox
    function send(bytes calldata data) external {
        if (data.length > MAX_MESSAGE_SIZE) revert MessageTooLong(data.length, MAX_MESSAGE_SIZE);
        Queue queue = _queue;
        if (queue.count() == MAX_MESSAGES) queue = _sealFull(queue);
        bytes32 hash = keccak256(abi.encodePacked(msg.sender, uint64(block.timestamp), data));
        // Unchecked: the count is below MAX_MESSAGES.
        unchecked {
            _queue = QueueLib.pack(
                queue.tip().extend(hash), queue.hasSnapshot(), queue.segments(), queue.count() + 1
            );
        }
        emit MessageSent(msg.sender, data);
    }

    /// @inheritdoc IInbox
    function postBatch(uint256 batch, bytes32 header, bytes calldata records, bytes calldata messages)
        external
    {
        if (msg.sender != SEQUENCER) revert NotSequencer(msg.sender, SEQUENCER);
        _postCalldata(_last(batch), batch, header, records, messages);
    }

    /// @inheritdoc IInbox
    function postBlobs(uint256 batch, bytes32 header, uint256 records, bytes calldata messages) external {
        if (msg.sender != SEQUENCER) revert NotSequencer(msg.sender, SEQUENCER);
        uint256 blobs;
        // Unchecked, here and below: counts blobs, of which a transaction carries a handful.
        unchecked {
            while (blobhash(blobs) != 0) ++blobs;
        }
        if (blobs == 0) revert NoBlobs();
        uint256 most = blobs * BLOB_RECORDS;
        if (records > most) revert TooManyRecords(records, most);
        bytes32[] memory hashes = EfficientHashLib.malloc(blobs);
        unchecked {
            for (uint256 i; i < blobs; ++i) {
                EfficientHashLib.set(hashes, i, blobhash(i));
            }
        }
        _post(_last(batch), batch, header, EfficientHashLib.hash(hashes), records, blobs, messages);
    }

    /// @inheritdoc IInbox
    function postLateBatch(
        bytes28 beforeLast,
        Batch calldata last,
        uint256 batch,
        bytes32 header,
        bytes calldata records,
        bytes calldata messages
    ) external {
        bytes28 shown = beforeLast.extend(keccak256(abi.encode(last)));
        bytes28 known = _last(batch);
        if (shown != known) revert WrongLastBatch(shown, known);
        uint256 since = last.timestamp;
        if (_queue.hasSnapshot()) since = FixedPointMathLib.min(since, _snapshot.since);
        uint256 earliest = since + SEQUENCER_WINDOW;
        if (block.timestamp < earliest) revert TooEarly(block.timestamp, earliest);
        _postCalldata(known, batch, header, records, messages);
    }

    /// @inheritdoc IInbox
    function checkpoint(uint256 batch, bytes28 value, bytes32[] calldata hashes) external {
        bytes28 shown = value;
        for (uint256 i; i < hashes.length; ++i) {
            shown = shown.extend(hashes[i]);
        }
        bytes28 known = accumulator(batch + hashes.length);
        if (shown != known) revert WrongChain(shown, known);
        _checkpoints[batch] = value;
        emit Checkpointed(batch, value);
    }

    /// @inheritdoc IInbox
    function accumulator(uint256 batch) public view returns (bytes28) {
        Entry memory entry = _ring[batch % RING_SIZE];
        // A place never written says batch 0, but is not the place of batch 0.
        if (entry.batch == batch) return entry.accumulator;
        bytes28 kept = _checkpoints[batch];
        if (kept == 0) revert UnknownAccumulator(batch);
        return kept;
    }

    /// @inheritdoc IInbox
    function snapshot() external view returns (bytes28 tip, uint256 since) {
        if (!_queue.hasSnapshot()) return (EMPTY, 0);
        return (_snapshot.tip, _snapshot.since);
    }

    /// @inheritdoc IInbox
    function waitingMessages() external view returns (uint256) {
        return _queue.segments() * MAX_MESSAGES + _queue.count();
    }

    /// @inheritdoc IInbox
    function batches() external view returns (uint256 count) {
        for (uint256 place; place < RING_SIZE; ++place) {
            uint256 batch = _ring[place].batch;
            if (batch > count) count = batch;
        }
    }

    /// @dev The accumulator before `batch`, which must be the next one.
    function _last(uint256 batch) private view returns (bytes28) {
        if (batch == 0 || _ring[batch % RING_SIZE].batch == batch) revert OutOfOrder(batch);
        Entry storage last = _ring[(batch - 1) % RING_SIZE];
        (bytes28 known, uint256 number) = (last.accumulator, last.batch);
        if (number != batch - 1) revert OutOfOrder(batch);
        return known;
    }

    function _postCalldata(
        bytes28 last,
        uint256 batch,
        bytes32 header,
        bytes calldata records,
        bytes calldata messages
    ) private {
        if (records.length % RECORD_SIZE != 0) {
            revert NotWhole(records.length, RECORD_SIZE);
        }
        bytes32 recordsRoot = MerkleTree.listRootOf(records, RECORD_SIZE);
        _post(last, batch, header, recordsRoot, records.length / RECORD_SIZE, 0, messages);
    }

    function _post(
        bytes28 last,
        uint256 batch,
        bytes32 header,
        bytes32 recordsRoot,
        uint256 records,
        uint256 blobs,
        bytes calldata messages
    ) private {
        // Since EIP-7702 an account with code may be a transaction's origin, too, and call from within.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotDirect(msg.sender);
        if (messages.length % REFERENCE_SIZE != 0) revert NotWhole(messages.length, REFERENCE_SIZE);
        _consume(messages);
        // The words of a `Batch`; abi.encode would copy them twice.
        bytes32 hash = EfficientHashLib.hash(
            header,
            recordsRoot,
            bytes32(records),
            bytes32(blobs),
            MerkleTree.listRootOf(messages, REFERENCE_SIZE),
            bytes32(messages.length / REFERENCE_SIZE),
            bytes32(block.timestamp),
            bytes32(uint256(uint160(msg.sender)))
        );
        bytes28 next = last.extend(hash);
        // A number of 2**32 is out of reach: one batch a block is 1,600 years.
        _ring[batch % RING_SIZE] = Entry(next, uint32(batch));
        emit BatchPosted(batch, next);
    }

    /// @dev Checks that the messages listed are the snapshot, and takes the next: the first full segment, or what waits.
    function _consume(bytes calldata messages) private {
        bytes28 listed = EMPTY;
        for (uint256 start; start < messages.length; start += REFERENCE_SIZE) {
            listed = listed.extend(bytes32(messages[start:start + 32]));
        }
        Queue queue = _queue;
        // Where nothing waits, no other slot is looked at.
        bytes28 expected = queue.hasSnapshot() ? _snapshot.tip : EMPTY;
        if (listed != expected) revert WrongMessages(listed, expected);
        uint256 segments = queue.segments();
        if (segments != 0) {
            uint256 first = _firstFull++;
            _snapshot = _full[first];
            delete _full[first];
            _queue = QueueLib.pack(queue.tip(), true, segments - 1, queue.count());
        } else if (queue.count() != 0) {
            _snapshot = Segment(queue.tip(), uint32(block.timestamp));
            _queue = QueueLib.pack(EMPTY, true, 0, 0);
        } else if (queue.hasSnapshot()) {
            _queue = QueueLib.pack(EMPTY, false, 0, 0);
        }
    }

    /// @dev Puts the full segment behind those that wait; returns the queue without it. The snapshot stays what it is: what
    /// the next batch must consume never changes between two batches.
    function _sealFull(Queue queue) private returns (Queue) {
        uint256 segments = queue.segments();
        if (segments == QueueLib.MAX_SEGMENTS) revert InboxFull(segments);
        _full[_firstFull + segments] = Segment(queue.tip(), uint32(block.timestamp));
        return QueueLib.pack(EMPTY, queue.hasSnapshot(), segments + 1, 0);
    }
}
