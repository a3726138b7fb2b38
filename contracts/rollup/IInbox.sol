// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Inbox
/// @notice What a rollup reads, in one order that nobody can change: batches, and in them the messages that anyone sent.
///
/// Batches are numbered from 1. `accumulator(n)` is a hash chain over the first n batches: 28 bytes of
/// keccak(accumulator(n - 1) | hash of batch n), over 64 bytes.
///
/// Messages wait in a queue, which refuses none. When a batch is posted, the queue so far is its *snapshot*, and the next
/// batch must consume exactly this. So whoever posts knows beforehand what to list, and cannot leave a message out: to hold
/// one up is to post nothing at all, and when that has lasted for the sequencer's window, anyone may post.
///
/// More than MAX_MESSAGES are cut into *segments* of as many, so that each fits a transaction: a snapshot is the oldest of
/// them. One that has waited for the sequencer's window since it was full is late by itself: anyone may post the batch
/// that consumes it, and the next, so that nobody can hold others up for long by sending many.
///
/// The Inbox knows nothing of what records and messages mean.
interface IInbox {
    /// @notice A batch, as it is hashed (all eight words, abi.encode).
    /// @param header Whatever the machine wants to know about the batch.
    /// @param recordsRoot Of a batch in calldata: list tree over the records; a leaf is a record's hash. Of one in blobs:
    /// the hash of the blobs' versioned hashes, end to end.
    /// @param records How many.
    /// @param blobs In how many blobs they lie; zero: in calldata. Tells the two kinds of root apart.
    /// @param messagesRoot List tree over the message references; a leaf is the hash of the 36 bytes.
    /// @param messages How many.
    /// @param timestamp Of the L1 block (seconds).
    /// @param poster Who posted it.
    struct Batch {
        bytes32 header;
        bytes32 recordsRoot;
        uint256 records;
        uint256 blobs;
        bytes32 messagesRoot;
        uint256 messages;
        uint256 timestamp;
        address poster;
    }

    /// @notice A message was sent. Its hash is keccak(sender 20 | block timestamp u64 | data).
    event MessageSent(address indexed sender, bytes data);

    /// @notice A batch was posted; what is in it is the calldata of this very transaction, and its blobs.
    event BatchPosted(uint256 indexed batch, bytes28 accumulator);

    /// @notice An accumulator is kept for good.
    event Checkpointed(uint256 indexed batch, bytes28 accumulator);

    /// @notice Records of 64 bytes could pass for Merkle nodes, and a ring or a record of nothing cannot work.
    error BadParameters(uint256 ringSize, uint256 recordSize);
    /// @notice The message has more bytes than the machine's last step could show to L1.
    error MessageTooLong(uint256 length, uint256 most);
    /// @notice More segments wait than can be counted; it takes 2 * 10**10 gas to get there.
    error InboxFull(uint256 segments);
    /// @notice Only the sequencer may post, as long as it does.
    error NotSequencer(address sender, address sequencer);
    /// @notice Batches must be the transaction's own call, by an account without code, so that a batch is always found
    /// in its transaction's calldata.
    error NotDirect(address sender);
    /// @notice The batch is not the next one: it is already there, or the one before it is not.
    error OutOfOrder(uint256 batch);
    /// @notice The bytes are not a whole number of items.
    error NotWhole(uint256 length, uint256 size);
    /// @notice The transaction carries no blobs.
    error NoBlobs();
    /// @notice The transaction's blobs do not hold so many records.
    error TooManyRecords(uint256 records, uint256 most);
    /// @notice The messages listed are not the snapshot.
    error WrongMessages(bytes28 listed, bytes28 snapshot);
    /// @notice This is not the last batch.
    error WrongLastBatch(bytes28 shown, bytes28 last);
    /// @notice The sequencer's window is not over.
    error TooEarly(uint256 timestamp, uint256 earliest);
    /// @notice The accumulator does not exist yet, or its place in the ring was taken and no checkpoint was made.
    error UnknownAccumulator(uint256 batch);
    /// @notice The chain of batches shown does not lead to the accumulator that is known.
    error WrongChain(bytes28 shown, bytes28 known);

    /// @notice Who may post batches.
    function SEQUENCER() external view returns (address);

    /// @notice Messages that one batch consumes at most: so few that they leave room for records in the 128 KiB that
    /// mempools take.
    function MAX_MESSAGES() external view returns (uint256);

    /// @notice Seconds without a batch after which anyone may post one.
    function SEQUENCER_WINDOW() external view returns (uint256);

    /// @notice Accumulators kept without a checkpoint.
    function RING_SIZE() external view returns (uint256);

    /// @notice Bytes of a record.
    function RECORD_SIZE() external view returns (uint256);

    /// @notice Records that a blob holds. How they lie in it is the machine's business.
    function BLOB_RECORDS() external view returns (uint256);

    /// @notice Bytes that a message may have at most.
    function MAX_MESSAGE_SIZE() external view returns (uint256);

    /// @notice Send a message. Anyone may.
    function send(bytes calldata data) external;

    /// @notice Post the next batch. The sequencer may.
    /// @param batch Its number. A batch made for another place in the order is refused.
    /// @param header The header word.
    /// @param records The records, end to end.
    /// @param messages The snapshot's messages in order, 36 bytes each: hash 32 | account u32, a hint at where the
    /// machine may look.
    function postBatch(uint256 batch, bytes32 header, bytes calldata records, bytes calldata messages)
        external;

    /// @notice Post the next batch, its records in the blobs of this very transaction (EIP-4844), all of them and in their
    /// order. The sequencer may.
    /// @param batch, header, messages As of `postBatch`.
    /// @param records How many the blobs hold, at most BLOB_RECORDS each.
    function postBlobs(uint256 batch, bytes32 header, uint256 records, bytes calldata messages) external;

    /// @notice Post the next batch, when there was none for the sequencer's window, or the messages that it must consume
    /// have waited for so long. Anyone may.
    /// @param beforeLast The accumulator before the last batch, which together with
    /// @param last the last batch itself proves when that was. Before the first batch these are zero, and
    /// Batch(chain id, 0, 0, 0, 0, 0, time of deployment, this address).
    function postLateBatch(
        bytes28 beforeLast,
        Batch calldata last,
        uint256 batch,
        bytes32 header,
        bytes calldata records,
        bytes calldata messages
    ) external;

    /// @notice Keep an accumulator for good, also one that has left the ring. Anyone may.
    /// @param batch Its number.
    /// @param value The accumulator.
    /// @param hashes The hashes of the batches after it, up to one whose accumulator is known; none if it is itself.
    function checkpoint(uint256 batch, bytes28 value, bytes32[] calldata hashes) external;

    /// @notice The accumulator after `batch` batches. Reverts with UnknownAccumulator unless it is in the ring or was
    /// checkpointed.
    function accumulator(uint256 batch) external view returns (bytes28);

    /// @notice What the next batch must consume: the hash chain over its messages, and since when (seconds) that is fixed.
    function snapshot() external view returns (bytes28 tip, uint256 since);

    /// @notice Messages that wait behind the snapshot.
    function waitingMessages() external view returns (uint256);

    /// @notice How many batches there are. For calls from outside: it looks through the whole ring.
    function batches() external view returns (uint256);
}
