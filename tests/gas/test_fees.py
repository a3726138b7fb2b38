"""The fee model: held against the EIPs' own pseudo-code, their published numbers, and receipts of this project."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.devnet.blobs import BLOB_SIZE, MAX_BLOBS
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import BadInput
from toolkit.gas import fees, snapshot
from toolkit.gas.fees import (
    BATCH_SIZES,
    FORKS,
    GAS_PER_BLOB,
    LATEST,
    Cost,
    Fork,
    Market,
    Posting,
    Prices,
    Transaction,
    calc_base_fee_per_gas,
    calc_excess_blob_gas,
    excess_blob_gas_of,
    fake_exponential,
    floor_gas,
    fork,
    fork_at,
    free_execution,
    gas_price_at,
    get_base_fee_per_blob_gas,
    reserve_blob_base_fee,
    reserve_ratio,
    switch_payments,
    switch_ratio,
    tokens_in_calldata,
)
from toolkit.gas.figure import Figure, derived, measured, modelled
from toolkit.rollup import pricing
from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE, TransferRecord

MEASURED: Mapping[str, int] = snapshot.committed().receipts
GWEI = 10**9
FEE = st.integers(1, 10**13)
EVERY_FORK = pytest.mark.parametrize("rules", FORKS.values(), ids=lambda each: each.name)
EXCESS = st.integers(0, 60 * 5_007_716 // 2)  # up to e^30 wei: prices past any that were ever paid

ROLLUP = Posting(
    bytes_per_payment=RECORD_SIZE,
    zero_share=Fraction(8 * 256 + 64, 256 * RECORD_SIZE),  # eight zeros in a record's head, 1 of 256 in the signature
    payments_per_blob=BLOB_RECORDS,
    batch_gas=MEASURED["rollup: batch in one blob, execution"] - 21_000 - 4 * 240,
    payment_gas=650,
    batch_tokens=240,  # selector, batch number, header, offsets, lengths: 196 bytes, mostly zero
)
"""The rollup's batch, as its receipts and its record have it."""


def test_what_the_package_exports_is_there_and_in_order() -> None:
    assert all(hasattr(fees, name) for name in fees.__all__)
    assert fees.__all__ == sorted(fees.__all__, key=lambda name: (not name.isupper(), name.islower(), name))


# --- EIP-1559


