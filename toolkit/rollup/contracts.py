"""The rollup's contracts as bytes: what the services write to them, and how they read what they emit.

Read by hand, not with a decoder of the ABI: what is a batch is decided by what Solidity's decoder takes, and that is
less strict than the libraries' (padding, the order of the parts). A test holds the names against the artifacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.bridge.ledger import BridgeEvent
from toolkit.bridge.ledger import decode_event as decode_bridge_event
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, bytes_of, hex_of, selector, topic
from toolkit.errors import BadInput, ProtocolError, RpcError
from toolkit.rollup.codec import decode_blobs, encode_blobs, split_records
from toolkit.rollup.config import Config
from toolkit.rollup.dispute.game import Claim, DisputeEvent, Rules, decode_event
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Genesis
from toolkit.rollup.operations import rollup_domain
from toolkit.rollup.store import L1Log

POST_BATCH = "postBatch(uint256,bytes32,bytes,bytes)"
POST_BLOBS = "postBlobs(uint256,bytes32,uint256,bytes)"
_BATCH = "(bytes32,bytes32,uint256,uint256,bytes32,uint256,uint256,address)"
POST_LATE_BATCH = f"postLateBatch(bytes28,{_BATCH},uint256,bytes32,bytes,bytes)"
ASSERT_STATE = "assertState(bytes32,uint256,bytes28,bytes32)"
CONFIRM = "confirm(bytes32,uint256,bytes28,bytes32,bytes32)"
RECLAIM = "reclaim(bytes32,uint256,bytes28,bytes32)"
CHECKPOINT = "checkpoint(uint256,bytes28,bytes32[])"

MESSAGE_SENT = topic("MessageSent(address,bytes)")
BATCH_POSTED = topic("BatchPosted(uint256,bytes28)")
CHECKPOINTED = topic("Checkpointed(uint256,bytes28)")
ASSERTED = topic("Asserted(bytes32,bytes32,uint256,bytes28,bytes32,address,uint256)")
CONFIRMED = topic("Confirmed(bytes32,bytes32)")
REJECTED = topic("Rejected(bytes32,address)")
RECLAIMED = topic("Reclaimed(bytes32)")
ALARMED = topic("Alarmed(bytes32,uint256)")
FROZEN = topic("Frozen(bytes32)")

ERRORS = (
    "NotSequencer(address,address)", "OutOfOrder(uint256)", "WrongMessages(bytes28,bytes28)", "NotDirect(address)",
    "NotWhole(uint256,uint256)", "NoBlobs()", "TooManyRecords(uint256,uint256)",
    "WrongBond(uint256,uint256)", "UnknownParent(bytes32)", "NoProgress(uint256,uint256)",
    "AlreadyAsserted(bytes32)", "NotPending(bytes32)", "ParentNotConfirmed(bytes32)", "WindowOpen(uint256,uint256)",
    "IsHeld(bytes32,uint256)", "UnknownAccumulator(uint256)", "WrongAccumulator(bytes28,bytes28)",
    "NotLeftBehind(bytes32)", "WrongChain(bytes28,bytes28)",
)  # fmt: skip
"""What the Inbox and the Rollup may answer to a service."""

_REFERENCE_SIZE = 36


@dataclass(frozen=True)
class Contracts:
    """A rollup on L1.

    Attributes:
        inbox, rollup: 20-byte addresses.
        genesis: what the machine starts with.
        genesis_assertion: the id of the assertion that was always confirmed.
        sequencer: who may post batches.
        bond: of an assertion (wei).
        dispute: 20-byte address.
        rules: of disputes.
        ring_size: accumulators that the Inbox keeps without a checkpoint.
        window: seconds in which an assertion can be disputed.
    """

    inbox: bytes
    rollup: bytes
    genesis: Genesis
    genesis_assertion: bytes
    sequencer: bytes
    bond: int
    dispute: bytes
    rules: Rules
    ring_size: int
    window: int

    @property
    def bridge(self) -> bytes:
        """The Bridge's 20-byte address."""
        return self.genesis.bridge

    @property
    def name(self) -> str:
        """What tells this rollup from every other one, also from one deployed at the same addresses later."""
        return f"{hex_of(self.inbox)} {hex_of(self.genesis.accumulator)}"


