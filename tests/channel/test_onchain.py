"""Channels on a real node: the whole way, a cheat, and the gas of every call."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from web3.contract import Contract
from web3.logs import DISCARD

from toolkit.channel import receipts
from toolkit.channel.onchain import Closing, OnChain
from toolkit.channel.position import Position
from toolkit.channel.state import (
    ETHER,
    Channel,
    ChannelTerms,
    Deposits,
    Lock,
    Side,
    SignedState,
    Signing,
    State,
    Withdrawal,
    locks_root,
)
from toolkit.crypto import sign
from toolkit.devnet import Account, Chain, Node
from toolkit.errors import BadInput, Reverted

from .people import DAY
from .world import odd, secret

pytestmark = pytest.mark.node

ONE = 10**9
"""1 ETH in gwei, 1 token of 18 decimals in units of 10**9."""

TARGETS = {
    "channel: open and fund (ETH)": 45_500,
    "channel: open and fund (ERC20)": 64_000,
    "channel: top up (ETH)": 28_701,
    "channel: close by a party (ETH)": 46_000,
    "channel: close by anyone (ETH)": 53_500,
    "channel: close by a party (ERC20)": 55_500,
    "channel: unilateral start (ETH)": 35_000,
    "channel: newer state (ETH)": 35_000,
    "channel: settle (ETH)": 41_000,
    "channel: settle (ERC20)": 50_000,
    "channel: cooperative withdraw (ERC20)": 60_000,
    "channel: close 100 together, each (ETH)": 20_000,
    "channel: unlock one hash lock, extra": 5_000,
}
"""Receipt gas at most, in steady state: used accounts, funds of others in the contract, both payouts non-zero."""

BLOCK_NUMBER_EXTRA = 3 * 12
"""Gas of a descriptor's block number of four bytes, none of them zero, over one of a byte or two on a fresh chain."""


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


def test_gas_is_within_its_targets(stage: Stage, accounts: dict[str, Account]) -> None:
    used = receipts.measure(stage.chain, accounts, stage.channels.contract.address, stage.token, stage.node.travel)
    assert set(used) == set(TARGETS)
    described = {name for name in used if "open and" not in name and "top up" not in name and "extra" not in name}
    worst = {name: gas + BLOCK_NUMBER_EXTRA * (name in described) for name, gas in used.items()}
    over = {name: (worst[name], most) for name, most in TARGETS.items() if worst[name] > most}
    assert not over


def test_a_permit_opens_a_channel(stage: Stage) -> None:
    token = bytes.fromhex(stage.token.address[2:])
    stage.chain.send(stage.alice, stage.token.functions.approve(stage.channels.contract.address, 0))
    deadline = stage.chain.now() + DAY
    channel, _ = stage.channels.open_with_permit(stage.alice, stage.terms(), ONE, token, deadline)
    assert stage.channels.position(channel) == Position(Deposits(ONE, 0))
    with pytest.raises(Reverted):
        stage.channels.open_with_permit(stage.alice, stage.terms(), ONE, token, stage.chain.now() - DAY)


def test_both_withdraw_from_an_open_channel(stage: Stage) -> None:
    channel = stage.both(bytes.fromhex(stage.token.address[2:]))
    withdrawal = Withdrawal(0, 0, ONE + 5, stage.chain.now() + DAY)
    signature = sign(stage.alice.key, stage.signing(channel).withdrawal_digest(withdrawal))
    receipt = stage.channels.withdraw(stage.bob, channel, withdrawal, signature)
    expected = Position(Deposits(ONE, -5), withdrawals=1)
    (withdrawn,) = stage.channels.contract.events.Withdrawn().process_receipt(receipt, errors=DISCARD)
    assert Position.unpack(withdrawn["args"]["position"]) == stage.channels.position(channel) == expected


def test_many_channels_close_at_once(stage: Stage) -> None:
    expiry = stage.chain.now() + DAY
    closings = []
    for index in range(3):
        channel = stage.both()
        signer = stage.bob if index != 1 else stage.carol  # no party: left out
        signature = stage.signing(channel).sign_close(signer.key, 7, expiry)
        closings.append(Closing(channel, 7, expiry, signature))
    before = stage.ether(stage.bob)
    closed, _ = stage.channels.close_many(stage.alice, closings)
    assert closed == 2
    assert stage.ether(stage.bob) - before == 2 * (ONE + 7) * 10**9
    assert [stage.channels.position(each.channel).exists for each in closings] == [False, True, False]


def test_locks_are_shown_revealed_and_settled(stage: Stage) -> None:
    made = [secret(name) for name in ("shown at once", "shown later", "revealed", "expires")]
    soon, late = stage.chain.now() + 3600, stage.chain.now() + 3 * DAY
    locks = [Lock(made[0][1], 1, late), Lock(made[1][1], 2, late), Lock(made[2][1], 4, soon), Lock(made[3][1], 8, soon)]
    channel = stage.both()
    newer = stage.signing(channel).sign_state(stage.alice.key, State(2, 0, locks_root(locks)))
    stage.channels.close_alone(stage.alice, channel, SignedState(State(0, 0), bytes(64)))
    stage.channels.reveal(stage.carol, made[2][0])
    assert 0 < stage.channels.revealed_at(made[2][1]) <= soon
    assert stage.channels.revealed_at(made[3][1]) == 0
    receipt = stage.channels.challenge(stage.bob, channel, newer, locks, {made[0][1]: made[0][0]})
    (pending,) = stage.channels.contract.events.LocksPending().process_receipt(receipt, errors=DISCARD)
    rest = [Lock(each["hash"], each["units"], each["expiry"]) for each in pending["args"]["locks"]]
    assert rest == [locks[1], locks[3]]
    assert stage.channels.pending_locks(channel) == locks_root(rest)
    stage.channels.unlock(stage.carol, channel, rest, {made[1][1]: made[1][0]})
    position = stage.channels.position(channel)
    assert (position.balance_a, position.has_locks) == (ONE - 7, True)
    stage.node.travel(DAY + 1)
    with pytest.raises(Reverted, match="LocksUnresolved"):
        stage.channels.settle(stage.bob, channel)
    before = stage.ether(stage.alice)
    stage.channels.settle(stage.bob, channel, [locks[3]])
    assert stage.ether(stage.alice) - before == (ONE - 7) * 10**9


def test_a_start_shows_secrets_too(stage: Stage) -> None:
    known, lock_hash = secret("one")
    lock = Lock(lock_hash, -5, stage.chain.now() + DAY)
    channel = stage.both()
    signed = stage.signing(channel).sign_state(stage.bob.key, State(1, 9, locks_root([lock])))
    stage.channels.close_alone(stage.alice, channel, signed, [lock], {lock_hash: known})
    assert stage.channels.position(channel).balance_a == ONE - 9 + 5


def test_a_tower_defends_with_both_signatures(stage: Stage) -> None:
    channel = stage.both()
    state = State(7, 9)
    digest = stage.signing(channel).state_digest(state)
    stage.channels.close_alone(stage.alice, channel, SignedState(State(0, 0), bytes(64)))
    by_a = SignedState(state, sign(stage.alice.key, digest))
    stage.channels.challenge_signed(stage.carol, channel, by_a, sign(stage.bob.key, digest))
    assert stage.channels.position(channel).nonce == 7
