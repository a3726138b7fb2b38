"""The Inbox: one order, no message left out, every accumulator within reach."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.compile import artifact, compile_sources
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import encode_post_batch
from toolkit.rollup.deploy import create_address
from toolkit.rollup.inbox import (
    GENESIS_CHAIN,
    MAX_MESSAGES,
    Batch,
    Message,
    Queue,
    batch_hash,
    extend,
    genesis_accumulator,
)
from toolkit.rollup.merkle import list_root

from .evm import Contract, Evm, refusal

SEQUENCER, ALICE, BOB = (checksum(bytes([number]) * 20) for number in (0x5E, 0xA1, 0xB0))
WINDOW, RING = 3600, 4

_FORWARDER = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
contract Forwarder {
    function forward(address to, bytes calldata data) external payable returns (bytes memory output) {
        bool success;
        (success, output) = to.call{value: msg.value}(data);
        if (!success) assembly { revert(add(output, 0x20), mload(output)) }
    }
}
"""

_BUILDER = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {IInbox} from "contracts/rollup/IInbox.sol";
contract Builder {
    constructor(IInbox inbox) { inbox.postBatch(1, 0, "", ""); }
}
"""


class Inbox:
    """The contract, and beside it what the specification says that it holds."""

    def __init__(self, **changes: int) -> None:
        self.evm = Evm()
        values = {"window": WINDOW, "ring": RING, "record": 76, "blob": 10, "message": 100, **changes}
        self.contract: Contract = self.evm.deploy(artifact("Inbox"), SEQUENCER, *values.values())
        self.accumulators = [genesis_accumulator(1, self.contract.address_bytes, self.evm.now)]
        self.deployed_at = self.evm.now
        self.batches: list[Batch] = []
        self.queue = Queue()

    @property
    def snapshot(self) -> list[Message]:
        return self.queue.required

    def agrees(self) -> bool:
        """Whether the contract's queue is the specification's."""
        tip = bytes(27) + b"\x01"
        for message in self.snapshot:
            tip = extend(tip, message.hash)
        shown = (tip, self.queue.since)
        return bool(self.call("snapshot") == shown and self.call("waitingMessages") == len(self.queue.waiting))

    def call(self, name: str, *arguments: Any, sender: str = ALICE) -> Any:
        return self.evm.call(self.contract, name, *arguments, sender=sender)

    def send(self, data: bytes, sender: str = ALICE) -> None:
        self.call("send", data, sender=sender)
        self.queue.send(Message(bytes.fromhex(sender[2:]), self.evm.now, data, len(data)))

    def post(
        self,
        records: list[bytes] | None = None,
        *,
        number: int | None = None,
        references: bytes | None = None,
        sender: str = SEQUENCER,
        header: bytes = bytes(32),
        late: tuple[Any, ...] = (),
        blobs: tuple[bytes, ...] = (),
    ) -> None:
        records = records or []
        if references is None:
            references = b"".join(message.reference() for message in self.snapshot)
        number = len(self.batches) + 1 if number is None else number
        if blobs:
            arguments: tuple[Any, ...] = (number, header, len(records), references)
            self.evm.call(self.contract, "postBlobs", *arguments, sender=sender, blobs=blobs)
        else:
            name = "postLateBatch" if late else "postBatch"
            self.call(name, *late, number, header, b"".join(records), references, sender=sender)
        batch = Batch(header, records, self.snapshot, self.evm.now, bytes.fromhex(sender[2:]), blobs)
        self.batches.append(batch)
        self.accumulators.append(extend(self.accumulators[-1], batch.hash))
        self.queue.next(self.evm.now)

    def last(self) -> tuple[bytes, tuple[Any, ...]]:
        """What a late batch shows: the accumulator before the last batch, and that batch."""
        if not self.batches:
            return GENESIS_CHAIN, (
                (1).to_bytes(32, "big"),
                bytes(32),
                0,
                0,
                bytes(32),
                0,
                self.deployed_at,
                self.contract.address,
            )

        last = self.batches[-1]
        return self.accumulators[-2], (
            last.header,
            last.records_root,
            len(last.records),
            len(last.blobs),
            list_root(last.message_leaves),
            len(last.messages),
            last.timestamp,
            checksum(last.poster),
        )


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_accumulators_are_the_specification_s_whatever_is_sent_and_posted(seed: int) -> None:
    rng, inbox = random.Random(seed), Inbox()
    assert inbox.call("accumulator", 0) == inbox.accumulators[0]
    for _ in range(12):
        if rng.random() < 0.6:
            for _ in range(rng.choice([1, 1, 1, 2, MAX_MESSAGES - 1, 2 * MAX_MESSAGES])):
                inbox.send(rng.randbytes(rng.randint(0, 100)), rng.choice([ALICE, BOB]))
        else:
            blobs = tuple(b"\x01" + rng.randbytes(31) for _ in range(rng.choice([0, 0, 1, 2, 6])))
            records = [rng.randbytes(76) for _ in range(rng.choice([0, 1, 2, 3, 7]))]
            inbox.post(records, header=rng.randbytes(32), blobs=blobs)
            assert inbox.call("accumulator", len(inbox.batches)) == inbox.accumulators[-1]
        if rng.random() < 0.5:
            inbox.evm.set_time(inbox.evm.now + rng.randint(0, 100))
        assert inbox.agrees()
        assert inbox.call("batches") == len(inbox.batches)


def test_a_batch_must_consume_exactly_its_snapshot(inbox: Inbox) -> None:
    for data in (b"one", b"two"):
        inbox.send(data)
    inbox.post()
    inbox.send(b"three")  # after the snapshot: not yet to be consumed
    one, two = (message.reference() for message in inbox.snapshot)
    three = inbox.queue.waiting[0].reference()
    flipped = bytes([two[0] ^ 1]) + two[1:]
    for wrong in (b"", one, two, two + one, one + two + three, one + one, one + flipped):
        refusal("WrongMessages", lambda wrong=wrong: inbox.post(references=wrong))
    inbox.post(references=one + two)
    refusal("WrongMessages", lambda: inbox.post(references=b""))
    inbox.post(references=three)
    assert not inbox.snapshot and not inbox.queue.waiting and inbox.agrees()


def test_nothing_may_be_consumed_where_nothing_was_sent(inbox: Inbox) -> None:
    refusal("WrongMessages", lambda: inbox.post(references=bytes(36)))


def test_a_message_s_hash_binds_its_time(inbox: Inbox) -> None:
    inbox.send(b"now")
    inbox.post()
    sent = inbox.snapshot[0]
    moved = Message(sent.sender, sent.timestamp + 1, sent.data, sent.account)
    refusal("WrongMessages", lambda: inbox.post(references=moved.reference()))


def test_only_the_sequencer_posts(inbox: Inbox) -> None:
    assert refusal("NotSequencer", lambda: inbox.post(sender=ALICE)) == (ALICE.lower(), SEQUENCER.lower())


@pytest.mark.parametrize("number", [0, 1, 3, 2**32 + 2, 2**256 - 1])
def test_a_batch_out_of_order_is_refused(inbox: Inbox, number: int) -> None:
    inbox.post()
    assert refusal("OutOfOrder", lambda: inbox.post(number=number)) == (number,)


def test_order_holds_around_the_ring(inbox: Inbox) -> None:
    for posted in range(1, 3 * RING + 1):
        inbox.post()
        for number in range(3 * RING + 2):
            if number != posted + 1:
                refusal("OutOfOrder", lambda number=number: inbox.post(number=number))


def test_bytes_that_are_no_whole_items_are_refused(inbox: Inbox) -> None:
    assert refusal("NotWhole", lambda: inbox.post([bytes(75)])) == (75, 76)
    assert refusal("NotWhole", lambda: inbox.post(references=bytes(35))) == (35, 36)


def test_a_batch_in_blobs_holds_no_more_records_than_they_can(inbox: Inbox) -> None:
    hashes = [b"\x01" + bytes([number]) * 31 for number in range(6)]
    records = [bytes(76)] * 61
    for blobs in range(1, 7):
        too_many = refusal("TooManyRecords", lambda n=blobs: inbox.post(records[: 10 * n + 1], blobs=(*hashes[:n],)))
        assert too_many == (10 * blobs + 1, 10 * blobs)
        inbox.post(records[: 10 * blobs], blobs=(*hashes[:blobs],))
        assert inbox.call("accumulator", blobs) == inbox.accumulators[-1]
    for count in (2**256 - 1, 2**255):
        call = ("postBlobs", 7, bytes(32), count, b"")
        post = partial(inbox.evm.call, inbox.contract, *call, sender=SEQUENCER, blobs=hashes)
        refused = refusal("TooManyRecords", post)
        assert refused == (count, 60)


def test_a_batch_in_blobs_needs_blobs(inbox: Inbox) -> None:
    refusal("NoBlobs", lambda: inbox.call("postBlobs", 1, bytes(32), 0, b"", sender=SEQUENCER))


def test_a_blob_may_be_there_twice_and_their_order_counts(inbox: Inbox) -> None:
    one, two = (b"\x01" + bytes([number]) * 31 for number in (1, 2))
    for blobs in ((one, one), (one, two), (two, one), (one,)):
        inbox.post([bytes(76)], blobs=blobs)
        assert inbox.call("accumulator", len(inbox.batches)) == inbox.accumulators[-1]


def test_a_batch_in_blobs_follows_the_rules_of_every_batch(inbox: Inbox) -> None:
    blobs = (b"\x01" * 32,)
    inbox.send(b"one")
    inbox.post(blobs=blobs)
    refusal("WrongMessages", lambda: inbox.post(blobs=blobs, references=b""))
    refusal("NotSequencer", lambda: inbox.post(blobs=blobs, sender=ALICE))
    refusal("OutOfOrder", lambda: inbox.post(blobs=blobs, number=1))
    assert refusal("NotWhole", lambda: inbox.post(blobs=blobs, references=bytes(37))) == (37, 36)
    inbox.post(blobs=blobs)
    assert not inbox.snapshot and not inbox.queue.waiting and inbox.agrees()


def test_calldata_that_looks_like_hashes_is_no_batch_in_blobs() -> None:
    """Two records of 32 bytes have the list tree's root over their hashes; in blobs the hash is over other words."""
    inbox = Inbox(record=32)
    inbox.post([b"\x01" * 32, b"\x02" * 32])
    batch = inbox.batches[-1]
    forged = Batch(batch.header, [b""] * 2, (), batch.timestamp, batch.poster, tuple(batch.record_leaves))
    assert forged.records_root == batch.records_root
    assert forged.hash != batch.hash