@dataclass(frozen=True)
class MessageSent:
    """A message in the Inbox."""

    sender: bytes
    data: bytes


@dataclass(frozen=True)
class BatchPosted:
    """A batch in the Inbox; ``references`` are the hashes and account hints of the messages that it consumes.

    ``blobs`` and ``contents`` are as of `toolkit.rollup.inbox.Batch`.
    """

    number: int
    accumulator: bytes
    poster: bytes
    header: bytes
    records: Sequence[bytes]
    references: Sequence[tuple[bytes, int]]
    blobs: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Checkpointed:
    """The Inbox keeps an accumulator for good."""

    batch: int


@dataclass(frozen=True)
class Asserted:
    """An assertion; ``deadline`` in seconds of L1's time."""

    id: bytes
    parent: bytes
    batch: int
    accumulator: bytes
    machine_hash: bytes
    proposer: bytes
    deadline: int


@dataclass(frozen=True)
class Confirmed:
    """An assertion is final."""

    id: bytes


@dataclass(frozen=True)
class Rejected:
    """An assertion lost a dispute."""

    id: bytes


@dataclass(frozen=True)
class Reclaimed:
    """An assertion that was left behind gave its bond back."""

    id: bytes


@dataclass(frozen=True)
class Alarmed:
    """Somebody says that the rollup is dead; from ``freezable_at`` (seconds of L1's time) on that can be made final."""

    id: bytes
    freezable_at: int


@dataclass(frozen=True)
class Frozen:
    """The last confirmed assertion is the last for ever."""

    id: bytes


RollupEvent = Asserted | Confirmed | Rejected | Reclaimed | Alarmed | Frozen
Event = MessageSent | BatchPosted | Checkpointed | RollupEvent | DisputeEvent | BridgeEvent


async def load_contracts(l1: L1, config: Config) -> Contracts:
    """Find the rollup that a configuration names, and check that its parts belong together.

    Raises:
        BadInput: the node is on another chain, or a contract is not there or not of this rollup.
        NodeError: the node does not answer.
    """
    chain_id = await l1.chain_id()
    if chain_id != config.chain_id:
        raise BadInput(f"the L1 node at {l1.shown} is on chain {chain_id}, not on chain {config.chain_id}")
    for name in ("inbox", "machine", "rollup", "bridge", "dispute"):
        address = getattr(config, name)
        if not await l1.has_code(address):
            raise BadInput(f"there is no contract at the {name}'s address {checksum(address)} on chain {chain_id}")
    links = (
        ("rollup", "DISPUTE", "dispute"), ("rollup", "INBOX", "inbox"), ("rollup", "MACHINE", "machine"),
        ("machine", "INBOX", "inbox"), ("machine", "BRIDGE", "bridge"), ("bridge", "INBOX", "inbox"),
        ("bridge", "ROLLUP", "rollup"), ("dispute", "ROLLUP", "rollup"), ("dispute", "MACHINE", "machine"),
    )  # fmt: skip
    for holder, getter, name in links:
        found = (await _view(l1, config, holder, getter))[-20:]
        if found != getattr(config, name):
            raise BadInput(
                f"the {holder} at {checksum(getattr(config, holder))} works with the {name} at {checksum(found)}, "
                f"not with the one at {checksum(getattr(config, name))}"
            )
    genesis_assertion = await _view(l1, config, "rollup", "GENESIS")
    query = {
        "address": hex_of(config.rollup),
        "topics": [hex_of(ASSERTED), hex_of(genesis_assertion)],
    }
    logs = await l1.logs(query, config.deployed_block)
    if not logs:
        raise BadInput(f"the rollup was deployed before block {config.deployed_block}, from which its logs are read")

    async def number(holder: str, getter: str) -> int:
        return int.from_bytes(await _view(l1, config, holder, getter), "big")

    return Contracts(
        config.inbox,
        config.rollup,
        Genesis(
            rollup_domain(chain_id, config.machine),
            config.bridge,
            bytes_of(logs[0]["data"])[32:60],
            await number("machine", "ACCOUNTS_DEPTH"),
            await number("machine", "WITHDRAWALS_DEPTH"),
        ),
        genesis_assertion,
        (await _view(l1, config, "inbox", "SEQUENCER"))[-20:],
        await number("rollup", "BOND"),
        config.dispute,
        Rules(*[await number("dispute", name) for name in ("CLOCK", "EXTENSION", "MAX_ROUNDS", "BOND")]),
        await number("inbox", "RING_SIZE"),
        await number("rollup", "CHALLENGE_WINDOW"),
    )


