"""Amounts and times are read and told exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.bridge.amounts import ETHER_UNIT, Unit, Words, decimal, moment, parse_span, parse_units, span
from toolkit.errors import BadInput


@given(st.integers(1, 1 << 128), st.integers(0, 30))
def test_what_is_told_is_what_is_read(amount: int, decimals: int) -> None:
    assert parse_units(decimal(amount, decimals).replace(",", ""), Unit("X", decimals)) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 10**18),
        ("0.1", 10**17),
        ("2.50", 25 * 10**17),
        ("1e-18", 1),
        ("1e3", 10**21),
        ("0.1234567890123456789", None),
    ],
)
def test_an_amount_is_exact_or_refused(text: str, amount: int | None) -> None:
    if amount is None:
        with pytest.raises(BadInput, match=r"finer than ETH is counted \(18 decimals\)"):
            parse_units(text, ETHER_UNIT)
    else:
        assert parse_units(text, ETHER_UNIT) == amount


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a lot", "'a lot' is not a number"), ("", "is not a number"), ("1_000", "is not a number"), ("٣", "not a"),
        ("0", "not above zero"), ("-1", "not above zero"), ("nan", "not above zero"), ("inf", "not above zero"),
        ("1e999", "more ETH than there can be"), ("0." + "1" * 300, "is not a number"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        parse_units(text, ETHER_UNIT)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"), (40, "40 s"), (720, "12 min"), (3661, "1 h 1 min"), (7 * 86400 - 1, "6 d 23 h"), (86400 + 5, "1 d"),
        (30 * 86400, "30 d"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_a_span_is_told_in_its_two_greatest_units(seconds: int, told: str) -> None:
    assert span(seconds) == told


def test_a_moment_is_told_absolute_and_from_now() -> None:
    assert moment(86400, 0) == "1970-01-02 00:00:00 UTC (in 1 d)"
    assert moment(0, 90) == "1970-01-01 00:00:00 UTC (1 min 30 s ago)"
    assert moment(5, 5) == "1970-01-01 00:00:05 UTC (now)"


def test_what_has_no_name_is_told_as_it_is() -> None:
    alice, token, other = b"\1" * 20, b"\2" * 20, b"\3" * 20
    words = Words({alice: "alice"}, {bytes(20): ETHER_UNIT, token: Unit("USD", 6)})
    assert (words.who(alice), words.amount(bytes(20), 25 * 10**17)) == ("alice", "2.5 ETH")
    assert words.amount(token, 1_234_500_000) == "1,234.5 USD"
    assert words.who(other) == "0x0303030303030303030303030303030303030303"
    assert words.amount(other, 1000) == "1,000 base units of 0x0303030303030303030303030303030303030303"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604_800), ("12h", 43_200), ("30m", 1_800), ("45s", 45), ("90", 90), ("1d12h", 129_600), ("1d1s", 86_401)],
)
def test_a_span_is_read_in_seconds(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0d", "-1", "1.5d", "d", "12h1d", "1d 2h", "7w", "1_0", "\u0667d", "1" * 99])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no span of time|is not above zero"):
        parse_span(text)
