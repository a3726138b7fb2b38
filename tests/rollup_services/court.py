"""Disputes between real processes: who plays, how it ends, and what everybody has in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rollup_services.rig import ETHER, Rig, Service
from toolkit.devnet import Account

CLOCK = 24 * 3600


@dataclass(frozen=True)
class Bonds:
    """In wei."""

    assertion: int
    challenge: int


def bonds(rig: Rig) -> Bonds:
    return Bonds(
        rig.chain.call(rig.contracts.rollup.functions.BOND()), rig.chain.call(rig.contracts.dispute.functions.BOND())
    )


def key(rig: Rig, name: str) -> str:
    return rig.accounts[name].key.hex()


class Purse:
    """What an account has gained since, gas apart."""

    def __init__(self, rig: Rig, account: Account) -> None:
        self._rig, self._account = rig, account
        self._before, self._block = rig.chain.balance(account.address), rig.chain.block_number()

    def gained(self) -> int:
        """Wei, with what it paid for gas given back."""
        chain, spent = self._rig.chain, 0
        for number in range(self._block + 1, chain.block_number() + 1):
            for receipt in chain.rpc.call("eth_getBlockReceipts", hex(number)):
                if receipt["from"] == self._account.address.lower():
                    spent += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        return chain.balance(self._account.address) - self._before + spent


def traffic(rig: Rig, sequencer: Service, count: int = 40) -> int:
    """Alice deposits, and pays bob so many times; returns the last batch on L1."""
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    had = sequencer.client.account(alice.address_bytes).balance
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, had + ETHER)
    receipts = sequencer.client.transfers(alice, [(bob.address_bytes, 10**12 * (1 + i)) for i in range(count)])
    batch = sequencer.client.wait_for_post(receipts[-1].hash).batch
    assert batch is not None
    return batch


def games(service: Service, **wanted: Any) -> list[dict[str, Any]]:
    """The games that the service knows, with these entries."""
    found = service.client.call("l2_disputes")
    return [each for each in found if all(each[name] == value for name, value in wanted.items())]


def wait_for_games(service: Service, count: int, seconds: float = 60.0, **wanted: Any) -> list[dict[str, Any]]:
    """Wait until there are so many games with these entries."""
    what = f"{count} games with {wanted}"
    service.client.wait_until(lambda: len(games(service, **wanted)) >= count, what, seconds)
    return games(service, **wanted)
