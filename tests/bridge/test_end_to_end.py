"""The whole way on a real node: deposit, transfer, withdraw, assert, confirm, claim; and what it costs."""

from __future__ import annotations

import pytest
from eth_typing import HexAddress, HexStr
from web3.types import Nonce
from web3.utils import get_create_address

from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.client import claim
from toolkit.devnet import Account, Chain, Node
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.codec import RegisterRecord
from toolkit.rollup.deploy import create_address, deploy_rollup
from toolkit.rollup.machine import Outcome
from toolkit.rollup.witness import witness_at

from .driver import ETH, ETHER, Driver


@pytest.fixture
def driver(chain: Chain, node: Node, accounts: dict[str, Account]) -> Driver:
    return Driver(node, chain, accounts)


def test_money_goes_in_around_and_out_again(driver: Driver) -> None:
    chain, contracts = driver.chain, driver.contracts
    alice, bob = driver.accounts["alice"], driver.accounts["bob"]
    token, _ = chain.deploy(alice, "Token", "Coin", "COIN", 10**24)
    chain.send(alice, token.functions.approve(contracts.bridge.address, 2**256 - 1))
    coin = bytes.fromhex(token.address[2:])

    gas: dict[str, int] = {}
    for _ in range(2):  # the second time everything is in its steady state
        gas["bridge: deposit (ETH)"] = driver.deposit(alice, 2 * ETHER)
        gas["bridge: deposit (ERC20)"] = driver.deposit(alice, 1_000, token.address)
        driver.post()
        driver.post()
    _, outcomes = driver.post([RegisterRecord(bob.address_bytes, asset).encode() for asset in (ETH, coin)])
    assert outcomes == [Outcome.APPLIED] * 2
    records = [driver.transfer(alice, bob, ETHER, 0), driver.transfer(alice, bob, 300, 0, coin)]
    _, outcomes = driver.post(records)
    assert outcomes == [Outcome.APPLIED] * 2
    driver.settle()
    both = [driver.withdraw(bob, ETHER // 4, 0), driver.withdraw(bob, 100, 0, coin)]
    again = [driver.withdraw(bob, ETHER // 4, 1), driver.withdraw(bob, 100, 1, coin)]
    _, outcomes = driver.post([*both, *again])
    assert outcomes == [Outcome.APPLIED] * 4

    with pytest.raises(Reverted, match="NotConfirmed"):
        claim(chain, contracts.bridge, alice, withdrawal_claim(driver.state.withdrawals, 0))
    gas["rollup: assert"], gas["rollup: confirm"] = driver.settle()
    before = chain.balance(bob.address)
    for index in range(4):
        receipt = claim(chain, contracts.bridge, alice, withdrawal_claim(driver.state.withdrawals, index))
        gas["bridge: claim withdrawal (ERC20)" if index % 2 else "bridge: claim withdrawal (ETH)"] = receipt["gasUsed"]
    assert chain.balance(bob.address) - before == ETHER // 2
    assert chain.call(token.functions.balanceOf(bob.address)) == 200
    with pytest.raises(Reverted, match="AlreadyClaimed"):
        claim(chain, contracts.bridge, alice, withdrawal_claim(driver.state.withdrawals, 0))

    # What the bridge holds is what L2 owes.
    for asset, held in (
        (ETH, chain.balance(contracts.bridge.address)),
        (coin, chain.call(token.functions.balanceOf(contracts.bridge.address))),
    ):
        assert held == sum(account.balance for account in driver.state.accounts if account.token == asset)
    assert chain.balance(contracts.rollup.address) == 0

    targets = {
        "bridge: deposit (ETH)": 35_000,
        "bridge: deposit (ERC20)": 60_000,
        "bridge: claim withdrawal (ETH)": 60_000,
        "bridge: claim withdrawal (ERC20)": 85_000,
        "rollup: assert": 60_000,
        "rollup: confirm": 60_000,
    }
    assert {name: (gas[name], most) for name, most in targets.items() if gas[name] > most} == {}


def test_a_thousand_transfers_fit_a_batch_at_the_price_of_their_bytes(driver: Driver) -> None:
    alice, bob = driver.accounts["alice"], driver.accounts["bob"]
    driver.deposit(alice, ETHER)
    driver.deposit(bob, ETHER)
    driver.post()
    driver.post()
    records = [driver.transfer(alice, bob, 10**9 * (500_001 + nonce), nonce) for nonce in range(1000)]
    gas, outcomes = driver.post(records)
    assert set(outcomes) == {Outcome.APPLIED}
    assert gas <= 1000 * 76 * 40 * 1.02
    # Any of its steps can be shown to L1.
    state, contracts = driver.before, driver.contracts
    witness = witness_at(state, driver.batch, 0)
    step = contracts.machine.functions.step(state.machine_hash, state.batch + 1, witness)
    assert step.estimate_gas() < 250_000
    driver.settle()


def test_a_batch_from_an_account_with_code_is_refused(driver: Driver) -> None:
    """An account that has delegated to code (EIP-7702) is a transaction's origin, and yet may call from within."""
    sequencer = driver.accounts["sequencer"].address
    driver.chain.rpc.call("anvil_setCode", sequencer, "0xef0100" + "11" * 20)
    with pytest.raises(Reverted, match="NotDirect"):
        driver.post()


@pytest.mark.parametrize("nonce", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 2**64 - 2])
def test_the_address_of_a_contract_to_be_is_foreseen(nonce: int) -> None:
    deployer = b"\xde" * 20
    assert checksum(create_address(deployer, nonce)) == get_create_address(
        HexAddress(HexStr(checksum(deployer))), Nonce(nonce)
    )


def test_a_deployment_can_have_any_parameters_and_says_what_it_starts_from(
    chain: Chain, accounts: dict[str, Account]
) -> None:
    contracts = deploy_rollup(
        chain,
        accounts["deployer"],
        sequencer=accounts["sequencer"].address,
        challenge_window=60,
        sequencer_window=30,
        clock=40,
        extension=5,
        max_rounds=4,
        challenge_bond=11,
        accounts_depth=4,
        withdrawals_depth=5,
    )
    functions = contracts.rollup.functions
    assert chain.call(functions.CHALLENGE_WINDOW()) == 60
    assert chain.call(functions.DISPUTE()) == contracts.dispute.address
    dispute = contracts.dispute.functions
    parameters = (dispute.CLOCK(), dispute.EXTENSION(), dispute.MAX_ROUNDS(), dispute.BOND())
    assert [chain.call(each) for each in parameters] == [40, 5, 4, 11]
    assert chain.call(dispute.ROLLUP()) == contracts.rollup.address
    assert chain.call(dispute.MACHINE()) == contracts.machine.address
    assert chain.call(contracts.bridge.functions.WITHDRAWALS_DEPTH()) == 5
    assert chain.call(contracts.bridge.functions.ROLLUP()) == contracts.rollup.address
    assert chain.call(contracts.machine.functions.BRIDGE()) == contracts.bridge.address
    assert checksum(contracts.genesis.domain.verifying_contract) == contracts.machine.address
    assert chain.call(contracts.inbox.functions.accumulator(0)) == contracts.genesis.accumulator
    assert set(contracts.addresses) == {"Inbox", "PaymentsMachine", "Rollup", "Bridge", "Dispute"}
