"""The sequencer as a service: takes operations over HTTP, makes them durable, and brings batches to the Inbox.

One lock guards the mind (``sequencer.py``) and the journal: who holds it sees only what is on disk. Operations queue
before it, in bounded number; a group of them costs one write to disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sqlite3
from collections import deque
from dataclasses import dataclass, field

from toolkit.devnet.blobs import Sidecar
from toolkit.devnet.l1 import L1, Sender, hex_of
from toolkit.devnet.prover import Prover
from toolkit.errors import BadInput, L2KitError, NodeError, ProtocolError, ServiceError
from toolkit.rollup.codec import SIGNATURE_OFFSET, encode_blobs
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import Contracts, encode_post_batch, encode_post_blobs
from toolkit.rollup.derive import History, Posted
from toolkit.rollup.fast import Signers, apply_batch
from toolkit.rollup.follower import Follower, Gone, Step
from toolkit.rollup.life import Life
from toolkit.rollup.machine import Outcome, State
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.places import operations_of
from toolkit.rollup.pricing import KINDS, Prices, choose
from toolkit.rollup.sequencer import BatchFull, Refused, Sealed, Sequencer
from toolkit.rollup.store import Entry, Journal

GROUP = 500
"""Operations written to disk together, at most."""
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

_FROZEN = (
    "the rollup was frozen on L1, so nothing that happens on L2 counts any more: what an account held in the last "
    "confirmed state is paid out on L1 (l2kit escape)"
)

log = logging.getLogger("sequencer")


class Busy(L2KitError):
    """Too many operations wait; the caller may try again."""


Signed = tuple[Transfer | Withdraw, bytes]


@dataclass
class Submission:
    """Operations that came in one call, and what became of each."""

    operations: list[Signed]
    answers: asyncio.Future[list[Entry | Refused]]
    results: list[Entry | Refused] = field(default_factory=list)


class SequencerService:
    """Everything that the sequencer's process does.

    Attributes:
        lock: to be held by who reads the attributes below; then they show only what is on disk.
        sequencer: the accounts as promised, and the open batch.
        sealed: the batch on its way to L1.
        history: what L1 holds.
        life: whether the rollup lives. Where it was frozen, nothing is taken and nothing posted any more.
        head, timestamp: number and time (seconds) of the L1 block up to which that is so.
        batch_data: how batches go to L1, as in `Config`.
    """

    def __init__(
        self,
        config: Config,
        contracts: Contracts,
        l1: L1,
        sender: Sender,
        follower: Follower,
        journal: Journal,
        prover: Prover | None = None,
    ) -> None:
        """``prover``: somebody else's, who ends it; one of its own where None."""
        self._config, self._contracts, self._l1 = config, contracts, l1
        self._sender, self._follower, self._journal = sender, follower, journal
        self.lock, self._following = asyncio.Lock(), asyncio.Lock()
        self._queue: deque[tuple[Submission, Signed]] = deque()
        self._work, self._room, self._due = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._seal_wanted = False
        self._open_since: float | None = None
        self.batch_data = config.batch_data
        self._gives_blobs = False
        self._prover, self._owns_prover, self._in_blobs = prover or Prover(), prover is None, False
        self.history, self.life = History(contracts), Life(contracts.genesis_assertion)
        self.timestamp = 0
        self.sequencer = Sequencer(State(contracts.genesis), sender.address, batch_records=config.batch_records)
        self.sealed: Sealed | None = None
        self.head = 0
        self._backlog: deque[Entry] = deque()

    # --- service ---

    async def start(self) -> None:
        """Read L1 once and take up the journal. Raises BadInput where batches shall be blobs, and L1 has none."""
        self._gives_blobs = await self._l1.gives_blobs()
        self.post_as(self._config.batch_data)
        async with self._following:
            step = await self._follower.step()
        async with self.lock:
            self.head, self.timestamp = step.head, step.timestamp
            self._rebuild()

    async def run(self) -> None:
        """Work until cancelled. Raises what makes going on impossible."""
        tasks = [asyncio.create_task(work()) for work in (self._take, self._follow, self._post)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            async with self.lock:  # what is being written is on disk then, and answered
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._owns_prover:
                await self._prover.close()

    def post_as(self, batch_data: str) -> None:
        """Post batches from now on as `Config.batch_data` says. Raises BadInput where that cannot be."""
        if batch_data not in KINDS:
            raise BadInput(f"batches are posted as {', '.join(KINDS)}, not as {batch_data!r}")
        if batch_data == "blobs" and not self._gives_blobs:
            raise BadInput(f"the L1 node at {self._l1.shown} does not take blobs and give them back: post as calldata")
        self.batch_data = batch_data
        if batch_data == "blobs":
            self._prover.begin(b"")  # so that its process is there when the first blob is

    # --- taking operations ---

    async def submit(self, operations: list[Signed]) -> list[Entry | Refused]:
        """Take operations in order; returns when those accepted are on disk.

        Raises:
            Busy: too many wait already; nothing was taken.
        """
        if self.life.frozen is not None:
            return [Refused(_FROZEN) for _ in operations]
        if self._backlog:
            raise Busy("busy: catching up with L1; send this again later")
        if len(self._queue) + len(operations) > self._config.queue:
            raise Busy(f"busy: {len(self._queue)} operations wait already; send these {len(operations)} again later")
        submission = Submission(operations, asyncio.get_running_loop().create_future())
        self._queue.extend((submission, operation) for operation in operations)
        self._work.set()
        return await submission.answers if operations else []

    @property
    def address(self) -> bytes:
        """Who posts the batches (20 bytes)."""
        return self._sender.address

    @property
    def waiting(self) -> int:
        """Operations that are not in a batch yet."""
        return len(self._queue) + len(self._backlog)

    def find(self, digest: bytes) -> Entry | None:
        """A confirmed operation by its hash; the lock must be held."""
        return self._journal.find(digest)

    async def seal(self) -> int | None:
        """Ask for the open batch to be sealed now; returns its number, None where nothing waits for one."""
        async with self.lock:
            if not self._has_content:
                return None
            self._seal_wanted = True
            self._due.set()
            return self.sequencer.batch

    @property
    def _has_content(self) -> bool:
        """Whether anything waits for a batch after the one on its way, which has what L1 requires next."""
        required = self.history.required if self.sealed is None else []
        return bool(self.sequencer.records or self.history.arrived or required)

    async def _take(self) -> None:
        """Take operations from the queue: apply, write, answer."""
        while True:
            await self._work.wait()
            async with self.lock:
                taken, full = self._accept()
                entries = [result for _, result in taken if isinstance(result, Entry)]
                if entries:
                    try:
                        await asyncio.to_thread(self._journal.append, entries)
                    except sqlite3.Error as error:
                        raise ServiceError(f"the journal cannot be written: {error}") from error
            for submission, result in taken:
                submission.results.append(result)
                if len(submission.results) == len(submission.operations) and not submission.answers.done():
                    submission.answers.set_result(submission.results)
            if full:
                self._room.clear()
                self._due.set()
                await self._room.wait()

    def _accept(self) -> tuple[list[tuple[Submission, Entry | Refused]], bool]:
        taken: list[tuple[Submission, Entry | Refused]] = []
        if self.life.frozen is not None:
            taken += [(submission, Refused(_FROZEN)) for submission, _ in self._queue]
            self._queue.clear()
            self._work.clear()
            return taken, False
        if self._backlog:
            return taken, True
        queue, submit = self._queue, self.sequencer.submit
        signers = self._recover(min(GROUP, self.sequencer.room))
        while queue and len(taken) < GROUP:
            submission, (operation, signature) = queue[0]
            try:
                taken.append((submission, submit(operation, signature, signers)))
            except Refused as refused:
                taken.append((submission, refused))
            except BatchFull:
                self._seal_wanted = True  # it may have one record less than it holds: too few for this one
                self._prove_ahead()
                return taken, True
            queue.popleft()
        if not queue:
            self._work.clear()
        if self._open_since is None and self.sequencer.records:
            self._open_since = asyncio.get_running_loop().time()
            self._due.set()
        return taken, False

    def _prove_ahead(self) -> None:
        """The open batch is full: prove its blobs, if it will be any, while the one before it is on its way."""
        if self._in_blobs:
            for blob in encode_blobs(self.sequencer.records):
                self._prover.begin(blob)

    def _recover(self, most: int) -> Signers:
        """Who signed what comes next in the queue, if it may be taken at all; recovered on all cores."""
        signers, sequencer = Signers(), self.sequencer
        domain = sequencer.state.genesis.domain
        signers.recover(
            (operation.digest(domain), signature)
            for ahead, (_, (operation, signature)) in enumerate(itertools.islice(self._queue, most))
            if sequencer.is_next(operation, ahead)
        )
        return signers

    # --- following L1 ---

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._config.poll_seconds)  # `start` has just looked
            try:
                await self._look()
            except NodeError as error:
                log.warning("cannot read L1: %s", error)
                await asyncio.sleep(RETRY_SECONDS[2])

    async def _look(self) -> None:
        """Look at L1 once, and act on what is new."""
        async with self._following:
            step = await self._follower.step()
            async with self.lock:
                self.head, self.timestamp = step.head, step.timestamp
                self._learn(step)
                if self.life.alarm is not None:
                    self._due.set()  # what is due then comes with time

    def _learn(self, step: Step) -> None:
        if step.rewound:
            self._rebuild()
            return
        before = len(self.history.posted)
        for entry in step.logs:
            self.life.add(self.history.add(entry))
        if self.life.frozen is not None:
            self._room.set()
        new = self.history.posted[before:]
        if not new and not step.logs:
            return
        if len(new) == 1 and self.sealed is not None and self._is_ours(self.sealed, new[0]):
            log.info(
                "batch %d is on L1 in block %d: %d records, %d messages",
                new[0].number, new[0].block, len(new[0].batch.records), len(new[0].batch.messages),
            )  # fmt: skip
            self.sealed = None
            self._refill()
        elif new:
            log.warning("L1 has a batch %d that is not the one sealed here", new[0].number)
            self._rebuild()
        self._due.set()

    def _is_ours(self, sealed: Sealed, posted: Posted) -> bool:
        batch = posted.batch
        return (
            posted.number == sealed.number
            and batch.poster == self._sender.address
            and batch.header == sealed.header
            and list(batch.records) == list(sealed.records)
            and [m.reference() for m in batch.messages] == [m.reference() for m in sealed.messages]
        )

    # --- L1 is the truth ---

    def _rebuild(self) -> None:
        """Derive everything from L1 again, then take up in their old batches the promises that L1 does not hold."""
        self.history, self.life = History(self._contracts), Life(self._contracts.genesis_assertion)
        for entry in self._follower.copy.logs():
            self.life.add(self.history.add(entry))
        state = State(self._contracts.genesis)
        on_l1: dict[tuple[int, bytes], int] = {}
        for posted in self.history.posted:
            outcomes = apply_batch(state, posted.batch)
            for operation, outcome in zip(operations_of(posted.batch), outcomes, strict=True):
                if outcome == Outcome.APPLIED:
                    on_l1[_signed_by(operation)] = posted.number
        self.sequencer = Sequencer(
            state,
            self._sender.address,
            batch_records=self._config.batch_records,
            next_sequence=self._journal.next_sequence(),
        )
        self.sealed, self._open_since = None, None
        standing = self._journal.standing()
        there = [(entry, on_l1.get((entry.account, entry.signature))) for entry in standing]
        self._journal.move([(e.sequence, batch) for e, batch in there if batch is not None and batch != e.batch], ())
        self._backlog = deque(entry for entry, batch in there if batch is None)
        log.info(
            "derived from L1: %d batches, %d accounts; %d confirmed operations are still to be posted",
            len(self.history.posted), len(state.accounts), len(self._backlog),
        )  # fmt: skip
        self._refill()

    def _refill(self) -> None:
        """Apply the backlog again, batch by batch, as far as sealed batches have landed."""
        moved: list[tuple[int, int]] = []
        dropped: list[tuple[int, str]] = []
        backlog, sequencer = self._backlog, self.sequencer
        while backlog:
            entry = backlog[0]
            if entry.batch > sequencer.batch:
                if not self._seal():
                    break
                continue
            try:
                accepted = sequencer.resubmit(entry)
            except BatchFull:
                if not self._seal():
                    break
                continue
            except Refused as refused:
                log.warning("operation %s is lost: L1 reorganised, and now %s", hex_of(entry.hash), refused)
                dropped.append((entry.sequence, f"L1 reorganised: {refused}"))
            else:
                if accepted.batch != entry.batch:
                    moved.append((entry.sequence, accepted.batch))
            backlog.popleft()
        self._journal.move(moved, dropped)
        if not backlog and sequencer.records and sequencer.batch <= self._journal.sealed():
            self._seal()
        if sequencer.records:
            self._open_since = asyncio.get_running_loop().time()
        self._room.set()
        self._due.set()

    # --- sealing and posting ---

    def _seal(self) -> bool:
        """Seal the open batch, if the one before it has landed: only then L1 has said what it must consume."""
        if self.sealed is not None or self.sequencer.batch != len(self.history.posted) + 1:
            return False
        self._journal.seal(self.sequencer.batch)
        self.sealed = self.sequencer.seal(self.history.required)
        self._open_since, self._seal_wanted = None, False
        log.info(
            "sealed batch %d: %d records, %d messages",
            self.sealed.number, len(self.sealed.records), len(self.sealed.messages),
        )  # fmt: skip
        self._room.set()
        self._due.set()
        return True

    def _seconds_to_seal(self) -> float | None:
        """How long until the open batch should be sealed; None where nothing waits."""
        if self.life.frozen is not None:
            return None
        posted = self.history.posted
        quiet = self.timestamp - posted[-1].batch.timestamp if posted else 0
        if self.sealed is not None or self.life.needs_a_batch(len(posted), quiet):
            return 0.0
        self._seal_wanted = self._seal_wanted and self._has_content  # L1 may hold by now what that was for
        full = not self.sequencer.room
        if self.history.required or self._seal_wanted or full:
            return 0.0
        if self._open_since is None and self.history.arrived:
            self._open_since = asyncio.get_running_loop().time()
        if self._open_since is None:
            return None
        return max(0.0, self._open_since + self._config.batch_seconds - asyncio.get_running_loop().time())

    async def _post(self) -> None:
        """Seal when it is time, and post what is sealed."""
        while True:
            self._due.clear()
            async with self.lock:
                wait = self._seconds_to_seal()
                if wait == 0.0:
                    self._seal()
                sealed = self.sealed if self.life.frozen is None else None
            if sealed is not None:
                await self._bring(sealed)
                continue
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._due.wait(), wait)

    async def _bring(self, sealed: Sealed) -> None:
        """Post a batch until L1 has it, or has another.

        The nonce is read before L1's logs: what landed earlier is then in the logs, and what lands later takes the
        nonce. So a batch is never posted twice, whatever happened before.
        """
        call: tuple[bytes, Sidecar | None] | None = None
        for pause in itertools.chain(RETRY_SECONDS, itertools.repeat(RETRY_SECONDS[-1])):
            try:
                nonce = await self._sender.next_nonce()
                await self._look()
                if not self._is_due(sealed):
                    return
                call = call or await self._call(sealed)
                await self._sender.send(self._contracts.inbox, call[0], nonce=nonce, sidecar=call[1])
                await self._look()
            except (Gone, ProtocolError):
                raise
            except L2KitError as error:
                log.warning("batch %d is not on L1 yet: %s; trying again in %g s", sealed.number, error, pause)
                await asyncio.sleep(pause)
            if not self._is_due(sealed):
                return

    def _is_due(self, sealed: Sealed) -> bool:
        return self.sealed is sealed and self.life.frozen is None

    async def _call(self, sealed: Sealed) -> tuple[bytes, Sidecar | None]:
        """The call that posts a batch, and what goes with it where it is in blobs."""
        head = sealed.number, sealed.header
        kind = self.batch_data if self._gives_blobs else "calldata"
        prices = await self._prices() if kind == "auto" else Prices(0, 0)
        self._in_blobs = choose(kind, sealed.records, prices)
        if not self._in_blobs:
            return encode_post_batch(*head, sealed.records, sealed.messages), None
        sidecar = await self._prover.sidecar(encode_blobs(sealed.records))
        return encode_post_blobs(*head, len(sealed.records), sealed.messages), sidecar

    async def _prices(self) -> Prices:
        gas, blob_gas = await self._l1.batch([("eth_gasPrice", []), ("eth_blobBaseFee", [])])
        return Prices(int(gas, 16), int(blob_gas, 16))


def _signed_by(record: bytes) -> tuple[int, bytes]:
    """Account and signature of an operation that applied, which no other has.

    Not the signature alone: anybody may open an account with a record that has it where a transfer has its own.
    """
    return int.from_bytes(record[:4], "big"), record[SIGNATURE_OFFSET:]
