"""The proposer: derives the rollup from L1, asserts its state with a bond, confirms when the window has passed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import Sender, hex_of
from toolkit.errors import L2KitError, ProtocolError
from toolkit.rollup import api
from toolkit.rollup.contracts import Contracts, encode_assert, encode_confirm
from toolkit.rollup.follower import Gone
from toolkit.rollup.watcher import Watcher

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)

log = logging.getLogger("proposer")


class ProposerService:
    """Everything that the proposer's process does."""

    def __init__(
        self, contracts: Contracts, watcher: Watcher, sender: Sender, *, poll_seconds: float, assert_seconds: float
    ) -> None:
        self._contracts, self._watcher, self._sender = contracts, watcher, sender
        self._poll_seconds, self._assert_seconds = poll_seconds, assert_seconds
        self._last_assertion = float("-inf")

    async def start(self) -> None:
        """Derive what L1 holds so far."""
        await self._watcher.start()

    async def run(self) -> None:
        """Follow L1, assert and confirm until cancelled."""
        failures = 0
        while True:
            try:
                await self._watcher.look()
                while await self._confirm_next() or await self._assert_next():
                    await self._watcher.look()
                failures = 0
            except (Gone, ProtocolError):
                raise
            except L2KitError as error:
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                log.warning("%s; trying again in %g s", error, pause)
                await asyncio.sleep(pause)
            await asyncio.sleep(self._poll_seconds)

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        return {"l2_status": self.status, "l2_batch": self._watcher.batch, "l2_assertions": self._watcher.assertions}

    async def status(self) -> dict[str, Any]:
        """What was derived, asserted and confirmed."""
        return {"role": "proposer", "address": checksum(self._sender.address), **await self._watcher.status()}

    async def _confirm_next(self) -> bool:
        """Confirm the assertion that is next, if its window is over; whether it was."""
        replica = self._watcher.replica
        assertion = replica.chosen().get(replica.confirmed)
        if assertion is None or assertion.deadline > self._watcher.timestamp:
            return False
        derived = replica.derived[assertion.batch]
        data = encode_confirm(
            assertion.parent, derived.batch, derived.accumulator, derived.outbox_root, derived.inner_hash
        )
        receipt = await self._sender.send(self._contracts.rollup, data)
        log.info("confirmed batch %d in block %d", assertion.batch, receipt.block)
        return True

    async def _assert_next(self) -> bool:
        """Assert the state after the last batch, unless that was done, or was only just done."""
        replica = self._watcher.replica
        now = asyncio.get_running_loop().time()
        confirmed = replica.assertions.get(replica.confirmed)
        if confirmed is not None and not confirmed.agree:
            raise L2KitError(f"L1 confirmed a wrong state for batch {confirmed.batch}; nothing can be built on it")
        parent, batch = replica.tip()
        last = replica.derived[-1]
        if last.batch <= batch or now < self._last_assertion + self._assert_seconds:
            return False
        data = encode_assert(parent, last.batch, last.accumulator, last.machine_hash)
        receipt = await self._sender.send(self._contracts.rollup, data, value=self._contracts.bond)
        self._last_assertion = now
        log.info("asserted batch %d in block %d: machine hash %s", last.batch, receipt.block, hex_of(last.machine_hash))
        return True
