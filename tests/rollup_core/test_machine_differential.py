"""The specification and ``PaymentsMachine.step`` agree on every successor, and a witness cannot make another one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from coincurve import PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.compile import artifact
from toolkit.crypto import SECP256K1_N, keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.codec import (
    MAX_AMOUNT,
    NO_ACCOUNT,
    WHOLE_BALANCE,
    Header,
    RegisterRecord,
    TransferRecord,
    encode_amount,
)
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import (
    MAX_BALANCE,
    Account,
    Outcome,
    State,
    Withdrawal,
    apply_record,
    apply_step,
    deposit_data,
    forced_data,
)
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.witness import build_witness, witness_at

from .machines import Machines, account_of, signed_transfer, signed_withdrawal
from .worlds import (
    BRIDGE,
    ETH,
    KEYS,
    OWNERS,
    POSTER,
    TOKEN,
    World,
    genesis,
    in_blobs,
    in_noisy_blobs,
    random_world,
)

_DEPTHS = st.sampled_from([(31, 32), (2, 2), (3, 1)])
_MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_FEW = settings(_MANY, max_examples=12)  # to open a record in a blob takes 0.2 s


@_MANY
@given(seed=st.integers(0, 2**64), depths=_DEPTHS)
def test_specification_and_contract_agree_on_every_step(machines: Machines, seed: int, depths: tuple[int, int]) -> None:
    machines.run(random_world(random.Random(seed), machines.origin(depths)))


@_FEW
@given(seed=st.integers(0, 2**64), depths=_DEPTHS)
def test_specification_and_contract_agree_on_every_step_of_a_batch_in_blobs(
    machines: Machines, seed: int, depths: tuple[int, int]
) -> None:
    """Whatever stands in the bits of the blobs that hold no records."""
    rng = random.Random(seed)
    world = random_world(rng, machines.origin(depths))
    batch = in_blobs(world.batch) if rng.random() < 0.3 else in_noisy_blobs(rng, world.batch)
    machines.run(World(world.state, batch))


def test_random_worlds_reach_every_outcome_but_the_rarest(machines: Machines) -> None:
    """The generator is worth something: nearly everything that can happen happens in it."""
    seen: Counter[Outcome] = Counter()
    for seed in range(400):
        state, batch = (world := random_world(random.Random(seed), machines.origin((2, 2)))).state.copy(), world.batch
        seen.update(apply_step(state, batch).outcome for _ in range(batch.steps))
    assert set(seen) >= set(Outcome) - {Outcome.OVERFLOW}


@_MANY
@given(seed=st.integers(0, 2**64), depths=_DEPTHS, data=st.data())
def test_a_tampered_witness_is_refused_or_makes_no_difference(
    machines: Machines, seed: int, depths: tuple[int, int], data: st.DataObject
) -> None:
    state, batch = (world := random_world(random.Random(seed), machines.origin(depths))).state, world.batch
    machines.post(state, batch)
    position = data.draw(st.integers(0, batch.steps - 1))
    witness = bytearray(witness_at(state, batch, position))
    for _ in range(position):
        apply_step(state, batch)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(witness) - 1))
        witness[place] ^= data.draw(st.sampled_from([1, 2, 0x20, 0x80, 0xFF]))
    try:
        onchain = machines.step(state, state.batch + 1, bytes(witness))
    except Reverted:
        return
    apply_step(state, batch)
    assert onchain == state.machine_hash


# One world for each reason, so that no reason depends on luck.


def test_a_transfer_moves_the_amount_and_counts_the_nonce(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5, nonce=3)])
    outcome, after = machines.one(state, signed_transfer(state, 0, 1, 60))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 40, nonce=1), account_of(1, 65, nonce=3)]


def test_a_transfer_to_oneself_changes_only_the_nonce_and_the_fee(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    outcome, after = machines.one(state, signed_transfer(state, 0, 0, 60, 2), Header(NO_ACCOUNT, ETH))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 98, nonce=1), account_of(1, 5), Account(POSTER, ETH, 2, 0)]


def test_a_withdrawal_leaves_the_account_for_the_outbox(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100, TOKEN)])
    outcome, after = machines.one(state, signed_withdrawal(state, 0, 60))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 40, TOKEN, 1)]
    assert after.withdrawals == [Withdrawal(0, OWNERS[0], TOKEN, 60)]


@pytest.mark.parametrize(("balance", "fee"), [(MAX_BALANCE, 7), (123_456_789_012_345_678, 0), (7, 7), (0, 0)])
def test_the_whole_balance_leaves_less_the_fee(machines: Machines, balance: int, fee: int) -> None:
    state = State(machines.origin(), [account_of(0, balance), account_of(1, 0), account_of(3, 0)])
    outcome, after = machines.one(state, signed_withdrawal(state, 0, WHOLE_BALANCE, fee), Header(2, ETH))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 0, nonce=1), account_of(1, 0), account_of(3, fee)]
    assert after.withdrawals == [Withdrawal(0, OWNERS[0], ETH, balance - fee)]
    outcome, after = machines.one(state, signed_transfer(state, 0, 1, WHOLE_BALANCE, fee), Header(2, ETH))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 0, nonce=1), account_of(1, balance - fee), account_of(3, fee)]


def test_the_whole_balance_pays_no_fee_that_is_not_charged(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 5, TOKEN), account_of(1, 1, TOKEN)])
    outcome, after = machines.one(state, signed_transfer(state, 0, 1, WHOLE_BALANCE, 7), Header(NO_ACCOUNT, ETH))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 0, TOKEN, 1), account_of(1, 6, TOKEN)]


def test_the_whole_balance_to_oneself_costs_the_fee(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(3, 0)])
    outcome, after = machines.one(state, signed_transfer(state, 0, 0, WHOLE_BALANCE, 2), Header(1, ETH))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 98, nonce=1), account_of(3, 2)]


@pytest.mark.parametrize("to", [1, 0, NO_ACCOUNT])
def test_the_whole_balance_below_the_fee_does_not_leave(machines: Machines, to: int) -> None:
    state = State(machines.origin(), [account_of(0, 6), account_of(1, 0)])
    record = (
        signed_withdrawal(state, 0, WHOLE_BALANCE, 7)
        if to == NO_ACCOUNT
        else signed_transfer(state, 0, to, WHOLE_BALANCE, 7)
    )
    outcome, after = machines.one(state, record, Header(NO_ACCOUNT, ETH))
    assert outcome is Outcome.SHORT_BALANCE
    assert after.accounts == state.accounts


def test_the_whole_balance_may_be_more_than_its_recipient_can_hold(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 2), account_of(1, MAX_BALANCE - 1)])
    outcome, after = machines.one(state, signed_transfer(state, 0, 1, WHOLE_BALANCE))
    assert outcome is Outcome.OVERFLOW
    assert after.accounts == state.accounts
    outcome, _ = machines.one(state, signed_transfer(state, 0, 1, WHOLE_BALANCE, 1), Header(NO_ACCOUNT, ETH))
    assert outcome is Outcome.APPLIED


def test_the_whole_balance_must_be_signed_as_such(machines: Machines) -> None:
    """Neither does a signature over a number empty an account, nor one over the whole balance send a number."""
    state = State(machines.origin(), [account_of(0, MAX_AMOUNT), account_of(1, 0)])
    for signed, shown in ((5, WHOLE_BALANCE), (MAX_AMOUNT, WHOLE_BALANCE), (WHOLE_BALANCE, MAX_AMOUNT)):
        for record in (signed_transfer(state, 0, 1, signed), signed_withdrawal(state, 0, signed)):
            outcome, _ = machines.one(state, record[:8] + encode_amount(shown) + record[11:])
            assert outcome is Outcome.BAD_SIGNATURE


def test_fees_in_the_header_s_token_go_to_the_poster_s_account(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 0), account_of(3, 10)])
    _, after = machines.one(state, signed_transfer(state, 0, 1, 60, 4), Header(2, ETH))
    assert [account.balance for account in after.accounts] == [36, 60, 14]


def test_fees_in_another_token_are_not_charged(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 0), account_of(3, 10, TOKEN)])
    _, after = machines.one(state, signed_transfer(state, 0, 1, 100, 4), Header(2, TOKEN))
    assert [account.balance for account in after.accounts] == [0, 100, 10]


def test_fees_open_an_account_where_the_header_names_another_s(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 0)])
    _, after = machines.one(state, signed_transfer(state, 0, 1, 60, 4), Header(1, ETH))
    assert after.accounts == [account_of(0, 36, nonce=1), account_of(1, 60), Account(POSTER, ETH, 4, 0)]


def test_a_deposit_credits_the_hinted_account_of_its_owner(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 1)])
    outcome, after = machines.one(state, Message(BRIDGE, 9, deposit_data(ETH, OWNERS[1], 7), 1))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 100), account_of(1, 8)]


@pytest.mark.parametrize("hint", [0, 2, NO_ACCOUNT])
def test_a_deposit_with_a_useless_hint_opens_an_account(machines: Machines, hint: int) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 1)])
    outcome, after = machines.one(state, Message(BRIDGE, 9, deposit_data(ETH, OWNERS[1], 7), hint))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 100), account_of(1, 1), account_of(1, 7)]


def test_a_deposit_that_its_account_cannot_hold_opens_another(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, MAX_BALANCE)])
    _, after = machines.one(state, Message(BRIDGE, 9, deposit_data(ETH, OWNERS[0], 1), 0))
    assert after.accounts == [account_of(0, MAX_BALANCE), account_of(0, 1)]


def _cases(machines: Machines) -> dict[Outcome, tuple[State, bytes | Message, Header]]:
    state = State(machines.origin((2, 2)), [account_of(0, 100), account_of(1, 5), account_of(2, 5, TOKEN)])
    rich = State(state.genesis, [account_of(0, MAX_BALANCE), account_of(1, MAX_BALANCE)])
    full = State(state.genesis, [account_of(0, 100)] * 4, [Withdrawal(i, OWNERS[0], ETH, 1) for i in range(4)])
    header = Header(0, ETH)
    pay = signed_transfer(state, 0, 1, 50)
    deposit = deposit_data(ETH, OWNERS[0], 5)
    return {
        Outcome.UNKNOWN_VERSION: (state, pay, Header(0, ETH, version=2)),
        Outcome.UNKNOWN_SENDER: (state, (3).to_bytes(4, "big") + pay[4:], header),
        Outcome.SHORT_BALANCE: (state, signed_transfer(state, 0, 1, 97, 4), header),
        Outcome.WITHDRAWALS_FULL: (full, signed_withdrawal(full, 0, 5), header),
        Outcome.UNKNOWN_RECIPIENT: (state, pay[:4] + (3).to_bytes(4, "big") + pay[8:], header),
        Outcome.TOKEN_MISMATCH: (state, signed_transfer(state, 0, 2, 50), header),
        Outcome.BAD_SIGNATURE: (state, signed_transfer(state, 0, 1, 50, key=1), header),
        Outcome.OVERFLOW: (rich, signed_transfer(rich, 0, 1, 1), header),
        Outcome.ACCOUNTS_FULL: (full, RegisterRecord(OWNERS[1], ETH).encode(), header),
        Outcome.ZERO_OWNER: (state, RegisterRecord(bytes(20), ETH).encode(), header),
        Outcome.UNKNOWN_MESSAGE: (state, Message(BRIDGE, 1, b"\x02" + deposit[1:], 0), header),
        Outcome.NOT_BRIDGE: (state, Message(OWNERS[0], 1, deposit, 0), header),
    }


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.APPLIED])
def test_an_operation_without_effect_changes_nothing_and_says_why(machines: Machines, outcome: Outcome) -> None:
    state, item, header = _cases(machines)[outcome]
    found, after = machines.one(state, item, header)
    assert found is outcome
    assert (after.accounts, after.withdrawals) == (state.accounts, state.withdrawals)


def test_a_signed_transfer_works_once(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    record = signed_transfer(state, 0, 1, 10)
    batch = Batch(Header().encode(), (record, record), (), 7, POSTER)
    assert machines.run(World(state, batch))[:2] == [Outcome.APPLIED, Outcome.BAD_SIGNATURE]


def test_a_signed_transfer_does_not_work_from_a_twin_account(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5), account_of(0, 100)])
    record = signed_transfer(state, 0, 1, 10)
    outcome, _ = machines.one(state, (2).to_bytes(4, "big") + record[4:])
    assert outcome is Outcome.BAD_SIGNATURE


def test_nobody_spends_the_zero_address_s_account(machines: Machines) -> None:
    """ecrecover answers zero for an invalid signature."""
    state = State(machines.origin(), [Account(bytes(20), ETH, 100, 0), account_of(1, 5)])
    record = TransferRecord(0, 1, 10, 0, bytes(64)).encode()
    outcome, _ = machines.one(state, record)
    assert outcome is Outcome.BAD_SIGNATURE


def test_the_upper_half_of_s_is_refused(machines: Machines) -> None:
    """EIP-2098 leaves a sliver of the upper half of s in reach, and ecrecover takes it; its account gets nothing."""
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    digest = Transfer(0, OWNERS[1], ETH, 10, 0, 0).digest(state.genesis.domain)
    r, s = Transfer(0, OWNERS[1], ETH, 1, 0, 0).sign(state.genesis.domain, KEYS[0])[:32], SECP256K1_N // 2 + 1
    words = r + s.to_bytes(32, "big")
    public = PublicKey.from_signature_and_message(words + b"\0", digest, hasher=None).format(compressed=False)
    state = State(machines.origin(), [Account(keccak256(public[1:])[12:], ETH, 100, 0), account_of(1, 5)])
    outcome, _ = machines.one(state, TransferRecord(0, 1, 10, 0, words).encode())
    assert outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("put", [lambda batch: batch, in_blobs], ids=["calldata", "blobs"])
def test_no_word_of_a_witness_can_be_changed_to_make_another_successor(
    machines: Machines, put: Callable[[Batch], Batch]
) -> None:
    """Every word of the witnesses of one step of each kind, in its first and in its last byte."""
    state = State(
        machines.origin(), [account_of(0, 100), account_of(1, 5), account_of(2, 7)], [Withdrawal(0, ETH, ETH, 1)]
    )
    working, records = state.copy(), list[bytes]()
    header = Header(2, ETH)
    makers: list[Callable[[], bytes]] = [
        lambda: signed_transfer(working, 0, 1, 50, 2),
        lambda: signed_transfer(working, 1, 1, 5),
        lambda: signed_withdrawal(working, 1, 3),
        lambda: RegisterRecord(OWNERS[3], ETH).encode(),
    ]
    for make in makers:
        records.append(make())
        assert apply_record(working, header, records[-1]).outcome is Outcome.APPLIED
    messages = [Message(BRIDGE, 1, deposit_data(ETH, OWNERS[0], 5), hint) for hint in (0, 1)]
    messages.append(Message(OWNERS[2], 1, forced_data(signed_transfer(working, 1, 0, 7))))
    batch = put(Batch(header.encode(), records, messages, 7, POSTER))
    machines.post(state, batch)
    tried = accepted = 0
    for _ in range(batch.steps):
        witness = build_witness(state, batch)
        successor = state.copy()
        apply_step(successor, batch)
        for place in [place for word in range(0, len(witness), 32) for place in (word, word + 31)]:
            for flip in (1, 0x80):
                tampered = witness[:place] + bytes([witness[place] ^ flip]) + witness[place + 1 :]
                tried += 1
                try:
                    onchain = machines.step(state, state.batch + 1, tampered)
                except Reverted:
                    continue
                accepted += 1
                assert onchain == successor.machine_hash, f"word {place // 32} of {len(witness) // 32}"
        state = successor
    assert 0 < accepted < tried / 2  # padding, and openings that the step does not need


@pytest.mark.parametrize("put", [lambda batch: batch, in_blobs], ids=["calldata", "blobs"])
def test_no_offset_in_a_witness_leads_to_another_successor(machines: Machines, put: Callable[[Batch], Batch]) -> None:
    """Parts of a witness may overlap, lie outside of it, or wrap around; they are checked wherever they lie."""
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)], [Withdrawal(0, ETH, ETH, 1)])
    after = state.copy()
    records = [signed_transfer(after, 0, 1, 50)]
    apply_record(after, Header(), records[0])
    records.append(signed_withdrawal(after, 1, WHOLE_BALANCE))
    deposit = Message(BRIDGE, 1, deposit_data(ETH, OWNERS[0], 5), 0)
    batch = put(Batch(Header().encode(), records, [deposit], 7, POSTER))
    machines.post(state, batch)
    accepted = 0
    for _ in range(batch.steps):
        witness = build_witness(state, batch)
        successor = state.copy()
        apply_step(successor, batch)
        words = range(0, len(witness), 32)
        small = [word for word in words if int.from_bytes(witness[word : word + 32], "big") <= len(witness)]
        for word in small:  # every offset, length and number
            for value in (*words[:: 1 + len(words) // 24], len(witness), 2**64 - 1, 2**64, 2**255, 2**256 - word - 32):
                tampered = witness[:word] + value.to_bytes(32, "big") + witness[word + 32 :]
                try:
                    onchain = machines.step(state, state.batch + 1, tampered)
                except Reverted:
                    continue
                accepted += 1
                assert onchain == successor.machine_hash, f"word {word // 32} as {value}"
        state = successor
    assert accepted


def test_a_withdrawal_s_signature_is_no_transfer_s(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    record = signed_withdrawal(state, 0, 10)
    outcome, _ = machines.one(state, record[:4] + (1).to_bytes(4, "big") + record[8:])
    assert outcome is Outcome.BAD_SIGNATURE


def test_a_step_refuses_a_batch_that_is_not_in_the_inbox(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    batch = Batch(Header().encode(), (signed_transfer(state, 0, 1, 10),), (), 7, POSTER)
    machines.post(state, batch)
    forged = Batch(batch.header, (signed_transfer(state, 0, 1, 100),), (), 7, POSTER)
    with pytest.raises(Reverted) as caught:
        machines.step(state, 1, build_witness(state, forged))
    assert caught.value.error == "WrongWitness"


def test_a_step_refuses_another_state_s_witness(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    richer = State(machines.origin(), [account_of(0, 1000), account_of(1, 5)])
    batch = Batch(Header().encode(), (signed_transfer(state, 0, 1, 10),), (), 7, POSTER)
    machines.post(state, batch)
    with pytest.raises(Reverted) as caught:
        machines.step(state, 1, build_witness(richer, batch))
    assert caught.value.error == "WrongWitness"


def test_steps_beyond_the_target_change_nothing(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100)], batch=5)
    for target in (0, 4, 5):
        assert machines.step(state, target, build_witness(state)) == state.machine_hash


def test_genesis_is_the_specification_s(machines: Machines) -> None:
    for depths, machine in machines.by_depth.items():
        state = State(machines.origin(depths))
        machines.evm.call(machines.inbox, "set", 0, state.accumulator)
        assert machines.evm.call(machine, "genesis") == (state.outbox_root, state.inner_hash)


@pytest.mark.parametrize("depths", [(0, 5), (32, 5), (5, 0), (5, 33)])
def test_a_machine_refuses_depths_that_cannot_be(machines: Machines, depths: tuple[int, int]) -> None:
    with pytest.raises(Reverted) as caught:
        machines.evm.deploy(artifact("PaymentsMachine"), machines.inbox.address, checksum(BRIDGE), *depths)
    assert caught.value.error == "BadDepth"


def test_a_machine_refuses_an_inbox_whose_batches_it_cannot_read(machines: Machines) -> None:
    for sizes in ((75, 1638), (76, 1637), (76, 1639)):
        inbox = machines.fake_inbox(*sizes)
        with pytest.raises(Reverted) as caught:
            machines.evm.deploy(artifact("PaymentsMachine"), inbox.address, checksum(BRIDGE), 31, 32)
        assert (caught.value.error, caught.value.arguments) == ("BadInbox", sizes)


def test_fast_digests_are_eip_712_s() -> None:
    from eth_account.messages import _hash_eip191_message, encode_typed_data

    origin = genesis(b"\x11" * 20)
    domain = {"name": "l2kit rollup", "version": "1", "chainId": 1, "verifyingContract": checksum(b"\x11" * 20)}
    transfer_fields = [("account", "uint32"), ("to", "address"), ("token", "address"), ("amount", "uint128")]
    tail = [("fee", "uint128"), ("nonce", "uint64")]
    values = {"account": 3, "to": checksum(OWNERS[1]), "token": checksum(TOKEN), "amount": 9, "fee": 2, "nonce": 5}
    for name, fields, fast in [
        ("Transfer", transfer_fields + tail, Transfer(3, OWNERS[1], TOKEN, 9, 2, 5).digest(origin.domain)),
        (
            "Withdraw",
            [transfer_fields[0], *transfer_fields[2:], *tail],
            Withdraw(3, TOKEN, 9, 2, 5).digest(origin.domain),
        ),
    ]:
        types = {name: [{"name": field, "type": kind} for field, kind in fields]}
        message = {field: values[field] for field, _ in fields}
        assert fast == _hash_eip191_message(encode_typed_data(domain, types, message))
