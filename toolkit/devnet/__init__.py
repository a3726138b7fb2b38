"""The devnet below every technique: nodes, processes, accounts, and the chain client.

Names are loaded when first used: a service that needs accounts only does not wait for web3 (1.8 s).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.devnet.accounts import DEV_MNEMONIC, ROLES, USERS, Account, checksum, dev_accounts
    from toolkit.devnet.chain import Call, Chain
    from toolkit.devnet.nodes import (
        DEV_CHAIN_ID,
        HARDFORK,
        Node,
        attach,
        check_port,
        free_port,
        start_anvil,
        start_hardhat,
    )
    from toolkit.devnet.process import Child, RunFolder
    from toolkit.devnet.rpc import Rpc
    from toolkit.devnet.transaction import TX_GAS_CAP, Transaction

_HOMES = {
    "accounts": ["DEV_MNEMONIC", "ROLES", "USERS", "Account", "checksum", "dev_accounts"],
    "chain": ["Call", "Chain"],
    "nodes": [
        "DEV_CHAIN_ID", "HARDFORK", "Node", "attach", "check_port", "free_port", "start_anvil", "start_hardhat",
    ],
    "process": ["Child", "RunFolder"],
    "rpc": ["Rpc"],
    "transaction": ["TX_GAS_CAP", "Transaction"],
}  # fmt: skip

__all__ = [
    "DEV_CHAIN_ID",
    "DEV_MNEMONIC",
    "HARDFORK",
    "ROLES",
    "TX_GAS_CAP",
    "USERS",
    "Account",
    "Call",
    "Chain",
    "Child",
    "Node",
    "Rpc",
    "RunFolder",
    "Transaction",
    "attach",
    "check_port",
    "checksum",
    "dev_accounts",
    "free_port",
    "start_anvil",
    "start_hardhat",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"toolkit.devnet.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
