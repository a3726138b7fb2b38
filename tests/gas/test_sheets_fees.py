"""The fee model's tables: the measured batch explains its own receipts, and every figure is the model's."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from samples import RECEIPTS, cell, cells

from toolkit.errors import BadInput
from toolkit.gas import sheets
from toolkit.gas.cell import Usage
from toolkit.gas.fees import BATCH_SIZES, FORKS, LATEST, Posting, Prices, fork
from toolkit.gas.figure import Figure, modelled
from toolkit.gas.levers import levers
from toolkit.gas.popular import CLAIMS
from toolkit.gas.sheet import Sheet
from toolkit.gas.sheets import Rates

HOW = sheets.posting(RECEIPTS)
GWEI = 10**9


def number(sheet: Sheet, place: int, key: str) -> float:
    figure = sheet.rows[place][key]
    assert isinstance(figure, Figure) and figure.value is not None
    return float(str(figure.value))


def test_the_batch_explains_the_receipts_that_it_was_made_from() -> None:
    (calldata,), (blob,) = HOW.calldata(1_000, LATEST), HOW.blobs(1_000, LATEST)
    assert calldata.floor_binds(LATEST)
    each = RECEIPTS["rollup: batch of 1,000 transfers as calldata, per transfer"]
    assert calldata.gas_used(LATEST) / 1_000 == pytest.approx(each, abs=0.5)
    assert blob.gas_used(LATEST) == RECEIPTS["rollup: batch in one blob, execution"]
    assert (HOW.bytes_per_payment, HOW.payments_per_blob) == (76, 1_638)
    assert 0 < HOW.zero_share < Fraction(1, 4)


def test_cells_of_the_rollup_in_calldata_show_bytes_and_zeros_themselves() -> None:
    shown = sheets.posting(RECEIPTS, [each for each in cells() if each.technique == "rollup-calldata"])
    assert (shown.bytes_per_payment, shown.zero_share) == (76, Fraction(8, 76))
    one = sheets.posting(RECEIPTS, [each for each in cells([10]) if each.technique == "rollup-calldata"])
    assert one == HOW, "one size tells nothing of what one more payment adds"


def test_cells_of_both_ways_show_what_calldata_alone_needs() -> None:
    """As measured on Anvil at Osaka with 1, 10 and 1,000 payments: what the model says of 1 and 10 is what it cost."""
    sent = {  # gas, bytes, zeros of the batch in calldata
        1: (55_121, 356, 250),
        10: (71_354, 1_060, 337),
        1_000: (2_839_100, 76_196, 7_658),
    }
    both = [
        replace(cell(technique, n), phases={"pay": used})
        for n, (gas, size, zeros) in sent.items()
        for technique, used in (
            ("rollup-calldata", Usage(1, gas, 0, size, zeros)),
            ("rollup-blobs", Usage(1, 52_068, 131_072, 164, 152)),
        )
    ]
    how = sheets.posting(RECEIPTS, both)
    cold = 52_068 - how.blobs(1, LATEST)[0].gas_used(LATEST)
    assert cold == pytest.approx(17_100, abs=20), "the first batch ever writes a new slot, and later ones do not"
    for n in (1, 10):
        (transaction,) = how.calldata(n, LATEST)
        assert transaction.gas_used(LATEST) + cold == pytest.approx(sent[n][0], rel=5e-3)
    assert sheets.fees(how, Rates.of(), [LATEST])[0].rows[0]["payments"] == modelled(
        4, "the least n with cost(blobs, n) < cost(calldata, n) at 1 gwei a gas, 0.0625 gwei a blob gas"
    )


def test_receipts_that_are_missing_or_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="per transfer', which was not measured"):
        sheets.posting({})
    for gas in (10, 10_000):
        with pytest.raises(BadInput, match=f"{gas} gas a transfer"):
            sheets.posting({**RECEIPTS, "rollup: batch of 1,000 transfers as calldata, per transfer": gas})


def test_four_tables_with_every_fork_in_each() -> None:
    switch, free, price, reserve = sheets.fees(HOW, Rates.of())
    assert [row["fork"] for row in switch.rows] == [row["fork"] for row in reserve.rows] == list(FORKS)
    assert [(row["fork"], row["payments"]) for row in free.rows] == [
        (name, str(size)) for name in FORKS for size in BATCH_SIZES
    ]
    assert [each.key for each in price.columns[1:]] == list(FORKS)


def test_at_the_switch_blobs_are_cheaper_and_at_one_payment_less_they_are_not() -> None:
    for gas, blob in (("1", "0.0625"), ("2", "1"), ("1", "2")):
        rates = Rates.of(Decimal(gas), Decimal(blob))
        n = int(number(sheets.fees(HOW, rates, [LATEST])[0], 0, "always"))
        assert HOW.blobs_are_cheaper(n, rates.prices, LATEST)
        assert not HOW.blobs_are_cheaper(n - 1, rates.prices, LATEST)


def test_at_the_ratio_both_ways_cost_the_same() -> None:
    switch = sheets.fees(HOW, Rates.of(), [LATEST])[0]
    ratio = number(switch, 0, "ratio_1000")
    for factor, cheaper in ((0.999, True), (1.001, False)):
        prices = Prices(10**12, int(ratio * factor * 10**12))
        assert HOW.blobs_are_cheaper(1_000, prices, LATEST) is cheaper


def test_what_rides_free_is_used_and_left() -> None:
    free = sheets.fees(HOW, Rates.of(), [LATEST])[1]
    for place, size in enumerate(BATCH_SIZES):
        found = HOW.free_execution(size, LATEST)
        assert number(free, place, "allowed") == found.allowed
        assert number(free, place, "used") + number(free, place, "left") == found.allowed
        assert number(free, place, "each") == pytest.approx(found.allowed / size)
    before = sheets.fees(HOW, Rates.of(), [fork("cancun")])[1]
    assert {number(before, place, "allowed") for place in range(len(BATCH_SIZES))} == {0}


def test_the_blob_base_fee_grows_by_the_same_factor_for_every_ten_full_blocks() -> None:
    price = sheets.fees(HOW, Rates.of())[2]
    at = {str(row["excess"]): place for place, row in enumerate(price.rows)}
    fees = {name: [number(price, at[str(blocks)], name) for blocks in (150, 200, 250)] for name in FORKS}
    for name, (low, middle, high) in fees.items():
        rules = FORKS[name]
        factor = 2.718281828 ** (50 * (rules.max - rules.target) * 131_072 / rules.blob_base_fee_update_fraction)
        assert middle / low == pytest.approx(factor, rel=1e-3) and high / middle == pytest.approx(factor, rel=1e-3)


def test_the_reserve_price_is_a_sixteenth_of_the_base_fee_since_osaka() -> None:
    reserve = sheets.fees(HOW, Rates.of())[3]
    for place, name in enumerate(FORKS):
        since = name not in ("cancun", "prague")
        assert number(reserve, place, "at_16_gwei") == (1 if since else 1e-9)
        assert number(reserve, place, "ratio") == (0.0625 if since else 0)


def test_a_batch_of_larger_payments_is_shown_as_such() -> None:
    notes = sheets.fees(Posting(100, Fraction(1, 2), 50), Rates.of(), [LATEST])[0].notes
    assert any("100 bytes, 50.0% of them zero, 50 in a blob" in note for note in notes)


def test_every_claim_is_a_row_with_its_verdict() -> None:
    found = sheets.claims(RECEIPTS)
    rows = [row for sheet in found for row in sheet.rows]
    assert [(row["chain"], row["says"], row["verdict"]) for row in rows] == [
        (each.chain, each.says, each.verdict)
        for about in ("throughput", "cost", "finality")
        for each in CLAIMS
        if each.about == about
    ]
    assert all(any(key in row for key in ("now", "then", "model")) for row in rows)


def test_every_lever_is_a_sheet_of_modelled_figures() -> None:
    for sheet, lever in zip(sheets.levers(), levers(), strict=True):
        assert len(sheet.rows) == len(lever.rows) and lever.pays in sheet.notes[0]
        assert {each.kind for row in sheet.rows for each in row.values() if isinstance(each, Figure)} == {"modelled"}
        assert len({each.key for each in sheet.columns}) == len(sheet.columns)