def test_a_late_batch_may_follow_one_in_blobs(inbox: Inbox) -> None:
    inbox.post([b"\x01" * 76], blobs=(b"\x01" * 32, b"\x01" + b"\x02" * 31))
    late = inbox.last()
    inbox.evm.set_time(inbox.evm.now + WINDOW)
    in_calldata = (*late[1][:3], 0, *late[1][4:])
    refusal("WrongLastBatch", lambda: inbox.post(sender=BOB, late=(late[0], in_calldata)))
    inbox.post([b"\x02" * 76], sender=BOB, late=late)


def test_a_batch_through_a_contract_is_refused(inbox: Inbox) -> None:
    """Its bytes would not be found in the transaction's calldata, nor its blobs known to be the batch's alone."""
    forwarder = inbox.evm.deploy(compile_sources({"Forwarder.sol": _FORWARDER})["Forwarder"])
    own = inbox.evm.deploy(artifact("Inbox"), forwarder.address, WINDOW, RING, 76, 10, 100)
    data = keccak256(b"postBatch(uint256,bytes32,bytes,bytes)")[:4] + encode(
        ["uint256", "bytes32", "bytes", "bytes"], [1, bytes(32), b"", b""]
    )
    refused = refusal("NotDirect", lambda: inbox.evm.call(forwarder, "forward", own.address, data))
    assert refused == (forwarder.address.lower(),)
    types = ["uint256", "bytes32", "uint256", "bytes"]
    data = keccak256(b"postBlobs(uint256,bytes32,uint256,bytes)")[:4] + encode(types, [1, bytes(32), 0, b""])
    blobs = [b"\x01" * 32]
    refused = refusal("NotDirect", lambda: inbox.evm.call(forwarder, "forward", own.address, data, blobs=blobs))
    assert refused == (forwarder.address.lower(),)


