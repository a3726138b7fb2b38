"""A chain that leaves every gas limit to the node, for forks at which the usual limits are too low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Call, Chain
from toolkit.devnet.transaction import TX_GAS_CAP

_TIMES = 8
"""By which a limit of `Chain.send_many` is raised: state costs up to 5 times as much (EIP-8037)."""


class Roomy(Chain):
    """A chain without gas limits of ours."""

    def send(self, account: Account, function: ContractFunction | None = None, **transaction: Any) -> TxReceipt:
        """As `Chain.send`, with the node's estimate for a limit."""
        return super().send(account, function, **{**transaction, "gas": None})

    def send_many(self, calls: Sequence[Call], **how: Any) -> list[TxReceipt]:
        """As `Chain.send_many`, with higher limits."""
        return super().send_many([replace(call, gas=min(_TIMES * call.gas, TX_GAS_CAP)) for call in calls], **how)
