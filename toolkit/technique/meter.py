"""Receipts kept and balances checked: who paid which fee, and whether the money is where it must be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Call, Chain
from toolkit.errors import L2KitError
from toolkit.technique.workload import ETHER


class CheckFailed(L2KitError):
    """A balance is not what it must be."""


class Meter:
    """Sends transactions and remembers the fee that each sender paid for them.

    Attributes:
        chain: where they go.
        fees: wei paid so far, by the sender's address.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.fees: dict[str, int] = defaultdict(int)

    def send(self, account: Account, function: ContractFunction | None = None, **transaction: Any) -> TxReceipt:
        """`Chain.send`, remembered."""
        return self.keep(self.chain.send(account, function, **transaction))

    def send_many(self, calls: Sequence[Call]) -> list[TxReceipt]:
        """`Chain.send_many`, remembered."""
        return [self.keep(receipt) for receipt in self.chain.send_many(calls)]

    def keep(self, receipt: TxReceipt) -> TxReceipt:
        """Remember the fee of a transaction that somebody else sent."""
        self.fees[receipt["from"]] += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        return receipt


class Balances:
    """Balances of some accounts before, to be compared with those after.

    Args:
        meter: whose fees count.
        accounts: whose balances.
        token: the ERC20 contract looked at; ETH where None.
    """

    def __init__(self, meter: Meter, accounts: Iterable[Account], token: Contract | None = None) -> None:
        self._meter = meter
        self._token = token
        self._accounts = {account.name: account for account in accounts}
        self._before = self._read()
        self._fees_before = dict(meter.fees)

    def check(self, changes: Mapping[str, int], where: str = "L1") -> list[str]:
        """Compare each balance with the one before plus ``changes`` (wei or base units) less the fees paid.

        Returns one line for each account.

        Raises:
            CheckFailed: one is different; the message has both values.
        """
        unit = "ETH" if self._token is None else "tokens"
        facts = []
        for name, now in self._read().items():
            change = changes.get(name, 0)
            address = self._accounts[name].address
            fee = 0 if self._token else self._meter.fees[address] - self._fees_before.get(address, 0)
            expected = self._before[name] + change - fee
            if now != expected:
                raise CheckFailed(f"{name} owns {now} {unit} base units on {where}, and must own {expected}")
            facts.append(f"{name} {change / ETHER:+.4f} {unit}{' less fees' if fee else ''}")
        return facts

    def _read(self) -> dict[str, int]:
        if self._token is None:
            return {name: self._meter.chain.balance(each.address) for name, each in self._accounts.items()}
        balance_of = self._token.functions.balanceOf
        return {name: int(balance_of(each.address).call()) for name, each in self._accounts.items()}