def test_a_batch_from_a_contract_without_code_as_yet_is_refused(inbox: Inbox) -> None:
    """A contract has no code while its constructor runs."""
    future = checksum(create_address(bytes.fromhex(inbox.evm.deployer[2:]), 2))
    own = inbox.evm.deploy(artifact("Inbox"), future, WINDOW, RING, 76, 10, 100)
    builder = compile_sources({"test/Builder.sol": _BUILDER})["Builder"]
    assert refusal("NotDirect", lambda: inbox.evm.deploy(builder, own.address)) == (future.lower(),)


def test_a_long_message_is_refused(inbox: Inbox) -> None:
    inbox.send(bytes(100))
    assert refusal("MessageTooLong", lambda: inbox.send(bytes(101))) == (101, 100)


def test_the_queue_refuses_no_message_and_each_batch_takes_what_fits_it(inbox: Inbox) -> None:
    inbox.send(b"first")
    inbox.post()
    for _ in range(2 * MAX_MESSAGES + 1):
        inbox.send(b"")
    for expected in (1, MAX_MESSAGES, MAX_MESSAGES, 1, 0):
        assert len(inbox.snapshot) == expected
        assert inbox.agrees()
        inbox.post()
    assert inbox.call("accumulator", len(inbox.batches)) == inbox.accumulators[-1]


