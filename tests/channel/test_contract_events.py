"""What PaymentChannels tells those who watch it."""

from __future__ import annotations

import pytest

from toolkit.channel.position import Position
from toolkit.channel.state import Channel, Deposits, State
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum

from .hands import LATER, behave, calldata, plain_token
from .people import DAY, KEY_A, KEY_B, A, B, C
from .world import GWEI, World, halves, words


@pytest.fixture
def world() -> World:
    return World()


def positions(world: World, event: str, channel: Channel) -> list[Position]:
    """Those of the last call's events of that name, all of the channel."""
    found = world.logs(f"{event}(bytes32,uint256)")
    assert all(topics == [channel.id] for topics, _ in found)
    return [Position.unpack(int.from_bytes(data, "big"), closed=event == "Closed") for _, data in found]


def test_an_opening_tells_the_whole_descriptor(world: World) -> None:
    channel = world.open(5)
    ((topics, data),) = world.logs("OpenedInETH(bytes32,bytes32)")
    assert (topics, data + bytes(32)) == ([], channel.encode())
    token = plain_token(world)
    channel = world.open(5, token=token.address_bytes, exponent=0)
    ((topics, data),) = world.logs("OpenedInTokens(bytes32,bytes32,address)")
    assert (topics, data) == ([], channel.encode())


def test_every_position_is_told(world: World) -> None:
    channel = world.open(100)
    world.top_up(B, channel, False, 50)
    assert positions(world, "ToppedUp", channel) == [Position(Deposits(100, 50))]
    world.pass_by(12)
    world.close_alone(A, channel, world.state(channel, KEY_B, 4, -10))
    started = Position(Deposits(100, 50), 110, 4, world.now + DAY)
    assert positions(world, "Started", channel) == [started]
    world.challenge(B, channel, world.state(channel, KEY_A, 5, 20))
    challenged = started._replace(balance_a=80, nonce=5)
    assert positions(world, "Challenged", channel) == [challenged]
    world.challenge_signed(C, channel, State(6, 30), KEY_A, KEY_B)
    last = challenged._replace(balance_a=70, nonce=6)
    assert positions(world, "Challenged", channel) == [last]
    world.pass_by(DAY + 1)
    world.settle(channel)
    assert positions(world, "Closed", channel) == [last]


def test_a_close_together_tells_the_balance(world: World) -> None:
    channel = world.both(100, 50)
    digest = world.signing(channel).close_digest(30, LATER)
    by_a, by_b = (halves(sign(key, digest)) for key in (KEY_A, KEY_B))
    world.call(C, "closeNowSigned", words(channel), 30, LATER, by_a, by_b)
    assert positions(world, "Closed", channel) == [Position(Deposits(100, 50), 70)]


def test_a_credit_and_its_claim_are_told(world: World) -> None:
    party = world.deploy_odd("OddParty")
    behave(world, party, 1)
    channel = world.both(100, 50, counterparty=party.address_bytes)
    world.close_alone(A, channel)
    world.pass_by(DAY + 1)
    world.settle(channel)
    owner = party.address_bytes.rjust(32, b"\0")
    amount = (50 * GWEI).to_bytes(32, "big")
    assert world.logs("Credited(address,address,uint256)") == [([bytes(32), owner], amount)]
    claim = calldata("claimCredit(address,address)", checksum(bytes(20)), checksum(C))
    world.evm.call(party, "act", world.channels.address, claim)
    claimed = [([bytes(32), owner], C.rjust(32, b"\0") + amount)]
    assert world.logs("CreditClaimed(address,address,address,uint256)") == claimed
