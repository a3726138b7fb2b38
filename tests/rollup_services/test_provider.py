"""The liquidity provider with real processes: paid early, claimed later, and what becomes of who believes anything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from waiting import eventually

from rollup_services.court import Purse, key
from rollup_services.rig import ETHER, WINDOW, Rig, Service, start_rig
from toolkit.bridge.client import deposit_erc20
from toolkit.bridge.fee import CLAIM_GAS, EXIT_GAS
from toolkit.bridge.provider_client import ExitRefused, ProviderClient, Quote
from toolkit.devnet import Account
from toolkit.devnet.l1 import hex_of
from toolkit.errors import RpcError, ServiceError
from toolkit.rollup.machine import Withdrawal

ETH = bytes(20)


@dataclass
class Bank:
    """A rollup with everybody there; alice has money on L2."""

    rig: Rig
    sequencer: Service
    verifier: Service
    proposer: Service
    token: Any

    @property
    def alice(self) -> Account:
        return self.rig.accounts["alice"]

    @property
    def coin(self) -> bytes:
        return bytes.fromhex(self.token.address[2:])

    def open(self, name: str = "provider", account: str = "provider", **told: Any) -> ProviderClient:
        """A provider of that account."""
        prices = {self.token.address: "1"}
        told = {"confirmations": 1, "patience_seconds": 3600.0, "prices": prices, **told}
        service = self.rig.start("provider", name, key=key(self.rig, account), **told)
        bridge = bytes.fromhex(self.rig.contracts.bridge.address[2:])
        return ProviderClient(service.client.url, chain_id=self.rig.node.chain_id, bridge=bridge)

    def close(self, *names: str) -> None:
        """Kill services as kill -9 does."""
        for service in [each for each in self.rig.running if each.child.name in names]:
            service.kill()
            self.rig.running.remove(service)

    def withdraw(self, amount: int, token: bytes = ETH) -> int:
        """Alice withdraws, and the verifier knows it from L1; returns the withdrawal's index."""
        known = {each["index"] for each in self.withdrawals()}
        operation = self.sequencer.client.withdraw(self.alice, amount, token)
        self.sequencer.client.wait_for_post(operation.hash)
        assert eventually(lambda: len(self.withdrawals()) > len(known))
        (new,) = {each["index"] for each in self.withdrawals()} - known
        return int(new)

    def withdrawals(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.verifier.client.call("l2_withdrawals", self.alice.address)
        return found

    def one(self, index: int) -> dict[str, Any]:
        (found,) = [each for each in self.withdrawals() if each["index"] == index]
        return found

    def balance(self, account: Account, token: bytes = ETH) -> int:
        if token == ETH:
            return self.rig.chain.balance(account.address)
        return int(self.token.functions.balanceOf(account.address).call())

    def quote(self, client: ProviderClient, index: int) -> Quote:
        """A quote, as soon as the provider has seen the withdrawal on L1."""
        status = client.status
        assert eventually(lambda: status()["withdrawals"] > index)
        return client.quote(index)

    def sent(self, tag: str) -> int:
        """Transactions of the provider in blocks, or ("pending") sent at all."""
        return self.rig.chain.rpc.quantity("eth_getTransactionCount", self.rig.accounts["provider"].address, tag)

    def is_claimed(self, client: ProviderClient, *indices: int) -> bool:
        shown = {each["index"]: each["status"] for each in client.status()["exits"]}
        return all(shown[index] == "claimed" for index in indices)


@pytest.fixture(scope="module")
def everybody() -> Iterator[Bank]:
    with start_rig() as rig:
        sequencer, verifier, proposer = (rig.start(role) for role in ("sequencer", "verifier", "proposer"))
        alice, heidi = rig.accounts["alice"], rig.accounts["heidi"]
        token, _ = rig.chain.deploy(alice, "Token", "Coin", "COIN", 10**24)
        rig.chain.send(alice, token.functions.transfer(rig.accounts["provider"].address, 10**21))
        rig.chain.send(alice, token.functions.approve(rig.contracts.bridge.address, 10**24))
        rig.deposit("alice", 100 * ETHER)
        rig.deposit("heidi", ETHER)
        deposit_erc20(rig.chain, rig.contracts.bridge, alice, token.address, 10**21)
        bank = Bank(rig, sequencer, verifier, proposer, token)
        sequencer.client.wait_for_balance(alice.address_bytes, 10**21, bank.coin)
        sequencer.client.wait_for_balance(heidi.address_bytes, ETHER)
        yield bank


@pytest.fixture
def bank(everybody: Bank) -> Iterator[Bank]:
    """Providers end with the test."""
    yield everybody
    everybody.close("provider", "careless")


def test_ether_and_tokens_are_paid_at_once_and_claimed_when_they_are_confirmed(bank: Bank) -> None:
    rig, alice, provider = bank.rig, bank.alice, bank.rig.accounts["provider"]
    client = bank.open()
    ether, coins = bank.withdraw(2 * ETHER), bank.withdraw(10**20, bank.coin)
    purse, had = Purse(rig, provider), bank.balance(provider, bank.coin)
    for index, token in ((ether, ETH), (coins, bank.coin)):
        quote, before = bank.quote(client, index), bank.balance(alice, token)
        assert (quote.withdrawal.owner, quote.withdrawal.token) == (alice.address_bytes, token)
        assert 0 < quote.fee < quote.withdrawal.amount // 50
        transaction = client.exit(alice, quote)
        assert bank.balance(alice, token) - before == quote.paid
        assert rig.chain.receipts([transaction])[0]["gasUsed"] <= EXIT_GAS[token == ETH]
        assert client.exit(alice, quote) == transaction, "who asks again is told, and not paid again"
        assert eventually(lambda: bank.one(index)["status"] == "taken")  # noqa: B023
        assert bank.one(index)["provider"] == provider.address
        with pytest.raises(ExitRefused, match=f"withdrawal {index} was paid early by {provider.address}"):
            client.quote(index)
    fees = {each["index"]: int(each["fee"]) for each in client.status()["exits"]}

    last = bank.verifier.client.status()["batches"]
    bank.verifier.client.wait_until(lambda: bank.verifier.client.status()["assertedBatch"] >= last, "the assertion")
    rig.node.travel(WINDOW)
    assert eventually(lambda: bank.is_claimed(client, ether, coins))
    assert eventually(lambda: bank.one(coins)["status"] == "claimed")
    claims = [bytes.fromhex(bank.one(index)["transaction"][2:]) for index in (ether, coins)]
    for receipt, token in zip(rig.chain.receipts(claims), (ETH, bank.coin), strict=True):
        assert receipt["gasUsed"] <= CLAIM_GAS[token == ETH]
    assert purse.gained() == fees[ether]
    assert bank.balance(provider, bank.coin) - had == fees[coins]
    assert client.status()["outstanding"] == "0"


def test_the_honest_decline_what_is_not_there_and_the_careless_lose_their_own_money(bank: Bank) -> None:
    rig, heidi, careless = bank.rig, bank.rig.accounts["heidi"], bank.rig.accounts["grace"]
    honest, believer = bank.open(), bank.open("careless", "grace", cheat="careless")
    made_up = Withdrawal(1_000, heidi.address_bytes, ETH, 50 * ETHER)
    with pytest.raises(ExitRefused, match="there is no withdrawal 1000 on L1 yet"):
        honest.quote(made_up)
    real = bank.withdraw(ETHER)
    bank.quote(honest, real)
    with pytest.raises(ExitRefused, match=f"withdrawal {real} is 1000000000000000000 of"):
        honest.quote(Withdrawal(real, heidi.address_bytes, ETH, ETHER))

    bridge = rig.contracts.bridge.address
    held = [rig.chain.balance(bridge), bank.balance(rig.accounts["provider"])]
    lost, quote, before = Purse(rig, careless), believer.quote(made_up), rig.chain.balance(heidi.address)
    believer.exit(heidi, quote)
    assert rig.chain.balance(heidi.address) - before == quote.paid == -lost.gained()
    assert [rig.chain.balance(bridge), bank.balance(rig.accounts["provider"])] == held
    assert [each["status"] for each in believer.status()["exits"]] == ["lost"]

    # alice has hers all the same, from whomever she likes
    mine, before = honest.quote(real), rig.chain.balance(bank.alice.address)
    honest.exit(bank.alice, mine)
    assert rig.chain.balance(bank.alice.address) - before == mine.paid
    second = believer.quote(mine.withdrawal)
    with pytest.raises(ExitRefused, match=f"withdrawal {real} was paid early by {rig.accounts['provider'].address}"):
        believer.exit(bank.alice, second)


def test_a_payment_that_is_on_its_way_when_the_provider_is_killed_is_made_once(bank: Bank) -> None:
    rig, alice = bank.rig, bank.alice
    client, index = bank.open(), bank.withdraw(3 * ETHER)
    quote = bank.quote(client, index)
    signature, before = client.sign(alice, quote), rig.chain.balance(alice.address)
    rig.chain.rpc.call("evm_setAutomine", False)
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.send, quote, signature)
            assert eventually(lambda: bank.sent("pending") == bank.sent("latest") + 1)
            bank.close("provider")
            assert isinstance(asked.exception(), ServiceError)
        assert rig.chain.balance(alice.address) == before
        client = bank.open()
        with pytest.raises(RpcError, match="from before a restart are still on their way"):
            client.call("lp_exit", index, str(quote.fee), quote.expiry, hex_of(signature))
    finally:
        rig.chain.rpc.call("evm_mine")
        rig.chain.rpc.call("evm_setAutomine", True)
    assert client.send(quote, signature)
    assert rig.chain.balance(alice.address) - before == quote.paid
    assert [each["index"] for each in client.status()["exits"]].count(index) == 1


