"""Plain L1 as techniques: ETH transfers, ERC20 transfers, and many payments in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Call
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import RpcError
from toolkit.technique.meter import Balances, Meter
from toolkit.technique.protocol import SINGLES, Cost, cost, timed
from toolkit.technique.workload import ETHER, Payment, Workload

ERC20_GAS = 80_000
"""Gas limit of one ERC20 transfer (the first to an address costs about 51,000)."""
FOR_FEES = ETHER
"""What a payer of batches keeps for their fees (wei)."""


class _OnL1:
    """Payments that are made and settled on L1 itself."""

    _balances: Balances

    def __init__(self, meter: Meter, workload: Workload) -> None:
        self._meter, self._workload = meter, workload
        self.confirmations_ms: list[float] = []

    def open(self) -> Sequence[Cost]:
        """Nothing to open."""
        self._balances = Balances(self._meter, self._workload.accounts.values())
        return []

    def settle(self) -> Sequence[Cost]:
        """A payment on L1 is settled."""
        return []

    def exit(self) -> Sequence[Cost]:
        """The money never left L1."""
        return []

    def check(self) -> Sequence[str]:
        """Everybody's balance."""
        return self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})

    def _send(self, calls: Sequence[Call]) -> list[TxReceipt]:
        receipts = []
        for call in calls[:SINGLES]:
            with timed(self.confirmations_ms):
                receipts += self._meter.send_many([call])
        return receipts + self._meter.send_many(calls[SINGLES:])


class L1Eth(_OnL1):
    """Every payment is an ETH transfer of its own."""

    name = "L1 ETH transfers"

    def pay(self) -> Sequence[Cost]:
        """One transaction a payment."""
        accounts = self._workload.accounts
        calls = [
            Call(accounts[each.payer], accounts[each.payee].address, value=each.amount, gas=21_000)
            for each in self._workload.payments
        ]
        return [cost("ETH transfers", *self._send(calls))]


class L1Erc20(_OnL1):
    """Every payment is an ERC20 transfer of its own. The payers own the tokens already, and so does every payee."""

    name = "L1 ERC20 transfers"

    def __init__(self, meter: Meter, workload: Workload, token: Contract) -> None:
        super().__init__(meter, workload)
        self._token = token

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
        return [cost("ERC20 transfers", *self._send(calls))]


class L1BatchPay(_OnL1):
    """Each payer pays all that it pays in ETH together, in as few transactions as their gas cap allows (EIP-7825)."""

    name = "L1 batch pay"

    def __init__(self, meter: Meter, workload: Workload, contract: Contract) -> None:
        super().__init__(meter, workload)
        self._contract = contract

    def pay(self) -> Sequence[Cost]:
        """One transaction a payer, more where the cap, or what it owns before others have paid it, asks for that."""
        accounts = self._workload.accounts
        receipts = []
        for together in rounds(self._workload.payments, self._funds):
            for name, payments in together.items():
                fits = self._fits(accounts[name])
                for part in parts(payments, fits):
                    with timed(self.confirmations_ms):
                        call = self._call(accounts[name], part)
                        receipts.append(self._meter.send(call.account, to=call.to, value=call.value, data=call.data))
        return [cost("batches of payments", *receipts)]

    def _funds(self) -> dict[str, int]:
        chain = self._meter.chain
        return {name: chain.balance(each.address) - FOR_FEES for name, each in self._workload.accounts.items()}

    def _call(self, payer: Account, payments: Sequence[Payment]) -> Call:
        accounts = self._workload.accounts
        words = [accounts[each.payee].address_bytes + each.amount.to_bytes(12, "big") for each in payments]
        data = bytes.fromhex(self._contract.encode_abi("payETH", [words])[2:])
        return Call(payer, self._contract.address, sum(each.amount for each in payments), data, TX_GAS_CAP)

    def _fits(self, payer: Account) -> Callable[[Sequence[Payment]], bool]:
        """Whether payments of ``payer`` fit one transaction, by the node's estimate."""
        rpc = self._meter.chain.rpc

        def fits(payments: Sequence[Payment]) -> bool:
            call = self._call(payer, payments)
            request = {"from": payer.address, "to": call.to, "value": hex(call.value), "data": "0x" + call.data.hex()}
            try:
                return rpc.quantity("eth_estimateGas", {**request, "gas": hex(call.gas)}, "latest") <= call.gas
            except RpcError:
                if len(payments) == 1:
                    raise
                return False

        return fits


def rounds(payments: Sequence[Payment], funds: Callable[[], Mapping[str, int]]) -> Iterator[dict[str, list[Payment]]]:
    """All payments by payer, in as few rounds as the payers' money allows; in a round nobody waits for anybody.

    Args:
        funds: what each can spend at the beginning of a round (wei); asked when the round before was paid.
    """
    left, together = dict(funds()), defaultdict[str, list[Payment]](list)
    for each in payments:
        if together and left[each.payer] < each.amount:
            yield dict(together)
            left, together = dict(funds()), defaultdict(list)
        left[each.payer] -= each.amount
        together[each.payer].append(each)
    if together:
        yield dict(together)


def parts(payments: Sequence[Payment], fits: Callable[[Sequence[Payment]], bool]) -> Iterator[Sequence[Payment]]:
    """Payments in order in as few parts as can be.

    Args:
        fits: whether payments fit one part; one alone always does, and what fits still does with fewer.
    """
    while payments:
        most, too_many = 1, len(payments) + 1
        found = len(payments)
        while too_many - most > 1:
            most, too_many = (found, too_many) if fits(payments[:found]) else (most, found)
            found = (most + too_many) // 2
        yield payments[:most]
        payments = payments[most:]
