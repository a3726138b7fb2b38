"""What a rollup service is told: a JSON file, and its key in the environment.

{"l1_rpc": "http://127.0.0.1:8545", "chain_id": 31337, "deployed_block": 1,
 "inbox": "0x...", "machine": "0x...", "rollup": "0x...", "bridge": "0x...", "dispute": "0x...",
 "data": "sequencer/", "host": "127.0.0.1", "port": 8600}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from toolkit.bridge.fee import Tariff, decimal
from toolkit.devnet import settings
from toolkit.devnet.blobs import MAX_BLOBS
from toolkit.errors import BadInput
from toolkit.rollup import jsonrpc
from toolkit.rollup.codec import BLOB_RECORDS
from toolkit.rollup.pricing import KINDS


@dataclass(frozen=True)
class Config:
    """A service's configuration; the JSON has these names.

    Attributes:
        l1_rpc: URL of the L1 node.
        chain_id: that node must be on (EIP-155).
        inbox, machine, rollup, bridge, dispute: the contracts' 20-byte addresses.
        data: folder for the databases and for ``ready.json``; relative to the configuration file.
        deployed_block: the L1 block from which on the contracts' logs are read.
        host, port: where the service answers JSON-RPC; port 0 takes a free one.
        poll_seconds: between two looks at L1.
        batch_records: sequencer: records in one batch, at most. 1,600 keep a transaction within the 128 KiB that
            mempools take, and within one blob.
        batch_data: sequencer: whether records go to L1 as "calldata", in "blobs", or ("auto") the cheaper way each
            time; on a node that does not give blobs back, "auto" is calldata.
        batch_data_on_demand: sequencer: whether anybody may change that with ``l2_setBatchData``.
        batch_seconds: sequencer: how long the first operation or message of a batch waits for others.
        queue: sequencer: operations that may wait to be taken; more are refused as "busy".
        seal_on_demand: sequencer: whether anybody may ask for a batch with ``l2_seal``.
        assert_seconds: proposer: at least so long between two assertions.
        assert_on_demand: proposer: whether it makes new assertions only when told to, with ``l2_assert``.
        annual_rate, risk: provider: decimal numbers, "0.1" is 10 % of the amount; what they mean is told in
            `toolkit.bridge.fee`.
        prices: provider: the tokens that it serves beside ETH, and the wei that one base unit of each is worth, a
            decimal number: {"0x...": "0.0005"}.
        most_per_exit: provider: worth of one withdrawal that it pays early, at most (wei).
        most_outstanding: provider: worth of all that it has paid for and not been paid for, at most (wei).
        confirmations: provider: blocks of L1 that a batch must be deep before it pays for what is in it.
        quote_seconds: provider: how long a quote is good (L1's time).
        patience_seconds: provider: how long it leaves to others what would bring its money back (to assert, to
            confirm), before it does that itself.
        cheat: how the service is dishonest (`toolkit.rollup.rogue`), for tests and demonstrations; "" is honest.
    """

    l1_rpc: str
    chain_id: int
    inbox: bytes
    machine: bytes
    rollup: bytes
    bridge: bytes
    dispute: bytes
    data: Path
    deployed_block: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    poll_seconds: float = 0.1
    batch_records: int = 1_600
    batch_data: str = "auto"
    batch_data_on_demand: bool = False
    batch_seconds: float = 0.5
    queue: int = 20_000
    seal_on_demand: bool = False
    assert_seconds: float = 0.5
    assert_on_demand: bool = False
    annual_rate: str = "0.1"
    risk: str = "0.0005"
    prices: dict[str, str] = field(default_factory=dict)
    most_per_exit: int = 100 * 10**18
    most_outstanding: int = 1_000 * 10**18
    confirmations: int = 12
    quote_seconds: int = 600
    patience_seconds: float = 60.0
    cheat: str = ""

    def __post_init__(self) -> None:
        if self.batch_records < 2:
            raise BadInput(f"batch_records {self.batch_records} leaves no room for a transfer to a new account (2)")
        if self.batch_data not in KINDS:
            raise BadInput(f"batch_data {self.batch_data!r} is none of {', '.join(KINDS)}")
        most = MAX_BLOBS * BLOB_RECORDS
        if self.batch_data == "blobs" and self.batch_records > most:
            raise BadInput(f"batch_records {self.batch_records} do not fit the blobs of one transaction ({most})")
        _ = self.tariff

    @property
    def tariff(self) -> Tariff:
        """What a provider asks for. Raises BadInput where an entry of it is not what it should be."""
        prices = {}
        for token, price in self.prices.items():
            prices[jsonrpc.data(token, f"the token {token!r} in prices", 20)] = found = decimal("the price", price)
            if not found:
                raise BadInput(f"the price of {token} is nothing: a token without a price is not served")
        return Tariff(decimal("annual_rate", self.annual_rate), decimal("risk", self.risk), prices)

    @staticmethod
    def load(path: Path) -> Config:
        """Read a configuration file. Raises BadInput where it cannot be used."""
        return settings.load(Config, path)
