"""What a rollup service is told: a JSON file, and its key in the environment.

{"l1_rpc": "http://127.0.0.1:8545", "chain_id": 31337, "deployed_block": 1,
 "inbox": "0x...", "machine": "0x...", "rollup": "0x...", "bridge": "0x...",
 "data": "sequencer/", "host": "127.0.0.1", "port": 8600}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolkit.devnet import settings
from toolkit.devnet.blobs import MAX_BLOBS
from toolkit.errors import BadInput
from toolkit.rollup.codec import BLOB_RECORDS
from toolkit.rollup.pricing import KINDS


@dataclass(frozen=True)
class Config:
    """A service's configuration; the JSON has these names.

    Attributes:
        l1_rpc: URL of the L1 node.
        chain_id: that node must be on (EIP-155).
        inbox, machine, rollup, bridge: the contracts' 20-byte addresses.
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
    """

    l1_rpc: str
    chain_id: int
    inbox: bytes
    machine: bytes
    rollup: bytes
    bridge: bytes
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

    def __post_init__(self) -> None:
        if self.batch_records < 2:
            raise BadInput(f"batch_records {self.batch_records} leaves no room for a transfer to a new account (2)")
        if self.batch_data not in KINDS:
            raise BadInput(f"batch_data {self.batch_data!r} is none of {', '.join(KINDS)}")
        most = MAX_BLOBS * BLOB_RECORDS
        if self.batch_data == "blobs" and self.batch_records > most:
            raise BadInput(f"batch_records {self.batch_records} do not fit the blobs of one transaction ({most})")

    @staticmethod
    def load(path: Path) -> Config:
        """Read a configuration file. Raises BadInput where it cannot be used."""
        return settings.load(Config, path)
