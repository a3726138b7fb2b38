"""A guard's eyes and hands: sees on L1 what `toolkit.channel.guard` asks for, and does what it says."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.channel import calls
from toolkit.channel.guard import Duty, Settle, Sight, Stand, duties
from toolkit.channel.position import Position, decode_position
from toolkit.channel.state import NO_LOCKS, Lock
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, bytes_of, hex_of
from toolkit.devnet.outbox import Order, Outbox
from toolkit.errors import BadInput, L2KitError, NodeError, Reverted, RpcError

OVERLAP_BLOCKS = 64
"""How far back logs are read again at every look: two epochs, after which Ethereum's blocks are final."""

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
        address: the key's 20-byte address.
        failures: the duties that were not done because the contract or the node refused, by what was said. Most often
            somebody else was faster; what is still due is tried again with the next sight.
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
        self._l1, self._contract, self._chain_id, self._margin = l1, contract, chain_id, margin
        self._outbox = Outbox(l1, key, chain_id, calls.ERRORS, patience_seconds=patience_seconds)
        self._shown: dict[bytes, bytes] = {}
        self._lists: dict[bytes, tuple[Lock, ...]] = {}  # by root, so that no order of events matters
        self._seen: tuple[int, int] | None = None  # the first and the last block whose logs were read
        self._chunk = 1 << 32
        self._fresh: set[tuple[str, bytes]] = set()  # done since the last look began

    @property
    def address(self) -> bytes:
        """The 20-byte address that pays the gas."""
        return self._outbox.address

    async def check(self) -> None:
        """Make sure that this is the chain and the contract.

        Raises:
            BadInput: it is not.
            NodeError: the node does not answer.
        """
        found = await self._l1.chain_id()
        if found != self._chain_id:
            raise BadInput(f"the node at {self._l1.url} is on chain {found}, not on chain {self._chain_id}")
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
        positions = {
            channel.id: decode_position(answer) for channel, answer in zip(channels, answers, strict=True)
        }
        locked = [id_ for id_, position in positions.items() if position.has_locks]
        hashes = sorted({hash_ for stand in stands for hash_ in self._known_hashes(stand)})
        answers = await self._ask([*map(calls.pending_locks, locked), *map(calls.revealed_at, hashes)])
        roots = dict(zip(locked, answers, strict=False))
        return Sight(
            now=now,
            block=head,
            positions=positions,
            pending={id_: (root, self._lists.get(root)) for id_, root in roots.items() if root != NO_LOCKS},
            shown=self._shown,
            revealed={
                hash_: int.from_bytes(answer, "big")
                for hash_, answer in zip(hashes, answers[len(locked) :], strict=True)
            },
        )

    async def act(self, stand: Stand, sight: Sight) -> list[Done]:
        """Do what is due for one channel; as `act_all`."""
        return await self.act_all([stand], sight)

    async def act_all(self, stands: Sequence[Stand], sight: Sight, *, wait_seconds: float = 1.0) -> list[Done]:
        """Do what is due, all at once, and tell what got into a block since the last call.

        Nothing is sent twice while a transaction for it waits. What was refused is in `failures`.

        Args:
            wait_seconds: how long to wait for blocks; what takes longer is told by a later call.

        Raises:
            NodeError: the node does not answer.
        """
        due: dict[tuple[str, bytes], Duty] = {}
        for stand in stands:
            for duty in duties(stand, sight, self._margin):
                if duty.name not in self._fresh:
                    due.setdefault(duty.name, duty)
        tended = await self._outbox.tend([self._order(duty) for duty in due.values()], wait_seconds=wait_seconds)
        for order, error in tended.refused:
            self._failed(order, error)
        done = []
        for each in tended.landed:
            ...
        return done
