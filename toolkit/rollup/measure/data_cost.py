"""What it costs to put transfers on L1, by the kind of data and by how many there are; from receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.devnet.accounts import USERS, Account
from toolkit.devnet.blobs import BLOB_SIZE, MAX_BLOBS
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.rollup.client import ETH
from toolkit.rollup.codec import BLOB_RECORDS, Header, encode_blobs
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import encode_post_batch, encode_post_blobs
from toolkit.rollup.deploy import RollupContracts, deploy_rollup
from toolkit.rollup.operations import Transfer
from toolkit.technique.protocol import blob_gas_of

SIZES = (1, 10, 100, 1_000, 10_000)
"""How many transfers at once."""


@dataclass(frozen=True)
class DataCost:
    """What some transfers cost as one kind of data, in as few transactions as hold them.

    Attributes:
        kind: "calldata" or "blobs".
        transfers: how many.
        bytes_per_transfer: of calldata, and 131,072 for each blob, however much of it is used.
        gas_per_transfer: of the transactions' receipts; blob gas is paid beside it.
        blob_gas_per_transfer: 131,072 for each blob (EIP-4844).
    """

    kind: str
    transfers: int
    bytes_per_transfer: float
    gas_per_transfer: float
    blob_gas_per_transfer: float

    def as_json(self) -> dict[str, Any]:
        """By name, rounded."""
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class _Posted:
    """What one transaction used."""

    bytes: int
    gas: int
    blob_gas: int = 0


@dataclass(frozen=True)
class _Kind:
    """How batches of one kind are posted: at most so many records by one transaction."""

    records: int
    post: Callable[[Chain, Account, RollupContracts, int, Sequence[bytes]], _Posted]


def data_costs(
    chain: Chain, accounts: dict[str, Account], kinds: Sequence[str], sizes: Sequence[int] = SIZES
) -> Iterator[DataCost]:
    """Post transfers to an Inbox of their own, signed, from many accounts to many; kind by kind.

    The Inbox is in its steady state: where its accumulators are kept, others were before.
    """
    users = [accounts[name] for name in USERS]
    contracts = deploy_rollup(chain, accounts["deployer"], sequencer=accounts["sequencer"].address, ring_size=2)
    batch = 0

    def post(kind: str, records: Sequence[bytes]) -> _Posted:
        nonlocal batch
        batch += 1
        return KINDS[kind].post(chain, accounts["sequencer"], contracts, batch, records)

    records = signed_records(contracts, users, max(sizes))
    for _ in range(2):
        post("calldata", [])
    for kind in kinds:
        for size in sizes:
            most = KINDS[kind].records
            posted = [post(kind, records[start : min(start + most, size)]) for start in range(0, size, most)]
            yield DataCost(
                kind,
                size,
                sum(each.bytes for each in posted) / size,
                sum(each.gas for each in posted) / size,
                sum(each.blob_gas for each in posted) / size,
            )


def signed_records(contracts: RollupContracts, users: Sequence[Account], count: int) -> list[bytes]:
    """Transfers of ETH from each user in turn to others, as records."""
    records = []
    for number in range(count):
        nonce, payer = divmod(number, len(users))
        payee = (payer + 1 + nonce % (len(users) - 1)) % len(users)
        transfer = Transfer(payer, users[payee].address_bytes, ETH, (number % 999 + 1) * 10**12, 0, nonce)
        signature = transfer.sign(contracts.genesis.domain, users[payer].key)
        records.append(transfer.record(payee, signature).encode())
    return records


def _post_calldata(
    chain: Chain, sequencer: Account, contracts: RollupContracts, batch: int, records: Sequence[bytes]
) -> _Posted:
    data = encode_post_batch(batch, Header(fee_token=ETH).encode(), records, ())
    receipt = chain.send(sequencer, to=contracts.inbox.address, data=data, gas=TX_GAS_CAP)
    return _Posted(len(data), receipt["gasUsed"])


def _post_blobs(
    chain: Chain, sequencer: Account, contracts: RollupContracts, batch: int, records: Sequence[bytes]
) -> _Posted:
    data = encode_post_blobs(batch, Header(fee_token=ETH).encode(), len(records), ())
    blobs = encode_blobs(records)
    receipt = chain.send(sequencer, to=contracts.inbox.address, data=data, blobs=blobs)
    return _Posted(len(data) + len(blobs) * BLOB_SIZE, receipt["gasUsed"], blob_gas_of(receipt))


KINDS: dict[str, _Kind] = {
    "calldata": _Kind(Config.batch_records, _post_calldata),
    "blobs": _Kind(MAX_BLOBS * BLOB_RECORDS, _post_blobs),
}
"""The kinds of data by name."""