async def _view(l1: L1, config: Config, holder: str, getter: str) -> bytes:
    address: bytes = getattr(config, holder)
    try:
        word = await l1.read(address, selector(f"{getter}()"))
    except RpcError:
        word = b""
    if len(word) != 32:
        raise BadInput(f"the contract at {checksum(address)} is not the {holder}: it has no {getter}()")
    return word


def decode_log(contracts: Contracts, log: L1Log) -> Event | None:
    """The event in a log; None where it is none that the services need."""
    event, data = log.topics[0] if log.topics else b"", log.data
    if log.address == contracts.inbox:
        if event == MESSAGE_SENT:
            return MessageSent(log.topics[1][12:], _bytes_at(data, 0))
        if event == BATCH_POSTED:
            return _batch(log)
        if event == CHECKPOINTED:
            return Checkpointed(int.from_bytes(log.topics[1], "big"))
    elif log.address == contracts.rollup:
        if event == ASSERTED:
            return Asserted(
                *(log.topics[1], log.topics[2], _word(data, 0), data[32:60], data[64:96], data[108:128], _word(data, 4))
            )
        if event == CONFIRMED:
            return Confirmed(log.topics[1])
        if event == REJECTED:
            return Rejected(log.topics[1])
        if event == RECLAIMED:
            return Reclaimed(log.topics[1])
        if event == ALARMED:
            return Alarmed(log.topics[1], _word(data, 0))
        if event == FROZEN:
            return Frozen(log.topics[1])
    elif log.address == contracts.dispute:
        return decode_event(log.topics, data)
    elif log.address == contracts.bridge:
        return decode_bridge_event(log.topics, data)
    return None


def encode_post_batch(number: int, header: bytes, records: Sequence[bytes], messages: Sequence[Message]) -> bytes:
    """The calldata of ``Inbox.postBatch``."""
    data = b"".join(records)
    tail = _tail(data)
    return b"".join(
        (
            selector(POST_BATCH),
            number.to_bytes(32, "big"),
            header,
            (4 * 32).to_bytes(32, "big"),
            (4 * 32 + len(tail)).to_bytes(32, "big"),
            tail,
            _tail(b"".join(message.reference() for message in messages)),
        )
    )


def encode_post_blobs(number: int, header: bytes, records: int, messages: Sequence[Message]) -> bytes:
    """The calldata of ``Inbox.postBlobs``; the records, that many, are in the transaction's blobs."""
    return b"".join(
        (
            selector(POST_BLOBS),
            number.to_bytes(32, "big"),
            header,
            records.to_bytes(32, "big"),
            (4 * 32).to_bytes(32, "big"),
            _tail(b"".join(message.reference() for message in messages)),
        )
    )


