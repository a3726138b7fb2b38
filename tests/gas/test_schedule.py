"""The prices of forks, against the examples of their EIPs."""

from __future__ import annotations

import pytest

from toolkit.gas.schedule import AMSTERDAM, AMSTERDAM_PART, OSAKA, Schedule, Work, price

TRANSFER = Work(value=True)
CALL = Work()
NEW_SLOT, NEW_ACCOUNT = 64 * 1_530, 120 * 1_530


@pytest.mark.parametrize(
    ("work", "osaka", "amsterdam"),
    [
        (TRANSFER, 21_000, 21_000),
        (CALL, 21_000, 15_000),
        (Work(value=True, to_self=True), 21_000, 12_000),
        (Work(value=True, new_recipient=True), 21_000, 21_000 + NEW_ACCOUNT),
        (Work(creates=True), 53_000, 24_000 + NEW_ACCOUNT),
        (Work(creates=True, value=True), 53_000, 24_000 + NEW_ACCOUNT),
    ],
)
def test_intrinsic_gas_is_eip_2780_s(work: Work, osaka: int, amsterdam: int) -> None:
    assert price(work, OSAKA).gas == osaka
    assert price(work, AMSTERDAM).gas == amsterdam


@pytest.mark.parametrize(
    ("prices", "zero", "other"),
    [(OSAKA, 31_000, 61_000), (AMSTERDAM_PART, 85_000, 85_000), (AMSTERDAM, 79_000, 79_000)],
)
def test_the_calldata_floor_is_eip_7623_s_and_then_eip_7976_s(prices: Schedule, zero: int, other: int) -> None:
    assert price(Work(calldata_bytes=1_000, zero_bytes=1_000), prices).gas == zero
    assert price(Work(calldata_bytes=1_000), prices).gas == other


@pytest.mark.parametrize(
    ("work", "osaka", "amsterdam"),
    [
        (Work(cold_stores=1, set_slots=1), 22_100, 12_100 + NEW_SLOT),
        (Work(warm_stores=1, set_slots=1), 20_000, 10_100 + NEW_SLOT),
        (Work(cold_stores=1, changed_slots=1), 5_000, 12_100),
        (Work(warm_stores=1, changed_slots=1), 2_900, 10_100),
        (Work(cold_stores=1), 2_200, 2_100),
        (Work(warm_stores=1), 100, 100),
    ],
)
def test_a_store_costs_what_eip_2929_and_then_eip_8038_say(work: Work, osaka: int, amsterdam: int) -> None:
    assert price(work, OSAKA).gas - price(CALL, OSAKA).gas == osaka
    assert price(work, AMSTERDAM).gas - price(CALL, AMSTERDAM).gas == amsterdam


def test_a_slot_that_is_set_and_unset_grows_no_state() -> None:
    work = Work(other=1_000_000, cold_stores=1, warm_stores=1, set_slots=1, unset_slots=1)
    assert price(work, OSAKA).refund == 19_900
    assert price(work, AMSTERDAM).refund == 10_000
    assert price(work, AMSTERDAM).state == 0


def test_no_more_than_a_fifth_is_given_back() -> None:
    work = Work(cold_stores=9, changed_slots=9, cleared_slots=9)
    assert price(work, OSAKA).refund == (21_000 + 9 * 5_000) // 5
    assert price(work, AMSTERDAM).refund == (15_000 + 9 * 12_100) // 5


def test_state_gas_does_not_count_against_the_cap_of_a_transaction() -> None:
    big = Work(creates=True, code_bytes=12_000, code_words=375)
    assert price(big, AMSTERDAM).gas > 1 << 24
    assert not price(big, AMSTERDAM).over_cap
    assert price(Work(calldata_bytes=300_000), AMSTERDAM).over_cap
    assert not price(Work(calldata_bytes=300_000), OSAKA).over_cap
