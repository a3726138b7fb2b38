"""The transition on all cores comes to what the specification comes to, whatever the batch."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit import crypto
from toolkit.crypto import keccak256, recover, recover_all, sign
from toolkit.errors import BadInput
from toolkit.rollup import fast, machine
from toolkit.rollup.codec import Header
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Account, Outcome, State, apply_record, forced_data
from toolkit.rollup.operations import Transfer

from .worlds import ETH, KEYS, OWNERS, POSTER, World, genesis, random_record, random_world

MACHINE = b"\x11" * 20


@pytest.fixture(autouse=True)
def every_batch_is_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_WORTHWHILE", 0)


def long_world(rng: random.Random, records: int) -> World:
    """A random world whose batch has many records, each made for the state that it meets, and forced operations."""
    world = random_world(rng, genesis(MACHINE, *rng.choice([(31, 32), (4, 3)])))
    working, made = world.state.copy(), list[bytes]()
    header = Header.decode(world.batch.header)
    for _ in range(records):
        made.append(random_record(rng, working))
        apply_record(working, header, made[-1])
    forced = [Message(OWNERS[0], 1, forced_data(random_record(rng, working))) for _ in range(rng.randint(0, 9))]
    return World(world.state, replace(world.batch, records=made, messages=(*world.batch.messages, *forced)))


def assert_same(state: State, batch: Batch) -> list[Outcome]:
    """Apply a batch in both ways, and again from its outcomes; then once more, on what the first left behind."""
    plain, quick, replayed = state.copy(), state.copy(), state.copy()
    before = state.machine_hash
    for _ in range(2):
        outcomes = machine.apply_batch(plain, batch)
        assert fast.apply_batch(quick, batch) == outcomes
        fast.replay_batch(replayed, batch, bytes(outcomes))
        for other in (quick, replayed):
            assert other.accounts == plain.accounts
            assert other.withdrawals == plain.withdrawals
            assert (other.batch, other.position, other.fees) == (plain.batch, plain.position, plain.fees)
            for account in plain.accounts:
                assert other.index_of(*account[:2]) == plain.index_of(*account[:2])
            assert other.machine_hash == plain.machine_hash
    assert state.machine_hash == before
    return outcomes


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.sampled_from([(31, 32), (2, 2), (3, 1)]))
def test_short_random_batches_come_to_the_same(rng: random.Random, depths: tuple[int, int]) -> None:
    world = random_world(rng, genesis(MACHINE, *depths))
    assert_same(world.state, world.batch)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(60, 200))
def test_long_random_batches_come_to_the_same(seed: int, records: int) -> None:
    world = long_world(random.Random(seed), records)
    assert_same(world.state, world.batch)


def transfer(nonce: int, *, good: bool = True) -> bytes:
    operation = Transfer(0, OWNERS[1], ETH, 5, 0, nonce)
    return operation.record(1, operation.sign(genesis(MACHINE).domain, KEYS[0 if good else 2])).encode()


def two_accounts() -> State:
    return State(genesis(MACHINE), [Account(OWNERS[0], ETH, 10**6, 0), Account(OWNERS[1], ETH, 0, 0)])


def batch_of(records: list[bytes], messages: tuple[Message, ...] = ()) -> Batch:
    return Batch(Header().encode(), records, messages, 7, POSTER)


def test_a_bad_signature_changes_what_those_after_it_must_sign() -> None:
    records = [transfer(0), transfer(1, good=False), transfer(1), transfer(2), transfer(4)]
    forced = tuple(Message(OWNERS[3], 1, forced_data(transfer(nonce))) for nonce in (3, 3, 4))
    outcomes = assert_same(two_accounts(), batch_of(records, forced))
    fast.apply_batch(state := two_accounts(), batch_of(records, forced))
    assert state.accounts[0].nonce == 5
    assert Outcome.APPLIED not in outcomes  # a signed transfer works once, and the batch was applied twice


def test_no_signer_is_recovered_in_turn_but_those_that_a_bad_record_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    in_turn = list[bytes]()

    def noted(digest: bytes, signature: bytes, owner: bytes) -> bool:
        in_turn.append(signature)
        return machine.is_signed(digest, signature, owner)

    monkeypatch.setattr(fast, "is_signed", noted)
    good = [transfer(nonce) for nonce in range(50)]
    assert set(fast.apply_batch(two_accounts(), batch_of(good))) == {Outcome.APPLIED}
    assert not in_turn
    good.insert(20, transfer(20, good=False))
    outcomes = fast.apply_batch(two_accounts(), batch_of(good))
    assert [number for number, outcome in enumerate(outcomes) if outcome != Outcome.APPLIED] == [20]
    assert len(in_turn) == 30


def test_who_makes_every_guess_wrong_gets_what_the_specification_says() -> None:
    """Every other record is bad, and each of the others is signed for the nonce that so comes about."""
    records = [record for nonce in range(40) for record in (transfer(nonce, good=False), transfer(nonce))]
    state = two_accounts()
    assert fast.apply_batch(state, batch_of(records)) == [Outcome.BAD_SIGNATURE, Outcome.APPLIED] * 40
    assert state.accounts[0].nonce == 40
    assert_same(two_accounts(), batch_of(records))


def test_what_is_known_is_applied_again_without_recovering_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    world = long_world(random.Random(3), 100)
    state, again = world.state.copy(), world.state.copy()
    outcomes = fast.apply_batch(state, world.batch)
    assert {Outcome.APPLIED, Outcome.BAD_SIGNATURE} < set(outcomes)

    def refuse(*_: object) -> None:
        raise AssertionError("a signer is recovered")

    for module, name in ((crypto, "recover"), (machine, "recover"), (fast, "recover_all"), (fast, "is_signed")):
        monkeypatch.setattr(module, name, refuse)
    fast.replay_batch(again, world.batch, bytes(outcomes))
    assert again.machine_hash == state.machine_hash


@pytest.mark.parametrize("known", [b"", b"\x00\x02", b"\x02\x02\x00", b"\x00\x02\x00\x00"])
def test_outcomes_that_cannot_be_a_batch_s_are_noticed(known: bytes) -> None:
    batch = batch_of([transfer(0), b"\0\0\0\x09" + bytes(72), transfer(1)])
    fast.replay_batch(two_accounts(), batch, b"\x00\x02\x00")
    with pytest.raises(BadInput, match=r"outcomes are not those|step 0 of batch 1 ends"):
        fast.replay_batch(two_accounts(), batch, known)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 300])
def test_signers_of_many_are_those_of_each(count: int) -> None:
    digests = [keccak256(bytes([number % 256])) for number in range(count)]
    signatures = [sign(KEYS[number % 3], digest) for number, digest in enumerate(digests)]
    for number in range(0, count, 7):
        signatures[number] = [bytes(64), b"\xff" * 64, b"short", signatures[number][::-1]][number % 4]
    expected = [recover(*pair) for pair in zip(digests, signatures, strict=True)]
    assert recover_all(digests, signatures) == expected
    signers = fast.Signers()
    signers.recover(list(zip(digests, signatures, strict=True))[::2])
    for digest, signature, signer in zip(digests, signatures, expected, strict=True):
        for owner in OWNERS:
            assert signers(digest, signature, owner) == (signer == owner)
