"""A service's own copy of the rollup, derived from L1 alone and kept in step with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from toolkit.devnet.l1 import L1, hex_of, selector
from toolkit.errors import ProtocolError
from toolkit.rollup import jsonrpc
from toolkit.rollup.contracts import BATCH_POSTED, POST_BLOBS, BatchPosted, Contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.follower import Follower
from toolkit.rollup.operations import l2_chain_id
from toolkit.rollup.store import L1Copy, L1Log


def follow(
    l1: L1, copy: L1Copy, contracts: Contracts, first_block: int, check: Callable[[], Awaitable[None]] | None = None
) -> Follower:
    """What fetches everything about a rollup from L1; ``check`` as of `Follower`."""
    addresses = (contracts.inbox, contracts.rollup, contracts.dispute, contracts.bridge)
    return Follower(
        l1, copy, addresses, first_block, calldata_of=(BATCH_POSTED,), blobs_of=(selector(POST_BLOBS),), check=check
    )


class Watcher:
    """Follows L1 and derives.

    Attributes:
        lock: to be held by who reads the attributes below.
        replica: the rollup as derived so far.
        head, timestamp: number and time (seconds) of the L1 block up to which that is.
        seconds_deriving: that it took to derive, without reading L1.
    """

    def __init__(
        self,
        contracts: Contracts,
        follower: Follower,
        log: logging.Logger,
        derive: Callable[[Contracts], Replica] = Replica,
    ) -> None:
        self.lock = asyncio.Lock()
        self.replica = derive(contracts)
        self.head = self.timestamp = 0
        self.seconds_deriving = 0.0
        self._told = 0  # moves of disputes
        self._contracts, self._follower, self._log, self._new_replica = contracts, follower, log, derive

    async def start(self) -> None:
        """Derive again what the local copy of L1 holds, then what is new on L1."""
        async with self.lock:
            try:
                await self._derive(list(self._follower.copy.logs()))
            except ProtocolError as error:  # of a node that was wrong once, perhaps: that must not stop us for good
                self._log.warning("the local copy of L1 contradicts itself (%s): reading everything again", error)
                self._follower.copy.rewind(-1, b"")
                self.replica = self._new_replica(self._contracts)
            self._told = len(self.replica.disputes.moves)
        await self.look()

    async def look(self) -> list[object]:
        """Look at L1 once; returns the new events. After a reorganisation these are all events since the beginning."""
        step = await self._follower.step()
        async with self.lock:
            logs = step.logs
            if step.rewound:
                self._log.warning("L1 reorganised: deriving everything again")
                self.replica, self._told = self._new_replica(self._contracts), 0
                logs = list(self._follower.copy.logs())
            events = await self._derive(logs)
            self.head, self.timestamp = step.head, step.timestamp
        for event in events:
            if isinstance(event, BatchPosted):
                self._log.info(
                    "batch %d: %d records, %d messages; machine hash %s",
                    event.number, len(event.records), len(event.references),
                    hex_of(self.replica.derived[event.number].machine_hash),
                )  # fmt: skip
        self._tell_disputes()
        return events

    async def _derive(self, logs: Sequence[L1Log]) -> list[object]:
        began = time.perf_counter()
        events = await asyncio.to_thread(self.replica.add_all, logs)
        self.seconds_deriving += time.perf_counter() - began
        return events

    async def status(self) -> dict[str, Any]:
        """What was derived so far."""
        async with self.lock:
            replica = self.replica
            last = replica.derived[-1]
            assertions = replica.assertions.values()
            return {
                "chainId": l2_chain_id(self._contracts.genesis.domain),
                "l1Block": self.head,
                "l1Timestamp": self.timestamp,
                "batches": last.batch,
                "records": replica.records,
                "recordsWithoutEffect": replica.refused,
                "accounts": len(replica.state.accounts),
                "withdrawals": last.withdrawals,
                "machineHash": hex_of(last.machine_hash),
                "assertions": len(assertions),
                "agreed": sum(assertion.agree for assertion in assertions),
                "disagreed": sum(not each.agree and each.status != "rejected" for each in assertions),
                "rejected": sum(each.status == "rejected" for each in assertions),
                "assertedBatch": max((each.batch for each in assertions if each.agree), default=0),
                "confirmedBatch": replica.confirmed_outbox().batch,
                "disputes": len(replica.disputes.all),
                "openDisputes": len(replica.disputes.open),
                "claimed": len(replica.bridge.claimed),
                "taken": len(replica.bridge.providers),
                "alarm": replica.alarm,
                "frozen": None if replica.frozen is None else hex_of(replica.frozen),
                "secondsDeriving": round(self.seconds_deriving, 6),
            }

    async def assertions(self) -> list[dict[str, Any]]:
        """Every assertion on L1, with what was derived beside what was asserted."""
        async with self.lock:
            return [assertion.as_json() for assertion in self.replica.assertions.values()]

    async def disputes(self) -> list[dict[str, Any]]:
        """Every game on L1 with its state, its clocks, and the moves so far."""
        async with self.lock:
            return [dispute.as_json(self.timestamp) for dispute in self.replica.disputes.all]

    def _tell_disputes(self) -> None:
        """One line for each move since the last time."""
        moves = self.replica.disputes.moves
        for game, move in moves[self._told :]:
            self._log.info("game %s: %s", hex_of(game)[:10], move.said)
        self._told = len(moves)

    async def batch(self, number: Any) -> dict[str, Any]:
        """A batch on L1 by number, and what the machine is after it."""
        index = jsonrpc.quantity(number, "batch", 64)
        async with self.lock:
            if not 0 < index <= len(self.replica.history.posted):
                raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no batch {index} on L1")
            derived = self.replica.derived[index]
            hashes = {
                "machineHash": hex_of(derived.machine_hash),
                "outboxRoot": hex_of(derived.outbox_root),
                "innerHash": hex_of(derived.inner_hash),
            }
            return {**self.replica.history.posted[index - 1].as_json(), **hashes}

    async def account(self, owner: Any, token: Any = jsonrpc.ETH) -> dict[str, Any]:
        """Index, balance and nonce of an owner's account of a token, as posted to L1."""
        owner, token = jsonrpc.data(owner, "owner", 20), jsonrpc.data(token, "token", 20)
        async with self.lock:
            return jsonrpc.account(self.replica.state, owner, token)
