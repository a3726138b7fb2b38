"""Batches as blocks and signed operations as transactions: what a client of Ethereum's JSON-RPC asks a chain for.

Block 0 is the genesis, block n is batch n. A block's transactions are the operations in it that applied and that an
owner signed, transfers and withdrawals, forced ones included; a deposit or a registration nobody on L2 signs, so it is
none. Everything here is a pure fold over batches in L1's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.rollup.codec import RECORD_SIZE, Header
from toolkit.rollup.derive import Posted
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import (
    Account,
    Change,
    Check,
    Genesis,
    Outcome,
    State,
    end_batch,
    fees_change,
    is_signed,
    message_change,
    record_change,
)

_ZERO_ADDRESS, _ZERO_WORD = bytes(20), bytes(32)


@dataclass(frozen=True)
class Operation:
    """A transfer or a withdrawal that applied.

    Attributes:
        hash: its EIP-712 digest, which names it (32 bytes).
        owner: who signed it (20 bytes).
        to: the recipient (20 bytes); None for a withdrawal.
        token: 20 bytes, zero for ETH.
        amount: that left the account, in base units; where the whole balance was signed, what that was.
        fee: that was charged beside it, in base units.
        nonce: of the owner's account of that token.
        signature: 64 bytes (EIP-2098).
        block: the number of its block.
        index: among that block's transactions.
    """

    hash: bytes
    owner: bytes
    to: bytes | None
    token: bytes
    amount: int
    fee: int
    nonce: int
    signature: bytes
    block: int
    index: int


@dataclass(frozen=True)
class Block:
    """The genesis, a batch on L1, or what will be the next.

    Attributes:
        number: the batch's.
        hash: the Inbox's accumulator after it (28 bytes, as ``BatchPosted`` has it) and 4 zero bytes; so it commits to
            everything before. None while it is not on L1.
        parent: the hash of the block before it.
        timestamp: of the L1 block, seconds; 0 for the genesis.
        poster: 20-byte address.
        operations: its transactions.
        state_root: the machine hash after it, which assertions are about; zero while it is not on L1.
        outbox_root: of all withdrawals up to it, which claims are made against; zero as above.
        records_root: of its records, as the Inbox hashes them; zero as above.
        size: of records and messages, bytes.
        l1_block, l1_transaction: that brought it to L1; None where nothing has.
    """

    number: int
    hash: bytes | None
    parent: bytes
    timestamp: int
    poster: bytes
    operations: tuple[Operation, ...]
    state_root: bytes
    outbox_root: bytes
    records_root: bytes
    size: int
    l1_block: int | None = None
    l1_transaction: bytes | None = None


@dataclass(frozen=True)
class Growing:
    """A batch that is not on L1 yet: its header word, its records, and the messages that it consumes."""

    header: bytes
    records: Sequence[bytes]
    messages: Sequence[Message]


class Blocks:
    """The blocks so far, each derived once.

    Attributes:
        all: by number.
    """

    def __init__(self, genesis: Genesis) -> None:
        self._state = State(genesis)
        state = self._state
        self.all = [
            Block(
                0, block_hash(genesis.accumulator), _ZERO_WORD, 0, _ZERO_ADDRESS, (), state.machine_hash,
                state.outbox_root, _ZERO_WORD, 0,
            )
        ]  # fmt: skip
        self._numbers = {self.all[0].hash: 0}
        self._operations: dict[bytes, Operation] = {}

    def extend(self, posted: Sequence[Posted], outcomes: Sequence[bytes] | None = None) -> None:
        """Take the batches that are new in ``posted``, which holds all of them from the first on.

        Args:
            outcomes: as of `toolkit.rollup.derive.Replica`; without them every signer is recovered again.
        """
        for each in posted[len(self.all) - 1 :]:
            self._add(each, None if outcomes is None else outcomes[each.number - 1])

    def by_hash(self, name: bytes) -> Block | None:
        """A block by its hash (32 bytes)."""
        number = self._numbers.get(name)
        return None if number is None else self.all[number]

    def operation(self, name: bytes) -> Operation | None:
        """An operation on L1 by its hash (32 bytes)."""
        return self._operations.get(name)

    def pending(self, batches: Sequence[Growing], poster: bytes, timestamp: int) -> Block:
        """What is to come, as one block on the last: batches whose signatures were checked when they were taken.

        Args:
            poster: who will post them (20 bytes).
            timestamp: now, seconds of L1's time.
        """
        number, state = len(self.all), self._state.copy()
        operations: list[Operation] = []
        for batch in batches:
            header = Header.decode(batch.header)
            operations += _apply(state, header, batch.records, batch.messages, None, number, len(operations))
            state.commit(fees_change(state, header, poster))
            state.fees = state.position = 0
        parent = self.all[-1].hash
        assert parent is not None
        size = sum(_size(batch.records, batch.messages) for batch in batches)
        roots = _ZERO_WORD, _ZERO_WORD, _ZERO_WORD
        return Block(number, None, parent, timestamp, poster, tuple(operations), *roots, size)

    def _add(self, posted: Posted, outcomes: bytes | None) -> None:
        batch, state, parent = posted.batch, self._state, self.all[-1].hash
        assert parent is not None
        header = Header.decode(batch.header)
        check: Check | bytes = is_signed if outcomes is None else outcomes
        operations = tuple(_apply(state, header, batch.records, batch.messages, check, posted.number, 0))
        end_batch(state, batch)
        block = Block(
            posted.number, block_hash(posted.accumulator), parent, batch.timestamp, batch.poster, operations,
            state.machine_hash, state.outbox_root, batch.records_root, _size(batch.records, batch.messages),
            posted.block, posted.transaction,
        )  # fmt: skip
        self._operations.update((each.hash, each) for each in operations)
        self._numbers[block.hash] = block.number
        self.all.append(block)


def block_hash(accumulator: bytes) -> bytes:
    """The 32-byte hash of the block after which the Inbox has this accumulator (28 bytes)."""
    return accumulator.ljust(32, b"\0")


def _apply(
    state: State,
    header: Header,
    records: Sequence[bytes],
    messages: Sequence[Message],
    known: Check | bytes | None,
    block: int,
    index: int,
) -> Iterator[Operation]:
    """Apply a batch but its end, and tell its operations.

    Args:
        known: who checks signatures; or the outcomes, which tell; or None where all are good.
    """
    for position in range(len(records) + len(messages)):
        asked: list[tuple[bytes, bytes, bytes]] = []

        def check(digest: bytes, signature: bytes, owner: bytes, at: int = position) -> bool:
            asked.append((digest, signature, owner))  # noqa: B023 - it is asked before the next step
            if isinstance(known, bytes):
                return known[at] != Outcome.BAD_SIGNATURE
            return known is None or known(digest, signature, owner)

        if position < len(records):
            change = record_change(state, header, records[position], check)
        else:
            change = message_change(state, messages[position - len(records)], check)
        if asked and change.outcome == Outcome.APPLIED:
            yield _operation(state, change, asked[0], block, index)
            index += 1
        state.commit(change)
        state.position += 1


def _operation(state: State, change: Change, asked: tuple[bytes, bytes, bytes], block: int, index: int) -> Operation:
    """The operation behind a change that its owner's signature allowed, in the state before it."""
    digest, signature, owner = asked
    account, debited = change.accounts[0]
    before: Account = state.accounts[account]
    to = None if change.withdrawal is not None else change.accounts[1][1].owner
    amount = before.balance - change.fee - debited.balance
    return Operation(digest, owner, to, before.token, amount, change.fee, before.nonce, signature, block, index)


def _size(records: Sequence[bytes], messages: Sequence[Message]) -> int:
    return RECORD_SIZE * len(records) + sum(len(message.preimage) for message in messages)
