"""All tables together: each key once, the same for the same figures, nothing of this machine's clock in them."""

from __future__ import annotations

import json
from dataclasses import replace

from samples import RECEIPTS, cells

from toolkit.compile import artifact
from toolkit.gas import sheets
from toolkit.gas.cell import Cell, Timing
from toolkit.gas.figure import measured
from toolkit.gas.sheet import Sheet
from toolkit.gas.sheets import Rates

CODE = artifact("SimpleStorage").bytecode


def book(found: list[Cell]) -> list[Sheet]:
    vanish = {"hub": measured(True, "made up")}
    return sheets.book(found, RECEIPTS, contracts={"BatchPay": 1}, vanish=vanish, bytecode=CODE, rates=Rates.of())


def test_every_table_is_there_once_and_can_be_written() -> None:
    found = book(cells())
    keys = [each.key for each in found]
    assert len(set(keys)) == len(keys)
    assert keys[:7] == ["techniques", "breakeven", "exits", "properties", "deployment", "storage", "storage-claims"]
    assert {"fees-switch", "fees-free-execution", "claims-cost", "lever-energy"} <= set(keys)
    for each in found:
        assert len({column.key for column in each.columns}) == len(each.columns), each.key
        assert each.rows and json.dumps(each.as_json(), allow_nan=False)


def test_another_machine_s_clock_changes_nothing() -> None:
    slower = [replace(each, timing=Timing(99.0, {"pay": 77.0})) for each in cells()]
    assert book(cells()) == book(slower)


def test_several_forks_and_no_cells_at_all_do_no_harm() -> None:
    found = {each.key: each for each in book([*cells([1, 10], "prague"), *cells([1], "osaka")])}
    assert {row["hardfork"] for row in found["techniques"].rows} == {"prague", "osaka"}
    assert len(found["properties"].rows) == 7
    without = {each.key: each for each in book([])}
    assert without["techniques"].rows == without["breakeven"].rows == []
    assert without["claims-throughput"].rows


def test_without_blobs_there_is_no_fee_model_and_everything_else() -> None:
    measured = {name: gas for name, gas in RECEIPTS.items() if "blob" not in name}
    found = sheets.book(cells(), measured, contracts={}, vanish={}, bytecode=CODE, rates=Rates.of())
    keys = {each.key for each in found}
    whole = {each.key for each in book(cells())}
    assert keys == {each for each in whole if not each.startswith("fees")}


def test_charts_have_a_way_out_for_whatever_leaves_l1_and_break_evens() -> None:
    ways = {(each.technique, each.way): each for each in sheets.exits(cells(), RECEIPTS)}
    assert len(ways) == 4 * 3
    channel = ways["channel", "disputed"]
    assert (channel.gas.value, channel.seconds.value) == (
        sum(RECEIPTS[f"channel: {what} (ETH)"] for what in ("unilateral start", "newer state", "settle")),
        86_400,
    )
    assert ways["rollup-blobs", "cooperative"].seconds.value == 604_830
    assert ways["hub", "cooperative"].seconds.value == 2, "of the two who leave after one payment"
    assert {each.way for each in sheets.exits([], RECEIPTS)} == {"alone", "disputed"}, "without a run, no such time"
    found = sheets.break_evens(cells(), Rates.of())
    assert set(found) == {"l1-erc20", "batch-pay", "channel", "hub", "rollup-calldata", "rollup-blobs"}
    assert found["l1-erc20"].value is None


def test_what_the_package_exports_is_there_and_in_order() -> None:
    assert all(hasattr(sheets, name) for name in sheets.__all__)
    assert sheets.__all__ == sorted(sheets.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
