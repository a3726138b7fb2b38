"""The fee of a fast exit."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.bridge.fee import CLAIM_GAS, EXIT_GAS, YEAR, NotWorthIt, Tariff, decimal
from toolkit.errors import BadInput

ETH, COIN, OTHER = bytes(20), b"\x70" * 20, b"\x71" * 20
ETHER, DAY, GWEI = 10**18, 24 * 3600, 10**9

rates = st.fractions(0, 2, max_denominator=10**6)
risks = st.fractions(0, Fraction(1, 2), max_denominator=10**6)
prices = st.fractions(Fraction(1, 10**9), 10**12, max_denominator=10**9)
tokens = st.sampled_from([ETH, COIN])
amounts = st.integers(0, 2**128 - 1)
spans = st.integers(0, 60 * DAY)
gas_prices = st.integers(0, 10**12)


def fee_or_none(tariff: Tariff, token: bytes, amount: int, seconds: int, gas_price: int) -> int | None:
    try:
        return tariff.fee(token, amount, seconds, gas_price)
    except NotWorthIt:
        return None


def test_the_fee_is_what_the_page_says() -> None:
    tariff = Tariff(decimal("rate", "0.1"), decimal("risk", "0.0005"))
    gas = (EXIT_GAS[True] + CLAIM_GAS[True]) * 2 * GWEI
    exact = 10 * ETHER * (Fraction(1, 10) * 7 / 365 + Fraction(5, 10_000)) + gas
    assert tariff.fee(ETH, 10 * ETHER, 7 * DAY, 2 * GWEI) - exact < 1
    assert round(float((exact - gas) / ETHER), 4) == 0.0242
    assert round((tariff.fee(ETH, 10 * ETHER, DAY, 0)) / ETHER, 4) == 0.0077


def test_a_year_at_some_rate_is_that_rate() -> None:
    assert Tariff(Fraction(1, 10), Fraction(0)).fee(ETH, 1_000, YEAR, 0) == 100
    assert Tariff(Fraction(0), Fraction(1, 100)).fee(ETH, 1_000, YEAR, 0) == 10


def test_gas_is_paid_in_the_token_at_its_price() -> None:
    """A coin of 6 digits that is worth 0.0004 ETH: 4e8 wei a base unit."""
    tariff = Tariff(Fraction(0), Fraction(0), {COIN: Fraction(4 * 10**8)})
    gas = EXIT_GAS[False] + CLAIM_GAS[False]
    assert tariff.fee(COIN, 10**9, DAY, GWEI) == -(-gas * GWEI // (4 * 10**8))
    assert tariff.value(COIN, 10**6) == 4 * 10**14


def test_a_token_without_a_price_is_not_served() -> None:
    with pytest.raises(BadInput, match="does not serve the token 0x7171"):
        Tariff(Fraction(0), Fraction(0), {COIN: Fraction(1)}).fee(OTHER, ETHER, 0, 0)


@pytest.mark.parametrize("amount", [0, 1, EXIT_GAS[True] * GWEI])
def test_what_the_fee_would_eat_up_is_not_offered(amount: int) -> None:
    with pytest.raises(NotWorthIt, match=f"all of the {amount} "):
        Tariff(Fraction(1, 10), Fraction(1, 1000)).fee(ETH, amount, DAY, GWEI)


@given(rates, risks, prices, tokens, amounts, spans, gas_prices)
def test_the_fee_is_below_the_amount_and_rounded_up_by_less_than_a_unit(
    rate: Fraction, risk: Fraction, price: Fraction, token: bytes, amount: int, seconds: int, gas_price: int
) -> None:
    found = fee_or_none(Tariff(rate, risk, {COIN: price}), token, amount, seconds, gas_price)
    gas = (EXIT_GAS[token == ETH] + CLAIM_GAS[token == ETH]) * gas_price / (Fraction(1) if token == ETH else price)
    exact = amount * (rate * seconds / YEAR + risk) + gas
    if found is None:
        assert exact > amount - 1
    else:
        assert 0 <= found < amount
        assert 0 <= found - exact < 1


@given(rates, risks, amounts, spans, gas_prices, st.data())
def test_the_fee_grows_with_window_rate_risk_gas_price_and_amount(
    rate: Fraction, risk: Fraction, amount: int, seconds: int, gas_price: int, data: st.DataObject
) -> None:
    """And what is not offered does not become so again by asking for more."""
    before = fee_or_none(Tariff(rate, risk), ETH, amount, seconds, gas_price)
    changed = data.draw(st.sampled_from(["rate", "risk", "seconds", "gas price"]))
    dearer = Tariff(
        rate + (data.draw(rates) if changed == "rate" else 0), risk + (data.draw(risks) if changed == "risk" else 0)
    )
    longer = seconds + (data.draw(spans) if changed == "seconds" else 0)
    gas_price_then = gas_price + (data.draw(gas_prices) if changed == "gas price" else 0)
    after = fee_or_none(dearer, ETH, amount, longer, gas_price_then)
    assert after is None or (before is not None and after >= before)
    larger = fee_or_none(Tariff(rate, risk), ETH, amount + data.draw(st.integers(0, 2**64)), seconds, gas_price)
    assert before is None or larger is None or larger >= before


@given(prices, amounts)
def test_a_value_is_rounded_up(price: Fraction, amount: int) -> None:
    assert 0 <= Tariff(Fraction(0), Fraction(0), {COIN: price}).value(COIN, amount) - amount * price < 1


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1/3", ".5", "5.", " 1", "nan", "0x10", "1\n", "١"])
def test_only_plain_decimal_numbers_are_taken(text: str) -> None:
    with pytest.raises(BadInput, match=r"annual_rate .* is not a decimal number"):
        decimal("annual_rate", text)


def test_decimal_numbers_are_exact() -> None:
    assert decimal("risk", "0.0005") == Fraction(1, 2000)
    assert decimal("risk", "12") == 12
