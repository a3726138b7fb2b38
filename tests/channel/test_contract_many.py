"""Closing many channels in one call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from toolkit.channel.position import Position
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits
from toolkit.crypto import address_of, keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import LATER, behave, calldata, held, plain_token, refused
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import GWEI, NO_SIGNATURE, World, words

CLOSE_MANY = "closeMany(((bytes32,bytes32,address),int64,uint40,(bytes32,bytes32))[])"


@dataclass(frozen=True)
class Closing:
    channel: Channel
    net: int
    signature: tuple[bytes, bytes]
    expiry: int = LATER

    @property
    def words(self) -> tuple[Any, ...]:
        return words(self.channel), self.net, self.expiry, self.signature


@pytest.fixture
def world() -> World:
    return World()


def key(number: int) -> bytes:
    return keccak256(b"counterparty %d" % number)


def closing(world: World, number: int, net: int, *, a_opens: bool = True, **terms: Any) -> Closing:
    """Of a channel of A's with one of many counterparties: 100 of the opener's, 50 of the other's."""
    other = address_of(key(number))
    opener, counterparty = (A, other) if a_opens else (other, A)
    channel = world.open(100, opener=opener, counterparty=counterparty, salt=number, **terms)
    world.top_up(C if channel.token == ETHER else A, channel, False, 50)
    return Closing(channel, net, world.close_signature(channel, key(number), net, LATER))


def close_many(world: World, *closings: Closing, sender: bytes = A) -> int:
    return int(world.call(sender, "closeMany", [each.words for each in closings]))


def closed_ids(world: World) -> list[bytes]:
    return [topics[0] for topics, _ in world.logs("Closed(bytes32,uint256)")]


def test_every_counterparty_is_paid_and_the_caller_once(world: World) -> None:
    closings = [closing(world, number, net=number, a_opens=number % 2 == 0) for number in range(6)]
    world.pass_by(12)
    before = world.ether(A)
    assert close_many(world, *closings) == 6
    assert closed_ids(world) == [each.channel.id for each in closings]
    for number in range(6):
        side = 50 + number if number % 2 == 0 else 100 - number
        assert world.ether(address_of(key(number))) == side
        assert not world.position(closings[number].channel).exists
    assert world.ether(A) - before == (100 + 98 + 96) + (51 + 53 + 55)
    assert world.ether(world.channels.address_bytes) == 0


def test_the_event_has_the_last_position(world: World) -> None:
    each = closing(world, 1, net=30)
    world.pass_by(12)
    close_many(world, each)
    ((_, data),) = world.logs("Closed(bytes32,uint256)")
    last = Position.unpack(int.from_bytes(data, "big"), closed=True)
    assert last == Position(Deposits(100, 50), balance_a=70)


def test_nothing_to_close_is_nothing(world: World) -> None:
    assert close_many(world) == 0
    assert close_many(world, sender=C) == 0


def test_what_cannot_be_closed_is_left_out(world: World) -> None:
    good = [closing(world, number, net=0) for number in (0, 1)]
    expired = replace(closing(world, 2, net=0), expiry=world.now - 1)
    forged = replace(closing(world, 3, net=0), signature=good[0].signature)
    unsigned = replace(closing(world, 4, net=0), signature=NO_SIGNATURE)
    other_net = replace(closing(world, 5, net=0), net=1)
    gone = closing(world, 6, net=0)
    not_mine_channel = world.open(100, opener=C, counterparty=B)
    not_mine, nor_mine = (
        Closing(not_mine_channel, 0, world.close_signature(not_mine_channel, each, 0, LATER)) for each in (KEY_B, KEY_C)
    )
    own = closing(world, 7, net=0)
    own = replace(own, signature=world.close_signature(own.channel, KEY_A, 0, LATER))
    wrong_token = replace(own, channel=replace(own.channel, token=C, terms=own.channel.terms))
    world.pass_by(12)
    too_new = closing(world, 8, net=0)
    world.close_now(A, gone.channel, 0, LATER, key(6))
    bad = [expired, forged, unsigned, other_net, gone, not_mine, nor_mine, own, wrong_token, too_new]
    before = world.ether(A)
    assert close_many(world, good[0], *bad, good[1], good[0]) == 2
    assert closed_ids(world) == [each.channel.id for each in good]
    assert world.ether(A) - before == 200
    for each in bad:
        if each not in (gone, wrong_token):
            assert world.position(each.channel).exists


def test_a_close_is_good_in_its_last_second(world: World) -> None:
    channel = world.both(100, 50)
    at = world.now + 5
    each = Closing(channel, 0, world.close_signature(channel, KEY_B, 0, at), at)
    world.pass_by(6)
    assert close_many(world, each) == 0
    channel = world.both(100, 50)
    at = world.now + 5
    world.pass_by(5)
    assert close_many(world, Closing(channel, 0, world.close_signature(channel, KEY_B, 0, at), at)) == 1