def test_nobody_changes_what_the_next_batch_must_consume(inbox: Inbox) -> None:
    """Otherwise whoever sends enough of them in front of a batch would spoil it."""
    for expected in (0, MAX_MESSAGES, MAX_MESSAGES):
        references = b"".join(message.reference() for message in inbox.snapshot)
        for _ in range(MAX_MESSAGES + 1):
            inbox.send(b"")
        assert len(inbox.snapshot) == expected
        inbox.post(references=references)


def test_a_full_segment_is_late_by_itself_however_often_the_sequencer_posts(inbox: Inbox) -> None:
    """Who fills the queue, the sequencer itself say, does not hold up those behind for longer than a window."""
    for _ in range(4 * MAX_MESSAGES):
        inbox.send(b"spam")
    inbox.evm.set_time(inbox.evm.now + 60)
    inbox.send(b"let me in", BOB)
    full = inbox.evm.now - 60
    inbox.evm.set_time(full + WINDOW - 1)
    inbox.post()
    early = refusal("TooEarly", lambda: inbox.post(sender=BOB, late=inbox.last()))
    assert early == (full + WINDOW - 1, full + WINDOW)
    inbox.evm.set_time(full + WINDOW)
    for _ in range(3):
        inbox.post(sender=BOB, late=inbox.last())
    # The fourth became full with the last message, 60 seconds later.
    assert refusal("TooEarly", lambda: inbox.post(sender=BOB, late=inbox.last())) == (full + WINDOW, full + WINDOW + 60)
    inbox.evm.set_time(full + WINDOW + 60)
    inbox.post(sender=BOB, late=inbox.last())
    assert [message.data for message in inbox.snapshot] == [b"let me in"]
    assert inbox.agrees()


def test_anyone_empties_a_long_queue_when_the_sequencer_is_gone(inbox: Inbox) -> None:
    for _ in range(3 * MAX_MESSAGES):
        inbox.send(b"", ALICE)
    inbox.evm.set_time(inbox.evm.now + WINDOW)
    for _ in range(3):
        inbox.post(sender=BOB, late=inbox.last())
    inbox.evm.set_time(inbox.evm.now + WINDOW)
    inbox.post(sender=BOB, late=inbox.last())
    assert not inbox.snapshot and not inbox.queue.waiting and inbox.agrees()


def test_the_largest_batch_fits_a_transaction_that_mempools_take() -> None:
    messages = [Message(bytes(20), 0, b"")] * MAX_MESSAGES
    data = encode_post_batch(1, bytes(32), [bytes(76)] * Config.batch_records, messages)
    assert len(data) + 256 < 128 * 1024  # with a signature, fees and what else a transaction has
    assert Inbox().call("MAX_MESSAGES") == MAX_MESSAGES


