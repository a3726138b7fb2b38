"""What every technique costs: each figure against independent arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest
from samples import ETHER, cell, cells

from toolkit.errors import BadInput
from toolkit.gas import sheets
from toolkit.gas.cell import SIZES, TECHNIQUES
from toolkit.gas.fees import Prices
from toolkit.gas.figure import Figure
from toolkit.gas.sheet import CellValue, Sheet
from toolkit.gas.sheets import Grid, Rates
from toolkit.gas.sheets.money import decimal, gwei

GWEI = 10**9
RATES = Rates(Prices(3 * GWEI, GWEI // 2), Decimal(2_000))


def row_of(sheet: Sheet, **labels: str) -> dict[str, CellValue]:
    """The one row with these labels."""
    (row,) = [each for each in sheet.rows if all(each[key] == label for key, label in labels.items())]
    return dict(row)


def figure(value: CellValue) -> Figure:
    assert isinstance(value, Figure)
    return value


def test_a_row_for_every_cell_in_the_order_of_the_techniques() -> None:
    sheet = sheets.techniques(reversed(cells()), RATES)
    assert [(row["technique"], row["payments"]) for row in sheet.rows] == [
        (technique, str(size)) for technique in TECHNIQUES for size in SIZES
    ]


def test_the_figures_of_a_rollup_in_blobs() -> None:
    own = cell("rollup-blobs", 1_000)
    row = row_of(sheets.techniques(cells(), RATES), technique="rollup-blobs", payments="1000")
    gas = sum(used.gas for used in own.phases.values())
    size = sum(used.calldata_bytes for used in own.phases.values()) + 131_072
    wei = gas * 3 * GWEI + 131_072 * GWEI // 2
    assert (
        figure(row["gas"]).value
        == gas
        == sum(
            value
            for phase in ("open", "pay", "settle", "exit")
            if isinstance(value := figure(row[f"{phase}_gas"]).value, int)
        )
    )
    assert figure(row["blob_gas"]).value == 131_072
    assert figure(row["gas_per_payment"]).value == Decimal(gas) / 1_000
    assert figure(row["bytes_per_payment"]).value == Decimal(size) / 1_000
    assert figure(row["eth_per_payment"]).value == Decimal(wei) / ETHER / 1_000
    assert figure(row["usd_per_payment"]).value == Decimal(wei) / ETHER / 1_000 * 2_000
    assert float(str(figure(row["versus_l1_gas"]).value)) == pytest.approx(gas / 21_000_000)
    assert float(str(figure(row["versus_l1_money"]).value)) == pytest.approx(wei / (21_000_000 * 3 * GWEI))


def test_what_was_counted_is_measured_what_follows_derived_and_money_a_model() -> None:
    row = row_of(sheets.techniques(cells(), RATES), technique="channel", payments="10")
    kinds = {key: value.kind for key, value in row.items() if isinstance(value, Figure)}
    assert {kinds[key] for key in ("transactions", "open_gas", "gas", "blob_gas")} == {"measured"}
    assert {kinds[key] for key in ("gas_per_payment", "bytes_per_payment", "versus_l1_gas")} == {"derived"}
    assert {kinds[key] for key in ("eth_per_payment", "usd_per_payment", "versus_l1_money")} == {"modelled"}
    assert "3 gwei" in figure(row["eth_per_payment"]).source and "0.5 gwei" in figure(row["eth_per_payment"]).source


def test_without_l1_there_is_nothing_to_compare_with() -> None:
    row = row_of(sheets.techniques([cell("channel", 10)], RATES), technique="channel")
    assert figure(row["versus_l1_gas"]).value is None
    assert "not measured with 10 payments" in figure(row["versus_l1_gas"]).source


def test_free_gas_leaves_no_share_of_money() -> None:
    row = row_of(sheets.techniques(cells(), Rates(Prices(0, 0))), technique="hub", payments="1")
    assert figure(row["versus_l1_money"]).value is None
    assert figure(row["eth_per_payment"]).value == 0


def test_each_fork_is_held_against_its_own_l1() -> None:
    both = [*cells([10], "prague"), *cells([10], "osaka")]
    sheet = sheets.techniques(both, RATES)
    assert [row["hardfork"] for row in sheet.rows] == ["prague"] * 7 + ["osaka"] * 7
    with pytest.raises(BadInput, match="prague and of osaka"):
        Grid(both)
    with pytest.raises(BadInput, match="two cells of channel with 10 payments"):
        Grid([cell("channel", 10)] * 2)


def test_timing_is_in_its_own_sheet_alone() -> None:
    def without(sheet: Sheet) -> str:
        return str(sheet.as_json())

    assert "12.5" not in without(sheets.techniques(cells(), RATES))
    assert figure(row_of(sheets.timing(cells()), technique="hub", payments="1")["soft_confirmation_ms"]).value == 12.5


@pytest.mark.parametrize(("wei", "text"), [(1, "0.000000001"), (10**9, "1"), (25 * 10**8, "2.5"), (10**11, "100")])
def test_wei_as_gwei(wei: int, text: str) -> None:
    assert gwei(wei) == text


def test_rates_from_gwei() -> None:
    assert Rates.of(Decimal("0.5")).prices == Prices(5 * 10**8, 5 * 10**8 // 16), "the reserve price, EIP-7918"
    assert Rates.of(Decimal(2), Decimal("0.25"), Decimal(1_000)) == Rates(Prices(2 * GWEI, GWEI // 4), Decimal(1_000))
    assert decimal(10**15 + 1) == Decimal(10**15), "twelve digits"
    for wrong in (Decimal(-1), Decimal("NaN"), Decimal("1e-10"), Decimal(10) ** 13):
        with pytest.raises(BadInput, match="gwei"):
            Rates.of(wrong)
    for worth in (Decimal(0), Decimal("Infinity"), Decimal(-5)):
        with pytest.raises(BadInput, match="USD"):
            Rates.of(eth_usd=worth)
