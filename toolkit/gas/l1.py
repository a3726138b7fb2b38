"""Plain L1 as techniques: ETH transfers, ERC20 transfers, and many payments in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from web3.contract import Contract

from toolkit.devnet.chain import Call
from toolkit.technique.meter import Balances, Meter
from toolkit.technique.protocol import Cost, cost
from toolkit.technique.workload import Workload

ERC20_GAS = 80_000
"""Gas limit of one ERC20 transfer (the first to an address costs about 51,000)."""


class _OnL1:
    """Payments that are made and settled on L1 itself."""

    def settle(self) -> Sequence[Cost]:
        """A payment on L1 is settled."""
        return []

    def exit(self) -> Sequence[Cost]:
        """The money never left L1."""
        return []


class L1Eth(_OnL1):
    """Every payment is an ETH transfer of its own."""

    name = "L1 ETH transfers"

    def __init__(self, meter: Meter, workload: Workload) -> None:
        self._meter, self._workload = meter, workload

    def open(self) -> Sequence[Cost]:
        """Nothing to open."""
        self._balances = Balances(self._meter, self._workload.accounts.values())
        return []

    def pay(self) -> Sequence[Cost]:
        """One transaction a payment."""
        accounts = self._workload.accounts
        calls = [
            Call(accounts[each.payer], accounts[each.payee].address, value=each.amount, gas=21_000)
            for each in self._workload.payments
        ]
        return [cost("ETH transfers", *self._meter.send_many(calls))]

    def check(self) -> Sequence[str]:
        """Everybody's ETH."""
        return self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})


class L1Erc20(_OnL1):
    """Every payment is an ERC20 transfer of its own. The payers own the tokens already, and so does every payee."""

    name = "L1 ERC20 transfers"

    def __init__(self, meter: Meter, workload: Workload, token: Contract) -> None:
        self._meter, self._workload, self._token = meter, workload, token

    def open(self) -> Sequence[Cost]:
        """Nothing to open."""
        self._balances = Balances(self._meter, self._workload.accounts.values(), self._token)
        return []

    def pay(self) -> Sequence[Cost]:
        """One transaction a payment."""
        accounts = self._workload.accounts
        calls = []
        for each in self._workload.payments:
            data = self._token.encode_abi("transfer", [accounts[each.payee].address, each.amount])
            calls.append(Call(accounts[each.payer], self._token.address, data=bytes.fromhex(data[2:]), gas=ERC20_GAS))
        return [cost("ERC20 transfers", *self._meter.send_many(calls))]

    def check(self) -> Sequence[str]:
        """Everybody's tokens."""
        return self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})
