"""PaymentChannels, function by function and error by error."""

from __future__ import annotations

import pytest

from toolkit.channel.position import Position
from toolkit.channel.state import ETHER, MAX_UNITS, ChannelTerms, Deposits, Signing, State
from toolkit.crypto import SECP256K1_N, sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import LATER, behave, calldata, plain_token, refused
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import CHAIN_ID, GWEI, NO_SIGNATURE, World, halves, words


@pytest.fixture
def world() -> World:
    return World()


# Opening


def test_an_opened_channel_holds_the_openers_deposit(world: World) -> None:
    channel = world.open(100)
    assert world.position(channel) == Position(Deposits(100, 0), 0, 0, 0)
    assert world.ether(world.channels.address_bytes) == 100


def test_the_contract_computes_the_same_id(world: World) -> None:
    channel = world.open(1, salt=2**56 - 1)
    assert world.call(A, "channelId", words(channel)) == channel.id


def test_one_pair_opens_twice_in_a_block_with_another_salt_only(world: World) -> None:
    channel = world.open(1)
    with refused("AlreadyOpen", channel.id):
        world.open(1)
    assert world.open(1, salt=1).id != channel.id


def test_a_channel_needs_another_counterparty(world: World) -> None:
    with refused("BadCounterparty", checksum(A).lower()):
        world.call(A, "openInETH", ChannelTerms(A, DAY).pack(), value=GWEI)


@pytest.mark.parametrize("period", [0, 599, 90 * DAY + 1, 2**32 - 1])
def test_a_challenge_period_has_bounds(world: World, period: int) -> None:
    terms = B + period.to_bytes(4, "big") + bytes([9]) + bytes(7)
    with refused("BadChallengePeriod", period, 600, 90 * DAY):
        world.call(A, "openInETH", terms, value=GWEI)


@pytest.mark.parametrize("period", [600, 90 * DAY])
def test_a_challenge_period_may_touch_its_bounds(world: World, period: int) -> None:
    world.open(1, period=period)


def test_ether_comes_in_whole_gwei(world: World) -> None:
    with refused("NotWholeUnits", GWEI + 1, GWEI):
        world.call(A, "openInETH", ChannelTerms(B, DAY).pack(), value=GWEI + 1)
    channel = world.open(1)
    with refused("NotWholeUnits", 1, GWEI):
        world.call(B, "topUpETH", channel.id, False, value=1)


def test_a_channel_holds_from_one_to_two_to_the_56th_units(world: World) -> None:
    with refused("BadUnits", 0, MAX_UNITS):
        world.open(0)
    with refused("BadUnits", MAX_UNITS + 1, MAX_UNITS):
        world.open(MAX_UNITS + 1)
    channel = world.open(MAX_UNITS - 5)
    with refused("BadUnits", 6, 5):
        world.top_up(B, channel, False, 6)
    with refused("BadUnits", 0, 5):
        world.top_up(B, channel, False, 0)
    world.top_up(B, channel, False, 5)
    assert world.position(channel).deposits == Deposits(MAX_UNITS - 5, 5)
    with refused("BadUnits", 1, 0):
        world.top_up(A, channel, True, 1)


def test_unit_exponents_have_bounds(world: World) -> None:
    with refused("BadUnitExponent", 8):
        world.call(A, "openInETH", ChannelTerms(B, DAY, 8).pack(), value=GWEI)
    with refused("BadUnitExponent", 60):
        world.call(A, "openInTokens", B + DAY.to_bytes(4, "big") + bytes([60]) + bytes(7), checksum(C), 1)


def test_tokens_have_code_and_no_zero_address(world: World) -> None:
    with refused("NotAToken", checksum(ETHER)):
        world.call(A, "openInTokens", ChannelTerms(B, DAY).pack(), checksum(ETHER), 1)
    with refused(""):  # TransferFromFailed() of the library
        world.open(1, token=C)
    channel = world.open(1)
    with refused("NotAToken", checksum(ETHER)):
        world.call(A, "topUpTokens", words(channel), True, 1)


# Topping up


def test_anybody_tops_up_either_side(world: World) -> None:
    channel = world.open(1)
    world.top_up(C, channel, True, 2)
    world.top_up(A, channel, False, 4)
    assert world.position(channel).deposits == Deposits(3, 4)


