"""The proposer: derives the rollup from L1, asserts its state with a bond, defends that against every challenger,
confirms when the window has passed, and takes back the bonds of what was left behind. After a freeze that is all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import L2KitError, ProtocolError
from toolkit.rollup import api
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import encode_assert, encode_confirm
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.game import Claim
from toolkit.rollup.dispute.moves import Move, defender_moves, expired_moves, reclaim_moves
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.follower import Gone
from toolkit.rollup.watcher import Watcher

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)

ASSERT = "assert"
"""The name of that move: there is never more than one under way."""
ASSERT_BESIDE = "assert beside somebody else's"

log = logging.getLogger("proposer")


class WrongConfirmed(L2KitError):
    """L1 confirmed a wrong state."""


class ProposerService:
    """Everything that the proposer's process does."""

    def __init__(self, watcher: Watcher, player: Player, config: Config) -> None:
        self._watcher, self._player = watcher, player
        self._poll_seconds, self._assert_seconds = config.poll_seconds, config.assert_seconds
        self._last_assertion, self._is_short = float("-inf"), False
        self._on_demand, self._wanted = config.assert_on_demand, False

    @property
    def address(self) -> bytes:
        """Whose bonds are at stake (20 bytes)."""
        return self._player.address

    async def start(self) -> None:
        """Derive what L1 holds so far."""
        await self._watcher.start()

    async def run(self) -> None:
        """Follow L1, assert, defend and confirm until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(self._poll_seconds)  # `start` has just looked
            try:
                await self._watcher.look()
                while await self._act():
                    await self._watcher.look()
                failures = 0
            except (Gone, ProtocolError):
                raise
            except L2KitError as error:
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                log.warning("%s; trying again in %g s", error, pause)
                await asyncio.sleep(pause)

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        methods: dict[str, api.Method] = {
            "l2_status": self.status,
            "l2_batch": self._watcher.batch,
            "l2_assertions": self._watcher.assertions,
            "l2_disputes": self._watcher.disputes,
        }
        return {**methods, "l2_assert": self.assert_now} if self._on_demand else methods

    async def assert_now(self) -> dict[str, Any]:
        """Assert what is derived so far; ``assertions`` says how many are due, 0 where all was asserted already."""
        async with self._watcher.lock:
            due = len(self.assertions(self._watcher.replica))
        self._wanted = due > 0
        return {"assertions": due}

    async def status(self) -> dict[str, Any]:
        """What was derived, asserted and confirmed."""
        return {"role": "proposer", "address": checksum(self._player.address), **await self._watcher.status()}

    async def _act(self) -> bool:
        """Send what is due; whether something new is in a block."""
        replica, timestamp = self._watcher.replica, self._watcher.timestamp
        moves = await asyncio.to_thread(self.moves, replica, timestamp)
        wrong: WrongConfirmed | None = None
        if self._may_assert():
            try:
                moves += await self._affordable(replica, self.assertions(replica))
            except WrongConfirmed as error:
                wrong = error
        landed = await self._player.play(moves)
        if wrong is not None:
            raise wrong  # who has nothing to assert still has bonds to lose
        if any(each.order.name in (ASSERT, ASSERT_BESIDE) for each in landed):
            self._last_assertion, self._wanted = asyncio.get_running_loop().time(), False
        return bool(landed)

    def _may_assert(self) -> bool:
        if self._on_demand:
            return self._wanted
        return asyncio.get_running_loop().time() >= self._last_assertion + self._assert_seconds

    async def _affordable(self, replica: Replica, assertions: Sequence[Move]) -> list[Move]:
        if not assertions:
            return []
        balance = await self._player.balance()
        kept = affordable(replica, self.address, balance, assertions)
        is_short = len(kept) < len(assertions)
        if is_short and not self._is_short:
            log.warning("no new assertion: of %d wei, what it takes to defend those that stand is kept", balance)
        self._is_short = is_short
        return kept

    def moves(self, replica: Replica, timestamp: int) -> list[Move]:
        """What is due beside new assertions."""
        me = self.address
        return [
            *confirm_moves(replica, timestamp),
            *defender_moves(replica, me, timestamp),
            *expired_moves(replica, me, timestamp),
            *reclaim_moves(replica, me, timestamp),
        ]

    def assertions(self, replica: Replica) -> list[Move]:
        """The new assertions that are due, the most needed first. Raises WrongConfirmed."""
        return [*beside_moves(replica, self.address), *assert_moves(replica)]


def affordable(replica: Replica, me: bytes, balance: int, assertions: Sequence[Move]) -> list[Move]:
    """Of new assertions those that leave enough to defend all of ``me``: who cannot pay for a move loses what is right.

    A challenger's bond is twice what a defence takes.

    Args:
        balance: that ``me`` owns (wei).
    """
    defence, kept = replica.contracts.rules.bond // 2, list[Move]()
    standing = sum(each.proposer == me for each in replica.pending.values())
    for move in assertions:
        balance -= move.value
        if balance < defence * (standing + len(kept) + 1):
            break
        kept.append(move)
    return kept


def confirm_moves(replica: Replica, now: int) -> list[Move]:
    """The assertion that is next, if its window is over at ``now`` (L1's time in seconds) and nobody disputes it."""
    assertion = replica.chosen().get(replica.confirmed)
    if (
        replica.frozen is not None
        or assertion is None
        or assertion.deadline > now
        or replica.disputes.holds(assertion.id)
    ):
        return []
    derived = replica.derived[assertion.batch]
    data = encode_confirm(assertion.parent, derived.batch, derived.accumulator, derived.outbox_root, derived.inner_hash)
    return [Move(("confirm", assertion.id), replica.contracts.rollup, data, f"confirms batch {assertion.batch}")]


def assert_moves(replica: Replica) -> list[Move]:
    """The state after the last batch that one dispute can reach, unless that was asserted.

    What was rejected, though it is right, because nobody defended it, cannot be asserted again, but for another batch.

    Raises:
        WrongConfirmed: L1 confirmed a wrong state.
    """
    if replica.frozen is not None:
        return []
    confirmed = replica.assertions.get(replica.confirmed)
    if confirmed is not None and not confirmed.agree:
        raise WrongConfirmed(f"L1 confirmed a wrong state for batch {confirmed.batch}; nothing can be built on it")
    return _assertion_on(replica, *replica.tip())


def beside_moves(replica: Replica, me: bytes) -> list[Move]:
    """Something of our own beside what is next to be confirmed, where that is not of ``me``; about another batch.

    Whose it is may let it die in the last second of its window, and all that rests on it, time and again.
    """
    following = [each for each in replica.pending.values() if each.agree and each.parent == replica.confirmed]
    if replica.frozen is not None or not following or any(each.proposer == me for each in following):
        return []
    beside = _assertion_on(replica, replica.confirmed, replica.confirmed_outbox().batch)
    return [replace(move, name=ASSERT_BESIDE) for move in beside]


def _assertion_on(replica: Replica, parent: bytes, batch: int) -> list[Move]:
    """What can be asserted on ``parent`` (its id), whose state has applied ``batch`` batches, and goes furthest."""
    for last in range(replica.last_within_reach(batch), batch, -1):
        claim = Claim(parent, last, replica.derived[last].accumulator, replica.judged(parent, last))
        if claim.id not in replica.assertions:
            return [assert_move(replica, claim)]
    return []


def assert_move(replica: Replica, claim: Claim) -> Move:
    """An assertion."""
    return Move(
        ASSERT,
        replica.contracts.rollup,
        encode_assert(claim.parent, claim.batch, claim.accumulator, claim.machine_hash),
        f"asserts batch {claim.batch}: machine hash {hex_of(claim.machine_hash)}",
        replica.contracts.bond,
    )
