"""Recommendations: ranked by what the measured cells say, excluded for a reason, moving the right way with prices."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import RECEIPTS, cell, cells

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Usage
from toolkit.gas.fees import Prices
from toolkit.gas.need import Need
from toolkit.gas.recommend import (
    Recommendation,
    counted,
    links,
    paid,
    paid_in_batches,
    payers,
    recommend,
    span,
    trusted,
)
from toolkit.gas.sheets import PROFILES, TRUST, Rates
from toolkit.gas.snapshot import Snapshot

GWEI = 10**9
SNAPSHOT = Snapshot(RECEIPTS, tuple(cells()))
NEED = Need(1_000, Decimal("0.05"), 8, Decimal(30))
RATES = Rates(Prices(2 * GWEI, GWEI), Decimal(2_000))

needs = st.builds(
    Need,
    st.integers(1, 30_000),
    st.decimals(Decimal("0.001"), 10, places=3),
    st.integers(2, 200),
    st.decimals(0, 40, places=1),
    st.sets(st.sampled_from(sorted(TRUST))).map(frozenset),
    st.integers(1, 1_000),
    st.sampled_from(["together", "alone", "disputed"]),
    st.none() | st.decimals(0, 1_000, places=1),
    st.integers(1, 400),
)
gwei = st.integers(0, 10**12)


def costs(found: Recommendation) -> dict[str, Fraction]:
    return {each.technique: each.wei for each in found.ranked}


@given(needs, gwei, gwei)
def test_everything_is_ranked_or_excluded_for_a_reason(need: Need, gas: int, blob: int) -> None:
    found = recommend(need, SNAPSHOT, Rates(Prices(gas, blob)))
    assert {*costs(found), *found.excluded} == set(TECHNIQUES)
    assert len(found.ranked) + len(found.excluded) == len(TECHNIQUES)
    assert all(found.excluded.values())
    assert [each.wei for each in found.ranked] == sorted(each.wei for each in found.ranked)
    for each in found.ranked:
        assert PROFILES[each.technique].assumes <= need.trust
        assert each.why
    json.dumps(found.as_json())


@given(needs, gwei, gwei, st.integers(1, 10**12))
def test_dearer_gas_makes_nothing_cheaper_and_excludes_nothing(need: Need, gas: int, blob: int, more: int) -> None:
    before = recommend(need, SNAPSHOT, Rates(Prices(gas, blob)))
    for prices in (Prices(gas + more, blob), Prices(gas, blob + more)):
        after = recommend(need, SNAPSHOT, Rates(prices))
        assert after.excluded == before.excluded
        assert all(wei >= costs(before)[technique] for technique, wei in costs(after).items())
    dear = costs(recommend(need, SNAPSHOT, Rates(Prices(gas, blob + more))))
    assert all((dear[each] > wei) == (each == "rollup-blobs") for each, wei in costs(before).items())


@given(needs, st.sampled_from(sorted(TRUST)))
def test_who_assumes_more_and_waits_longer_has_no_fewer_to_choose_from(need: Need, name: str) -> None:
    chosen = set(costs(recommend(need, SNAPSHOT, RATES)))
    wider = replace(need, trust=need.trust | {name}, max_exit_days=need.max_exit_days + 10, max_capital=None)
    assert chosen <= set(costs(recommend(wider, SNAPSHOT, RATES)))


@given(needs, st.integers(1, 100))
def test_a_longer_time_costs_no_less(need: Need, days: int) -> None:
    free = replace(need, max_exit_days=Decimal(100), max_capital=None)
    longer = replace(free, horizon_days=free.horizon_days + days)
    before, after = (costs(recommend(each, SNAPSHOT, RATES)) for each in (free, longer))
    assert all(after[technique] >= wei for technique, wei in before.items())


def test_the_cost_of_a_rollup_by_hand() -> None:
    own = cell("rollup-blobs", 10_000)
    (found,) = [each for each in recommend(NEED, SNAPSHOT, RATES).ranked if each.technique == "rollup-blobs"]
    day = cell("rollup-blobs", 1_000).phases["pay"]
    once = sum(own.phases[phase].gas for phase in ("open", "settle", "exit"))
    gas = 13 * once + 365 * (day.gas + RECEIPTS["rollup: assert"] + RECEIPTS["rollup: confirm"])
    assert found.wei == 2 * GWEI * gas + GWEI * 365 * day.blob_gas
    assert found.figures["gas"].value == gas
    assert found.figures["eth"].kind == found.figures["gas"].kind == "modelled"
    once_share = float(str(found.figures["once"].value))
    assert once_share == pytest.approx(13 * once * 2 * GWEI / int(found.wei)), "a round for each month begun"


def test_more_parties_need_more_channels_and_accounts() -> None:
    assert links("channel", 10, 1_000) == 45 and links("channel", 10, 7) == 7
    assert links("hub", 10, 1_000) == links("rollup-blobs", 10, 1_000) == 10
    assert links("hub", 10, 3) == 6 and links("l1-eth", 10, 1_000) == 0
    few, many = (costs(recommend(replace(NEED, parties=n), SNAPSHOT, RATES)) for n in (8, 80))
    per_channel = sum(cell("channel", 10_000).phases[phase].gas for phase in ("open", "settle")) // 28
    assert few["channel"] == 13 * 28 * per_channel * 2 * GWEI
    assert many["channel"] == 13 * 80 * 79 // 2 * per_channel * 2 * GWEI
    assert many["hub"] == 10 * few["hub"] and many["l1-eth"] == few["l1-eth"]
    assert many["channel"] > many["hub"]


@pytest.mark.parametrize(
    ("payments", "found"),
    [(1, 10), (5, 50), (10, 100), (55, 550), (100, 1_000), (200, 2_000)],
)
def test_paying_is_on_the_line_between_sizes_and_goes_on_beyond_them(payments: int, found: int) -> None:
    some = [replace(cell("hub", n), phases={"pay": Usage(1, 10 * n)}) for n in (10, 100)]
    assert paid(some, payments, lambda used: used.gas) == found
    assert paid(some[:1], payments, lambda used: used.gas) == max(100, 10 * payments)
    batch = [replace(cell("hub", n), phases={"pay": Usage(1, 1_000 + 10 * n)}) for n in (10, 100)]
    assert paid(batch, payments, lambda used: used.gas) == 1_000 + 10 * payments
    falling = [some[0], replace(some[1], phases={"pay": Usage(1, 50)})]
    assert paid(falling, 1_000, lambda used: used.gas) == 50, "it never falls beyond what was measured"


def test_who_must_leave_quickly_does_not_use_a_rollup() -> None:
    found = recommend(replace(NEED, max_exit_days=Decimal(1)), SNAPSHOT, RATES)
    assert {"rollup-calldata", "rollup-blobs"} <= set(found.excluded)
    assert found.excluded["rollup-blobs"] == ["with everybody's help everybody is out after 7 days, and 1 day may pass"]
    alone = recommend(replace(NEED, max_exit_days=Decimal("0.5"), exit="alone"), SNAPSHOT, RATES)
    assert set(costs(alone)) == {"l1-eth", "batch-pay"}
    assert alone.excluded["channel"] == ["without anybody's help everybody is out after 1 day, and 12 hours may pass"]


def test_seven_days_and_a_few_blocks_are_seven_days() -> None:
    assert cell("rollup-blobs", 10_000).exit_seconds > 7 * 86_400
    week, less = (recommend(replace(NEED, max_exit_days=Decimal(d)), SNAPSHOT, RATES) for d in ("7", "6.9"))
    assert "rollup-blobs" in costs(week) and "rollup-blobs" in less.excluded
    exact = replace(NEED, max_exit_days=Decimal("0.95"), exit="alone")
    assert "channel" in costs(recommend(exact, SNAPSHOT, RATES)), "just as lenient as it says"
    assert "channel" in recommend(replace(exact, max_exit_days=Decimal("0.94")), SNAPSHOT, RATES).excluded


def test_who_trusts_nothing_stays_on_l1() -> None:
    found = recommend(replace(NEED, trust=frozenset()), SNAPSHOT, RATES)
    assert set(costs(found)) == {"l1-eth", "batch-pay"}
    assert found.excluded["channel"] == [f"it assumes watching: {TRUST['watching']}"]
    assert found.excluded["l1-erc20"] == ["it moves tokens, not ETH"]
    some = recommend(replace(NEED, trust=frozenset({"watching"})), SNAPSHOT, RATES)
    assert set(costs(some)) == {"l1-eth", "batch-pay", "channel"}


def test_who_has_little_capital_locks_none() -> None:
    found = recommend(replace(NEED, max_capital=Decimal(1)), SNAPSHOT, RATES)
    assert set(costs(found)) == {"l1-eth", "batch-pay"}
    share = Fraction(cell("hub", 10_000).capital, cell("hub", 10_000).value)
    assert found.excluded["hub"] == [
        f"it locks {float(share * 50 * 30):.4g} ETH in a round, and 1 ETH may be; shorter rounds lock less"
    ]


def test_what_a_rollup_settles_once_for_all_is_not_multiplied_by_its_accounts() -> None:
    """A line through 2 and 8 accounts: 100,000 gas for each, and 342,000 for the batch, assertion and confirmation."""
    few, many = cell("rollup-blobs", 1), cell("rollup-blobs", 10_000)
    assert (few.parties, many.parties) == (2, 8) and few.phases["settle"] == many.phases["settle"]
    each = sum(many.phases[phase].gas - few.phases[phase].gas for phase in ("open", "exit")) // 6
    before, after = (
        next(int(str(x.figures["gas"].value)) for x in found.ranked if x.technique == "rollup-blobs")
        for found in (recommend(replace(NEED, parties=n), SNAPSHOT, RATES) for n in (8, 1_008))
    )
    assert after - before == 13 * 1_000 * each


def test_more_payers_send_more_batches() -> None:
    row = [cell("batch-pay", n) for n in (1, 10, 100, 1_000, 10_000)]
    assert paid_in_batches(row, 1_000, 8) == 24_000 * 8 + 9_700 * 1_000 == row[3].phases["pay"].gas
    assert paid_in_batches(row, 1_000, 500) == 24_000 * 500 + 9_700 * 1_000
    assert paid_in_batches(row[:1], 10, 3) == paid(row[:1], 10, lambda used: used.gas), "one cell tells no two prices"
    assert (payers(8, 1_000), payers(500, 1), payers(1_000_000, 10**9)) == (8, 1, 1_000_000)
    assert payers(500, 500) == round(500 * (1 - (499 / 500) ** 500))
    few, many = (costs(recommend(replace(NEED, parties=n), SNAPSHOT, RATES)) for n in (8, 500))
    assert many["batch-pay"] - few["batch-pay"] == 365 * 24_000 * (payers(500, 1_000) - 8) * 2 * GWEI


def test_leaving_takes_what_must_be_waited_for_and_the_blocks_that_it_fills() -> None:
    few, many = (
        {x.technique: x.figures["exit_days"] for x in recommend(replace(NEED, parties=n), SNAPSHOT, RATES).ranked}
        for n in (8, 800)
    )
    assert float(str(few["hub"].value)) * 86_400 == pytest.approx(12) and few["hub"].kind == "modelled"
    closing = cell("channel", 10_000).phases["settle"].gas / 28 * min(800 * 799 // 2, 30_000)
    assert float(str(many["channel"].value)) * 86_400 == pytest.approx(12 * -(-closing // 60_000_000))
    assert float(str(few["rollup-blobs"].value)) * 86_400 == pytest.approx(604_800 + 12)
    assert few["l1-eth"].value == 0


def test_what_l1_has_no_room_for_is_excluded() -> None:
    found = recommend(replace(NEED, payments_per_day=20_000_000), SNAPSHOT, RATES)
    assert found.excluded["l1-eth"] == ["it needs 420,000,000,000 gas a day, and all of L1 has 216,000,000,000"]
    assert "rollup-blobs" in costs(found)
    more = recommend(replace(NEED, payments_per_day=10**9), SNAPSHOT, RATES)
    assert any("blob gas a day" in reason for reason in more.excluded["rollup-blobs"])


def test_no_more_is_locked_than_is_moved_whatever_margins_a_small_run_had() -> None:
    """The sample's cell with 1 payment locks 0.2125 ETH for 0.05: 0.2 are a rollup's bond."""
    few = replace(NEED, payments_per_day=1, horizon_days=3, value=Decimal(1))
    locked = {
        each.technique: float(str(each.figures["capital"].value)) for each in recommend(few, SNAPSHOT, RATES).ranked
    }
    assert locked["channel"] == 3 and locked["hub"] == 6
    assert locked["rollup-blobs"] == pytest.approx(0.2 + 3 * (0.2125 - 0.2) / 0.05)
    assert locked["l1-eth"] == 0


def test_shorter_rounds_lock_less_and_cost_more() -> None:
    long, short = (recommend(replace(NEED, round_days=days), SNAPSHOT, RATES) for days in (1_000, 5))
    for technique in ("channel", "hub", "rollup-blobs"):
        assert costs(short)[technique] > costs(long)[technique]
        one, other = (
            next(each.figures["capital"].value for each in found.ranked if each.technique == technique)
            for found in (short, long)
        )
        assert isinstance(one, Decimal) and isinstance(other, Decimal) and one < other
    assert costs(short)["l1-eth"] == costs(long)["l1-eth"]


@pytest.mark.parametrize(
    ("days", "text"),
    [("0", "no time"), ("1", "1 day"), ("7.0005", "7 days"), ("0.5", "12 hours"), ("10.75", "10.75 days")],
)
def test_times_for_people(days: str, text: str) -> None:
    assert span(Decimal(days)) == text
    assert (counted(1, "channel"), counted(2_000, "channel")) == ("1 channel", "2,000 channels")
    assert span(Decimal(30) / 86_400) == "30 s" and span(Decimal(90) / 86_400) == "1.5 minutes"


def test_the_reasons_compare_with_l1_and_with_the_cheapest() -> None:
    found = recommend(NEED, SNAPSHOT, RATES)
    first, second = found.ranked[:2]
    assert "the cheapest of those that do" in first.why and "the cheapest of those that do" not in second.why
    times = float(second.wei / first.wei)
    assert f"{times:.4g} times as much as {TECHNIQUES[first.technique]}" in second.why
    l1 = costs(found)["l1-eth"]
    assert any(why.startswith(f"{float(100 * first.wei / l1):.4g} % of what L1 ETH transfers") for why in first.why)
    last = next(each for each in found.ranked if each.technique == "l1-eth")
    assert "the money never leaves L1" in last.why and "assumes nothing but L1" in last.why


def test_a_payment_that_costs_more_than_it_moves_is_told() -> None:
    tiny = recommend(replace(NEED, value=Decimal("0.00001")), SNAPSHOT, RATES)
    told = {each.technique: "a payment costs more than it moves" in each.why for each in tiny.ranked}
    assert told["l1-eth"] and not told["hub"]


def test_what_was_not_measured_is_excluded_and_without_cells_nothing_is_recommended() -> None:
    some = Snapshot(RECEIPTS, tuple(each for each in cells() if each.technique != "hub"))
    assert recommend(NEED, some, RATES).excluded["hub"] == ["it was not measured"]
    without = Snapshot({}, SNAPSHOT.cells)
    assert recommend(NEED, without, RATES).excluded["rollup-blobs"] == ["it was not measured"]
    with pytest.raises(BadInput, match="no measured workloads"):
        recommend(NEED, Snapshot(RECEIPTS), RATES)


def test_of_several_forks_the_last_counts() -> None:
    dear = [
        replace(each, phases={name: replace(used, gas=2 * used.gas) for name, used in each.phases.items()})
        for each in cells()
    ]
    both = Snapshot(RECEIPTS, (*cells(hardfork="prague"), *(replace(each, hardfork="later") for each in dear)))
    assert costs(recommend(NEED, both, RATES))["l1-eth"] == 2 * costs(recommend(NEED, SNAPSHOT, RATES))["l1-eth"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"payments_per_day": 0}, "0 payments a day"),
        ({"payments_per_day": 10**10}, "10000000000 payments a day"),
        ({"value": Decimal(0)}, "a payment of 0 ETH"),
        ({"value": Decimal("NaN")}, "a payment of NaN ETH"),
        ({"parties": 1}, "1 parties"),
        ({"max_exit_days": Decimal(-1)}, "-1 days to leave"),
        ({"horizon_days": 0}, "0 days are not"),
        ({"round_days": 0}, "a round of 0 days"),
        ({"trust": frozenset({"luck"})}, "nothing here assumes 'luck'"),
        ({"exit": "never"}, "nobody leaves 'never'"),
        ({"max_capital": Decimal(-1)}, "no capital is -1 ETH"),
    ],
)
def test_what_cannot_be_needed_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        replace(NEED, **wrong)


def test_trust_in_words() -> None:
    assert trusted([]) == trusted(["any"]) == frozenset(TRUST)
    assert trusted(["none"]) == frozenset()
    assert trusted(["watching", "honest-verifier", "watching"]) == {"watching", "honest-verifier"}
    with pytest.raises(BadInput, match="'none' or watching, not both"):
        trusted(["none", "watching"])
    with pytest.raises(BadInput, match="nothing here assumes 'luck'; there are none, watching"):
        trusted(["luck"])
