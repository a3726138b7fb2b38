"""In calldata or in blobs: what a batch costs on L1 either way, and which is cheaper. No I/O.

The figures are the protocol's where it has any (EIP-7623's floor, EIP-4844's blob gas), and receipts' otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.devnet.blobs import BLOB_SIZE, MAX_BLOBS
from toolkit.errors import BadInput
from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE

KINDS = ("auto", "calldata", "blobs")
"""What a sequencer may be told: the cheaper each time, or always the same."""

_BATCH_GAS = 35_000
"""Of a batch without records, whichever way it comes; what its messages add is the same both ways."""
RECORD_GAS = 650
"""To hash one record and its share of the tree."""
_FLOOR_TOKEN_GAS, _TOKEN_GAS, _TX_GAS = 10, 4, 21_000


@dataclass(frozen=True)
class Prices:
    """L1's prices: wei a gas, priority fee included, and wei a blob gas."""

    gas: int
    blob_gas: int


def calldata_cost(records: Sequence[bytes], prices: Prices) -> int:
    """What these records cost as calldata, in wei (EIP-7623)."""
    zeros = sum(record.count(0) for record in records)
    tokens = 4 * RECORD_SIZE * len(records) - 3 * zeros
    executed = _BATCH_GAS + _TOKEN_GAS * tokens + RECORD_GAS * len(records)
    return prices.gas * max(executed, _TX_GAS + _FLOOR_TOKEN_GAS * tokens)


def blobs_cost(records: Sequence[bytes], prices: Prices) -> int:
    """What these records cost in blobs, in wei (EIP-4844)."""
    return prices.gas * _BATCH_GAS + prices.blob_gas * BLOB_SIZE * blobs_needed(len(records))


def blobs_needed(records: int) -> int:
    """How many blobs hold so many records."""
    return max(1, -(-records // BLOB_RECORDS))


def choose(kind: str, records: Sequence[bytes], prices: Prices) -> bool:
    """Whether a batch goes to L1 in blobs.

    Args:
        kind: one of `KINDS`.

    A batch without records always is calldata, and so is one that has too many for the blobs of one transaction.

    Raises:
        BadInput: there is no such kind.
    """
    if kind not in KINDS:
        raise BadInput(f"batches are posted as {', '.join(KINDS)}, not as {kind!r}")
    if kind == "calldata" or not records or blobs_needed(len(records)) > MAX_BLOBS:
        return False
    return kind == "blobs" or blobs_cost(records, prices) < calldata_cost(records, prices)
