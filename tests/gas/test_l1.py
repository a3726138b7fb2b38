"""Many payments in one transaction: as few as their payers' money and a transaction's gas cap allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.devnet import Account, Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.gas.l1 import L1BatchPay, parts, rounds
from toolkit.technique.meter import Meter
from toolkit.technique.protocol import run
from toolkit.technique.workload import GWEI, Payment, Workload

PAIR = ("a", "b", "c")


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(9, 30))
def test_parts_are_in_order_and_each_takes_all_that_fits(amounts: list[int], room: int) -> None:
    def fits(payments: Sequence[Payment]) -> bool:
        return sum(each.amount for each in payments) <= room

    payments = [Payment("a", "b", amount) for amount in amounts]
    found = list(parts(payments, fits))
    assert [each for part in found for each in part] == payments
    assert all(fits(part) for part in found)
    assert not any(fits([*part, after[0]]) for part, after in pairwise(found))


@given(st.lists(st.tuples(st.sampled_from(PAIR), st.integers(0, 1), st.integers(1, 9)), min_size=1, max_size=40))
def test_rounds_never_overdraw_and_leave_nothing_out(rows: list[tuple[str, int, int]]) -> None:
    payments = [Payment(payer, [each for each in PAIR if each != payer][other], n) for payer, other, n in rows]
    workload = Workload(tuple(payments), {})
    owned = {name: workload.need(name) for name in PAIR}
    counted = 0
    for together in rounds(payments, lambda: owned):
        for payer, own in together.items():
            owned[payer] -= sum(each.amount for each in own)
            assert owned[payer] >= 0
        for each in (each for own in together.values() for each in own):
            owned[each.payee] += each.amount
            counted += 1
    assert counted == len(payments)
    assert all(owned[name] == workload.need(name) + workload.net(name) for name in PAIR)


def test_one_round_is_enough_for_who_has_the_money() -> None:
    payments = [Payment("a", "b", 5), Payment("b", "a", 5), Payment("a", "b", 5)]

    def rich() -> Mapping[str, int]:
        return {"a": 10, "b": 10}

    assert [list(each) for each in rounds(payments, rich)] == [["a", "b"]]


@pytest.mark.node
def test_batch_pay_splits_at_the_gas_cap_and_no_earlier(chain: Chain, accounts: dict[str, Account]) -> None:
    contract, _ = chain.deploy(accounts["deployer"], "BatchPay")
    names = ("alice", "bob")
    payments = (Payment("alice", "bob", GWEI),) * 2_400 + (Payment("bob", "alice", GWEI),)
    technique = L1BatchPay(Meter(chain), Workload(payments, {name: accounts[name] for name in names}), contract)
    done = run(technique, len(payments))  # checks the balances
    first, rest, bobs = (receipt["gasUsed"] for receipt in done.costs["pay"][0].receipts)
    assert TX_GAS_CAP * 0.99 < first <= TX_GAS_CAP
    assert bobs < rest < first
    assert len(technique.confirmations_ms) == 3