def test_ether_does_not_top_up_a_channel_in_tokens(world: World) -> None:
    token = plain_token(world)
    channel = world.open(5, token=token.address_bytes, exponent=0)
    with refused("NotEther", channel.id):
        world.call(A, "topUpETH", channel.id, True, value=GWEI)


def test_nothing_tops_up_a_channel_that_is_not_there_or_closing(world: World) -> None:
    with refused("NotEther", bytes(32)):
        world.call(A, "topUpETH", bytes(32), True, value=GWEI)
    channel = world.both()
    world.close_alone(A, channel)
    with refused("AlreadyClosing", channel.id, world.now + DAY):
        world.top_up(B, channel, False, 1)


def test_a_top_up_belongs_to_its_side_whatever_was_signed_before(world: World) -> None:
    channel = world.both(100, 50)
    state = world.state(channel, KEY_B, 3, 30)
    world.top_up(A, channel, True, 7)
    world.close_alone(A, channel, state)
    assert world.position(channel).balance_a == 100 - 30 + 7


# Closing together


@pytest.mark.parametrize("net", [30, -20, 0, 100, -50])
def test_a_party_closes_with_the_others_signature(world: World, net: int) -> None:
    channel = world.both(100, 50)
    before = world.ether(A), world.ether(B)
    world.close_now(A, channel, net, LATER, KEY_B)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (100 - net, 50 + net)
    assert not world.position(channel).exists
    assert world.ether(world.channels.address_bytes) == 0


@pytest.mark.parametrize(
    ("net", "balances"), [(101, (0, 150)), (2**63 - 1, (0, 150)), (-51, (150, 0)), (-(2**63), (150, 0))]
)
def test_more_than_there_is_becomes_everything(world: World, net: int, balances: tuple[int, int]) -> None:
    channel = world.both(100, 50)
    before = world.ether(A), world.ether(B)
    world.close_now(B, channel, net, LATER, KEY_A)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == balances


def test_a_party_needs_the_others_signature_not_its_own(world: World) -> None:
    channel = world.both()
    with refused("BadSignature", checksum(B).lower()):
        world.close_now(A, channel, 0, LATER, KEY_A)
    with refused("NotAParty", checksum(C).lower()):
        world.close_now(C, channel, 0, LATER, KEY_A)


def test_anybody_closes_with_both_signatures(world: World) -> None:
    channel = world.both(100, 50)
    by_a, by_b = (world.close_signature(channel, key, 10, LATER) for key in (KEY_A, KEY_B))
    for wrong, missing in (((by_a, by_a), B), ((by_b, by_b), A), ((by_b, by_a), A)):
        with refused("BadSignature", checksum(missing).lower()):
            world.call(C, "closeNowSigned", words(channel), 10, LATER, *wrong)
    before = world.ether(B)
    world.call(C, "closeNowSigned", words(channel), 10, LATER, by_a, by_b)
    assert world.ether(B) - before == 60


def test_a_close_expires_after_its_second(world: World) -> None:
    channel = world.both()
    with refused("CloseExpired", world.now - 1, world.now):
        world.close_now(A, channel, 0, world.now - 1, KEY_B)
    world.close_now(A, channel, 0, world.now, KEY_B)


def test_nothing_closes_in_the_block_of_its_opening(world: World) -> None:
    channel = world.open(1)
    with refused("OpenedInThisBlock", world.block):
        world.close_now(A, channel, 0, LATER, KEY_B)
    world.pass_by(12)
    world.close_now(A, channel, 0, LATER, KEY_B)
    with refused("NotOpen", channel.id):
        world.close_now(A, channel, 0, LATER, KEY_B)
    assert world.open(1).id != channel.id


def test_a_close_is_agreed_while_the_challenge_period_runs_and_after(world: World) -> None:
    channel = world.both(100, 50)
    world.close_alone(A, channel)
    world.pass_by(2 * DAY)
    before = world.ether(B)
    world.close_now(A, channel, 20, LATER, KEY_B)
    assert world.ether(B) - before == 70


# Closing alone