def eip_1559(parent_base_fee_per_gas: int, parent_gas_used: int, parent_gas_limit: int) -> int:
    """The three cases as the EIP writes them."""
    parent_gas_target = parent_gas_limit // 2
    if parent_gas_used == parent_gas_target:
        return parent_base_fee_per_gas
    if parent_gas_used > parent_gas_target:
        gas_used_delta = parent_gas_used - parent_gas_target
        delta = max(parent_base_fee_per_gas * gas_used_delta // parent_gas_target // 8, 1)
        return parent_base_fee_per_gas + delta
    gas_used_delta = parent_gas_target - parent_gas_used
    return parent_base_fee_per_gas - parent_base_fee_per_gas * gas_used_delta // parent_gas_target // 8


@given(FEE, st.integers(2, 200_000_000).flatmap(lambda limit: st.tuples(st.integers(0, limit), st.just(limit))))
def test_the_base_fee_is_eip_1559_s_and_moves_by_an_eighth_at_most(fee: int, block: tuple[int, int]) -> None:
    used, limit = block
    found = calc_base_fee_per_gas(fee, used, limit)
    assert found == eip_1559(fee, used, limit)
    if limit % 2 == 0:  # of an odd limit the target is rounded down, and a full block is a little above twice it
        assert abs(found - fee) <= max(1, fee // 8)


@pytest.mark.parametrize(
    ("fee", "used", "found"),
    [
        (10**9, 10_000_000, 10**9),
        (10**9, 9_000_000, 987_500_000),
        (10**9, 11_000_000, 1_012_500_000),
        (10**9, 20_000_000, 1_125_000_000),
        (10**9, 0, 875_000_000),
        (1, 20_000_000, 2),
    ],
)
def test_the_base_fee_of_known_blocks(fee: int, used: int, found: int) -> None:
    assert calc_base_fee_per_gas(fee, used, 20_000_000) == found


@pytest.mark.parametrize(("fee", "used", "limit"), [(1, 11, 10), (1, -1, 10), (1, 0, 1), (-1, 0, 10)])
def test_a_block_that_cannot_be_is_refused(fee: int, used: int, limit: int) -> None:
    with pytest.raises(BadInput, match=f"{used} of {limit}"):
        calc_base_fee_per_gas(fee, used, limit)


# --- EIP-4844, 7691, 7892, 7918


@pytest.mark.parametrize(
    ("factor", "numerator", "denominator", "found"),
    [
        (1, 0, 1, 1),
        (38_493, 0, 1_000, 38_493),
        (0, 1_234, 2_345, 0),
        (1, 2, 1, 6),
        (1, 4, 2, 6),
        (1, 3, 1, 16),
        (1, 6, 2, 18),
        (1, 4, 1, 49),
        (1, 8, 2, 50),
        (10, 8, 2, 542),
        (11, 8, 2, 596),
        (1, 5, 1, 136),
        (1, 5, 2, 11),
        (2, 5, 2, 23),
        (1, 50_000_000, 2_225_652, 5_709_098_764),
    ],
)
def test_fake_exponential_is_what_clients_test_it_to_be(
    factor: int, numerator: int, denominator: int, found: int
) -> None:
    assert fake_exponential(factor, numerator, denominator) == found


def eip_4844_fake_exponential(factor: int, numerator: int, denominator: int) -> int:
    """As the EIP writes it."""
    i = 1
    output = 0
    numerator_accum = factor * denominator
    while numerator_accum > 0:
        output += numerator_accum
        numerator_accum = (numerator_accum * numerator) // (denominator * i)
        i += 1
    return output // denominator


@given(st.integers(0, 10**9), st.integers(0, 10**8), st.integers(10**6, 10**8))
def test_fake_exponential_is_the_eip_s_and_nearly_the_exponential(
    factor: int, numerator: int, denominator: int
) -> None:
    found = fake_exponential(factor, numerator, denominator)
    assert found == eip_4844_fake_exponential(factor, numerator, denominator)
    real = factor * math.exp(numerator / denominator)
    if real < 10**15:
        assert real * (1 - 1e-3) - 2 <= found <= real * (1 + 1e-9)


@pytest.mark.parametrize(("excess", "fee"), [(0, 1), (2_314_057, 1), (2_314_058, 2), (10 * 1024 * 1024, 23)])
def test_the_blob_base_fee_of_cancun_is_what_clients_test_it_to_be(excess: int, fee: int) -> None:
    assert get_base_fee_per_blob_gas(excess, fork("cancun")) == fee


@EVERY_FORK
@given(EXCESS)
def test_a_blob_never_costs_less_than_one_wei_a_gas(rules: Fork, excess: int) -> None:
    fee = get_base_fee_per_blob_gas(excess, rules)
    assert 1 <= fee <= get_base_fee_per_blob_gas(excess + GAS_PER_BLOB, rules)


@EVERY_FORK
@given(st.integers(1, 10**12))
@settings(deadline=None)
def test_the_excess_of_a_fee_is_the_least_that_gives_it(rules: Fork, fee: int) -> None:
    excess = excess_blob_gas_of(fee, rules)
    assert get_base_fee_per_blob_gas(excess, rules) >= fee
    assert excess == 0 or get_base_fee_per_blob_gas(excess - 1, rules) < fee


@dataclass
class Header:
    """What EIP-7918's code reads of a parent."""

    excess_blob_gas: int
    blob_gas_used: int
    base_fee_per_gas: int


def eip_7918(parent: Header, rules: Fork) -> int:
    """As the EIP writes it, with the schedule of EIP-7892."""
    target_blob_gas = GAS_PER_BLOB * rules.target
    if parent.excess_blob_gas + parent.blob_gas_used < target_blob_gas:
        return 0
    if 2**13 * parent.base_fee_per_gas > GAS_PER_BLOB * eip_4844_fake_exponential(
        1, parent.excess_blob_gas, rules.blob_base_fee_update_fraction
    ):
        return parent.excess_blob_gas + parent.blob_gas_used * (rules.max - rules.target) // rules.max
    return parent.excess_blob_gas + parent.blob_gas_used - target_blob_gas


@pytest.mark.parametrize("name", ["osaka", "bpo1", "bpo2"])
@given(EXCESS, st.integers(0, 21), FEE)
def test_excess_blob_gas_since_osaka_is_eip_7918_s(name: str, excess: int, blobs: int, base_fee: int) -> None:
    rules = fork(name)
    used = GAS_PER_BLOB * min(blobs, rules.max)
    assert calc_excess_blob_gas(excess, used, base_fee, rules) == eip_7918(Header(excess, used, base_fee), rules)


@pytest.mark.parametrize("name", ["cancun", "prague"])
@given(EXCESS, st.integers(0, 9), FEE)
def test_excess_blob_gas_before_osaka_is_eip_4844_s(name: str, excess: int, blobs: int, base_fee: int) -> None:
    rules = fork(name)
    used = GAS_PER_BLOB * min(blobs, rules.max)
    found = calc_excess_blob_gas(excess, used, base_fee, rules)
    assert found == max(0, excess + used - GAS_PER_BLOB * rules.target)


@pytest.mark.parametrize(
    ("excess", "blobs", "found"),
    [
        (0, 0, 0),
        (0, 3, 0),
        (0, 4, GAS_PER_BLOB),
        (1, 5, 2 * GAS_PER_BLOB + 1),
        (3 * GAS_PER_BLOB, 3, 3 * GAS_PER_BLOB),
        (3 * GAS_PER_BLOB, 1, GAS_PER_BLOB),
        (GAS_PER_BLOB - 1, 2, 0),
    ],
)
def test_excess_blob_gas_of_known_blocks(excess: int, blobs: int, found: int) -> None:
    assert calc_excess_blob_gas(excess, GAS_PER_BLOB * blobs, 1, fork("cancun")) == found


def test_full_and_empty_blocks_move_the_blob_fee_by_what_eip_7691_says() -> None:
    rules, excess = fork("prague"), excess_blob_gas_of(10**9, fork("prague"))
    before = get_base_fee_per_blob_gas(excess, rules)
    full, empty = (
        get_base_fee_per_blob_gas(calc_excess_blob_gas(excess, GAS_PER_BLOB * blobs, 1, rules), rules) / before
        for blobs in (9, 0)
    )
    assert full == pytest.approx(1.082, abs=5e-4)
    assert empty == pytest.approx(1 - 0.145, abs=5e-4)


@pytest.mark.parametrize("name", ["prague", "osaka", "bpo1", "bpo2"])
def test_a_schedule_keeps_prague_s_ratio_and_sensitivity(name: str) -> None:
    """So that clients' names for the parameters hold: target is two thirds of max, the fraction grows with it."""
    rules = fork(name)
    assert 3 * rules.target == 2 * rules.max
    assert rules.blob_base_fee_update_fraction / rules.target == pytest.approx(5_007_716 / 6, rel=1e-6)


@given(st.integers(17, 10**12))
@settings(deadline=None)
def test_the_reserve_price_keeps_blobs_from_falling_below_a_sixteenth_of_the_base_fee(base_fee: int) -> None:
    rules = LATEST
    reserve = reserve_blob_base_fee(base_fee, rules)
    assert reserve == math.ceil(base_fee * reserve_ratio(rules)) == math.ceil(base_fee / 16)
    excess = excess_blob_gas_of(reserve, rules)
    assert calc_excess_blob_gas(excess, 0, base_fee, rules) < excess
    if get_base_fee_per_blob_gas(excess - 1, rules) * 16 < base_fee:
        assert calc_excess_blob_gas(excess - 1, 0, base_fee, rules) in (0, excess - 1)


@given(st.integers(10**6, 10**11), st.integers(1, 40), st.lists(st.integers(0, 21), min_size=200, max_size=200))
@settings(deadline=None)
def test_while_anybody_posts_blobs_their_fee_stays_near_the_reserve_or_above(
    base_fee: int, start: int, blobs: list[int]
) -> None:
    """Once at the reserve, the fee falls below it by one block's fall at most, whatever is posted (EIP-7918)."""
    rules, limit = LATEST, 60_000_000
    reserve = reserve_blob_base_fee(base_fee, rules)
    market = Market(base_fee, excess_blob_gas_of(reserve * start, rules))
    one_fall = math.exp(-GAS_PER_BLOB * rules.target / rules.blob_base_fee_update_fraction)
    for count in blobs:
        market = market.after(limit // 2, limit, count, rules)
        assert market.base_fee_per_gas == base_fee
        assert market.blob_base_fee(rules) >= reserve * one_fall * 0.99 - 1


def test_before_osaka_the_blob_fee_falls_to_one_wei_however_dear_gas_is() -> None:
    def settled(name: str) -> int:
        market = Market(10 * GWEI, excess_blob_gas_of(GWEI, fork(name)))
        for _ in range(1_000):
            market = market.after(15_000_000, 30_000_000, fork(name).target - 2, fork(name))
        return market.blob_base_fee(fork(name))

    assert settled("prague") == 1
    assert settled("osaka") > 10 * GWEI // 16 * 0.8


def test_a_market_refuses_a_block_with_too_many_blobs() -> None:
    with pytest.raises(BadInput, match="0 to 9 blobs, not 10"):
        Market(1).after(1, 2, 10, fork("osaka"))


# --- Forks


def test_forks_are_found_by_name_and_by_mainnet_s_time() -> None:
    assert [fork_at(each.activation) for each in FORKS.values()] == list(FORKS.values())
    assert fork_at(fork("bpo1").activation - 1).name == "osaka"
    assert fork_at(2**40) == LATEST
    with pytest.raises(BadInput, match=r"prague.*'shanghai'"):
        fork("shanghai")
    with pytest.raises(BadInput, match="no blobs at 1710338134"):
        fork_at(1_710_338_134)


def test_every_fork_of_mainnet_began_with_an_epoch() -> None:
    """The beacon chain began at 1606824023 (2020-12-01 12:00:23 UTC), 32 slots of 12 s are an epoch."""
    assert [divmod(each.activation - 1_606_824_023, 32 * 12) for each in FORKS.values()] == [
        (epoch, 0) for epoch in (269_568, 364_032, 411_392, 412_672, 419_072)
    ]


def test_the_model_s_limits_are_the_devnet_s() -> None:
    assert (LATEST.tx_gas_limit_cap, LATEST.max_blobs_per_tx, GAS_PER_BLOB) == (TX_GAS_CAP, MAX_BLOBS, BLOB_SIZE)


# --- Transactions


def eip_7623(data: bytes, evm_gas_used: int, initcode_words: int | None) -> int:
    """As the EIP writes it."""
    tokens = data.count(0) + (len(data) - data.count(0)) * 4
    creation = initcode_words is not None
    return 21_000 + max(
        4 * tokens + evm_gas_used + creation * (32_000 + 2 * (initcode_words or 0)),
        10 * tokens,
    )


@given(st.binary(max_size=400), st.integers(0, 20_000), st.none() | st.integers(0, 13))
def test_gas_since_prague_is_eip_7623_s(data: bytes, executed: int, words: int | None) -> None:
    sent = Transaction(tokens_in_calldata(data), executed, initcode_words=words)
    for name in ("prague", "osaka", "bpo2"):
        found = sent.gas_used(fork(name))
        assert found == eip_7623(data, executed, words)
        assert found >= sent.gas_used(fork("cancun")) == sent.standard_gas
        assert sent.floor_binds(fork(name)) == (found > sent.standard_gas)


@given(st.binary(min_size=1, max_size=400))
def test_execution_rides_free_just_up_to_the_floor(data: bytes) -> None:
    tokens = tokens_in_calldata(data)
    free = free_execution(tokens, LATEST)
    assert (
        Transaction(tokens, free).gas_used(LATEST) == floor_gas(tokens, LATEST) == Transaction(tokens).gas_used(LATEST)
    )
    assert Transaction(tokens, free + 1).gas_used(LATEST) == floor_gas(tokens, LATEST) + 1
    assert free_execution(tokens, fork("cancun")) == 0


def test_a_cost_is_exact_in_wei_eth_and_usd() -> None:
    sent = Transaction(execution_gas=13_980, blobs=2)
    cost = sent.cost(Prices(3 * GWEI, 7), LATEST)
    assert cost == Cost(34_980 * 3 * GWEI, 2 * 131_072 * 7)
    assert cost.eth == Decimal("0.000104940001835008")
    assert cost.usd(Decimal("2500.5")) == Decimal("0.262402474588437504")
    assert (cost + cost).wei == 2 * cost.wei
    assert Cost(10**40 + 1).usd(Decimal(1)) == Decimal("10000000000000000000000.000000000000000001")


def test_the_gas_price_at_which_a_claim_in_usd_is_true() -> None:
    price = gas_price_at(Decimal("0.21"), 21_000, Decimal(2_000))
    assert price == 5 * GWEI
    assert Cost(int(price) * 21_000).usd(Decimal(2_000)) == Decimal("0.21")
    with pytest.raises(BadInput, match="0 gas"):
        gas_price_at(Decimal(1), 0, Decimal(1))


@pytest.mark.parametrize("wrong", [{"tokens_in_calldata": -1}, {"execution_gas": -1}, {"blobs": -1}])
def test_a_transaction_with_less_than_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="-1"):
        Transaction(**wrong)
    with pytest.raises(BadInput, match="-1"):
        Prices(-1)


# --- Calldata or blobs


def test_the_floor_explains_the_measured_batch_in_calldata() -> None:
    (sent,) = ROLLUP.calldata(1_000, LATEST)
    assert sent.floor_binds(LATEST)
    per_transfer = sent.gas_used(LATEST) / 1_000
    assert per_transfer == pytest.approx(
        MEASURED["rollup: batch of 1,000 transfers as calldata, per transfer"], rel=0.01
    )
    before = sent.gas_used(fork("cancun")) / 1_000
    assert before < 0.7 * per_transfer, "without the floor it would be another figure"


def test_the_zeros_that_the_model_assumes_are_those_of_records() -> None:
    records = [TransferRecord(0, 3, (index % 999 + 1) * 10**12, 0, bytes([1]) * 64).encode() for index in range(1_000)]
    zeros = sum(record.count(0) for record in records) / len(records) + 64 / 256
    assert zeros == pytest.approx(float(ROLLUP.zero_share * RECORD_SIZE), abs=0.5)


def test_the_measured_batch_in_a_blob_is_one_blob() -> None:
    (sent,) = ROLLUP.blobs(1_000, LATEST)
    assert sent.gas_used(LATEST) == MEASURED["rollup: batch in one blob, execution"]
    assert sent.blob_gas_used == MEASURED["rollup: batch in one blob, blob gas"]


@given(st.integers(1, 5_000), st.integers(0, 76), st.integers(0, 10**12), st.integers(0, 10**12))
@settings(deadline=None)
def test_the_sequencer_s_own_prices_are_the_model_s(count: int, zeros: int, gas: int, blob: int) -> None:
    posting = Posting(RECORD_SIZE, Fraction(zeros, RECORD_SIZE), BLOB_RECORDS, batch_gas=14_000, payment_gas=650)
    records = [bytes(zeros) + b"\1" * (RECORD_SIZE - zeros)] * count
    prices, told = Prices(gas, blob), pricing.Prices(gas, blob)
    assert posting.calldata_cost(count, prices, fork("prague")).wei == pricing.calldata_cost(records, told)
    assert posting.blobs_cost(count, prices, LATEST).wei == pricing.blobs_cost(records, told)
    assert posting.blobs_are_cheaper(count, prices, fork("prague")) == pricing.choose("auto", records, told)


@pytest.mark.parametrize("payments", BATCH_SIZES)
def test_at_the_switch_both_ways_cost_the_same(payments: int) -> None:
    ratio = switch_ratio(ROLLUP, payments, LATEST)
    assert ratio.denominator <= 7 * GAS_PER_BLOB
    gas_price = ratio.denominator * GWEI
    at = Prices(gas_price, max(0, ratio.numerator) * GWEI)
    if ratio > 0:
        assert ROLLUP.calldata_cost(payments, at, LATEST) != ROLLUP.blobs_cost(payments, at, LATEST)
        assert ROLLUP.calldata_cost(payments, at, LATEST).wei == ROLLUP.blobs_cost(payments, at, LATEST).wei
        assert ROLLUP.blobs_are_cheaper(payments, Prices(gas_price, at.blob_base_fee - 1), LATEST)
    assert not ROLLUP.blobs_are_cheaper(payments, at, LATEST)


@given(st.integers(1, 300), st.integers(1, 4_000))
@settings(deadline=None)
def test_blobs_are_cheaper_from_the_switch_on(gas: int, blob: int) -> None:
    prices = Prices(100 * gas, blob)
    found = switch_payments(ROLLUP, prices, LATEST, most=300)
    cheaper = [ROLLUP.blobs_are_cheaper(count, prices, LATEST) for count in range(1, 301)]
    assert found.first == (cheaper.index(True) + 1 if True in cheaper else None)
    if found.always is None:
        assert not cheaper[-1]
    else:
        assert all(cheaper[found.always - 1 :])
        assert found.always == 1 or not cheaper[found.always - 2]


def test_a_hardly_filled_second_blob_makes_calldata_cheaper_once_more() -> None:
    per_blob = Posting(100, Fraction(0), payments_per_blob=10)
    found = switch_payments(per_blob, Prices(100, 28), fork("prague"), most=100)
    assert found.first is not None and found.always is not None
    assert found.first < 11 < found.always
    assert not per_blob.blobs_are_cheaper(11, Prices(100, 28), fork("prague"))


def test_at_the_reserve_price_five_transfers_are_worth_a_blob() -> None:
    prices = Prices(16 * GWEI, reserve_blob_base_fee(16 * GWEI, LATEST))
    assert switch_payments(ROLLUP, prices, LATEST).always == 5


def test_no_blobs_at_all_where_their_gas_is_too_dear() -> None:
    assert switch_payments(ROLLUP, Prices(1, 1_000), LATEST, most=1_000).first is None
    with pytest.raises(BadInput, match="not 0"):
        switch_payments(ROLLUP, Prices(1, 1), LATEST, most=0)


@pytest.mark.parametrize("payments", BATCH_SIZES)
def test_a_batch_is_as_few_transactions_as_the_limits_allow(payments: int) -> None:
    sent = ROLLUP.calldata(payments, LATEST)
    assert all(each.gas_used(LATEST) <= TX_GAS_CAP for each in sent)
    gas = sum(each.gas_used(LATEST) for each in sent)
    assert len(sent) == -(-gas // TX_GAS_CAP) == (2 if payments == 10_000 else 1)
    assert len(ROLLUP.calldata(payments, fork("prague"))) == 1, "there was no cap"
    blobs = ROLLUP.blobs(payments, LATEST)
    assert sum(each.blobs for each in blobs) == -(-payments // BLOB_RECORDS)
    assert all(1 <= each.blobs <= MAX_BLOBS for each in blobs)


@pytest.mark.parametrize("payments", BATCH_SIZES)
def test_execution_rides_free_in_proportion_to_the_batch(payments: int) -> None:
    free = ROLLUP.free_execution(payments, LATEST)
    sent = ROLLUP.calldata(payments, LATEST)
    assert free.allowed == 6 * sum(each.tokens_in_calldata for each in sent)
    assert free.allowed_per_payment >= 6 * 279
    assert free.used <= sum(each.execution_gas for each in sent)
    assert free.left == sum(max(0, floor_gas(each.tokens_in_calldata, LATEST) - each.standard_gas) for each in sent)
    assert (free.left == 0) == (payments <= 10), "a small batch uses more than the floor gives"
    assert ROLLUP.free_execution(payments, fork("cancun")).allowed == 0


@given(st.integers(1, 200), st.integers(0, 200), st.integers(1, 9_999))
def test_more_zeros_leave_less_execution_free(size: int, zeros: int, payments: int) -> None:
    share = Fraction(min(zeros, size), size)
    some, none = (
        Posting(size, each, payments_per_blob=1).free_execution(payments, fork("prague")).allowed
        for each in (share, Fraction(0))
    )
    assert none == 24 * size * payments
    assert some == none - 18 * min(zeros, size) * payments


@pytest.mark.parametrize(
    "wrong",
    [
        {"bytes_per_payment": 0},
        {"payments_per_blob": 0},
        {"zero_share": Fraction(3, 2)},
        {"zero_share": Fraction(-1, 2)},
        {"batch_gas": -1},
        {"payment_gas": -1},
        {"batch_tokens": -1},
        {"calldata_gas": -1},
        {"calldata_tokens": -1},
    ],
)
def test_a_batch_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"bytes_per_payment": 1, "zero_share": Fraction(0), "payments_per_blob": 1}
    with pytest.raises(BadInput, match=r"batch"):
        Posting(**{**right, **wrong})


def test_a_payment_that_no_transaction_holds_is_refused() -> None:
    with pytest.raises(BadInput, match="500000 bytes needs more than 16777216 gas"):
        Posting(500_000, Fraction(0), payments_per_blob=1).calldata(2, LATEST)
    with pytest.raises(BadInput, match="no -1 payments"):
        ROLLUP.blobs(-1, LATEST)


# --- Figures


def test_a_figure_says_its_origin() -> None:
    assert measured(21_000, "l2kit gas").as_json() == {"value": 21_000, "kind": "measured", "source": "l2kit gas"}
    assert derived(Decimal("0.10"), "a / b").as_json() == {"value": "0.10", "kind": "derived", "source": "a / b"}
    assert modelled(None, "no such thing").as_json()["kind"] == "modelled"


def test_a_figure_without_origin_is_refused() -> None:
    guessed: Any = "guessed"
    with pytest.raises(BadInput, match="has no source"):
        measured(1, "")
    with pytest.raises(BadInput, match="'guessed'"):
        Figure(1, guessed, "somewhere")
