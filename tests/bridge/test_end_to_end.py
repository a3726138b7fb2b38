"""The whole way on a real node: deposit, transfer, withdraw, assert, confirm, claim; and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_typing import HexAddress, HexStr
from web3.types import Nonce, TxReceipt
from web3.utils import get_create_address

from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.client import claim, deposit_erc20, deposit_eth
from toolkit.devnet import Account, Chain, Node
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.codec import NO_ACCOUNT, Header, RegisterRecord
from toolkit.rollup.deploy import DAY, RollupContracts, create_address, deploy_rollup
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Outcome, State, apply_batch, deposit_data
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.witness import witness_at

ETHER, ETH = 10**18, bytes(20)
BOND = 10**17


class Driver:
    """A sequencer and proposer in a few lines: what it posts it also applies to the specification's state."""

    def __init__(self, node: Node, chain: Chain, accounts: dict[str, Account]) -> None:
        self.node, self.chain, self.accounts = node, chain, accounts
        self.contracts: RollupContracts = deploy_rollup(
            chain, accounts["deployer"], sequencer=accounts["sequencer"].address, bond=BOND, ring_size=8
        )
        self.state = State(self.contracts.genesis)
        self.confirmed: bytes = chain.call(self.contracts.rollup.functions.GENESIS())
        self.waiting: list[Message] = []
        self.snapshot: list[Message] = []

    def time_of(self, receipt: TxReceipt) -> int:
        return int(self.chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"])

    def deposit(self, account: Account, amount: int, token: str | None = None) -> int:
        bridge = self.contracts.bridge
        if token is None:
            receipt = deposit_eth(self.chain, bridge, account, amount)
        else:
            receipt = deposit_erc20(self.chain, bridge, account, token, amount)
        asset = ETH if token is None else bytes.fromhex(token[2:])
        hint = self.state.index_of(account.address_bytes, asset)
        data = deposit_data(asset, account.address_bytes, amount)
        sender = bytes.fromhex(bridge.address[2:])
        self.waiting.append(Message(sender, self.time_of(receipt), data, NO_ACCOUNT if hint is None else hint))
        return int(receipt["gasUsed"])

    def post(self, records: Sequence[bytes] = (), header: Header | None = None) -> tuple[int, list[Outcome]]:
        word = (header or Header()).encode()
        references = b"".join(message.reference() for message in self.snapshot)
        number, sequencer = self.state.batch + 1, self.accounts["sequencer"]
        call = self.contracts.inbox.functions.postBatch(number, word, b"".join(records), references)
        receipt = self.chain.send(sequencer, call)
        self.batch = Batch(word, records, self.snapshot, self.time_of(receipt), sequencer.address_bytes)
        self.before = self.state.copy()
        outcomes = apply_batch(self.state, self.batch)
        self.snapshot, self.waiting = self.waiting, []
        assert self.chain.call(self.contracts.inbox.functions.accumulator(number)) == self.state.accumulator
        return int(receipt["gasUsed"]), outcomes

    def settle(self) -> tuple[int, int]:
        """Assert the state, wait, confirm; returns the gas of both."""
        rollup, state, proposer = self.contracts.rollup.functions, self.state, self.accounts["proposer"]
        call = rollup.assertState(self.confirmed, state.batch, state.accumulator, state.machine_hash)
        asserted = self.chain.send(proposer, call, value=BOND)
        name = self.contracts.rollup.events.Asserted().process_receipt(asserted)[0]["args"]["id"]
        self.node.travel(7 * DAY)
        halves = (state.outbox_root, state.inner_hash)
        confirm = rollup.confirm(self.confirmed, state.batch, state.accumulator, *halves)
        confirmed = self.chain.send(proposer, confirm)
        self.confirmed = name
        return int(asserted["gasUsed"]), int(confirmed["gasUsed"])

    def transfer(self, payer: Account, payee: Account, amount: int, nonce: int, token: bytes = ETH) -> bytes:
        sender, recipient = (self.state.index_of(each.address_bytes, token) for each in (payer, payee))
        assert sender is not None and recipient is not None
        transfer = Transfer(sender, payee.address_bytes, token, amount, 0, nonce)
        return transfer.record(recipient, transfer.sign(self.state.genesis.domain, payer.key)).encode()

    def withdraw(self, owner: Account, amount: int, nonce: int, token: bytes = ETH) -> bytes:
        index = self.state.index_of(owner.address_bytes, token)
        assert index is not None
        withdraw = Withdraw(index, token, amount, 0, nonce)
        return withdraw.record(withdraw.sign(self.state.genesis.domain, owner.key)).encode()


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