def test_a_party_closes_alone_with_the_first_state(world: World) -> None:
    channel = world.both(100, 50)
    world.close_alone(B, channel)
    assert world.position(channel) == Position(Deposits(100, 50), 100, 0, world.now + DAY)
    for state in (State(0, 1), State(0, 0, b"\1" * 32)):
        with refused("BadFirstState", state.net, state.locks):
            other = world.both(salt=state.net + 1)
            world.call(A, "closeAlone", words(other), state, NO_SIGNATURE)


def test_a_party_closes_alone_with_the_others_signature(world: World) -> None:
    channel = world.both(100, 50)
    with refused("BadSignature", checksum(B).lower()):
        world.close_alone(A, channel, world.state(channel, KEY_A, 4, -10))
    with refused("NotAParty", checksum(C).lower()):
        world.close_alone(C, channel, world.state(channel, KEY_A, 4, -10))
    world.close_alone(A, channel, world.state(channel, KEY_B, 4, -10))
    assert world.position(channel) == Position(Deposits(100, 50), 110, 4, world.now + DAY)
    with refused("AlreadyClosing", channel.id, world.now + DAY):
        world.close_alone(B, channel, world.state(channel, KEY_A, 5, 10))


def test_a_newer_state_replaces_an_older_one_and_leaves_the_deadline(world: World) -> None:
    channel = world.both(100, 50)
    newer = world.state(channel, KEY_A, 5, 10)
    with refused("NotClosing", channel.id):
        world.challenge(B, channel, newer)
    world.close_alone(A, channel, world.state(channel, KEY_B, 4, -10))
    deadline = world.now + DAY
    for nonce in (3, 4):
        with refused("NotNewer", nonce, 4):
            world.challenge(B, channel, world.state(channel, KEY_A, nonce, 50))
    with refused("BadSignature", checksum(A).lower()):
        world.challenge(B, channel, world.state(channel, KEY_B, 5, 50))
    with refused("NotAParty", checksum(C).lower()):
        world.challenge(C, channel, newer)
    world.pass_by(DAY)
    world.challenge(B, channel, newer)
    assert world.position(channel) == Position(Deposits(100, 50), 90, 5, deadline)
    world.pass_by(1)
    with refused("ChallengePeriodOver", deadline, world.now):
        world.challenge(B, channel, world.state(channel, KEY_A, 6, 50))


def test_anybody_shows_a_newer_state_signed_by_both(world: World) -> None:
    channel = world.both(100, 50)
    world.close_alone(A, channel)
    for keys, missing in (((KEY_A, KEY_C), B), ((KEY_C, KEY_B), A), ((KEY_B, KEY_A), A)):
        with refused("BadSignature", checksum(missing).lower()):
            world.challenge_signed(C, channel, State(1, 9), *keys)
    world.challenge_signed(C, channel, State(1, 9), KEY_A, KEY_B)
    assert world.position(channel).balance_a == 91


def test_settling_waits_for_the_whole_period_and_pays_both(world: World) -> None:
    channel = world.both(100, 50)
    with refused("NotClosing", channel.id):
        world.settle(channel)
    world.close_alone(B, channel, world.state(channel, KEY_A, 2, 25))
    deadline = world.now + DAY
    world.pass_by(DAY)
    with refused("ChallengePeriodNotOver", deadline, world.now):
        world.settle(channel)
    world.pass_by(1)
    before = world.ether(A), world.ether(B)
    world.settle(channel, sender=C)
    assert (world.ether(A) - before[0], world.ether(B) - before[1]) == (75, 75)
    with refused("NotOpen", channel.id):
        world.settle(channel)


def test_the_highest_nonce_is_a_state(world: World) -> None:
    channel = world.both()
    world.close_alone(A, channel, world.state(channel, KEY_B, 2**48 - 1, 1))
    assert world.position(channel).nonce == 2**48 - 1


# What a signature is good for


def test_a_signature_is_good_for_one_channel_contract_and_chain(world: World) -> None:
    channel, other = world.both(), world.both(salt=1)
    elsewhere = [
        world.signing(other),
        Signing(CHAIN_ID + 1, world.channels.address_bytes, channel.id),
        Signing(CHAIN_ID, C, channel.id),
    ]
    for signing in elsewhere:
        with refused("BadSignature"):
            world.close_alone(A, channel, signing.sign_state(KEY_B, State(1, -5)))
        with refused("BadSignature"):
            signature = halves(signing.sign_close(KEY_B, -5, LATER))
            world.call(A, "closeNow", words(channel), -5, LATER, signature)


