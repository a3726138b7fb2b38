"""Brings moves to L1: those of the dispute game, and whatever else a proposer or a verifier sends with its one key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from toolkit.devnet.l1 import hex_of
from toolkit.devnet.outbox import Landed, Order, Outbox
from toolkit.rollup.dispute.moves import Move

PAUSE_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long a move that L1 refused is left alone, the first time, the second, and so on."""


@dataclass
class _Refusal:
    reason: str
    times: int
    again: float


class Player:
    """Sends what is due, with one key and one line of nonces, and keeps nothing that it could not lose.

    Attributes:
        address: the key's (20 bytes).
    """

    def __init__(self, outbox: Outbox, log: logging.Logger) -> None:
        self.address = outbox.address
        self._outbox, self._log = outbox, log
        self._refused: dict[Hashable, _Refusal] = {}
        self._said: dict[Hashable, str] = {}  # moves in words

    @property
    def waiting(self) -> frozenset[Hashable]:
        """The names of the moves that were sent and are in no block yet."""
        return self._outbox.waiting

    def refusal(self, name: Hashable) -> str | None:
        """Why L1 refused a move that is still wanted, the last time; None where it did not."""
        refused = self._refused.get(name)
        return None if refused is None else refused.reason

    async def balance(self) -> int:
        """What the key owns (wei). Raises as `play`."""
        return await self._outbox.balance()

    async def play(self, moves: Sequence[Move]) -> Sequence[Landed]:
        """See to it that the moves due now get into blocks; returns those that did since the last call.

        Raises:
            NodeError: the node does not answer. Nothing is forgotten.
        """
        now = asyncio.get_running_loop().time()
        due = {move.name: move for move in moves}
        self._refused = {name: each for name, each in self._refused.items() if name in due}
        orders = [
            Order(move.name, move.to, move.data, value=move.value)
            for move in due.values()
            if move.name not in self._refused or now >= self._refused[move.name].again
        ]
        if not orders and not self._outbox.waiting:
            return ()
        self._said = {name: said for name, said in self._said.items() if name in self._outbox.waiting}
        self._said.update((move.name, move.said) for move in due.values())
        tended = await self._outbox.tend(orders)
        for landed in tended.landed:
            self._tell(landed)
        for order, error in tended.refused:
            self._refuse(order.name, str(error))
        return [landed for landed in tended.landed if landed.succeeded]

    def _tell(self, landed: Landed) -> None:
        name, transaction = landed.order.name, hex_of(landed.transaction)
        if not landed.succeeded:
            self._refuse(name, f"its transaction {transaction} was in block {landed.block} and failed")
            return
        self._refused.pop(name, None)
        said = self._said.get(name, name)
        self._log.info("%s: %d gas, block %d, %s", said, landed.gas_used, landed.block, transaction)

    def _refuse(self, name: Hashable, reason: str) -> None:
        known = self._refused.get(name)
        times = known.times if known else 0
        pause = PAUSE_SECONDS[min(times, len(PAUSE_SECONDS) - 1)]
        self._refused[name] = _Refusal(reason, times + 1, asyncio.get_running_loop().time() + pause)
        if known is None or known.reason != reason:
            said = self._said.get(name, name)
            self._log.warning("L1 refuses a move: %s: %s; trying again while it is due", said, reason)