def test_a_closing_channel_is_closed_too(world: World) -> None:
    each = closing(world, 1, net=10)
    world.pass_by(12)
    world.close_alone(A, each.channel)
    before = world.ether(A)
    assert close_many(world, each) == 1
    assert world.ether(A) - before == 90


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 1], [0, 1, 0, 2, 1, 2]])
def test_assets_may_come_in_any_order(world: World, order: list[int]) -> None:
    tokens = [plain_token(world) for _ in range(2)]
    assets = [ETHER, *(token.address_bytes for token in tokens)]
    closings = [
        closing(world, number, net=7, token=assets[asset], exponent=9 if asset == 0 else asset)
        for number, asset in enumerate(order)
    ]
    world.pass_by(12)
    before = [world.ether(A), *(held(world, token, A) for token in tokens)]
    assert close_many(world, *closings) == len(order)
    after = [world.ether(A), *(held(world, token, A) for token in tokens)]
    gained = [now - then for now, then in zip(after, before, strict=True)]
    assert gained == [93 * order.count(0), 93 * 10 * order.count(1), 93 * 100 * order.count(2)]
    for number, asset in enumerate(order):
        other = address_of(key(number))
        paid = world.ether(other) if asset == 0 else held(world, tokens[asset - 1], other)
        assert paid == 57 * (1 if asset == 0 else 10**asset)


def test_a_callers_payout_that_fails_becomes_one_credit(world: World) -> None:
    token = plain_token(world)
    closings = [closing(world, number, net=0, token=token.address_bytes, exponent=1) for number in range(2)]
    world.pass_by(12)
    behave(world, token, 4, who=A)
    assert close_many(world, *closings) == 2
    assert world.credit(A, token.address_bytes) == 2 * 1000
    assert held(world, token, world.channels.address_bytes) == 2000


@pytest.mark.parametrize("manner", [1, 2, 3])
def test_a_counterparty_that_refuses_or_burns_keeps_nobody_waiting(world: World, manner: int) -> None:
    party = world.deploy_odd("OddWallet")
    world.evm.call(party, "become", checksum(C), 0)
    behave(world, party, manner)
    channel = world.open(100, counterparty=party.address_bytes, salt=77)
    odd = Closing(channel, 30, world.close_signature(channel, KEY_C, 30, LATER))
    good = closing(world, 1, net=0)
    world.pass_by(12)
    before = world.ether(A)
    assert close_many(world, odd, good) == 2
    assert world.ether(A) - before == 70 + 100
    assert world.credit(party.address_bytes) == (0 if manner == 3 else 30 * GWEI)


def test_a_wallet_that_burns_gas_costs_no_more_than_its_bound(world: World) -> None:
    wallet = world.deploy_odd("OddWallet")
    world.evm.call(wallet, "become", checksum(C), 3)
    channel = world.open(100, counterparty=wallet.address_bytes, salt=77)
    odd = Closing(channel, 30, world.close_signature(channel, KEY_C, 30, LATER))
    good = [closing(world, number, net=0) for number in range(2)]
    world.pass_by(12)
    assert close_many(world, good[0], odd, good[1]) == 2
    assert world.evm.vm.result.gas_used < 500_000
    assert world.position(channel).exists


def test_too_little_gas_leaves_no_good_channel_out(world: World) -> None:
    """A wallet's answer takes gas: where it did not get all it may have, nothing is closed, and the call reverts."""
    wallet = world.deploy_odd("OddWallet")
    world.evm.call(wallet, "become", checksum(C), 9)  # some 200,000 gas
    channel = world.open(100, counterparty=wallet.address_bytes, salt=77)
    odd = Closing(channel, 30, world.close_signature(channel, KEY_C, 30, LATER))
    good = closing(world, 1, net=0)
    world.pass_by(12)
    data = calldata(CLOSE_MANY, [good.words, odd.words])
    closed, reasons = [], set()
    for gas in range(30_000, 520_000, 2_500):
        snapshot = world.evm.vm.snapshot()
        try:
            answer = world.evm.raw(world.channels.address, data, sender=checksum(A), gas=gas)
            closed.append(int.from_bytes(answer, "big"))
        except Reverted as error:
            closed.append(-1)
            reasons.add(error.error)
        world.evm.vm.revert(snapshot)
    assert closed == sorted(closed)
    assert set(closed) == {-1, 2}
    assert "SignatureOutOfGas" in reasons


