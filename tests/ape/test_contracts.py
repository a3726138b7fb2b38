"""ape's own fixtures against the same contracts: run by ``ape test``."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from toolkit.toolchain.pins import ANVIL_VERSION, HARDHAT_VERSION

ONE_TOKEN = 10**18


@pytest.fixture
def owner(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture
def token(owner: Any, project: Any) -> Any:
    return owner.deploy(project.Token, "Test", "TST", 1_000 * ONE_TOKEN)


@pytest.fixture(scope="session")
def heights() -> list[int]:
    """Those of the chain at the beginning of tests."""
    return []


def payment(recipient: Any, amount: int) -> bytes:
    """One word of BatchPay: recipient << 96 | amount."""
    return bytes.fromhex(str(recipient)[2:]) + amount.to_bytes(12, "big")


def test_the_node_is_the_pinned_one_that_was_asked_for(networks: Any) -> None:
    versions = {"foundry": f"anvil/v{ANVIL_VERSION}", "hardhat": f"HardhatNetwork/{HARDHAT_VERSION}/"}
    either = tuple(versions.values())  # a session's
    assert networks.provider.client_version.startswith(versions.get(networks.provider.name, either))


@pytest.mark.parametrize("place", ["first", "second"])
def test_every_test_finds_the_chain_as_it_was(
    place: str, owner: Any, project: Any, chain: Any, heights: list[int]
) -> None:
    heights.append(chain.blocks.height)
    assert heights == heights[:1] * len(heights), place
    storage = owner.deploy(project.SimpleStorage)
    storage.set(7, sender=owner)
    assert chain.blocks.height == heights[0] + 2


def test_storage_returns_what_was_set(owner: Any, project: Any) -> None:
    storage = owner.deploy(project.SimpleStorage)
    assert storage.get() == 0
    storage.set(7, sender=owner)
    assert storage.get() == 7


def test_deployer_holds_the_whole_supply(owner: Any, token: Any) -> None:
    assert token.balanceOf(owner) == token.totalSupply() == 1_000 * ONE_TOKEN


def test_batch_pays_every_recipient_in_ether(owner: Any, accounts: Any, project: Any) -> None:
    batch = owner.deploy(project.BatchPay)
    before = [account.balance for account in accounts[1:4]]
    batch.payETH([payment(account, 5 + i) for i, account in enumerate(accounts[1:4])], value=18, sender=owner)
    assert [account.balance - had for account, had in zip(accounts[1:4], before, strict=True)] == [5, 6, 7]
    assert batch.balance == 0


def test_batch_keeps_no_ether(owner: Any, accounts: Any, project: Any) -> None:
    batch = owner.deploy(project.BatchPay)
    with ape.reverts(batch.ValueTooHigh, left=2):
        batch.payETH([payment(accounts[1], 5)], value=7, sender=owner)
    with ape.reverts(batch.ValueTooLow, index=1, left=2, amount=5):
        batch.payETH([payment(accounts[1], 5), payment(accounts[2], 5)], value=7, sender=owner)


def test_batch_names_the_recipient_that_refuses(owner: Any, accounts: Any, token: Any, project: Any) -> None:
    batch = owner.deploy(project.BatchPay)
    with ape.reverts(batch.PaymentFailed, index=1, recipient=token.address, amount=5):
        batch.payETH([payment(accounts[1], 5), payment(token.address, 5)], value=10, sender=owner)


def test_batch_pays_tokens_from_the_caller(owner: Any, accounts: Any, token: Any, project: Any) -> None:
    batch = owner.deploy(project.BatchPay)
    token.approve(batch, 11, sender=owner)
    batch.payToken(token, [payment(accounts[1], 5), payment(accounts[2], 6)], sender=owner)
    assert [token.balanceOf(account) for account in (accounts[1], accounts[2], batch)] == [5, 6, 0]
    with ape.reverts(batch.TokenPaymentFailed, index=0, token=token.address, recipient=accounts[1].address, amount=1):
        batch.payToken(token, [payment(accounts[1], 1)], sender=owner)


def test_batch_refuses_a_token_without_code(owner: Any, accounts: Any, project: Any) -> None:
    batch = owner.deploy(project.BatchPay)
    with ape.reverts(batch.NotAToken, token=accounts[5].address):
        batch.payToken(accounts[5], [payment(accounts[1], 1)], sender=owner)


def test_nobody_has_a_credit_in_new_channels(owner: Any, project: Any, chain: Any) -> None:
    height = chain.blocks.height
    channels = owner.deploy(project.PaymentChannels)
    assert chain.blocks.height == height + 1
    with ape.reverts(channels.NoCredit):
        channels.claimCredit("0x" + "00" * 20, owner, sender=owner)
