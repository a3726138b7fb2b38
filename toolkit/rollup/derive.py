"""The rollup derived from L1's logs alone: what was posted, what it makes of the state, what was asserted about it.

Everything here is a pure fold over logs in L1's order; who fetches them is ``follower.py``. Messages have no place of
their own in a batch: batch k consumes exactly those that the Inbox's queue had for it when batch k - 1 was posted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toolkit.bridge.ledger import BridgeEvent, BridgeLedger
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput, ProtocolError
from toolkit.rollup.contracts import (
    Asserted,
    BatchPosted,
    Checkpointed,
    Confirmed,
    Contracts,
    MessageSent,
    Reclaimed,
    Rejected,
    decode_log,
)
from toolkit.rollup.dispute.disputes import Disputes
from toolkit.rollup.dispute.game import SEGMENTS, Claim, DisputeEvent
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.fast import apply_batch, replay_batch
from toolkit.rollup.inbox import Batch, Message, Queue, extend
from toolkit.rollup.life import Life
from toolkit.rollup.machine import Outcome, State
from toolkit.rollup.places import Places
from toolkit.rollup.store import L1Log

KEPT_TRACES = 8
"""Runs kept for the disputes that go on about them."""


@dataclass(frozen=True)
class Posted:
    """A batch on L1.

    Attributes:
        number: its number, from 1.
        batch: what the machine applies.
        first_message: the number of the first message that it consumes, or of the next if it consumes none.
        accumulator: of the Inbox after it (28 bytes).
        block: of L1.
        transaction: that posted it.
    """

    number: int
    batch: Batch
    first_message: int
    accumulator: bytes
    block: int
    transaction: bytes

    def as_json(self) -> dict[str, Any]:
        """The batch for JSON-RPC."""
        return {
            "batch": self.number,
            "status": "posted",
            "records": len(self.batch.records),
            "blobs": len(self.batch.blobs),
            "messages": len(self.batch.messages),
            "poster": checksum(self.batch.poster),
            "accumulator": hex_of(self.accumulator),
            "block": self.block,
            "timestamp": self.batch.timestamp,
            "transaction": hex_of(self.transaction),
        }


@dataclass(frozen=True)
class Arrival:
    """A message as it came to the Inbox, which consumes messages in their order.

    Attributes:
        number: from 0.
        message: with no hint yet.
        block, transaction: of L1.
    """

    number: int
    message: Message
    block: int
    transaction: bytes


class History:
    """The Inbox's history.

    Attributes:
        posted: every batch; batch n is ``posted[n - 1]``.
        arrivals: every message.
        queue: the messages that no batch has consumed.
        accumulator: of the Inbox (28 bytes).
    """

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self.posted: list[Posted] = []
        self.arrivals: list[Arrival] = []
        self.queue = Queue()
        self._consumed = 0
        self.accumulator = contracts.genesis.accumulator

    @property
    def required(self) -> list[Message]:
        """The messages that the next batch must consume."""
        return self.queue.required

    @property
    def arrived(self) -> list[Message]:
        """The messages behind them, for later batches."""
        return self.queue.waiting

    def add(self, log: L1Log) -> object:
        """Take the next log; returns the event in it, None where it is no event of ours.

        Raises:
            ProtocolError: the log contradicts those before it, so something is wrong with the L1 node.
        """
        event = decode_log(self._contracts, log)
        if isinstance(event, MessageSent):
            message = Message(event.sender, log.timestamp, event.data)
            self.queue.send(message)
            self.arrivals.append(Arrival(len(self.arrivals), message, log.block, log.transaction))
        elif isinstance(event, BatchPosted):
            self._post(event, log)
        return event

    def _post(self, event: BatchPosted, log: L1Log) -> None:
        number = len(self.posted) + 1
        if [message.hash for message in self.required] != [name for name, _ in event.references]:
            raise ProtocolError(f"batch {number} on L1 consumes other messages than L1's rule says")
        messages = [
            replace(message, account=account)
            for message, (_, account) in zip(self.required, event.references, strict=True)
        ]
        place = (log.timestamp, event.poster)
        batch = Batch(event.header, event.records, messages, *place, event.blobs, event.contents)
        self.accumulator = extend(self.accumulator, batch.hash)
        if self.accumulator != event.accumulator:
            raise ProtocolError(
                f"batch {number} on L1 has the accumulator {hex_of(event.accumulator)}, "
                f"but what was posted gives {hex_of(self.accumulator)}"
            )
        self.posted.append(Posted(number, batch, self._consumed, self.accumulator, log.block, log.transaction))
        self._consumed += len(messages)
        self.queue.next(log.timestamp)


@dataclass(frozen=True)
class Derived:
    """The machine after so many batches.

    Attributes:
        batch: batches applied.
        accumulator: of the Inbox after them (28 bytes).
        outbox_root, inner_hash, machine_hash: what assertions and claims speak of (32 bytes each).
        withdrawals: how many the outbox holds.
    """

    batch: int
    accumulator: bytes
    outbox_root: bytes
    inner_hash: bytes
    machine_hash: bytes
    withdrawals: int


@dataclass
class Assertion:
    """An assertion on L1, and what we make of it.

    Attributes:
        id: 32 bytes.
        parent: the id of the assertion that it follows.
        batch: batches applied.
        accumulator: of the Inbox after them (28 bytes).
        machine_hash: that it claims.
        proposer: 20-byte address.
        deadline: L1 time (seconds) from which on it may be confirmed.
        block: of L1.
        derived: the machine hash that we computed.
        status: "pending", "confirmed", "rejected" or, left behind by a sibling or with its parent, "reclaimed".
    """

    id: bytes
    parent: bytes
    batch: int
    accumulator: bytes
    machine_hash: bytes
    proposer: bytes
    deadline: int
    block: int
    derived: bytes
    status: str = "pending"

    @property
    def agree(self) -> bool:
        """Whether it claims what we computed."""
        return self.derived == self.machine_hash

    @property
    def claim(self) -> Claim:
        """What the contracts hash."""
        return Claim(self.parent, self.batch, self.accumulator, self.machine_hash)

    def as_json(self) -> dict[str, Any]:
        """The assertion for JSON-RPC."""
        return {
            "id": hex_of(self.id),
            "parent": hex_of(self.parent),
            "batch": self.batch,
            "proposer": checksum(self.proposer),
            "deadline": self.deadline,
            "status": self.status,
            "agree": self.agree,
            "asserted": hex_of(self.machine_hash),
            "derived": hex_of(self.derived),
        }


@dataclass
class Replica:
    """The rollup as anybody can rebuild it from L1.

    Attributes:
        history: the Inbox's.
        state: the machine after every batch on L1.
        derived: the machine after 0, 1, 2, ... batches.
        assertions: by id, in the order in which they were made.
        pending: those of them that are neither confirmed nor rejected nor reclaimed.
        confirmed: the id of the latest confirmed assertion; the genesis assertion's at first.
        records, refused: how many records the machine saw, and how many were without effect.
        disputes: the games about the assertions.
        checkpoints: batches whose accumulators the Inbox keeps for good.
        bridge: what the Bridge has paid, and to whom it owes what.
        life: whether the rollup lives.
        outcomes: of each batch, a byte (`machine.Outcome`) for each record and message.
        places: finds operations, withdrawals and messages in all this.
    """

    contracts: Contracts
    history: History = field(init=False)
    state: State = field(init=False)
    derived: list[Derived] = field(init=False)
    assertions: dict[bytes, Assertion] = field(default_factory=dict)
    pending: dict[bytes, Assertion] = field(default_factory=dict)
    confirmed: bytes = field(init=False)
    records: int = 0
    refused: int = 0
    disputes: Disputes = field(init=False)
    checkpoints: set[int] = field(default_factory=set)
    bridge: BridgeLedger = field(default_factory=BridgeLedger)
    life: Life = field(init=False)
    outcomes: list[bytes] = field(default_factory=list)
    places: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.places = Places(self)
        self._traces: dict[tuple[int, int], Trace] = {}
        self._ends = [0]  # steps of the whole history after 0, 1, 2, ... batches
        self.history = History(self.contracts)
        self.state, self._settled = State(self.contracts.genesis), State(self.contracts.genesis)
        self.derived = [_derived(self.state)]
        self.confirmed = self.contracts.genesis_assertion
        self.life = Life(self.confirmed)
        self.disputes = Disputes(self.contracts.rules)

    def chosen(self) -> dict[bytes, Assertion]:
        """The pending assertions that we agree with, by their parents; of siblings the first made, whatever its batch.

        Its window is over first, so it will be confirmed, and what is built on its siblings left behind. Who chose the
        furthest could be made to wait for another window by anyone who asserts something right, but shorter.
        """
        first: dict[bytes, Assertion] = {}
        for each in self.pending.values():
            if each.agree:
                first.setdefault(each.parent, each)
        return first

    def tip(self) -> tuple[bytes, int]:
        """Id and batch of the assertion to build on: the last of those chosen, from the confirmed one on."""
        tip, batch, chosen = self.confirmed, self.confirmed_outbox().batch, self.chosen()
        while (child := chosen.get(tip)) is not None:
            tip, batch = child.id, child.batch
        return tip, batch

    def add_all(self, logs: Iterable[L1Log]) -> list[object]:
        """Take logs in order; returns their events. Raises as `History.add`."""
        return [self.add(log) for log in logs]

    def add(self, log: L1Log) -> object:
        """Take the next log; returns the event in it. Raises as `History.add`."""
        event = self.history.add(log)
        if isinstance(event, BatchPosted):
            batch = self.history.posted[-1].batch
            outcomes = self.apply(self.state, batch)
            self.outcomes.append(bytes(outcomes))
            self.records += len(batch.records)
            self.refused += sum(outcome != Outcome.APPLIED for outcome in outcomes[: len(batch.records)])
            self.derived.append(_derived(self.state))
            self._ends.append(self._ends[-1] + batch.steps)
        elif isinstance(event, Asserted) and event.id != self.confirmed:
            self.assertions[event.id] = self.pending[event.id] = Assertion(
                event.id, event.parent, event.batch, event.accumulator, event.machine_hash, event.proposer,
                event.deadline, log.block, self.judged(event.parent, event.batch),
            )  # fmt: skip
        elif isinstance(event, Confirmed):
            self.confirmed = event.id
            self._settle(event.id, "confirmed")
        elif isinstance(event, Rejected):
            self._settle(event.id, "rejected")
        elif isinstance(event, Reclaimed):
            self._settle(event.id, "reclaimed")
        elif isinstance(event, Checkpointed):
            self.checkpoints.add(event.batch)
        elif isinstance(event, DisputeEvent):
            self.disputes.add(event, log)
        elif isinstance(event, BridgeEvent):
            self.bridge.add(event, log.transaction)
        self.life.add(event)
        return event

    @property
    def alarm(self) -> int | None:
        """From when on (seconds of L1's time) the rollup can be frozen in the last confirmed state; None: no alarm."""
        return self.life.alarm

    @property
    def frozen(self) -> bytes | None:
        """The id of the assertion with which the rollup was frozen for ever; None while it lives."""
        return self.life.frozen

    def apply(self, state: State, batch: Batch) -> Sequence[Outcome]:
        """Apply a batch to ``state``; what became of its records comes first."""
        return apply_batch(state, batch)

    def judged(self, parent: bytes, batch: int) -> bytes:
        """The machine hash that an assertion on ``parent`` (its id) about ``batch`` must claim."""
        return self.derived[batch].machine_hash

    def trace(self, assertion: Assertion) -> Trace:
        """The run that an assertion is about: from the state after its parent's batches on."""
        first = self.batch_of(assertion.parent)
        place = first, assertion.batch
        if place not in self._traces:
            while len(self._traces) >= KEPT_TRACES:
                del self._traces[next(iter(self._traces))]
            self._traces[place] = self.new_trace(*place)
        return self._traces[place]

    def new_trace(self, first: int, last: int) -> Trace:
        """The run from the state after ``first`` batches to that after ``last``."""
        batches = [each.batch for each in self.history.posted[first:last]]
        return Trace(self.state_at(first), batches, self.outcomes[first:last])

    def last_within_reach(self, batch: int) -> int:
        """The last batch up to which an assertion on the state after ``batch`` can be disputed step by step."""
        ends = self._ends
        most = ends[batch] + int(SEGMENTS**self.contracts.rules.max_rounds)
        return bisect_right(ends, most) - 1

    def _settle(self, assertion: bytes, status: str) -> None:
        found = self.pending.pop(assertion, None)
        if found is not None:
            found.status = status

    def batch_of(self, assertion: bytes) -> int:
        """Batches that an assertion's state has applied, by its id; the genesis has applied none."""
        known = self.assertions.get(assertion)
        return 0 if known is None else known.batch

    def claim_of(self, assertion: bytes) -> Claim:
        """What an assertion says, by its id."""
        known = self.assertions.get(assertion)
        if known is not None:
            return known.claim
        genesis = self.derived[0]
        return Claim(bytes(32), 0, genesis.accumulator, genesis.machine_hash)

    def state_at(self, batch: int) -> State:
        """The machine's state after so many batches, as an object of its own.

        In time that grows with the history since the confirmed batch, but without recovering a signer again.

        Raises:
            BadInput: there are not so many.
        """
        if not 0 <= batch < len(self.derived):
            raise BadInput(f"there is no batch {batch} on L1; the last is {len(self.derived) - 1}")
        if batch == len(self.derived) - 1:
            return self.state.copy()
        confirmed = self.batch_of(self.confirmed)
        if self._settled.batch <= confirmed <= batch:  # where the runs to come begin, or before that
            self._replay(self._settled, confirmed)
            _derived(self._settled)  # hashes its trees, which no copy then needs to
            state = self._settled.copy()
        else:
            state = State(self.contracts.genesis)
        self._replay(state, batch)
        return state

    def _replay(self, state: State, batch: int) -> None:
        """Bring a state of the run to that after ``batch`` batches."""
        for index in range(state.batch, batch):
            replay_batch(state, self.history.posted[index].batch, self.outcomes[index])

    def confirmed_outbox(self) -> Derived:
        """The machine whose withdrawals L1 accepts claims against."""
        return self.derived[self.batch_of(self.confirmed)]


def _derived(state: State) -> Derived:
    hashes = (state.accumulator, state.outbox_root, state.inner_hash, state.machine_hash)
    return Derived(state.batch, *hashes, len(state.withdrawals))
