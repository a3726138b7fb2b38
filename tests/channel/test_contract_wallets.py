"""Parties that are contracts: their signatures are what they say (ERC-1271)."""

from __future__ import annotations

import pytest
from rollup_core.evm import Contract, pyrevm

from toolkit.channel.position import Position
from toolkit.channel.state import Channel, ChannelTerms, Deposits, Lock, State, Withdrawal, locks_root
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import LATER, calldata, refused
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import NO_SIGNATURE, World, halves, secret, words

CLOSE_ALONE = "closeAlone((bytes32,bytes32,address),(uint48,int64,bytes32),(bytes32,bytes32))"
CLOSE_NOW = "closeNow((bytes32,bytes32,address),int64,uint40,(bytes32,bytes32))"

OWNER, REFUSES, REVERTS, BURNS, HALF, ONE, UPSIDE_DOWN, MUCH, WRITES = range(9)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def wallet(world: World) -> Contract:
    """Owned by C."""
    made = world.deploy_odd("OddWallet")
    world.evm.call(made, "become", checksum(C), OWNER)
    return made


def with_wallet(world: World, wallet: Contract) -> Channel:
    return world.both(100, 50, counterparty=wallet.address_bytes)


def appended(call: bytes, signature: bytes) -> bytes:
    """The call, whose last two words are a Signature, with a longer signature at its end."""
    return call[:-64] + len(call).to_bytes(32, "big") + len(signature).to_bytes(32, "big") + signature


def send(world: World, data: bytes, sender: bytes = A) -> None:
    world.evm.raw(world.channels.address, data, sender=checksum(sender))


def close_alone(channel: Channel, state: State, signature: tuple[bytes, bytes] = NO_SIGNATURE) -> bytes:
    return calldata(CLOSE_ALONE, words(channel), state, signature)