def test_a_state_is_no_close_and_a_close_no_state(world: World) -> None:
    channel = world.both()
    close = world.signing(channel).close_digest(-5, LATER)
    state = world.signing(channel).state_digest(State(LATER, -5))
    with refused("BadSignature"):
        world.call(A, "closeAlone", words(channel), State(LATER, -5), halves(sign(KEY_B, close)))
    with refused("BadSignature"):
        world.call(A, "closeNow", words(channel), -5, LATER, halves(sign(KEY_B, state)))


def test_malformed_signatures_are_nobodys(world: World) -> None:
    channel = world.both()
    state = State(1, 5)
    r, vs = halves(world.signing(channel).sign_state(KEY_B, state).signature)
    packed = int.from_bytes(vs, "big")
    high = (SECP256K1_N - (packed & (2**255 - 1))) % 2**255 | (packed ^ 1 << 255) & 1 << 255
    bad = [NO_SIGNATURE, (r, bytes(32)), (bytes(32), vs), (b"\xff" * 32, vs), (r, high.to_bytes(32, "big"))]
    bad.append((r, (packed ^ 1 << 255).to_bytes(32, "big")))
    for signature in bad:
        with refused("BadSignature", checksum(B).lower()):
            world.call(A, "closeAlone", words(channel), state, signature)


def test_a_zero_counterparty_has_signed_nothing(world: World) -> None:
    terms = bytes(20) + DAY.to_bytes(4, "big") + bytes([9]) + bytes(7)
    world.call(A, "openInETH", terms, value=10 * GWEI)
    descriptor = (A + world.block.to_bytes(12, "big"), terms, checksum(ETHER))
    world.pass_by(12)
    for signature in (NO_SIGNATURE, (bytes(31) + b"\1", bytes(32))):
        with refused("BadSignature", checksum(bytes(20))):
            world.call(A, "closeNow", descriptor, 5, LATER, signature)
    world.call(A, "closeAlone", descriptor, State(0, 0), NO_SIGNATURE)
    world.pass_by(2 * DAY)
    before = world.ether(A)
    world.call(A, "settleAndPay", descriptor)
    assert world.ether(A) - before == 10


def test_a_descriptor_with_anything_else_is_another_channel(world: World) -> None:
    channel = world.both()
    opening, terms, token = words(channel)
    for other in (
        (opening[:-1] + bytes([opening[-1] + 1]), terms, token),
        (opening, terms[:-1] + b"\1", token),
        (opening, terms, checksum(C)),
        (B + opening[20:], A + terms[20:], token),
    ):
        with refused("NotOpen"):
            world.call(A, "closeAlone", other, State(0, 0), NO_SIGNATURE)


def test_dirty_bits_in_calldata_are_refused(world: World) -> None:
    channel = world.both()
    signed = world.state(channel, KEY_B, 1, 5)
    fields = [
        channel.opening,
        channel.terms.pack(),
        bytes(32),
        (1).to_bytes(32, "big"),
        (5).to_bytes(32, "big"),
        bytes(32),
    ]
    selector = calldata(
        "closeAlone((bytes32,bytes32,address),(uint48,int64,bytes32),(bytes32,bytes32))",
        words(channel), signed.state, halves(signed.signature),
    )[:4]  # fmt: skip
    for index, dirty in ((2, b"\1" + bytes(31)), (3, b"\1" + bytes(30) + b"\1"), (4, b"\xff" + bytes(30) + b"\5")):
        data = b"".join(dirty if at == index else field for at, field in enumerate(fields)) + signed.signature
        with pytest.raises(Reverted):
            world.evm.raw(world.channels.address, selector + data, sender=checksum(A))
    world.evm.raw(world.channels.address, selector + b"".join(fields) + signed.signature, sender=checksum(A))


# Payouts that fail, and odd tokens


