"""A forced operation does what its record says, whoever posts and whatever the batch's header says, and pays no fee."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolkit.errors import BadInput
from toolkit.rollup.codec import NO_ACCOUNT, WHOLE_BALANCE, Header, RegisterRecord
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Outcome, State, Withdrawal, apply_step, forced_data

from .machines import Machines, account_of, signed_transfer, signed_withdrawal
from .worlds import BRIDGE, ETH, OWNERS, POSTER, TOKEN, World, in_blobs

STRANGER = b"\x57" * 20


def force(machines: Machines, state: State, record: bytes, header: Header | None = None) -> tuple[Outcome, State]:
    return machines.one(state, Message(STRANGER, 9, forced_data(record)), header)


@pytest.mark.parametrize("header", [Header(), Header(version=2), Header(2, TOKEN, 0)])
def test_a_forced_transfer_needs_no_header_that_the_machine_knows(machines: Machines, header: Header) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    outcome, after = force(machines, state, signed_transfer(state, 0, 1, 60), header)
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 40, nonce=1), account_of(1, 65)]


def test_a_forced_withdrawal_leaves_for_the_outbox(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100, TOKEN)])
    outcome, after = force(machines, state, signed_withdrawal(state, 0, 60))
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 40, TOKEN, 1)]
    assert after.withdrawals == [Withdrawal(0, OWNERS[0], TOKEN, 60)]


def test_a_forced_registration_opens_an_account(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100)])
    outcome, after = force(machines, state, RegisterRecord(OWNERS[1], TOKEN).encode())
    assert outcome is Outcome.APPLIED
    assert after.accounts == [account_of(0, 100), account_of(1, 0, TOKEN)]


def test_the_signed_fee_is_not_charged(machines: Machines) -> None:
    """But it was signed: the same record, brought by the sequencer, pays it."""
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5), account_of(3, 0)])
    record = signed_transfer(state, 0, 1, 60, 7)
    _, forced = force(machines, state, record, Header(2, ETH))
    assert [account.balance for account in forced.accounts] == [40, 65, 0]
    _, brought = machines.one(state, record, Header(2, ETH))
    assert [account.balance for account in brought.accounts] == [33, 65, 7]


@pytest.mark.parametrize("to", [0, 1, NO_ACCOUNT])
def test_a_forced_whole_balance_is_all_of_it(machines: Machines, to: int) -> None:
    """Also where it is less than the fee that was signed."""
    state = State(machines.origin(), [account_of(0, 6), account_of(1, 0)])
    withdraws = to == NO_ACCOUNT
    record = (
        signed_withdrawal(state, 0, WHOLE_BALANCE, 7) if withdraws else signed_transfer(state, 0, to, WHOLE_BALANCE, 7)
    )
    outcome, after = force(machines, state, record)
    assert outcome is Outcome.APPLIED
    assert after.accounts[0].balance == (6 if to == 0 else 0)
    assert after.withdrawals == ([Withdrawal(0, OWNERS[0], ETH, 6)] if withdraws else [])


def test_an_operation_works_once_whichever_way_it_comes(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    record = signed_transfer(state, 0, 1, 10)
    message = Message(STRANGER, 9, forced_data(record))
    batch = Batch(Header().encode(), (record,), (message,), 7, POSTER)
    applied = [Outcome.APPLIED, Outcome.BAD_SIGNATURE, Outcome.APPLIED]
    assert machines.run(World(state, batch)) == applied
    twice = Batch(Header().encode(), (), (message, message), 7, POSTER)
    assert machines.run(World(state, twice)) == applied


def test_the_account_hint_of_a_forced_operation_means_nothing(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    message = Message(STRANGER, 9, forced_data(signed_transfer(state, 0, 1, 10)))
    for hint in (0, 1, 7, NO_ACCOUNT):
        outcome, after = machines.one(state, replace(message, account=hint))
        assert outcome is Outcome.APPLIED
        assert after.accounts == [account_of(0, 90, nonce=1), account_of(1, 15)]


def test_an_invalid_forced_operation_changes_nothing_and_says_why(machines: Machines) -> None:
    state = State(machines.origin((2, 2)), [account_of(0, 100), account_of(1, 5), account_of(2, 5, TOKEN)])
    full = State(state.genesis, [account_of(0, 100)] * 4, [Withdrawal(i, OWNERS[0], ETH, 1) for i in range(4)])
    pay = signed_transfer(state, 0, 1, 50)
    for origin, record, reason in (
        (state, (3).to_bytes(4, "big") + pay[4:], Outcome.UNKNOWN_SENDER),
        (state, signed_transfer(state, 0, 1, 101), Outcome.SHORT_BALANCE),
        (full, signed_withdrawal(full, 0, 5), Outcome.WITHDRAWALS_FULL),
        (state, pay[:4] + (3).to_bytes(4, "big") + pay[8:], Outcome.UNKNOWN_RECIPIENT),
        (state, signed_transfer(state, 0, 2, 50), Outcome.TOKEN_MISMATCH),
        (state, signed_transfer(state, 0, 1, 50, key=1), Outcome.BAD_SIGNATURE),
        (full, RegisterRecord(OWNERS[1], ETH).encode(), Outcome.ACCOUNTS_FULL),
        (state, RegisterRecord(bytes(20), ETH).encode(), Outcome.ZERO_OWNER),
    ):
        outcome, after = force(machines, origin, record)
        assert outcome is reason
        assert (after.accounts, after.withdrawals) == (origin.accounts, origin.withdrawals)


@pytest.mark.parametrize("spoil", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"\x03" + d[1:], lambda d: d[1:]])
def test_what_is_not_quite_a_forced_operation_is_none(machines: Machines, spoil: object) -> None:
    assert callable(spoil)
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    for sender in (STRANGER, BRIDGE):
        message = Message(sender, 9, spoil(forced_data(signed_transfer(state, 0, 1, 10))))
        outcome, after = machines.one(state, message)
        assert outcome is Outcome.UNKNOWN_MESSAGE
        assert after.accounts == state.accounts


def test_forced_operations_follow_the_records_of_a_batch_in_blobs_as_well(machines: Machines) -> None:
    state = State(machines.origin(), [account_of(0, 100), account_of(1, 5)])
    after = state.copy()
    record = signed_transfer(state, 0, 1, 100)
    apply_step(after, Batch(Header().encode(), (record,), (), 0, POSTER))
    message = Message(STRANGER, 9, forced_data(signed_transfer(after, 1, 0, 105)))
    batch = in_blobs(Batch(Header().encode(), (record,), (message,), 7, POSTER))
    assert machines.run(World(state, batch)) == [Outcome.APPLIED] * 3


def test_only_a_whole_record_can_be_forced() -> None:
    with pytest.raises(BadInput, match="75"):
        forced_data(bytes(75))
