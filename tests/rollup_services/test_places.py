"""Where operations, withdrawals and messages are in L1's history."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.worlds import ETH, OWNERS, TOKEN, random_record

from rollup_services.test_parts import CONTRACTS, batch_log, message_log
from toolkit.errors import BadInput
from toolkit.rollup.codec import Header
from toolkit.rollup.derive import Replica
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import (
    Outcome,
    State,
    apply_record,
    apply_step,
    deposit_data,
    end_batch,
    forced_data,
    is_signed,
)
from toolkit.rollup.places import Place


class Told:
    """Says of each step what was signed in it, which the specification asks for."""

    def __init__(self) -> None:
        self.digest: bytes | None = None

    def __call__(self, digest: bytes, signature: bytes, owner: bytes) -> bool:
        self.digest = digest
        return is_signed(digest, signature, owner)


def random_replica(rng: random.Random) -> Replica:
    replica = Replica(CONTRACTS)
    for number in range(4):
        replica.add(message_log(deposit_data(rng.choice([ETH, TOKEN]), OWNERS[number % 3], 10**18)))
    for _ in range(rng.randint(3, 7)):
        working, records = replica.state.copy(), list[bytes]()
        for _ in range(rng.choice([0, 3, 12])):
            records.append(random_record(rng, working))
            apply_record(working, Header(), records[-1])
        for _ in range(rng.choice([0, 1, 3])):
            replica.add(message_log(forced_data(random_record(rng, working))))
        replica.add(batch_log(replica.history, records, list(replica.history.required)))
    return replica


def every_step(state: State, batch: Batch) -> list[tuple[Outcome, bytes | None, int | None]]:
    """What each record and message did, by the specification alone: the outcome, what was signed, the withdrawal."""
    found = []
    for step in range(batch.steps - 1):
        told, before = Told(), len(state.withdrawals)
        change = apply_step(state, batch, told)
        assert state.position == step + 1
        found.append((change.outcome, told.digest, before if len(state.withdrawals) > before else None))
    end_batch(state, batch)
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_everything_is_found_where_the_specification_applies_it(seed: int) -> None:
    replica = random_replica(random.Random(seed))
    places, message, withdrawals = replica.places, 0, 0
    state = State(CONTRACTS.genesis)
    for posted in replica.history.posted:
        records = len(posted.batch.records)
        for position, (outcome, digest, withdrawal) in enumerate(every_step(state, posted.batch)):
            number = message if position >= records else None
            expected = Place(posted.number, position, number, outcome, withdrawal, posted.block, posted.transaction)
            if number is not None:
                assert places.message(number) == expected
                message += 1
            if outcome == Outcome.APPLIED and digest is not None:
                assert places.operation(digest) == expected
            if withdrawal is not None:
                assert places.withdrawal(withdrawal) == expected
                withdrawals += 1
    assert withdrawals == len(replica.state.withdrawals)
    assert [places.message(number) for number in range(message, len(replica.history.arrivals))] == [None] * (
        len(replica.history.required) + len(replica.history.arrived)
    )
    with pytest.raises(BadInput, match=f"there is no withdrawal {withdrawals} on L1"):
        places.withdrawal(withdrawals)


def test_a_replica_that_grows_is_seen_as_it_is_now() -> None:
    rng = random.Random(1)
    replica = random_replica(rng)
    assert replica.places.operation(b"\x01" * 32) is None
    first = replica.history.arrivals[0]
    number = len(replica.history.arrivals)
    assert replica.places.arrivals(first.transaction) == replica.history.arrivals
    replica.add(message_log(deposit_data(ETH, OWNERS[0], 5)))
    assert replica.places.arrivals(first.transaction)[number].message.data == deposit_data(ETH, OWNERS[0], 5)
    assert replica.places.arrivals(b"\x77" * 32) == []
    assert replica.places.message(number) is None
    for _ in range(2):
        replica.add(batch_log(replica.history, [], list(replica.history.required)))
    found = replica.places.message(number)
    assert found is not None
    assert (found.batch, found.outcome, found.withdrawal) == (len(replica.history.posted), Outcome.APPLIED, None)
