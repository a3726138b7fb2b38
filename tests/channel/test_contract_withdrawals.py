"""Taking units out of an open channel together."""

from __future__ import annotations

import pytest

from toolkit.channel.position import Position
from toolkit.channel.state import MAX_UNITS, Deposits, Signing, State, Withdrawal
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import LATER, behave, calldata, held, plain_token, refused
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import CHAIN_ID, GWEI, World, halves, words


@pytest.fixture
def world() -> World:
    return World()


def test_both_are_paid_what_they_agreed_on(world: World) -> None:
    channel = world.both(100, 50)
    before = world.ether(A), world.ether(B)
    world.withdraw(A, channel, Withdrawal(0, 30, 20, LATER), KEY_B)
    ((topics, data),) = world.logs("Withdrawn(bytes32,uint256)")
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (30, 20)
    assert world.position(channel) == Position(Deposits(70, 30), withdrawals=1)
    assert topics == [channel.id]
    assert Position.unpack(int.from_bytes(data, "big")) == Position(Deposits(70, 30), withdrawals=1)
    world.withdraw(B, channel, Withdrawal(1, 0, 29, LATER), KEY_A)
    assert world.position(channel) == Position(Deposits(70, 1), withdrawals=2)
    assert world.ether(world.channels.address_bytes) == 71


def test_a_side_withdraws_what_it_was_paid_and_old_states_stay_good(world: World) -> None:
    channel = world.both(100, 50)
    state = world.state(channel, KEY_A, 7, 80)  # 20 and 130
    world.withdraw(B, channel, Withdrawal(0, 0, 120, LATER), KEY_A)
    assert world.position(channel).deposits == Deposits(100, -70)
    world.close_alone(B, channel, state)
    assert world.position(channel) == Position(Deposits(100, -70), 20, 7, world.now + DAY)
    world.pass_by(DAY + 1)
    before = world.ether(A), world.ether(B)
    world.settle(channel)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (20, 10)


def test_a_is_below_nothing_and_closes_together(world: World) -> None:
    channel = world.both(100, 50)
    world.withdraw(A, channel, Withdrawal(0, 149, 0, LATER), KEY_B)
    assert world.position(channel).deposits == Deposits(-49, 50)
    world.top_up(A, channel, True, 9)
    assert world.position(channel).deposits == Deposits(-40, 50)
    world.top_up(C, channel, False, 5)
    assert world.position(channel).deposits == Deposits(-40, 55)
    before = world.ether(A), world.ether(B)
    world.close_now(B, channel, -45, LATER, KEY_A)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (5, 10)


def test_a_withdrawal_is_good_once_and_in_its_turn(world: World) -> None:
    channel = world.both(100, 50)
    first, third = Withdrawal(0, 1, 1, LATER), Withdrawal(2, 1, 1, LATER)
    with refused("BadWithdrawalNumber", 2, 0):
        world.withdraw(A, channel, third, KEY_B)
    world.withdraw(A, channel, first, KEY_B)
    for sender, key in ((A, KEY_B), (B, KEY_A)):
        with refused("BadWithdrawalNumber", 0, 1):
            world.withdraw(sender, channel, first, key)
    world.withdraw(B, channel, Withdrawal(1, 1, 1, LATER), KEY_A)
    world.withdraw(A, channel, third, KEY_B)
    assert world.position(channel).deposits == Deposits(97, 47)


def test_it_takes_a_party_and_the_other_ones_signature(world: World) -> None:
    channel = world.both(100, 50)
    withdrawal = Withdrawal(0, 10, 0, LATER)
    with refused("BadSignature", checksum(B).lower()):
        world.withdraw(A, channel, withdrawal, KEY_A)
    with refused("BadSignature", checksum(A).lower()):
        world.withdraw(B, channel, withdrawal, KEY_B)
    with refused("NotAParty", checksum(C).lower()):
        world.withdraw(C, channel, withdrawal, KEY_C)
    signature = world.withdrawal_signature(channel, KEY_B, withdrawal)
    for other in (
        withdrawal._replace(units_a=11),
        withdrawal._replace(units_b=1),
        withdrawal._replace(expiry=LATER + 1),
    ):
        with refused("BadSignature", checksum(B).lower()):
            world.call(A, "withdraw", words(channel), other, signature)
    world.call(A, "withdraw", words(channel), withdrawal, signature)


