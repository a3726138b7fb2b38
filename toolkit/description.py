"""A devnet described for programs: everything that they need to use it, from wherever they run."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.world import Devnet


def describe(devnet: Devnet) -> dict[str, Any]:
    """What ``l2kit up`` prints as JSON. Its services must run.

    The accounts' keys are in it, where everybody knows them; where they come from a payer's, only whence they do.
    """
    token, payer, session = devnet.contracts["Token"].functions, devnet.options.payer, devnet.options.session
    return {
        "l2kit": version("l2kit"),
        "session": devnet.options.session,
        "pid": os.getpid(),
        "l1": {
            "name": devnet.node.version(),
            "chain_id": devnet.l1.chain_id,
            "rpc": devnet.node.url,
            "deployed_block": devnet.rollup.block,
        },
        "l2": {
            "name": "payments rollup",
            "chain_id": devnet.rollup.l2_chain_id,
            "rpc": devnet.services["sequencer"].url,
        },
        "services": {role: service.url for role, service in devnet.services.items()},
        "accounts": [
            {
                "name": account.name,
                "address": account.address,
                **({} if payer else {"key": "0x" + account.key.hex()}),
                "wei": str(devnet.l1.balance(account.address)),
                "tokens": str(token.balanceOf(account.address).call()),
            }
            for account in devnet.accounts.values()
        ],
        **({"keys": payer.described(devnet.l1.chain_id, session or "")} if payer else {}),
        "contracts": {name: contract.address for name, contract in devnet.contracts.items()},
        "folder": str(devnet.folder.path),
        "logs": {child.name: str(child.log) for child in devnet.folder.children},
    }
