"""What a rollup service is told: a JSON file, and its key in the environment.

{"l1_rpc": "http://127.0.0.1:8545", "chain_id": 31337, "deployed_block": 1,
 "inbox": "0x...", "machine": "0x...", "rollup": "0x...", "bridge": "0x...",
 "data": "sequencer/", "host": "127.0.0.1", "port": 8600}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from toolkit.crypto import SECP256K1_N
from toolkit.devnet.rpc import without_secrets
from toolkit.errors import BadInput

KEY_VARIABLE = "L2KIT_KEY"
"""The environment variable with the service's private key (32 bytes of hex)."""


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
            mempools take.
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
    batch_seconds: float = 0.5
    queue: int = 20_000
    seal_on_demand: bool = False
    assert_seconds: float = 0.5

    @staticmethod
    def load(path: Path) -> Config:
        """Read a configuration file.

        Raises:
            BadInput: it cannot be read, or an entry is missing, unknown, or not what it should be.
        """
        try:
            found = json.loads(path.read_text())
        except OSError as error:
            raise BadInput(f"cannot read the configuration {path}: {error.strerror}") from error
        except ValueError as error:
            raise BadInput(f"the configuration {path} is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise BadInput(f"the configuration {path} is not a JSON object")
        return Config.parse(found, path.parent)

    @staticmethod
    def parse(found: Mapping[str, Any], folder: Path) -> Config:
        """Check a configuration's entries; ``data`` is relative to ``folder``. Raises BadInput."""
        known = {field.name: field for field in fields(Config)}
        if unknown := sorted(set(found) - set(known)):
            raise BadInput(f"the configuration has an entry {unknown[0]!r} that no service knows")
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in found:
                values[name] = _value(name, str(field.type), found[name])
            elif field.default is MISSING:
                raise BadInput(f"the configuration lacks {name!r}")
        values["data"] = folder / values["data"]
        if not values["l1_rpc"].startswith(("http://", "https://")):
            raise BadInput(f"l1_rpc {without_secrets(values['l1_rpc'])!r} is not an http:// or https:// URL")
        config = Config(**values)
        if config.batch_records < 2:
            raise BadInput(f"batch_records {config.batch_records} leaves no room for a transfer to a new account (2)")
        if config.port > 65535:
            raise BadInput(f"port {config.port} is not from 0 to 65535")
        return config

    def key(self) -> bytes:
        """The service's private key, from the environment. Raises BadInput where there is none."""
        text = os.environ.get(KEY_VARIABLE, "")
        try:
            key = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            key = b""
        if len(key) != 32 or not 0 < int.from_bytes(key, "big") < SECP256K1_N:
            raise BadInput(f"the environment variable {KEY_VARIABLE} does not hold a private key (32 bytes of hex)")
        return key


def _value(name: str, kind: str, value: Any) -> Any:
    if kind == "bytes":
        try:
            address = bytes.fromhex(value[2:]) if value[:2] == "0x" else b""
        except (TypeError, ValueError):
            address = b""
        if len(address) != 20:
            raise BadInput(f"{name} {value!r} is not an address")
        return address
    wanted: dict[str, tuple[type, ...]] = {
        "str": (str,), "Path": (str,), "int": (int,), "float": (int, float), "bool": (bool,),
    }  # fmt: skip
    if not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise BadInput(f"{name} {value!r} is not a {'path' if kind == 'Path' else kind}")
    if isinstance(value, (int, float)) and value < 0:
        raise BadInput(f"{name} {value} is negative")
    return Path(str(value)) if kind == "Path" else value