@pytest.mark.parametrize("manner", [1, 2])
def test_a_receiver_that_refuses_its_ether_has_a_credit(world: World, manner: int) -> None:
    party = world.deploy_odd("OddParty")
    behave(world, party, manner)
    channel = world.both(100, 50, counterparty=party.address_bytes)
    world.close_alone(A, channel)
    world.pass_by(2 * DAY)
    before = world.ether(A)
    world.settle(channel)
    assert world.ether(A) - before == 100
    assert world.credit(party.address_bytes) == 50 * GWEI
    assert world.ether(world.channels.address_bytes) == 50

    claim = calldata("claimCredit(address,address)", checksum(ETHER), checksum(C))
    world.evm.call(party, "act", world.channels.address, claim)
    assert world.ether(C) == 50
    assert world.credit(party.address_bytes) == 0
    with refused("NoCredit", checksum(ETHER), party.address.lower()):
        world.evm.call(party, "act", world.channels.address, claim)


def test_what_a_receiver_returns_is_not_copied(world: World) -> None:
    used = []
    for manner in (0, 3):  # accepts; returns 100,000 bytes, which take it some 30,000 gas
        party = world.deploy_odd("OddParty")
        behave(world, party, manner)
        channel = world.both(100, 50, counterparty=party.address_bytes)
        world.close_alone(A, channel)
        world.pass_by(2 * DAY)
        world.settle(channel)
        assert world.ether(party.address_bytes) == 50
        used.append(world.evm.vm.result.gas_used)
    assert used[1] - used[0] < 50_000


def test_a_receiver_that_calls_back_finds_its_channel_gone(world: World) -> None:
    party = world.deploy_odd("OddParty")
    channel = world.both(100, 50, counterparty=party.address_bytes)
    again = calldata("settleAndPay((bytes32,bytes32,address))", words(channel))
    world.evm.call(party, "behave", 4, world.channels.address, again)
    world.open(1000, salt=9)
    world.close_alone(A, channel)
    world.pass_by(2 * DAY)
    world.settle(channel)
    assert not world.evm.call(party, "calledBack")
    assert world.ether(party.address_bytes) == 50
    assert world.ether(world.channels.address_bytes) == 1000


@pytest.mark.parametrize("asset", ["ether", "token"])
def test_a_caller_cannot_starve_a_good_payout_into_a_failed_one(world: World, asset: str) -> None:
    payer, party, token = world.deploy_odd("Payer"), world.deploy_odd("OddParty"), plain_token(world)
    world.evm.call(party, "behave", 4, checksum(C), b"")  # takes some 30,000 gas
    world.evm.call(token, "mint", payer.address, 10)
    which = ETHER if asset == "ether" else token.address_bytes
    world.evm.vm.set_balance(payer.address, 10)
    data = calldata("pay(address,address,uint256)", checksum(which), party.address, 5)
    results = []
    for gas in range(25_000, 160_000, 1_000):
        snapshot = world.evm.vm.snapshot()
        try:
            answer = world.evm.vm.message_call(caller=checksum(A), to=payer.address, calldata=data, gas=gas)
            results.append(int.from_bytes(answer, "big"))
        except RuntimeError:
            results.append(-1)
        world.evm.vm.revert(snapshot)
    assert results == sorted(results), "reverted up to some gas, paid from there on, never merely failed"
    assert set(results) == {-1, 1}


def test_a_payout_in_a_token_without_code_fails(world: World) -> None:
    payer = world.deploy_odd("Payer")
    assert world.evm.call(payer, "pay", checksum(C), checksum(B), 5) is False


@pytest.mark.parametrize("manner", [0, 1, 6])
def test_tokens_that_return_true_or_nothing_work(world: World, manner: int) -> None:
    token = plain_token(world)
    behave(world, token, manner)
    channel = world.both(100, 50, token=token.address_bytes, exponent=2)
    world.close_now(A, channel, 30, LATER, KEY_B)
    assert world.evm.call(token, "balanceOf", checksum(B)) == 10**30 + 30 * 100
    assert world.evm.call(token, "balanceOf", world.channels.address) == 0


def test_a_token_that_does_not_pay_in_opens_nothing(world: World) -> None:
    token = plain_token(world)
    behave(world, token, 2)
    with refused(""):
        world.open(5, token=token.address_bytes, exponent=0)


