"""The model of a chain's levers: published values, limits, monotony."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import BadInput
from toolkit.gas.figure import Figure
from toolkit.gas.levers import (
    BITCOIN_2012,
    EFFECTIVE_THROUGHPUT_90,
    confirmations_for,
    double_spend_nakamoto,
    double_spend_rosenfeld,
    effective_share,
    ethereum_messages,
    ethereum_votes_without_aggregation,
    faults_tolerated,
    hotstuff_messages,
    kwh_per_transaction,
    largest_block,
    levers,
    longest_chain_messages,
    most_work_power,
    pbft_messages,
    stake_power,
    stale_rate,
    transactions_per_second,
    twh_per_year,
    work_power,
)

SHARE = st.floats(0.001, 0.49)
BOTH = pytest.mark.parametrize("double_spend", [double_spend_nakamoto, double_spend_rosenfeld])


# --- Published values


@pytest.mark.parametrize(
    ("share", "table"),
    [
        (0.1, {0: 1.0, 1: 0.2045873, 2: 0.0509779, 3: 0.0131722, 4: 0.0034552, 5: 0.0009137, 10: 0.0000012}),
        (0.3, {0: 1.0, 5: 0.1773523, 10: 0.0416605, 20: 0.0024804, 30: 0.0001522, 50: 0.0000006}),
    ],
)
def test_nakamoto_s_table_of_probabilities(share: float, table: dict[int, float]) -> None:
    assert {z: round(double_spend_nakamoto(share, z), 7) for z in table} == table


def test_nakamoto_s_table_of_confirmations_for_a_tenth_of_a_percent() -> None:
    table = {0.10: 5, 0.15: 8, 0.20: 11, 0.25: 15, 0.30: 24, 0.35: 41, 0.40: 89, 0.45: 340}
    assert {share: confirmations_for(share, 0.001, double_spend_nakamoto) for share in table} == table


def test_rosenfeld_s_table_for_a_tenth_of_the_work() -> None:
    table = {1: 0.20, 2: 0.056, 3: 0.01712, 4: 0.00546, 5: 0.00178, 6: 0.00059}
    assert {n: round(double_spend_rosenfeld(0.1, n), 5) for n in table} == pytest.approx(table, abs=5e-6)


def test_decker_and_wattenhofer_s_stale_rate() -> None:
    assert stale_rate(11.37, 633.68) == pytest.approx(0.0178, abs=5e-5)
    assert BITCOIN_2012.exposure(80_000) == pytest.approx(11.37)


def test_croman_s_largest_block_and_what_fits_into_it() -> None:
    size = largest_block(EFFECTIVE_THROUGHPUT_90, 600)
    assert size == pytest.approx(4e6, rel=0.05)
    assert transactions_per_second(size, 250, 600) == pytest.approx(27, rel=0.03)


def test_pbft_with_four_nodes() -> None:
    """One pre-prepare to three, three times three prepares, four times three commits."""
    assert pbft_messages(4) == 3 + 9 + 12
    assert (faults_tolerated(4), faults_tolerated(3), faults_tolerated(100)) == (1, 0, 33)


# --- Against a game that is played


@pytest.mark.parametrize(("share", "confirmations"), [(0.1, 2), (0.3, 3)])
def test_rosenfeld_s_probability_is_that_of_a_game_played_at_random(share: float, confirmations: int) -> None:
    dice = random.Random(4)

    def succeeds() -> bool:
        attacker, honest = 1, 0  # one block mined ahead
        while honest < confirmations:
            if dice.random() < share:
                attacker += 1
            else:
                honest += 1
        lead = attacker - honest - 1
        while -30 < lead < 0:
            lead += 1 if dice.random() < share else -1
        return lead >= 0

    games = 20_000
    won = sum(succeeds() for _ in range(games)) / games
    expected = double_spend_rosenfeld(share, confirmations)
    assert abs(won - expected) < 4 * math.sqrt(expected * (1 - expected) / games)


@pytest.mark.parametrize(("exposure", "seconds"), [(10.0, 60), (60.0, 60)])
def test_the_stale_rate_is_that_of_blocks_found_at_random(exposure: float, seconds: int) -> None:
    dice, blocks = random.Random(4), 50_000
    met = sum(dice.expovariate(1 / seconds) < exposure for _ in range(blocks)) / blocks
    assert stale_rate(exposure, seconds) == pytest.approx(met, abs=0.01)


# --- Limits and monotony


@BOTH
@given(SHARE, st.integers(0, 60))
def test_the_risk_falls_with_every_confirmation_and_grows_with_the_attacker(
    double_spend: Any, share: float, confirmations: int
) -> None:
    risk = double_spend(share, confirmations)
    assert 0 <= double_spend(share, confirmations + 1) <= risk + 1e-12 <= 1 + 1e-9
    assert double_spend(min(0.5, share * 1.1), confirmations) >= risk - 1e-12


@pytest.mark.parametrize("percent", range(1, 46))
def test_for_a_small_risk_nakamoto_asks_for_too_few_confirmations(percent: int) -> None:
    for risk in (1e-3, 1e-4, 1e-6):
        nakamoto, rosenfeld = (
            confirmations_for(percent / 100, risk, each) for each in (double_spend_nakamoto, double_spend_rosenfeld)
        )
        assert nakamoto is not None and rosenfeld is not None
        assert nakamoto <= rosenfeld


@BOTH
def test_without_an_attacker_one_confirmation_is_enough_and_against_half_none_are(double_spend: Any) -> None:
    assert (double_spend(0, 0), double_spend(0, 1)) == (1, 0)
    assert double_spend(0.5, 10_000) == double_spend(0.9, 1) == 1
    assert confirmations_for(0.5, 0.001, double_spend) is None
    assert confirmations_for(0, 0.001, double_spend) == 1
    assert confirmations_for(0.499999, 0.001, double_spend) is None, "more than the model looks for"


@BOTH
@given(SHARE.filter(lambda share: share < 0.45), st.floats(1e-6, 0.9))
@settings(deadline=None)
def test_the_confirmations_found_are_the_fewest(double_spend: Any, share: float, risk: float) -> None:
    found = confirmations_for(share, risk, double_spend)
    assert found is not None and found > 0
    assert double_spend(share, found) < risk <= double_spend(share, found - 1)


@given(st.floats(0, 100), st.floats(2, 10_000))
def test_blocks_are_stale_more_often_the_longer_they_spread_and_the_faster_they_come(
    exposure: float, seconds: float
) -> None:
    rate = stale_rate(exposure, seconds)
    assert 0 <= rate <= 1
    assert stale_rate(exposure + 1, seconds) >= rate >= stale_rate(exposure, seconds + 1)
    assert rate == pytest.approx(exposure / seconds, rel=exposure / seconds + 2 / seconds, abs=1e-12) or rate > 0.2


@given(st.floats(0.01, 0.99), st.floats(0, 0.9))
def test_stale_blocks_make_the_attacker_weigh_more(share: float, stale: float) -> None:
    found = effective_share(share, stale)
    assert share * (1 - 1e-12) <= found <= 1
    assert effective_share(share, 0) == pytest.approx(share)
    assert (effective_share(0, stale), effective_share(1, stale)) == (0, 1)


@given(st.integers(1, 10**6))
def test_messages_grow_as_they_are_said_to(nodes: int) -> None:
    assert pbft_messages(nodes) == 2 * nodes * (nodes - 1)
    assert hotstuff_messages(nodes) == 8 * longest_chain_messages(nodes)
    assert (pbft_messages(nodes) > hotstuff_messages(nodes)) == (nodes > 4)
    assert 3 * faults_tolerated(nodes) < nodes


def test_aggregation_is_what_a_million_validators_need() -> None:
    assert ethereum_messages(1_000_000) == pytest.approx(1_000_000 / 2_048 + 1_024)
    assert ethereum_votes_without_aggregation(1_000_000) == 31_250
    heard = [ethereum_messages(2**power) for power in range(5, 24)]
    assert heard == sorted(heard)


@given(st.floats(1, 1e4), st.floats(1, 100))
def test_more_transactions_make_no_more_work(rate: float, times: float) -> None:
    watts = work_power(600e18, 30e-12)
    assert kwh_per_transaction(watts, rate * times) == pytest.approx(kwh_per_transaction(watts, rate) / times)


def test_energy_in_the_units_of_articles() -> None:
    assert twh_per_year(1e9) == pytest.approx(8.766), "a gigawatt is 8.766 TWh a year"
    assert twh_per_year(stake_power(5_000, 60)) == pytest.approx(0.0026, rel=0.02), "Ethereum after the merge"
    assert kwh_per_transaction(3_600_000, 1) == 1
    assert most_work_power(60.0, 600, 0.06) == pytest.approx(1_000 * 3_600_000 / 600)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: transactions_per_second(1, 0, 1),
        lambda: stale_rate(-1, 600),
        lambda: stale_rate(1, 1),
        lambda: effective_share(1.1, 0),
        lambda: effective_share(0.1, 1),
        lambda: double_spend_nakamoto(-0.1, 1),
        lambda: double_spend_rosenfeld(0.1, -1),
        lambda: confirmations_for(0.1, 0),
        lambda: pbft_messages(0),
        lambda: stake_power(1, float("nan")),
    ],
)
def test_what_cannot_be_is_refused(wrong: Any) -> None:
    with pytest.raises(BadInput):
        wrong()


# --- The table


def test_every_figure_of_the_table_is_a_model_s_and_says_its_source() -> None:
    for lever in levers():
        assert len({tuple(row) for row in lever.rows}) == 1, "all rows have the same columns"
        figures = list(itertools.chain.from_iterable(row.values() for row in lever.rows))
        assert figures and {figure.kind for figure in figures} == {"modelled"}
        assert all(figure.source for figure in figures)
        assert lever.as_json()["rows"][0].keys() == lever.rows[0].keys()


def test_the_table_shows_what_each_lever_pays() -> None:
    size, time, *_ = levers()
    for lever in (size, time):
        rates = [number(row["transactions/s"]) for row in lever.rows]
        stale = [number(row["stale rate"]) for row in lever.rows]
        kept = [number(row["transactions/s that stay"]) for row in lever.rows]
        assert rates == sorted(rates) and stale == sorted(stale)
        assert kept.index(max(kept)) not in (0, len(kept) - 1), "too much of it carries less"
    (one,) = [row for row in size.rows if row["block MB"].value == 1]
    assert number(one["transactions/s"]) == pytest.approx(6.67, abs=0.01)


def number(figure: Figure) -> float:
    """A figure's value, which must be a number."""
    assert isinstance(figure.value, int | float)
    return figure.value