@pytest.mark.parametrize("what", ["closeNow", "closeMany"])
def test_a_counterparty_that_calls_back_gains_nothing(world: World, what: str) -> None:
    """While it is paid it closes the next channel of the list itself: that is left out, and everybody has his own."""
    token, party = plain_token(world), world.deploy_odd("OddWallet")
    world.evm.call(party, "become", checksum(C), 0)
    behave(world, token, 8)
    channels = [
        world.open(100, counterparty=party.address_bytes, salt=salt, token=token.address_bytes, exponent=0)
        for salt in range(2)
    ]
    odd = [Closing(each, 30, world.close_signature(each, KEY_C, 30, LATER)) for each in channels]
    world.both(1000, 50, token=token.address_bytes, exponent=0)
    by_a = world.close_signature(channels[1], KEY_A, 40, LATER)
    if what == "closeNow":
        kind = "closeNow((bytes32,bytes32,address),int64,uint40,(bytes32,bytes32))"
        again = calldata(kind, words(channels[1]), 40, LATER, by_a)
    else:
        again = calldata(CLOSE_MANY, [(words(each), 40, LATER, by_a) for each in channels])
    world.evm.call(party, "behave", 4, world.channels.address, again)
    before = held(world, token, A)
    assert close_many(world, *odd) == 1
    assert held(world, token, A) - before == 70 + 60
    assert held(world, token, party.address_bytes) == 30 + 40
    assert held(world, token, world.channels.address_bytes) == 1050


def test_units_of_any_size_add_up(world: World) -> None:
    """The same token in channels of different units."""
    token = plain_token(world)
    closings = [
        closing(world, number, net=-5, token=token.address_bytes, exponent=exponent)
        for number, exponent in enumerate((0, 3, 18))
    ]
    world.pass_by(12)
    before = held(world, token, A)
    assert close_many(world, *closings) == 3
    assert held(world, token, A) - before == 105 * (1 + 10**3 + 10**18)


def test_a_sum_beyond_all_bounds_is_refused_not_wrapped(world: World) -> None:
    """Only a token that lies has so many; its channels are left out, and closed one by one."""
    token = world.deploy_odd("OddToken")
    most = 2**56 - 1
    channels = []
    for salt in range(18):
        world.evm.call(token, "mint", checksum(A), most * 10**59)
        channels.append(world.open(most, token=token.address_bytes, exponent=59, salt=salt))
        world.evm.call(token, "burn", world.channels.address, most * 10**59)
    world.pass_by(12)
    closings = [Closing(each, 0, world.close_signature(each, KEY_B, 0, LATER)) for each in channels]
    with refused("Panic", 0x11):
        close_many(world, *closings)
    assert close_many(world, *closings[:16]) == 16
    assert world.credit(A, token.address_bytes) == 16 * most * 10**59


def test_a_descriptor_in_dirty_calldata_is_refused(world: World) -> None:
    each = closing(world, 1, net=0)
    world.pass_by(12)
    good = calldata(CLOSE_MANY, [each.words])
    token = good.index(each.channel.terms.pack()) + 32
    for dirty in (token, token + 32, token + 64):  # the token, the net, the expiry
        bad = good[:dirty] + b"\1" + good[dirty + 1 :]
        try:
            answer = world.evm.raw(world.channels.address, bad, sender=checksum(A))
        except Reverted:
            continue
        assert int.from_bytes(answer, "big") == 0
    assert int.from_bytes(world.evm.raw(world.channels.address, good, sender=checksum(A)), "big") == 1


def test_a_zero_counterparty_has_signed_nothing(world: World) -> None:
    terms = bytes(20) + DAY.to_bytes(4, "big") + bytes([9]) + bytes(7)
    world.call(A, "openInETH", terms, value=10 * GWEI)
    descriptor = (A + world.block.to_bytes(12, "big"), terms, checksum(ETHER))
    world.pass_by(12)
    for signature in (NO_SIGNATURE, (bytes(31) + b"\1", bytes(32))):
        assert world.call(A, "closeMany", [(descriptor, 5, LATER, signature)]) == 0


def test_both_sides_may_be_asked_for(world: World) -> None:
    """The caller is A in one channel and B in the next, in the same token."""
    mine = world.both(100, 50)
    terms = ChannelTerms(A, DAY)
    world.call(B, "openInETH", terms.pack(), value=40 * GWEI)
    theirs = Channel(B, terms, ETHER, world.block)
    world.pass_by(12)
    closings = [Closing(each, 10, world.close_signature(each, KEY_B, 10, LATER)) for each in (mine, theirs)]
    before = world.ether(A), world.ether(B)
    assert close_many(world, *closings) == 2
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (90 + 10, 60 + 30)