def test_a_wallet_signs_in_the_same_64_bytes(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    world.close_now(A, channel, 30, LATER, KEY_C)
    assert world.ether(wallet.address_bytes) == 80


def test_a_longer_signature_is_appended_to_the_call(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    compact = sign(KEY_C, world.signing(channel).state_digest(State(1, 30)))
    packed = int.from_bytes(compact[32:], "big")
    long = compact[:32] + (packed % 2**255).to_bytes(32, "big") + bytes([27 + (packed >> 255)])
    for wrong in (long[:-1], long + b"\0", bytes(65), b""):
        with refused("BadSignature", wallet.address.lower()):
            send(world, appended(close_alone(channel, State(1, 30)), wrong))
    send(world, appended(close_alone(channel, State(1, 30)), long))
    assert world.position(channel) == Position(Deposits(100, 50), 70, 1, world.now + DAY)


def test_an_empty_signature_asks_for_what_the_wallet_has_approved(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    digest = world.signing(channel).state_digest(State(1, 30))
    call = close_alone(channel, State(1, 30))  # r = 0, vs = 0: no bytes from the beginning
    with refused("BadSignature"):
        send(world, call)
    world.evm.call(wallet, "approve", digest, True)
    send(world, call)
    assert world.position(channel).nonce == 1


def test_a_wallet_can_take_back_what_it_signed(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    state = world.state(channel, KEY_C, 1, -30)
    world.evm.call(wallet, "become", checksum(B), OWNER)
    with refused("BadSignature", wallet.address.lower()):
        world.close_alone(A, channel, state)


@pytest.mark.parametrize("answer", [REFUSES, REVERTS, BURNS, HALF, ONE, UPSIDE_DOWN, WRITES])
def test_every_other_answer_is_no_signature(world: World, wallet: Contract, answer: int) -> None:
    channel = with_wallet(world, wallet)
    world.evm.call(wallet, "become", checksum(C), answer)
    with refused("BadSignature", wallet.address.lower()):
        world.close_alone(A, channel, world.state(channel, KEY_C, 1, 30))


def test_a_long_answer_is_not_copied(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    world.evm.call(wallet, "become", checksum(C), MUCH)
    world.close_alone(A, channel, world.state(channel, KEY_C, 1, 30))
    assert world.position(channel).nonce == 1


def test_the_key_of_a_party_needs_no_code(world: World) -> None:
    """An account whose key signed is not asked, though it has code (as under EIP-7702)."""
    channel = world.both(100, 50)
    code = world.evm.vm.get_code(world.deploy_odd("OddWallet").address)
    world.evm.vm.insert_account_info(checksum(B), pyrevm.AccountInfo(nonce=1, balance=0, code=code))
    world.close_alone(A, channel, world.state(channel, KEY_B, 1, 30))
    assert world.position(channel).nonce == 1


def test_who_has_no_code_says_nothing(world: World) -> None:
    """Not even the identity precompile, which would echo the magic value as the first four bytes."""
    for number in (1, 2, 3, 4, 9, 0xDEAD):
        other = number.to_bytes(20, "big")
        channel = world.open(10, counterparty=other, salt=number)
        world.pass_by(12)
        for signature in (NO_SIGNATURE, (bytes(31) + b"\4", (32).to_bytes(32, "big"))):
            with refused("BadSignature", checksum(other).lower()):
                send(world, close_alone(channel, State(1, 5), signature))


def test_a_contract_that_echoes_has_signed_nothing(world: World) -> None:
    echo = world.deploy_odd("Echo")
    channel = world.open(10, counterparty=echo.address_bytes)
    world.pass_by(12)
    with refused("BadSignature", echo.address.lower()):
        send(world, close_alone(channel, State(1, 5)))


def test_an_offset_or_length_beyond_the_calldata_is_an_ordinary_signature(world: World, wallet: Contract) -> None:
    channel = with_wallet(world, wallet)
    digest = world.signing(channel).state_digest(State(1, 30))
    world.evm.call(wallet, "approve", digest, True)
    size = len(close_alone(channel, State(1, 30)))
    for r, vs in ((size, 0), (size - 1, 2), (0, size + 1), (2**256 - 1, 0), (1, 2**256 - 1)):
        with refused("BadSignature"):  # 64 bytes of a key that is not the owner's
            send(world, close_alone(channel, State(1, 30), (r.to_bytes(32, "big"), vs.to_bytes(32, "big"))))
    send(world, close_alone(channel, State(1, 30), ((size - 1).to_bytes(32, "big"), bytes(32))))


def test_a_length_that_runs_over_is_not_filled_up(world: World, wallet: Contract) -> None:
    """A good signature that ends in a zero byte, less that byte."""
    channel = with_wallet(world, wallet)
    signed = (world.state(channel, KEY_C, nonce, 30) for nonce in range(1, 10_000))
    state, signature = next(each for each in signed if each.signature[-1] == 0)
    call = close_alone(channel, state)
    cut = call[:-64] + len(call).to_bytes(32, "big") + (64).to_bytes(32, "big") + signature[:-1]
    with refused("BadSignature", wallet.address.lower()):
        send(world, cut)
    send(world, cut + signature[-1:])


def test_a_wallet_opens_pays_challenges_withdraws_and_closes(world: World, wallet: Contract) -> None:
    """As A, through its own calls, against an ordinary B."""

    def act(data: bytes, value: int = 0) -> None:
        world.evm.call(wallet, "act", world.channels.address, data, value=value)

    terms = ChannelTerms(B, DAY)
    act(calldata("openInETH(bytes32)", terms.pack()), 100 * 10**9)
    channel = Channel(wallet.address_bytes, terms, bytes(20), world.block)
    world.pass_by(12)
    withdrawal = Withdrawal(0, 10, 0, LATER)
    world.withdraw(B, channel, withdrawal, KEY_C)
    assert world.ether(wallet.address_bytes) == 10
    secret_, hash_ = secret("one")
    lock = Lock(hash_, 5, LATER)
    world.close_alone_and_unlock(B, channel, world.state(channel, KEY_C, 1, 20, [lock]), [lock], [secret_])
    assert world.position(channel).balance_a == 65
    state = State(2, 30, locks_root([lock]))
    world.challenge_signed(C, channel, state, KEY_C, KEY_B)
    world.unlock(channel, [lock], [secret_])
    assert world.position(channel).balance_a == 55
    digest = world.signing(channel).close_digest(33, LATER)
    act(calldata(CLOSE_NOW, words(channel), 33, LATER, halves(sign(KEY_B, digest))))
    assert world.ether(wallet.address_bytes) == 10 + 57


def test_two_wallets_signatures_are_appended_both(world: World) -> None:
    wallets = [world.deploy_odd("OddWallet") for _ in range(2)]
    for wallet, owner in zip(wallets, (A, B), strict=True):
        world.evm.call(wallet, "become", checksum(owner), OWNER)
    terms = ChannelTerms(wallets[1].address_bytes, DAY)
    opens = calldata("openInETH(bytes32)", terms.pack())
    world.evm.call(wallets[0], "act", world.channels.address, opens, value=100 * 10**9)
    channel = Channel(wallets[0].address_bytes, terms, bytes(20), world.block)
    world.pass_by(12)
    digest = world.signing(channel).close_digest(40, LATER)
    kind = "closeNowSigned((bytes32,bytes32,address),int64,uint40,(bytes32,bytes32),(bytes32,bytes32))"
    signatures = [long_of(sign(key, digest)) for key in (KEY_A, KEY_B)]
    size = len(calldata(kind, words(channel), 40, LATER, NO_SIGNATURE, NO_SIGNATURE))

    def call(first: int, second: int) -> bytes:
        at = [size + 65 * index for index in (first, second)]
        slices = [(start.to_bytes(32, "big"), (65).to_bytes(32, "big")) for start in at]
        return calldata(kind, words(channel), 40, LATER, *slices) + b"".join(signatures)

    with refused("BadSignature", wallets[0].address.lower()):
        send(world, call(1, 0))
    send(world, call(0, 1))
    assert [world.ether(wallet.address_bytes) for wallet in wallets] == [60, 40]


def long_of(compact: bytes) -> bytes:
    """r, s and v of a compact signature."""
    packed = int.from_bytes(compact[32:], "big")
    return compact[:32] + (packed % 2**255).to_bytes(32, "big") + bytes([27 + (packed >> 255)])


def test_a_wallet_may_use_what_gas_there_is_where_it_is_needed(world: World, wallet: Contract) -> None:
    """A refusal for want of gas undoes the call: nothing is taken for a bad signature that is good with more."""
    channel = with_wallet(world, wallet)
    data = close_alone(channel, State(1, 30), halves(world.state(channel, KEY_C, 1, 30).signature))
    done = []
    for gas in range(20_000, 80_000, 1_000):
        snapshot = world.evm.vm.snapshot()
        try:
            world.evm.raw(world.channels.address, data, sender=checksum(A), gas=gas)
            done.append(True)
        except Reverted:
            done.append(False)
        world.evm.vm.revert(snapshot)
    assert done == sorted(done)
    assert set(done) == {False, True}