def test_the_signature_is_good_for_one_channel_contract_and_chain(world: World) -> None:
    channel, other = world.both(), world.both(salt=1)
    withdrawal = Withdrawal(0, 10, 0, LATER)
    for signing in (
        world.signing(other),
        Signing(CHAIN_ID + 1, world.channels.address_bytes, channel.id),
        Signing(CHAIN_ID, C, channel.id),
    ):
        with refused("BadSignature"):
            signature = halves(sign(KEY_B, signing.withdrawal_digest(withdrawal)))
            world.call(A, "withdraw", words(channel), withdrawal, signature)


def test_it_expires_after_its_second(world: World) -> None:
    channel = world.both()
    with refused("WithdrawalExpired", world.now - 1, world.now):
        world.withdraw(A, channel, Withdrawal(0, 1, 0, world.now - 1), KEY_B)
    world.withdraw(A, channel, Withdrawal(0, 1, 0, world.now), KEY_B)


def test_something_is_taken_and_something_stays(world: World) -> None:
    channel = world.both(100, 50)
    for a, b in ((0, 0), (150, 0), (0, 150), (75, 75), (MAX_UNITS, MAX_UNITS)):
        with refused("BadUnits", a + b, 149):
            world.withdraw(A, channel, Withdrawal(0, a, b, LATER), KEY_B)
    world.withdraw(A, channel, Withdrawal(0, 75, 74, LATER), KEY_B)
    with refused("BadUnits", 1, 0):
        world.withdraw(A, channel, Withdrawal(1, 1, 0, LATER), KEY_B)
    assert world.position(channel).exists


def test_nobody_withdraws_from_a_closing_channel_or_from_none(world: World) -> None:
    channel = world.both()
    world.close_alone(A, channel)
    with refused("AlreadyClosing", channel.id, world.now + DAY):
        world.withdraw(A, channel, Withdrawal(0, 1, 0, LATER), KEY_B)
    world.close_now(A, channel, 0, LATER, KEY_B)
    with refused("NotOpen", channel.id):
        world.withdraw(A, channel, Withdrawal(0, 1, 0, LATER), KEY_B)


def test_deposits_end_where_their_bits_do(world: World) -> None:
    """A takes all that B pays in, over and over; and then puts in all it can while B takes that out."""
    channel = world.open(1)
    number = 0
    for _ in range(3):
        world.top_up(B, channel, False, MAX_UNITS - 1)
        taken = min(MAX_UNITS - 1, world.position(channel).deposits.a + 2**56)
        if taken < MAX_UNITS - 1:
            with refused("BadUnits", taken + 1, taken):
                world.withdraw(A, channel, Withdrawal(number, taken + 1, 0, LATER), KEY_B)
        if taken:
            world.withdraw(A, channel, Withdrawal(number, taken, 0, LATER), KEY_B)
            number += 1
        left = world.position(channel).deposits.total
        if left > 1:
            world.withdraw(A, channel, Withdrawal(number, 0, left - 1, LATER), KEY_B)
            number += 1
    assert world.position(channel) == Position(Deposits(-(2**56), 2**56 + 1), withdrawals=number)
    for _ in range(3):
        deposit_a = world.position(channel).deposits.a
        room = min(MAX_UNITS - 1, MAX_UNITS - deposit_a)
        with refused("BadUnits", room + 1, room):
            world.top_up(A, channel, True, room + 1)
        if room:
            world.top_up(A, channel, True, room)
            world.withdraw(B, channel, Withdrawal(number, 0, room, LATER), KEY_A)
            number += 1
    assert world.position(channel) == Position(Deposits(MAX_UNITS, 1 - MAX_UNITS), withdrawals=number)
    world.top_up(B, channel, False, 5)
    world.pass_by(12)
    before = world.ether(A), world.ether(B)
    world.close_now(A, channel, MAX_UNITS - 4, LATER, KEY_B)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (4, 2)


def test_a_payout_that_fails_becomes_a_credit(world: World) -> None:
    token = plain_token(world)
    channel = world.both(100, 50, token=token.address_bytes, exponent=1)
    behave(world, token, 4, who=B)
    before = held(world, token, A)
    world.withdraw(B, channel, Withdrawal(0, 3, 4, LATER), KEY_A)
    assert held(world, token, A) - before == 30
    assert world.credit(B, token.address_bytes) == 40
    assert held(world, token, world.channels.address_bytes) == 1500 - 30


