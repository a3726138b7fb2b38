"""What the Inbox holds: messages, batches, and the chain of hashes over them.

``contracts/rollup/Inbox.sol`` computes the same hashes; tests hold the two against each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from toolkit.crypto import keccak256
from toolkit.rollup.codec import NO_ACCOUNT
from toolkit.rollup.merkle import list_root

_PAD = bytes(12)


@dataclass(frozen=True)
class Message:
    """A message that somebody sent to the Inbox, as a batch consumes it.

    Attributes:
        sender: 20-byte address that called ``Inbox.send``.
        timestamp: of the L1 block, seconds.
        data: what was sent.
        account: the poster's hint at the account to credit; any value is valid, a useless one costs a new leaf.
    """

    sender: bytes
    timestamp: int
    data: bytes
    account: int = NO_ACCOUNT

    @cached_property
    def hash(self) -> bytes:
        """The message's hash, as the Inbox folds it."""
        return keccak256(self.preimage)

    @property
    def preimage(self) -> bytes:
        """``sender 20 | timestamp u64 | data``."""
        return self.sender + self.timestamp.to_bytes(8, "big") + self.data

    def reference(self) -> bytes:
        """The 36 bytes by which a batch names the message: ``hash 32 | account u32``."""
        return self.hash + self.account.to_bytes(4, "big")


@dataclass(frozen=True)
class Batch:
    """What one ``Inbox.postBatch`` or ``Inbox.postBlobs`` put on L1.

    Attributes:
        header: the 32-byte header word (``codec.Header``).
        records: 76 bytes each, in order.
        messages: consumed after the records, in order.
        timestamp: of the L1 block, seconds.
        poster: 20-byte address that posted the batch and gets its fees.
        blobs: the versioned hashes of the blobs that hold the records (EIP-4844); none for a batch in calldata.
        contents: those blobs, trailing zeros left out; where there are none, they hold the records and nothing else
            (``codec.encode_blobs``). Only a witness needs them.
    """

    header: bytes
    records: Sequence[bytes]
    messages: Sequence[Message]
    timestamp: int
    poster: bytes
    blobs: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = ()

    @property
    def steps(self) -> int:
        """Steps to apply the batch: its records, its messages, and its end."""
        return len(self.records) + len(self.messages) + 1

    @cached_property
    def record_leaves(self) -> list[bytes]:
        """The leaves under the records root of a batch in calldata."""
        return [keccak256(record) for record in self.records]

    @cached_property
    def records_root(self) -> bytes:
        """What commits to the records: the root of their list tree, or the hash of the versioned hashes."""
        return keccak256(b"".join(self.blobs)) if self.blobs else list_root(self.record_leaves)

    @cached_property
    def message_leaves(self) -> list[bytes]:
        """The leaves under the batch's messages root."""
        return [keccak256(message.reference()) for message in self.messages]

    @cached_property
    def words(self) -> bytes:
        """The eight words of ``IInbox.Batch``."""
        return _batch_words(
            self.header,
            self.records_root,
            len(self.records),
            len(self.blobs),
            list_root(self.message_leaves),
            len(self.messages),
            self.timestamp,
            self.poster,
        )

    @cached_property
    def hash(self) -> bytes:
        """The batch's hash, as the Inbox computes it."""
        return keccak256(self.words)


def batch_hash(
    header: bytes,
    records_root: bytes,
    records: int,
    blobs: int,
    messages_root: bytes,
    messages: int,
    timestamp: int,
    poster: bytes,
) -> bytes:
    """The hash of a batch from its parts."""
    return keccak256(_batch_words(header, records_root, records, blobs, messages_root, messages, timestamp, poster))


def _batch_words(
    header: bytes,
    records_root: bytes,
    records: int,
    blobs: int,
    messages_root: bytes,
    messages: int,
    timestamp: int,
    poster: bytes,
) -> bytes:
    return b"".join(
        (
            header,
            records_root,
            records.to_bytes(32, "big"),
            blobs.to_bytes(32, "big"),
            messages_root,
            messages.to_bytes(32, "big"),
            timestamp.to_bytes(32, "big"),
            _PAD,
            poster,
        )
    )


def extend(chain: bytes, item: bytes) -> bytes:
    """The next link of a hash chain: 28 bytes over a 28-byte chain and a 32-byte item (accumulators, message tips)."""
    return keccak256(chain.ljust(32, b"\0") + item)[:28]


GENESIS_CHAIN = bytes(28)
"""What every chain starts from."""


def genesis_accumulator(chain_id: int, inbox: bytes, timestamp: int) -> bytes:
    """The accumulator of no batches: over a batch 0 that says which Inbox (20 bytes), and when it was deployed."""
    genesis = batch_hash(chain_id.to_bytes(32, "big"), bytes(32), 0, 0, bytes(32), 0, timestamp, inbox)
    return extend(GENESIS_CHAIN, genesis)


MAX_MESSAGES = 200
"""That one batch consumes at most."""


class Queue:
    """The messages that no batch has consumed, as ``contracts/rollup/Inbox.sol`` keeps them.

    Attributes:
        required: the snapshot: what the next batch must consume, in order. It changes with a batch only.
        since: since when (seconds) it is fixed, or was full; 0 where it is empty.
    """

    def __init__(self) -> None:
        self.required: list[Message] = []
        self.since = 0
        self._full: deque[tuple[list[Message], int]] = deque()
        self._open: list[Message] = []

    @property
    def waiting(self) -> list[Message]:
        """Those behind the snapshot, in order."""
        return [message for segment, _ in self._full for message in segment] + self._open

    def batches_to(self, place: int) -> int:
        """How many batches it takes to consume the message at a place of the queue (0: the oldest)."""
        rest = place - len(self.required)
        if rest < 0:
            return 1
        return 2 + min(rest // MAX_MESSAGES, len(self._full))

    def send(self, message: Message) -> None:
        """A message was sent."""
        if len(self._open) == MAX_MESSAGES:
            self._full.append((self._open, message.timestamp))
            self._open = []
        self._open.append(message)

    def next(self, timestamp: int) -> None:
        """A batch was posted at ``timestamp`` (seconds), and has consumed the snapshot: take the next."""
        if self._full:
            self.required, self.since = self._full.popleft()
        else:
            self.required, self.since = self._open, timestamp if self._open else 0
            self._open = []
