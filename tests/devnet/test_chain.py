"""The chain client: receipts, bulk sending, and reverts in the contract's own words."""

from __future__ import annotations

from typing import Any

import pytest
from web3.types import TxReceipt

from toolkit.devnet import Account, Call, Chain
from toolkit.devnet.blobs import FIELD_ELEMENTS, MODULUS
from toolkit.devnet.chain import BURST, evaluate_zero
from toolkit.errors import BadInput, Reverted
from toolkit.technique.protocol import blob_gas_of


def test_plain_transfer_costs_21000(chain: Chain, accounts: dict[str, Account]) -> None:
    receipt = chain.send(accounts["alice"], to=accounts["bob"].address, value=1)
    assert receipt["gasUsed"] == 21_000


def test_blobs_come_back_as_they_were_sent_and_are_counted_apart(chain: Chain, accounts: dict[str, Account]) -> None:
    assert chain.gives_blobs()
    alice, bob = accounts["alice"], accounts["bob"]
    receipt = chain.send(alice, to=bob.address, value=1, blobs=[b"\0one", b"\0two", b"\0one"])
    assert (receipt["gasUsed"], blob_gas_of(receipt)) == (21_000, 3 * 131_072)
    back = chain.rpc.call("anvil_getBlobsByTransactionHash", "0x" + receipt["transactionHash"].hex())
    assert [bytes.fromhex(blob[2:]).rstrip(b"\0") for blob in back] == [b"\0one", b"\0two", b"\0one"]


def test_a_node_prepares_for_blobs_by_evaluating_a_point(chain: Chain) -> None:
    assert evaluate_zero(chain.rpc) == FIELD_ELEMENTS.to_bytes(32, "big") + MODULUS.to_bytes(32, "big")


def test_what_is_no_blob_is_not_sent(chain: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    for blobs, words in (([b"\xff" * 32], "not a blob"), ([b"\1"] * 7, "1 to 6 blobs, not 7")):
        with pytest.raises(BadInput, match=words):
            chain.send(alice, to=bob.address, blobs=blobs)
    with pytest.raises(BadInput, match="creates no contract"):
        chain.send(alice, data=b"\0", gas=100_000, blobs=[b"\0"])
    assert chain.nonce(alice) == 0


def test_send_many_keeps_the_order(chain: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    before = chain.balance(bob.address)
    receipts = chain.send_many([Call(alice, bob.address, value=amount) for amount in range(1, 301)])
    assert len(receipts) == 300
    assert chain.balance(bob.address) - before == sum(range(1, 301))
    places = [(receipt["blockNumber"], receipt["transactionIndex"]) for receipt in receipts]
    assert places == sorted(places)


def test_send_many_interleaves_accounts_in_the_given_order(chain: Chain, accounts: dict[str, Account]) -> None:
    rich, poor = accounts["alice"], Account("poor", b"\x07" * 32)
    calls = [Call(rich, poor.address, value=10**17, gas=21_000), Call(poor, rich.address, value=10**16, gas=21_000)]
    chain.send_many(calls * 3)  # poor can pay only because rich paid first
    assert 26 * 10**16 < chain.balance(poor.address) <= 27 * 10**16


def test_send_many_lets_few_transactions_wait_at_once(
    chain: Chain, accounts: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anvil stands still when about 1,000 wait to be mined."""
    waiting = [0]
    send, receipts = chain.rpc.responses, chain.receipts

    def count_sent(calls: list[tuple[str, list[str]]]) -> list[dict[str, Any]]:
        waiting[-1] += sum(method == "eth_sendRawTransaction" for method, _ in calls)
        return send(calls)

    def wait_for(hashes: list[bytes], **how: Any) -> list[TxReceipt]:
        waiting.append(0)
        return receipts(hashes, **how)

    monkeypatch.setattr(chain.rpc, "responses", count_sent)
    monkeypatch.setattr(chain, "receipts", wait_for)
    chain.send_many([Call(accounts["alice"], accounts["bob"].address, value=1, gas=21_000)] * 1_001)
    assert sum(waiting) == 1_001
    assert max(waiting) <= BURST


def test_account_without_money_is_told(chain: Chain, accounts: dict[str, Account]) -> None:
    pauper = Account("pauper", b"\x01" * 32)
    with pytest.raises(BadInput, match=f"pauper .{pauper.address}. cannot pay"):
        chain.send(pauper, to=accounts["bob"].address, value=1)


def test_revert_names_the_error_and_its_values(chain: Chain, accounts: dict[str, Account]) -> None:
    token, _ = chain.deploy(accounts["alice"], "Token", "Devnet Token", "DEV", 10**18)
    with pytest.raises(Reverted) as caught:
        chain.send(accounts["bob"], token.functions.transfer(accounts["alice"].address, 1))
    assert caught.value.error == "InsufficientBalance"
    with pytest.raises(Reverted) as mined:
        chain.send(accounts["bob"], token.functions.transfer(accounts["alice"].address, 1), gas=100_000)
    assert mined.value.error == "InsufficientBalance"


def test_contract_where_there_is_none_is_told(chain: Chain, accounts: dict[str, Account]) -> None:
    with pytest.raises(BadInput, match=r"there is no contract at .* Token is not deployed there"):
        chain.contract("Token", accounts["bob"].address)