def test_a_receiver_that_calls_back_withdraws_nothing_twice(world: World) -> None:
    party = world.deploy_odd("OddParty")
    channel = world.both(100, 50, counterparty=party.address_bytes)
    withdrawal = Withdrawal(0, 0, 10, LATER)
    signature = world.withdrawal_signature(channel, KEY_A, withdrawal)
    kind = "withdraw((bytes32,bytes32,address),(uint56,uint56,uint56,uint40),(bytes32,bytes32))"
    again = calldata(kind, words(channel), withdrawal, signature)
    world.evm.call(party, "behave", 4, world.channels.address, again)
    world.evm.call(party, "act", world.channels.address, again)
    assert not world.evm.call(party, "calledBack")
    assert world.ether(party.address_bytes) == 10
    assert world.position(channel) == Position(Deposits(100, 40), withdrawals=1)


def test_what_is_withdrawn_while_the_deposit_comes_is_paid_for(world: World) -> None:
    """A token that calls its sender back lets it have a channel before its deposit is there: only for that call."""
    token = plain_token(world)
    victim = world.both(1000, 500, token=token.address_bytes, exponent=0)
    party = world.deploy_odd("OddParty")
    world.evm.call(token, "mint", party.address, 100)
    behave(world, token, 7)
    terms = B + DAY.to_bytes(4, "big") + bytes([0]) + bytes(7)
    opened = (party.address_bytes + world.block.to_bytes(12, "big"), terms, token.address)
    id_ = world.call(A, "channelId", opened)
    withdrawal = Withdrawal(0, 99, 0, LATER)
    digest = Signing(CHAIN_ID, world.channels.address_bytes, id_).withdrawal_digest(withdrawal)
    kind = "withdraw((bytes32,bytes32,address),(uint56,uint56,uint56,uint40),(bytes32,bytes32))"
    take = calldata(kind, opened, withdrawal, halves(sign(KEY_B, digest)))
    world.evm.call(party, "behave", 4, world.channels.address, take)
    opens = calldata("openInTokens(bytes32,address,uint256)", terms, token.address, 100)
    world.evm.call(party, "act", world.channels.address, opens)
    assert world.evm.call(party, "calledBack")
    assert held(world, token, party.address_bytes) == 99
    assert held(world, token, world.channels.address_bytes) == 1501
    world.close_now(A, victim, 0, LATER, KEY_B)


def test_dirty_bits_are_refused(world: World) -> None:
    channel = world.both()
    fields = [value.to_bytes(32, "big") for value in Withdrawal(0, 1, 1, LATER)]
    signature = sign(KEY_B, world.signing(channel).withdrawal_digest(Withdrawal(0, 1, 1, LATER)))
    kind = "withdraw((bytes32,bytes32,address),(uint56,uint56,uint56,uint40),(bytes32,bytes32))"
    head = calldata(kind, words(channel), Withdrawal(0, 0, 0, 0), (bytes(32), bytes(32)))[: 4 + 96]
    for at in range(4):
        dirty = [b"\1" + field[1:] if at == index else field for index, field in enumerate(fields)]
        with pytest.raises(Reverted):
            world.evm.raw(world.channels.address, head + b"".join(dirty) + signature, sender=checksum(A))
    world.evm.raw(world.channels.address, head + b"".join(fields) + signature, sender=checksum(A))


def test_a_withdrawal_in_wei_is_in_units_of_a_gwei(world: World) -> None:
    channel = world.both(100, 50)
    before = world.evm.vm.get_balance(checksum(B))
    world.withdraw(A, channel, Withdrawal(0, 0, 7, LATER), KEY_B)
    assert world.evm.vm.get_balance(checksum(B)) - before == 7 * GWEI
    world.close_alone(A, channel)
    assert world.position(channel).balance_a == 100


def test_a_state_of_before_gives_no_more_than_is_left(world: World) -> None:
    channel = world.both(100, 50)
    world.withdraw(A, channel, Withdrawal(0, 0, 120, LATER), KEY_B)
    world.close_alone(A, channel)  # as if A had paid nothing
    assert world.position(channel).balance_a == 30
    world.challenge(B, channel, world.signing(channel).sign_state(KEY_A, State(1, 75)))
    assert world.position(channel).balance_a == 25
