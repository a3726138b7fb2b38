"""Follows L1: fetches the logs of the rollup's contracts, keeps a copy, notices when L1 changes its mind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from toolkit.devnet.blobs import commit, versioned_hash
from toolkit.devnet.l1 import L1, bytes_of, hex_of
from toolkit.errors import BadInput, NodeError, ProtocolError, RpcError, ServiceError
from toolkit.rollup.store import L1Copy, L1Log

CHUNK_BLOCKS = 2_000
"""Blocks asked for in one eth_getLogs call; halved where the node finds the answer too large."""

log = logging.getLogger(__name__)


class Gone(ServiceError):
    """The rollup that we follow is not on this chain (any more)."""


@dataclass(frozen=True)
class Step:
    """What one look at L1 brought.

    Attributes:
        head: the number of the block looked up to.
        timestamp: of that block, seconds.
        logs: the new logs, in L1's order.
        rewound: L1 no longer has a block that we had; everything must be derived again from ``L1Copy.logs``.
    """

    head: int
    timestamp: int
    logs: Sequence[L1Log]
    rewound: bool


async def fetch_logs(
    l1: L1,
    addresses: Collection[bytes],
    first: int,
    last: int,
    *,
    calldata_of: Collection[bytes] = (),
    blobs_of: Collection[bytes] = (),
) -> list[L1Log]:
    """The logs of ``addresses`` in the blocks ``first`` to ``last`` (both included), in order.

    Args:
        calldata_of: first topics of the events whose transaction's calldata is wanted.
        blobs_of: selectors of the calls among these whose transaction's blobs are wanted as well.

    Raises:
        NodeError, RpcError: the node does not answer, or refuses a range of one block, or has not the blobs.
        ProtocolError: the node gives other blobs than those that the transaction brought.
    """
    found: list[dict[str, Any]] = []
    chunk, start = CHUNK_BLOCKS, first
    while start <= last:
        end = min(last, start + chunk - 1)
        query = {
            "address": [hex_of(address) for address in addresses],
            "fromBlock": hex(start),
            "toBlock": hex(end),
        }
        try:
            found += await l1.call("eth_getLogs", query)
        except RpcError:
            if chunk == 1:
                raise
            chunk = max(1, min(chunk, end - start + 1) // 2)
            continue
        start = end + 1
    transactions = await _transactions(l1, {entry["transactionHash"] for entry in found})
    times = await _timestamps(l1, found)
    logs = [
        _log(entry, transactions[entry["transactionHash"]], times[entry["blockNumber"]], calldata_of) for entry in found
    ]
    return [
        await _with_blobs(l1, each) if each.calldata[:4] in blobs_of and each.blob_hashes else each for each in logs
    ]


class Follower:
    """Keeps an `L1Copy` in step with L1.

    Attributes:
        copy: the logs so far.
    """

    def __init__(
        self,
        l1: L1,
        copy: L1Copy,
        contracts: Collection[bytes],
        first_block: int,
        *,
        calldata_of: Collection[bytes] = (),
        blobs_of: Collection[bytes] = (),
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """
        Args:
            first_block: from which on logs are read.
            calldata_of, blobs_of: as of `fetch_logs`.
            check: called where L1 has none of the blocks that we had; raises `Gone` if this is another chain.
        """
        copy.keep_of(contracts)
        self.copy = copy
        self._l1, self._contracts = l1, contracts
        self._first_block, self._wanted = first_block, {"calldata_of": calldata_of, "blobs_of": blobs_of}
        self._check = check
        self._rewound = False  # outlives a step that failed after it

    async def step(self) -> Step:
        """Look once at L1; consistent also where it reorganises meanwhile (then the next look tells).

        Raises:
            NodeError, RpcError, ProtocolError: as of `fetch_logs`.
            Gone: the rollup's contracts are gone from this chain.
        """
        head = await self._l1.block("latest")
        if head is None:
            raise NodeError("L1 has no latest block")
        number, block_hash, timestamp = int(head["number"], 16), bytes_of(head["hash"]), int(head["timestamp"], 16)
        known = self.copy.head()
        if known == (number, block_hash) and not self._rewound:
            return Step(number, timestamp, (), False)
        if known is not None:
            await self._rewind_to_common(known)
        known = self.copy.head()
        if self._rewound and known is None and self._check is not None:
            await self._check()
        first = self._first_block if known is None else known[0] + 1
        logs = await fetch_logs(self._l1, self._contracts, first, number, **self._wanted)
        again = await self._l1.block(number)
        if again is None or bytes_of(again["hash"]) != block_hash:
            logs = []
        else:
            self.copy.extend(logs, number, block_hash)
        rewound, self._rewound = self._rewound, False
        return Step(number, timestamp, logs, rewound)

    async def _rewind_to_common(self, known: tuple[int, bytes]) -> None:
        """Forget the blocks that L1 no longer has."""
        if await self._stands(*known):
            return
        for number, block_hash in self.copy.known_blocks():
            if await self._stands(number, block_hash):
                log.warning("L1 changed: blocks %d to %d are not the ones we had", number + 1, known[0])
                self.copy.rewind(number, block_hash)
                break
        else:
            log.warning("L1 changed: no block that we had is there any more")
            self.copy.rewind(-1, b"")
        self._rewound = True

    async def _stands(self, number: int, block_hash: bytes) -> bool:
        block = await self._l1.block(number)
        return block is not None and bytes_of(block["hash"]) == block_hash


async def _transactions(l1: L1, hashes: Collection[str]) -> dict[str, dict[str, Any]]:
    ordered, found = sorted(hashes), {}
    answers = await l1.batch([("eth_getTransactionByHash", [name]) for name in ordered])
    for name, one in zip(ordered, answers, strict=True):
        if one is None:
            raise NodeError(f"L1 has a log of the transaction {name} but not the transaction")
        found[name] = one
    return found


async def _timestamps(l1: L1, logs: Sequence[dict[str, Any]]) -> dict[str, int]:
    times = {entry["blockNumber"]: int(entry["blockTimestamp"], 16) for entry in logs if entry.get("blockTimestamp")}
    missing = sorted({entry["blockNumber"] for entry in logs} - set(times))
    for number in missing:
        block = await l1.block(int(number, 16))
        if block is None:
            raise NodeError(f"L1 has a log in block {int(number, 16)} but not the block")
        times[number] = int(block["timestamp"], 16)
    return times


def _log(entry: dict[str, Any], txn: dict[str, Any], timestamp: int, calldata_of: Collection[bytes]) -> L1Log:
    topics = tuple(bytes_of(topic) for topic in entry["topics"])
    wanted = bool(topics) and topics[0] in calldata_of
    return L1Log(
        block=int(entry["blockNumber"], 16),
        index=int(entry["logIndex"], 16),
        block_hash=bytes_of(entry["blockHash"]),
        timestamp=timestamp,
        transaction=bytes_of(entry["transactionHash"]),
        sender=bytes_of(txn["from"]),
        address=bytes_of(entry["address"]),
        topics=topics,
        data=bytes_of(entry["data"]),
        calldata=bytes_of(txn["input"]) if wanted else b"",
        blob_hashes=tuple(bytes_of(each) for each in txn.get("blobVersionedHashes") or ()) if wanted else (),
    )


async def _with_blobs(l1: L1, entry: L1Log) -> L1Log:
    """The log with the blobs of its transaction, after computing the commitments to them anew."""
    blobs = await l1.blobs(entry.transaction)
    try:
        hashes = await asyncio.to_thread(lambda: tuple(versioned_hash(commit(blob)) for blob in blobs))
    except BadInput as error:
        raise ProtocolError(f"{l1.shown} gives no blobs for {hex_of(entry.transaction)}: {error}") from error
    if hashes != entry.blob_hashes:
        raise ProtocolError(
            f"{l1.shown} gives blobs {', '.join(map(hex_of, hashes)) or 'none'} for the transaction "
            f"{hex_of(entry.transaction)}, which brought {', '.join(map(hex_of, entry.blob_hashes))}"
        )
    return replace(entry, blobs=tuple(blob.rstrip(b"\0") for blob in blobs))