def test_anyone_posts_when_the_sequencer_is_late_and_not_a_second_earlier(inbox: Inbox) -> None:
    for _ in range(3):  # before the first batch, after it, and once more
        posted_at = inbox.evm.now
        inbox.send(b"let me in", BOB)
        late = inbox.last()
        inbox.evm.set_time(posted_at + WINDOW - 1)
        early = refusal("TooEarly", lambda late=late: inbox.post(sender=BOB, late=late))
        assert early == (posted_at + WINDOW - 1, posted_at + WINDOW)
        inbox.evm.set_time(posted_at + WINDOW)
        inbox.post([b"\x01" * 76], sender=BOB, late=late)
        assert inbox.call("accumulator", len(inbox.batches)) == inbox.accumulators[-1]
    assert [message.data for batch in inbox.batches for message in batch.messages] == [b"let me in"] * 2


def test_a_late_batch_must_show_the_last_one(inbox: Inbox) -> None:
    genesis = inbox.last()
    inbox.post([b"\x02" * 76])
    inbox.evm.set_time(inbox.evm.now + WINDOW)
    refusal("WrongLastBatch", lambda: inbox.post(sender=BOB, late=genesis))
    before, last = inbox.last()
    older = (*last[:6], last[6] - WINDOW, last[7])
    refusal("WrongLastBatch", lambda: inbox.post(sender=BOB, late=(before, older)))
    refusal("OutOfOrder", lambda: inbox.post(sender=BOB, late=(before, last), number=1))
    inbox.post(sender=BOB, late=(before, last))


def test_accumulators_leave_the_ring_and_anyone_may_bring_them_back(inbox: Inbox) -> None:
    for _ in range(2 * RING + 1):
        inbox.post()
    newest = len(inbox.batches)
    for number in range(newest - RING + 1, newest + 1):
        assert inbox.call("accumulator", number) == inbox.accumulators[number]
    for number in (0, 1, newest - RING, newest + 1):
        assert refusal("UnknownAccumulator", lambda number=number: inbox.call("accumulator", number)) == (number,)
    hashes = [batch.hash for batch in inbox.batches]
    # Back to 5 from the ring, and from there to 1 and to 0, where the ring does not reach any more.
    for number, until in ((5, newest), (1, 5), (0, 1)):
        inbox.call("checkpoint", number, inbox.accumulators[number], hashes[number:until])
        assert inbox.call("accumulator", number) == inbox.accumulators[number]
    inbox.post()
    assert inbox.call("accumulator", 5) == inbox.accumulators[5]


def test_a_checkpoint_must_lead_to_what_is_known(inbox: Inbox) -> None:
    for _ in range(RING + 2):
        inbox.post()
    hashes = [batch.hash for batch in inbox.batches]
    wrong = [
        (1, inbox.accumulators[2], hashes[1:]),
        (1, inbox.accumulators[1], [*hashes[1:-1], bytes(32)]),
        (len(hashes), inbox.accumulators[-2], []),
        (2, inbox.accumulators[1], hashes[1:-1]),
    ]
    for arguments in wrong:
        refusal("WrongChain", lambda arguments=arguments: inbox.call("checkpoint", *arguments))
    refusal("UnknownAccumulator", lambda: inbox.call("checkpoint", 1, inbox.accumulators[1], hashes[1:2]))
    refusal("UnknownAccumulator", lambda: inbox.call("checkpoint", 99, inbox.accumulators[1], []))


@pytest.mark.parametrize(("ring", "record"), [(1, 76), (0, 76), (4, 0), (4, 64)])
def test_parameters_that_cannot_work_are_refused(ring: int, record: int) -> None:
    assert refusal("BadParameters", lambda: Inbox(ring=ring, record=record)) == (ring, record)


def test_the_hash_of_a_batch_binds_every_part_of_it() -> None:
    parts: list[Any] = [bytes(32), bytes(32), 0, 0, bytes(32), 0, 0, bytes(20)]
    hashes = {batch_hash(*parts)}
    for place, part in enumerate(parts):
        changed = [*parts]
        changed[place] = part + 1 if isinstance(part, int) else b"\x01" + part[1:]
        hashes.add(batch_hash(*changed))
    assert len(hashes) == len(parts) + 1
