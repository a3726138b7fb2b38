"""A guard's eyes and hands: sees on L1 what `toolkit.channel.guard` asks for, and does what it says."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.channel import calls
from toolkit.channel.guard import Duty, Settle, Sight, Stand, duties
from toolkit.channel.position import Position
from toolkit.channel.state import NO_LOCKS, Lock, locks_root
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, bytes_of, hex_of
from toolkit.devnet.outbox import Order, Outbox
from toolkit.errors import BadInput, L2KitError, NodeError, Reverted, RpcError

OVERLAP_BLOCKS = 64
"""How far back logs are read again at every look: two epochs, after which Ethereum's blocks are final."""

_PATIENT_PARTS = 64
"""Parts in which logs are read before longer ones are tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """A duty whose transaction succeeded.

    Attributes:
        what: its name, e.g. "challenge".
        channel: the 32-byte id.
        transaction: its 32-byte hash.
        block: the number of its block.
        gas: it used.
    """

    what: str
    channel: bytes
    transaction: bytes
    block: int
    gas: int


class Guardian:
    """Guards the channels of one contract with one key.

    Attributes:
        failures: the duties that were not done because the contract or the node refused, by what was said. Most often
            somebody else was faster; what is still due is tried again with the next sight.
        trouble: why a transaction could not even be sent (no money for gas, say), until one succeeds.
    """

    def __init__(
        self, l1: L1, contract: bytes, key: bytes, chain_id: int, *, margin: int, patience_seconds: float = 30.0
    ) -> None:
        """
        Args:
            contract: the 20-byte address of PaymentChannels.
            key: of the party, or of a tower; it pays the gas.
            margin: see `toolkit.channel.guard.duties` (seconds).
            patience_seconds: after which a transaction that is in no block is sent again for a higher fee.
        """
        self.failures: Counter[str] = Counter()
        self.trouble: str | None = None
        self._l1, self._contract, self._chain_id, self._margin = l1, contract, chain_id, margin
        self._outbox = Outbox(l1, key, chain_id, calls.ERRORS, patience_seconds=patience_seconds)
        self._shown: dict[bytes, bytes] = {}
        self._lists: dict[bytes, tuple[Lock, ...]] = {}  # by root, so that no order of events matters
        self._seen: tuple[int, int] | None = None  # the first and the last block whose logs were read
        self._chunk, self._parts = 1 << 32, 0  # how many blocks' logs are asked for, and how often that went well
        self._under_way: dict[Hashable, Duty] = {}
        self._acting = asyncio.Lock()
        self._fresh: set[tuple[str, bytes]] = set()  # done since the last look began

    @property
    def address(self) -> bytes:
        """The 20-byte address that pays the gas."""
        return self._outbox.address

    @property
    def busy(self) -> bool:
        """Whether a transaction of ours is in no block yet."""
        return bool(self._under_way)

    async def check(self) -> None:
        """Make sure that this is the chain and the contract.

        Raises:
            BadInput: it is not.
            NodeError: the node does not answer.
        """
        found = await self._l1.chain_id()
        if found != self._chain_id:
            raise BadInput(f"the node at {self._l1.shown} is on chain {found}, not on chain {self._chain_id}")
        if not await self._l1.has_code(self._contract):
            raise BadInput(f"there is no contract at {checksum(self._contract)} on chain {found}")

    async def look(self, stands: Iterable[Stand]) -> Sight:
        """See what L1 shows of these channels now.

        Raises:
            NodeError: the node does not answer, or not as PaymentChannels would.
        """
        self._fresh.clear()
        stands = list(stands)
        channels = list(dict.fromkeys(stand.channel for stand in stands))
        head, now = await self._head()
        if channels:
            await self._read_logs(min(channel.opened_block for channel in channels), head)
        answers = await self._ask([calls.position(channel.id) for channel in channels])
        positions = {channel.id: _position(answer) for channel, answer in zip(channels, answers, strict=True)}
        locked = [id_ for id_, position in positions.items() if position.has_locks]
        roots = await self._ask([calls.pending_locks(id_) for id_ in locked])
        pending = {
            id_: (root, self._lists.get(root)) for id_, root in zip(locked, roots, strict=True) if root != NO_LOCKS
        }
        hashes = self._known(stands, pending.values())
        revealed = await self._ask([calls.revealed_at(hash_) for hash_ in hashes])
        times = {hash_: int.from_bytes(answer, "big") for hash_, answer in zip(hashes, revealed, strict=True)}
        return Sight(now, positions, pending, self._shown, times, head)

    async def act(self, stand: Stand, sight: Sight) -> list[Done]:
        """Do what is due for one channel; as `act_all`."""
        return await self.act_all([stand], sight)

    async def act_all(self, stands: Iterable[Stand], sight: Sight, *, wait_seconds: float = 1.0) -> list[Done]:
        """Do what is due, all of it at once, and tell what has got into a block since the last call.

        Nothing is sent twice while a transaction for it waits. What was refused is in `failures`.

        Args:
            wait_seconds: how long to wait for blocks; what takes longer is told by a later call.

        Raises:
            NodeError: the node does not answer.
        """
        async with self._acting:
            due: dict[Hashable, Duty] = {}
            for stand in stands:
                for duty in duties(stand, sight, self._margin):
                    if duty.name not in self._fresh:
                        due.setdefault(duty.name, duty)
            self._under_way.update(due)
            orders = [self._order(duty) for duty in due.values()]
            tended = await self._outbox.tend(orders, wait_seconds=wait_seconds)
            for order, error in tended.refused:
                self._failed(self._under_way[order.name], error)
            done: list[Done] = []
            for each in tended.landed:
                duty = self._under_way[each.order.name]
                self._fresh.add(duty.name)
                if not each.succeeded:
                    self._failed(duty, Reverted("", call=f"the transaction {hex_of(each.transaction)}"))
                    continue
                self.trouble = None
                done.append(Done(duty.what, duty.channel.id, each.transaction, each.block, each.gas_used))
                log.info("%s for channel %s: %s", duty.what, hex_of(duty.channel.id), hex_of(each.transaction))
            waiting = self._outbox.waiting
            self._under_way = {name: duty for name, duty in self._under_way.items() if name in waiting}
            return done

    def _order(self, duty: Duty) -> Order:
        # A settlement is good only after the latest block's time perhaps. Nobody loses anything where it comes late.
        at = "pending" if isinstance(duty, Settle) else "latest"
        return Order(duty.name, self._contract, duty.encode(), at)

    def _failed(self, duty: Duty, error: L2KitError) -> None:
        if not isinstance(error, Reverted):
            self.trouble = str(error)
        kind = error.error or "reverted" if isinstance(error, Reverted) else "not sent"
        self.failures[f"{duty.what}: {kind}"] += 1
        log.log(
            logging.INFO if isinstance(error, Reverted) else logging.ERROR,
            "%s for channel %s: %s", duty.what, hex_of(duty.channel.id), error,
        )  # fmt: skip

    async def _head(self) -> tuple[int, int]:
        """The latest block's number, and the time that a transaction sent now gets at least (Unix time).

        A development node makes blocks only when there are transactions, so the latest block may be old.
        """
        latest, pending = await self._l1.answers(
            [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "pending")]
        )
        if not isinstance(latest, dict):
            raise NodeError(f"{self._l1.shown} has no latest block: {latest}")
        now = int(latest["timestamp"], 16)
        if isinstance(pending, dict):  # not every node has one
            now = max(now, int(pending["timestamp"], 16))
        return int(latest["number"], 16), now

    async def _ask(self, questions: Sequence[bytes]) -> list[bytes]:
        """What the contract's views return for this calldata."""
        to = hex_of(self._contract)
        answers = await self._l1.batch(
            [("eth_call", [{"to": to, "data": hex_of(data)}, "latest"]) for data in questions]
        )
        return [bytes_of(answer) for answer in answers]

    def _known(self, stands: Iterable[Stand], pending: Iterable[tuple[bytes, tuple[Lock, ...] | None]]) -> list[bytes]:
        """The hashes of locks whose secret we know, and which may have been revealed."""
        hashes = {lock.hash for stand in stands for lock in stand.all_locks if lock.hash in stand.secrets}
        listed = {lock.hash for stand in stands for lock in stand.all_locks}
        listed |= {lock.hash for _, locks in pending for lock in locks or ()}
        return sorted(hashes | (listed & self._shown.keys()))

    async def _read_logs(self, first: int, head: int) -> None:
        """Read the contract's logs since the last time, or from block ``first`` on where that was not done yet."""
        first = min(first, head)
        if self._seen is None or first < self._seen[0]:
            start = first
        else:
            first, start = self._seen[0], min(self._seen[1], head) - OVERLAP_BLOCKS
        start = max(start, first)
        while start <= head:
            end = min(head, start + self._chunk - 1)
            query = {
                "address": hex_of(self._contract),
                "topics": [[hex_of(calls.SECRET_SHOWN), hex_of(calls.LOCKS_PENDING)]],
                "fromBlock": hex(start),
                "toBlock": hex(end),
            }
            try:
                found = await self._l1.call("eth_getLogs", query)
            except RpcError:
                if start == end:
                    raise
                self._chunk, self._parts = max(1, (end - start + 1) // 2), 0  # nodes have limits of their own
                continue
            self._parts += 1
            if self._parts == _PATIENT_PARTS:
                self._chunk, self._parts = 2 * self._chunk, 0  # or it was only busy
            for entry in found:
                self._take(entry)
            self._seen = (first, end)
            start = end + 1

    def _take(self, entry: dict[str, Any]) -> None:
        topics, data = [bytes_of(topic) for topic in entry["topics"]], bytes_of(entry["data"])
        if topics[0] == calls.LOCKS_PENDING:
            locks = calls.read_locks_pending(data)
            self._lists[locks_root(locks)] = locks
        elif keccak256(data) == topics[1]:
            self._shown[topics[1]] = data


def _position(answer: bytes) -> Position:
    try:
        return Position.decode(answer)
    except ValueError as error:
        raise NodeError(f"what answers is no PaymentChannels: {error}") from error