def test_a_payment_that_l1_forgets_is_made_again_when_it_is_asked_for(bank: Bank) -> None:
    rig, alice = bank.rig, bank.alice
    bank.close("proposer")  # whose transactions would be forgotten, too
    client, index = bank.open(), bank.withdraw(ETHER)
    quote, before = bank.quote(client, index), rig.chain.balance(alice.address)
    signature, block = client.sign(alice, quote), rig.chain.block_number()
    client.send(quote, signature)
    rig.node.rpc.call("anvil_reorg", rig.chain.block_number() - block, [])
    assert rig.chain.balance(alice.address) == before
    assert eventually(lambda: index not in [each["index"] for each in client.status()["exits"]])
    client.send(quote, signature)
    assert rig.chain.balance(alice.address) - before == quote.paid


def test_with_everybody_else_gone_a_provider_brings_its_money_back_by_itself(bank: Bank) -> None:
    """Killed, too, meanwhile: what it is owed is on L1."""
    rig = bank.rig
    bank.close("proposer")
    client, index = bank.open(), bank.withdraw(4 * ETHER)
    client.exit(bank.alice, bank.quote(client, index))
    bank.close("provider", "sequencer", "verifier")
    purse = Purse(rig, rig.accounts["provider"])

    client = bank.open(patience_seconds=0.0)
    assert eventually(lambda: client.status()["assertedBatch"] == client.status()["batches"]), "it asserts"
    rig.node.travel(WINDOW)
    assert eventually(lambda: bank.is_claimed(client, index)), "it confirms and claims"
    outstanding = sum(int(each["amount"]) for each in client.status()["exits"] if each["status"] == "paid")
    assert outstanding == 0
    assert purse.gained() >= 4 * ETHER