def encode_post_late_batch(
    before_last: bytes, last: Batch, number: int, header: bytes, records: Sequence[bytes], messages: Sequence[Message]
) -> bytes:
    """The calldata of ``Inbox.postLateBatch``; ``before_last`` is the accumulator before the batch ``last``."""
    data = b"".join(records)
    tail = _tail(data)
    return b"".join(
        (
            selector(POST_LATE_BATCH),
            before_last.ljust(32, b"\0"),
            last.words,
            number.to_bytes(32, "big"),
            header,
            (13 * 32).to_bytes(32, "big"),
            (13 * 32 + len(tail)).to_bytes(32, "big"),
            tail,
            _tail(b"".join(message.reference() for message in messages)),
        )
    )


def encode_assert(parent: bytes, batch: int, accumulator: bytes, machine_hash: bytes) -> bytes:
    """The calldata of ``Rollup.assertState``."""
    words = (parent, batch.to_bytes(32, "big"), accumulator.ljust(32, b"\0"), machine_hash)
    return selector(ASSERT_STATE) + b"".join(words)


def encode_confirm(parent: bytes, batch: int, accumulator: bytes, outbox_root: bytes, inner_hash: bytes) -> bytes:
    """The calldata of ``Rollup.confirm``."""
    words = (parent, batch.to_bytes(32, "big"), accumulator.ljust(32, b"\0"), outbox_root, inner_hash)
    return selector(CONFIRM) + b"".join(words)


def encode_reclaim(claim: Claim) -> bytes:
    """The calldata of ``Rollup.reclaim``."""
    return selector(RECLAIM) + claim.encode()


def encode_checkpoint(batch: int, accumulator: bytes, hashes: Sequence[bytes]) -> bytes:
    """The calldata of ``Inbox.checkpoint``; ``hashes`` are those of the batches after it."""
    words = (batch.to_bytes(32, "big"), accumulator.ljust(32, b"\0"), (3 * 32).to_bytes(32, "big"))
    return b"".join((selector(CHECKPOINT), *words, len(hashes).to_bytes(32, "big"), *hashes))


def _batch(log: L1Log) -> BatchPosted:
    calldata = log.calldata
    if calldata[:4] in (selector(POST_BATCH), selector(POST_BLOBS)):
        place = 0
    elif calldata[:4] == selector(POST_LATE_BATCH):
        place = 9
    else:
        raise ProtocolError(f"the transaction {hex_of(log.transaction)} posted a batch that is not in its calldata")
    arguments = calldata[4:]
    blobs: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = ()
    if calldata[:4] == selector(POST_BLOBS):
        blobs, contents = log.blob_hashes, log.blobs
        try:
            records = decode_blobs(contents, _word(arguments, 2))
        except BadInput as error:
            raise ProtocolError(f"the transaction {hex_of(log.transaction)} posted a batch, but {error}") from error
        if contents == encode_blobs(records):
            contents = ()
    else:
        records = split_records(_bytes_at(arguments, place + 2))
    references = _bytes_at(arguments, place + 3)
    return BatchPosted(
        number=int.from_bytes(log.topics[1], "big"),
        accumulator=log.data[:28],
        poster=log.sender,
        header=arguments[32 * (place + 1) : 32 * (place + 2)],
        records=records,
        references=[
            (references[i : i + 32], int.from_bytes(references[i + 32 : i + _REFERENCE_SIZE], "big"))
            for i in range(0, len(references), _REFERENCE_SIZE)
        ],
        blobs=blobs,
        contents=contents,
    )


def _word(data: bytes, place: int) -> int:
    return int.from_bytes(data[32 * place : 32 * place + 32], "big")


def _bytes_at(data: bytes, place: int) -> bytes:
    """The dynamic bytes whose offset stands in the word at ``place``."""
    start = _word(data, place)
    length = int.from_bytes(data[start : start + 32], "big")
    return data[start + 32 : start + 32 + length]


def _tail(data: bytes) -> bytes:
    return len(data).to_bytes(32, "big") + data + bytes(-len(data) % 32)
