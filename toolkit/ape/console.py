"""What ``ape console`` knows by name on the L1 of a session: its contracts, its accounts, and the session itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ape import Contract, networks
from ape_test.accounts import TestAccount
from ethpm_types import ContractType

from toolkit.ape.provider import SessionProvider
from toolkit.compile import artifact
from toolkit.devnet.accounts import Account, dev_accounts


def at_hand() -> dict[str, Any]:
    """The names: ``Rollup`` and the other contracts, ``alice`` and the other accounts, ``devnet``.

    On any other node, the development accounts alone.

    Raises:
        FileNotFoundError: the session that ape is connected to has ended.
    """
    provider = networks.provider
    if not isinstance(provider, SessionProvider):
        return _signers(dev_accounts().values())
    file, devnet = provider.session
    contracts: dict[str, str] = json.loads(file.read_text())["contracts"]
    return {
        **{name: _contract(name, address) for name, address in contracts.items()},
        **_signers(devnet.accounts()),
        "devnet": devnet,
    }


def _contract(name: str, address: str) -> Any:
    found = ContractType.model_validate({"contractName": name, "abi": artifact(name).abi})
    return Contract(address, contract_type=found, fetch_from_explorer=False, detect_proxy=False)


def _signers(accounts: Iterable[Account]) -> dict[str, Any]:
    return {
        account.name: TestAccount(index=index, address_str=account.address, private_key="0x" + account.key.hex())
        for index, account in enumerate(accounts)
    }
