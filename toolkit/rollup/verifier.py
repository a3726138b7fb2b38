"""The verifier: derives the rollup from L1 alone, compares every assertion, disputes what is wrong, and serves what a
user needs to leave.

It never asks the sequencer. To dispute it needs a key, with money for bonds and gas; without one it only watches.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from toolkit.bridge.claims import withdrawal_claim
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import NodeError
from toolkit.rollup import api, jsonrpc
from toolkit.rollup.contracts import Alarmed, Asserted, Confirmed, Frozen
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.game import Ended
from toolkit.rollup.dispute.moves import challenger_moves
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.ethereum_api import EthereumApi, View
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.watcher import Watcher

log = logging.getLogger("verifier")


class VerifierService:
    """Everything that the verifier's process does."""

    def __init__(self, watcher: Watcher, player: Player | None, *, poll_seconds: float) -> None:
        """``player`` brings moves to L1; None only watches."""
        self._watcher, self._player, self._poll_seconds = watcher, player, poll_seconds
        self._ethereum = EthereumApi("verifier", watcher.replica.state.genesis, watcher.lock, self._known)

    async def start(self) -> None:
        """Derive what L1 holds so far."""
        await self._watcher.start()
        if self._player is None:
            log.warning("no key was given: this verifier watches, and disputes nothing")
        for assertion in self._watcher.replica.assertions.values():
            self._judge(assertion.id)

    async def run(self) -> None:
        """Follow L1, and dispute what is wrong there, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)  # `start` has just looked
            try:
                await self._look()
                while await self._act():
                    await self._look()
            except NodeError as error:
                log.warning("cannot reach L1: %s", error)
                await asyncio.sleep(1.0)

    async def _look(self) -> None:
        for event in await self._watcher.look():
            if isinstance(event, Asserted):
                self._judge(event.id)
            elif isinstance(event, Confirmed):
                self._confirmed(event.id)
            elif isinstance(event, Ended):
                self._ended(event)
            elif isinstance(event, Alarmed):
                log.warning(
                    "alarm: unless L1 confirms something, the rollup can be frozen from %d on", event.freezable_at
                )
            elif isinstance(event, Frozen):
                log.critical("the rollup is FROZEN: what was not confirmed will never be")

    async def _act(self) -> bool:
        """Send what is due; whether something new is in a block."""
        if self._player is None:
            return False
        replica, timestamp = self._watcher.replica, self._watcher.timestamp
        moves = await asyncio.to_thread(challenger_moves, replica, self._player.address, timestamp)
        return bool(await self._player.play(moves))

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name; all of them only read."""
        return {
            "l2_status": self.status,
            "l2_account": self._watcher.account,
            "l2_batch": self._watcher.batch,
            "l2_assertions": self._watcher.assertions,
            "l2_disputes": self._watcher.disputes,
            "l2_withdrawals": self.withdrawals,
            "l2_withdrawalProof": self.withdrawal_proof,
            **self._ethereum.methods(),
        }

    async def status(self) -> dict[str, Any]:
        """What was derived, and whether L1's assertions agree with it."""
        challenger = None if self._player is None else checksum(self._player.address)
        return {"role": "verifier", "challenger": challenger, **await self._watcher.status()}

    async def withdrawals(self, owner: Any) -> list[dict[str, Any]]:
        """An owner's withdrawals on L1.

        ``status`` is "posted", "confirmed" where it can be claimed, "taken" where a ``provider`` has paid it and will
        get it (``claimable`` says whether that is now), or "claimed", by its ``payee``. ``transaction`` is that of the
        fast exit or of the claim.
        """
        address = jsonrpc.data(owner, "owner", 20)
        async with self._watcher.lock:
            replica = self._watcher.replica
            return [_shown(replica, each) for each in replica.state.withdrawals if each.owner == address]

    async def withdrawal_proof(self, index: Any) -> dict[str, Any]:
        """The arguments of ``Bridge.claim`` for a withdrawal, against the last confirmed outbox."""
        number = jsonrpc.quantity(index, "index", 32)
        async with self._watcher.lock:
            replica = self._watcher.replica
            at = replica.confirmed_outbox()
            if number >= len(replica.state.withdrawals):
                raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no withdrawal {number}")
            if number >= at.withdrawals:
                raise jsonrpc.ApiError(
                    jsonrpc.NOT_FOUND, f"withdrawal {number} is not confirmed on L1 yet ({at.withdrawals} are)"
                )
            depth = replica.state.genesis.withdrawals_depth
            claim = withdrawal_claim(replica.state.withdrawals[: at.withdrawals], number, depth)
            withdrawal = claim.withdrawal
            return {
                "outboxRoot": hex_of(claim.outbox_root),
                "index": number,
                "owner": checksum(withdrawal.owner),
                "token": checksum(withdrawal.token),
                "amount": str(withdrawal.amount),
                "proof": [hex_of(sibling) for sibling in claim.proof],
            }

    def _known(self) -> View:
        """What is known now, for Ethereum's methods; the lock must be held."""
        replica, sequencer = self._watcher.replica, self._watcher.replica.contracts.sequencer
        finalized, now = replica.confirmed_outbox().batch, self._watcher.timestamp
        return View(replica.history, replica.outcomes, replica.state, finalized, (), sequencer, now)

    def _judge(self, name: bytes) -> None:
        assertion = self._watcher.replica.assertions.get(name)
        if assertion is None:  # the genesis, which nobody asserted
            return
        what = f"assertion {hex_of(assertion.id)} of batch {assertion.batch} by {checksum(assertion.proposer)}"
        if assertion.agree:
            log.info("agree with %s: machine hash %s", what, hex_of(assertion.machine_hash))
            return
        log.error(
            "DISAGREE with %s: it says machine hash %s, L1's data gives %s%s",
            what, hex_of(assertion.machine_hash), hex_of(assertion.derived),
            "; without a key it cannot be disputed from here" if self._player is None else "",
        )  # fmt: skip

    def _ended(self, event: Ended) -> None:
        assertion = self._watcher.replica.assertions[event.assertion]
        against = self._watcher.replica.disputes.against(event.assertion)
        if not assertion.agree and any(each.ended == event and each.lost_by_step for each in against):
            log.critical(
                "L1 finds for assertion %s of batch %d, which we compute otherwise: the contract and the specification "
                "differ, and somebody must look",
                hex_of(assertion.id), assertion.batch,
            )  # fmt: skip

    def _confirmed(self, name: bytes) -> None:
        assertion = self._watcher.replica.assertions.get(name)
        if assertion is None:
            return
        if assertion.agree:
            log.info("batch %d is confirmed on L1", assertion.batch)
        else:
            log.critical("L1 confirmed a WRONG state for batch %d: %s", assertion.batch, hex_of(assertion.machine_hash))


def _shown(replica: Replica, withdrawal: Withdrawal) -> dict[str, Any]:
    """A withdrawal for JSON-RPC."""
    index, ledger = withdrawal.index, replica.bridge
    claimable = index < replica.confirmed_outbox().withdrawals and index not in ledger.claimed
    taken, payee = ledger.provider_of(withdrawal), ledger.claimed.get(index)
    status, transaction = "confirmed" if claimable else "posted", None
    if taken is not None:
        status, transaction = "taken", ledger.exits[withdrawal.leaf()]
    if payee is not None:
        status, transaction = "claimed", ledger.claims[index]
    return {
        "index": index,
        "owner": checksum(withdrawal.owner),
        "token": checksum(withdrawal.token),
        "amount": str(withdrawal.amount),
        "status": status,
        "claimable": claimable,
        "provider": None if taken is None else checksum(taken.provider),
        "fee": None if taken is None else str(taken.fee),
        "payee": None if payee is None else checksum(payee),
        "transaction": None if transaction is None else hex_of(transaction),
    }