@pytest.mark.parametrize("manner", [2, 4, 5])
def test_a_token_that_does_not_pay_out_leaves_credits(world: World, manner: int) -> None:
    token = plain_token(world)
    channel = world.both(100, 50, token=token.address_bytes, exponent=1)
    behave(world, token, manner, who=B)
    world.close_now(A, channel, 30, LATER, KEY_B)
    assert world.credit(B, token.address_bytes) == 800
    behave(world, token, 4, who=B)
    with refused(""):
        world.call(B, "claimCredit", token.address, checksum(B))
    world.call(B, "claimCredit", token.address, checksum(C))
    assert world.evm.call(token, "balanceOf", checksum(C)) == 800


def test_a_token_that_takes_fees_harms_its_own_channels_only(world: World) -> None:
    token = plain_token(world)
    ether = world.both(100, 50)
    behave(world, token, 3)
    channel = world.both(1000, 500, token=token.address_bytes, exponent=0)
    world.close_now(A, channel, 0, LATER, KEY_B)
    assert world.credit(B, token.address_bytes) == 500, "the contract is short by the fees, and says so"
    world.close_now(A, ether, 0, LATER, KEY_B)
    assert world.ether(world.channels.address_bytes) == 0


def test_a_token_that_shrinks_harms_its_own_channels_only(world: World) -> None:
    token = plain_token(world)
    ether = world.both(100, 50)
    other = world.both(1000, 500, token=plain_token(world).address_bytes, exponent=0)
    channel = world.both(1000, 500, token=token.address_bytes, exponent=0)
    world.evm.call(token, "burn", world.channels.address, 1)
    world.close_now(A, channel, 0, LATER, KEY_B)
    assert world.credit(B, token.address_bytes) == 500, "paid when somebody makes up for what is missing"
    with refused(""):
        world.call(B, "claimCredit", token.address, checksum(B))
    world.evm.call(token, "mint", world.channels.address, 1)
    world.call(B, "claimCredit", token.address, checksum(B))
    for each in (ether, other):
        world.close_now(A, each, 0, LATER, KEY_B)
    assert world.credit(B, other.token) == world.credit(B) == 0


def test_a_token_that_calls_the_sender_back_cannot_be_used_to_take_more(world: World) -> None:
    token = plain_token(world)
    victim = world.both(1000, 500, token=token.address_bytes, exponent=0)
    party = world.deploy_odd("OddParty")
    world.evm.call(token, "mint", party.address, 100)
    behave(world, token, 7)
    channel_terms = ChannelTerms(B, DAY, 0)
    opens = calldata("openInTokens(bytes32,address,uint256)", channel_terms.pack(), token.address, 60)
    world.evm.call(party, "act", world.channels.address, opens)
    opened = (party.address_bytes + world.block.to_bytes(12, "big"), channel_terms.pack(), token.address)
    world.pass_by(12)
    # While it pays 40 in, the party closes the same channel with all 100.
    digest = Signing(CHAIN_ID, world.channels.address_bytes, world.call(A, "channelId", opened)).close_digest(0, LATER)
    close_type = "closeNow((bytes32,bytes32,address),int64,uint40,(bytes32,bytes32))"
    close = calldata(close_type, opened, 0, LATER, halves(sign(KEY_B, digest)))
    world.evm.call(party, "behave", 4, world.channels.address, close)
    top_up = calldata("topUpTokens((bytes32,bytes32,address),bool,uint256)", opened, True, 40)
    world.evm.call(party, "act", world.channels.address, top_up)
    assert world.evm.call(party, "calledBack")
    assert world.evm.call(token, "balanceOf", party.address) == 100
    assert world.evm.call(token, "balanceOf", world.channels.address) == 1500
    world.close_now(A, victim, 0, LATER, KEY_B)


def test_ether_sent_without_a_call_is_refused(world: World) -> None:
    with pytest.raises(Reverted):
        world.evm.raw(world.channels.address, b"", sender=checksum(A), value=GWEI)


def test_only_two_functions_take_ether(world: World) -> None:
    payable = {name for name, entry in world.channels.functions.items() if entry["stateMutability"] == "payable"}
    assert payable == {"openInETH", "topUpETH"}
