"""Channels on a real node: the whole way, a cheat, and the gas of every call."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from web3.contract import Contract
from web3.logs import DISCARD

from toolkit.channel.onchain import OnChain
from toolkit.channel.position import Position
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, Side, SignedState, Signing, State
from toolkit.crypto import sign
from toolkit.devnet import Account, Chain, Node
from toolkit.errors import BadInput, Reverted

from .people import DAY
from .world import odd

pytestmark = pytest.mark.node

ONE = 10**9
"""1 ETH in gwei, 1 token of 18 decimals in units of 10**9."""

TARGETS = {
    "open and fund (ETH)": 45_500,
    "open and fund (ERC20)": 64_000,
    "top up (ETH)": 28_701,
    "close by a party (ETH)": 46_000,
    "close by anyone (ETH)": 53_500,
    "close by a party (ERC20)": 55_500,
    "unilateral start (ETH)": 35_000,
    "newer state (ETH)": 35_000,
    "settle (ETH)": 41_000,
    "settle (ERC20)": 50_000,
}
"""Receipt gas at most, in steady state: used accounts, funds of others in the contract, both payouts non-zero."""


@dataclass
class Stage:
    """The contract, a token, and two parties with a stranger."""

    chain: Chain
    node: Node
    channels: OnChain
    token: Contract
    alice: Account
    bob: Account
    carol: Account

    def signing(self, channel: Channel) -> Signing:
        return Signing(self.chain.chain_id, self.channels.address, channel.id)

    def terms(self) -> ChannelTerms:
        return ChannelTerms(self.bob.address_bytes, DAY)

    def both(self, token: bytes = ETHER) -> Channel:
        channel, _ = self.channels.open(self.alice, self.terms(), ONE, token)
        self.channels.top_up(self.bob, channel, Side.B, ONE)
        return channel

    def state(self, channel: Channel, by: Account, nonce: int, net: int) -> SignedState:
        return self.signing(channel).sign_state(by.key, State(nonce, net))

    def ether(self, who: Account) -> int:
        return self.chain.balance(who.address)


@pytest.fixture
def stage(chain: Chain, node: Node, accounts: dict[str, Account]) -> Stage:
    deployer, alice, bob, carol = (accounts[name] for name in ("deployer", "alice", "bob", "carol"))
    channels, _ = chain.deploy(deployer, "PaymentChannels")
    token, _ = chain.deploy(deployer, "Token", "Token", "TOK", 10**30)
    for each in (alice, bob):
        chain.send(deployer, token.functions.transfer(each.address, 10**24))
        chain.send(each, token.functions.approve(channels.address, 2**256 - 1))
    return Stage(chain, node, OnChain(chain, channels.address), token, alice, bob, carol)


def test_the_other_side_answers_a_cheat_and_both_are_paid(stage: Stage) -> None:
    channel = stage.both()
    stale, newest = stage.state(channel, stage.bob, 1, -ONE // 2), stage.state(channel, stage.alice, 2, ONE // 4)
    stage.channels.close_alone(stage.alice, channel, stale)
    assert stage.channels.position(channel).balance_a == ONE + ONE // 2
    assert stage.channels.defend(stage.bob, channel, newest) is not None
    assert stage.channels.defend(stage.bob, channel, newest) is None, "nothing is left to do"
    with pytest.raises(Reverted, match="ChallengePeriodNotOver"):
        stage.channels.settle(stage.carol, channel)
    stage.node.travel(DAY + 1)
    before = stage.ether(stage.alice), stage.ether(stage.bob)
    stage.channels.settle(stage.carol, channel)
    gained = stage.ether(stage.alice) - before[0], stage.ether(stage.bob) - before[1]
    assert gained == (3 * ONE // 4 * 10**9, 5 * ONE // 4 * 10**9)
    assert not stage.channels.position(channel).exists


def test_a_closed_channels_events_tell_its_story(stage: Stage) -> None:
    channel = stage.both(bytes.fromhex(stage.token.address[2:]))
    receipt = stage.channels.close_now(
        stage.alice, channel, 5, 2**40 - 1, stage.signing(channel).sign_close(stage.bob.key, 5, 2**40 - 1)
    )
    (closed,) = stage.channels.contract.events.Closed().process_receipt(receipt, errors=DISCARD)
    assert closed["args"]["channel"] == channel.id
    last = Position.unpack(closed["args"]["last"], closed=True)
    assert (last.deposits, last.balance_a) == (Deposits(ONE, ONE), ONE - 5)


def test_a_token_that_takes_fees_is_found_out(stage: Stage, accounts: dict[str, Account]) -> None:
    fees = odd("OddToken")
    factory = stage.chain.w3.eth.contract(abi=fees.abi, bytecode=fees.bytecode)
    data = bytes.fromhex(str(factory.constructor().data_in_transaction)[2:])
    address = stage.chain.send(accounts["deployer"], data=data)["contractAddress"]
    assert address is not None
    token = stage.chain.w3.eth.contract(address=address, abi=fees.abi)
    stage.chain.send(stage.alice, token.functions.mint(stage.alice.address, 10**20))
    stage.chain.send(stage.alice, token.functions.behave(3, stage.carol.address))
    with pytest.raises(BadInput, match="990000000000 arrived"):
        stage.channels.open(stage.alice, stage.terms(), 1000, bytes.fromhex(address[2:]))


def test_the_contract_is_asked_for_where_it_is(stage: Stage) -> None:
    with pytest.raises(BadInput, match="not deployed"):
        OnChain(stage.chain, stage.carol.address)


def test_gas_is_within_its_targets(stage: Stage) -> None:
    token = bytes.fromhex(stage.token.address[2:])
    for asset in (ETHER, token):
        stage.channels.open(stage.carol if asset == ETHER else stage.alice, stage.terms(), ONE, asset)
    used: dict[str, int] = {}
    for asset, name in ((ETHER, "ETH"), (token, "ERC20")):
        channel, receipt = stage.channels.open(stage.alice, stage.terms(), ONE, asset)
        used[f"open and fund ({name})"] = receipt["gasUsed"]
        used[f"top up ({name})"] = stage.channels.top_up(stage.bob, channel, Side.B, ONE)["gasUsed"]
        expiry, net = stage.chain.now() + DAY, ONE // 3
        by_a, by_b = (stage.signing(channel).sign_close(each.key, net, expiry) for each in (stage.alice, stage.bob))
        receipt = stage.channels.close_now(stage.alice, channel, net, expiry, by_b)
        used[f"close by a party ({name})"] = receipt["gasUsed"]
        channel = stage.both(asset)
        by_a, by_b = (stage.signing(channel).sign_close(each.key, net, expiry) for each in (stage.alice, stage.bob))
        receipt = stage.channels.close_now_signed(stage.carol, channel, net, expiry, by_a, by_b)
        used[f"close by anyone ({name})"] = receipt["gasUsed"]
        channel = stage.both(asset)
        older, newer = stage.state(channel, stage.bob, 1000, net), stage.state(channel, stage.alice, 1001, net + 1)
        used[f"unilateral start ({name})"] = stage.channels.close_alone(stage.alice, channel, older)["gasUsed"]
        used[f"newer state ({name})"] = stage.channels.challenge(stage.bob, channel, newer)["gasUsed"]
        stage.node.travel(DAY + 1)
        used[f"settle ({name})"] = stage.channels.settle(stage.alice, channel)["gasUsed"]
    over = {name: (used[name], most) for name, most in TARGETS.items() if used[name] > most}
    assert not over
    assert set(TARGETS) <= set(used)


def test_a_tower_defends_with_both_signatures(stage: Stage) -> None:
    channel = stage.both()
    state = State(7, 9)
    digest = stage.signing(channel).state_digest(state)
    stage.channels.close_alone(stage.alice, channel, SignedState(State(0, 0), bytes(64)))
    by_a = SignedState(state, sign(stage.alice.key, digest))
    stage.channels.challenge_signed(stage.carol, channel, by_a, sign(stage.bob.key, digest))
    assert stage.channels.position(channel).nonce == 7
