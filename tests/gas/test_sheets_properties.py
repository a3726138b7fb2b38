"""What a technique asks and promises: sums of receipts by independent arithmetic, and the protocols' own numbers."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path

import pytest
from samples import RECEIPTS, cell, cells

from toolkit.channel.technique import CHALLENGE_PERIOD
from toolkit.gas import sheets
from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.figure import Figure, measured
from toolkit.gas.sheet import CellValue
from toolkit.gas.sheets import PROFILES, TRUST, profile
from toolkit.gas.sheets.deployment import OVER
from toolkit.rollup import codec
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.measure import receipts as rollup_receipts

ROOT = Path(__file__).parents[2]


def rows(
    receipts: dict[str, int] | None = None, vanish: dict[str, Figure] | None = None
) -> dict[str, dict[str, CellValue]]:
    """Both sheets' columns together."""
    known = RECEIPTS if receipts is None else receipts
    both = zip(sheets.ways_out(known).rows, sheets.properties(cells(), known, vanish or {}).rows, strict=True)
    return {str(way["technique"]): {**way, **row} for way, row in both}


def value(row: dict[str, CellValue], key: str) -> object:
    figure = row[key]
    assert isinstance(figure, Figure)
    return figure.value


def test_a_row_for_every_technique() -> None:
    assert list(rows()) == list(TECHNIQUES) == list(PROFILES)


def test_on_l1_there_is_nothing_to_leave() -> None:
    for technique in ("l1-eth", "l1-erc20", "batch-pay"):
        row = rows()[technique]
        for key in ("deposit", "exit_cooperative", "exit_alone", "exit_escape", "exit_disputed", "exit_alone_seconds"):
            assert value(row, key) == 0
        assert value(row, "survives") is True


def test_the_ways_out_of_a_channel() -> None:
    row, gas = rows()["channel"], RECEIPTS
    start, newer, settle = (gas[f"channel: {what} (ETH)"] for what in ("unilateral start", "newer state", "settle"))
    assert value(row, "deposit") == gas["channel: open and fund (ETH)"]
    assert value(row, "exit_cooperative") == gas["channel: close by a party (ETH)"]
    assert value(row, "exit_alone") == value(row, "exit_escape") == start + settle
    assert value(row, "exit_disputed") == start + newer + settle
    assert value(row, "exit_disputed_honest") == newer + settle
    assert value(row, "exit_alone_seconds") == value(row, "exit_disputed_seconds") == 86_400


def test_a_hub_adds_its_money_and_a_lock() -> None:
    hub, channel, gas = rows()["hub"], rows()["channel"], RECEIPTS
    assert value(hub, "deposit") == gas["channel: open and fund (ETH)"] + gas["channel: top up (ETH)"]
    lock = gas["channel: unlock one hash lock, extra"]
    for key in ("exit_disputed", "exit_disputed_honest"):
        more = value(hub, key)
        less = value(channel, key)
        assert isinstance(more, int) and isinstance(less, int) and more - less == lock


@pytest.mark.parametrize(
    ("technique", "share", "where"),
    [
        ("rollup-calldata", 2_814 + (57_491 + 59_929) / 1_000, "calldata"),
        ("rollup-blobs", (34_980 + 57_491 + 59_929) / 1_638, "blob"),
    ],
)
def test_the_ways_out_of_a_rollup(technique: str, share: float, where: str) -> None:
    gas = {
        **RECEIPTS,
        "rollup: batch of 1,000 transfers as calldata, per transfer": 2_814,
        "rollup: batch in one blob, execution": 34_980,
        "rollup: assert": 57_491,
        "rollup: confirm": 59_929,
    }
    row = rows(gas)[technique]
    out = gas["bridge: claim withdrawal (ETH)"] + share
    assert value(row, "exit_cooperative") == round(out)
    alone = (
        gas["bridge: forced withdrawal (ETH)"]
        + 2 * gas["rollup: late batch"]
        + 57_491
        + 59_929
        + gas["bridge: claim withdrawal (ETH)"]
    )
    assert value(row, "exit_alone") == alone
    assert value(row, "exit_escape") == sum(
        gas[key] for key in ("rollup: alarm", "rollup: freeze", "bridge: escape (ETH)")
    )
    opening, move = gas["dispute: open"], gas["dispute: one move"]
    step = gas[f"dispute: final step, worst operation ({where} batch)"]
    assert value(row, "exit_disputed") == round(out + 57_491 + opening + 5 * move + step), (
        "the wrong assertion is the liar's"
    )
    assert value(row, "exit_disputed_honest") == round(out + opening + 2 * move + step)
    assert value(row, "exit_escape_seconds") == 30 * 86_400
    assert value(row, "exit_alone_seconds") == 8 * 86_400
    assert value(row, "exit_disputed_seconds") == (7 + 3.75) * 86_400


def test_the_worst_game_is_no_cheaper_than_the_measured_one() -> None:
    gas = RECEIPTS
    worst = (
        gas["dispute: open"]
        + 5 * gas["dispute: one move"]
        + gas["dispute: final step, worst operation (calldata batch)"]
    )
    assert worst >= gas["dispute: whole game, 1,000-transfer assertion, both sides"] > worst * 0.8


def test_a_single_receipt_is_measured_and_a_sum_derived() -> None:
    kinds = {
        (technique, key): figure.kind
        for technique, row in rows().items()
        for key, figure in row.items()
        if isinstance(figure, Figure)
    }
    assert kinds["channel", "deposit"] == kinds["rollup-blobs", "deposit"] == "measured"
    assert kinds["channel", "exit_alone"] == kinds["rollup-blobs", "exit_escape"] == "derived"
    assert kinds["rollup-blobs", "exit_alone"] == "derived"
    assert kinds["hub", "exit_blocks"] == kinds["hub", "capital"] == "measured"


def test_the_equations_name_their_receipts() -> None:
    source = rows()["channel"]["exit_alone"]
    assert isinstance(source, Figure)
    assert "start + settle where start = channel: unilateral start (ETH)" in source.source
    rollup = rows()["rollup-blobs"]["exit_alone"]
    assert isinstance(rollup, Figure) and "a bond of 0.2 ETH comes back" in rollup.source, "who does and pays what"


def test_a_receipt_that_is_missing_leaves_no_figure_but_says_which() -> None:
    some = {name: gas for name, gas in RECEIPTS.items() if "in one blob" not in name}
    figure = rows(some)["rollup-blobs"]["exit_cooperative"]
    assert isinstance(figure, Figure) and figure.value is None
    assert "'rollup: batch in one blob, execution' was not measured" in figure.source


def test_capital_is_locked_while_people_pay_and_until_they_have_left() -> None:
    own, row = cell("rollup-blobs", 10_000), rows()["rollup-blobs"]
    share = own.capital / own.value
    assert float(str(value(row, "capital_share"))) == pytest.approx(share)
    assert float(str(value(row, "capital_eth_days"))) == pytest.approx(share * (1 + own.exit_seconds / 86_400))
    days = row["capital_eth_days"]
    assert isinstance(days, Figure) and days.kind == "modelled", "that the payments take a day is assumed"
    assert value(row, "capital") == Decimal(own.capital) / 10**18
    assert value(row, "exit_seconds") == own.exit_seconds and value(row, "exit_blocks") == own.exit_blocks


def test_whether_it_outlives_its_operator_is_what_was_run() -> None:
    run = measured(True, "l2kit scenario vanish")
    found = rows(vanish={"rollup-blobs": run})
    assert found["rollup-blobs"]["survives"] == run
    hub = found["hub"]["survives"]
    assert isinstance(hub, Figure) and hub.value is None and "not run" in hub.source


def test_without_cells_the_receipts_are_shown_all_the_same() -> None:
    sheet = sheets.properties([], RECEIPTS, {})
    (row,) = [dict(each) for each in sheet.rows if each["technique"] == "channel"]
    assert value(row, "deposit") and value(row, "capital") is None


def test_both_sheets_can_be_read_at_once_and_share_no_column_but_the_technique() -> None:
    exits, properties = sheets.ways_out(RECEIPTS), sheets.properties(cells(), RECEIPTS, {})
    assert (exits.key, properties.key) == ("exits", "properties")
    assert max(len(exits.columns), len(properties.columns)) <= 12
    assert {each.key for each in exits.columns} & {each.key for each in properties.columns} == {"technique"}


def test_the_protocols_say_the_same_numbers() -> None:
    given = {name: each.default for name, each in inspect.signature(deploy_rollup).parameters.items()}
    assert given["challenge_window"] == profile.CHALLENGE_WINDOW
    assert given["sequencer_window"] == profile.SEQUENCER_WINDOW
    assert given["escape_delay"] == profile.ESCAPE_DELAY
    assert profile.CHALLENGE_PERIOD == CHALLENGE_PERIOD
    assert profile.BLOB_RECORDS == codec.BLOB_RECORDS
    assert profile.CALLDATA_RECORDS == rollup_receipts.TRANSFERS
    assert f"Each lasts {profile.GAME_SECONDS / 86_400} days" in (ROOT / "SECURITY.md").read_text()
    assert given["bond"] == profile.BOND
    assert f"a bond of {given['bond'] / 10**18} ETH" in PROFILES["rollup-blobs"].alone.who


def test_every_assumption_is_explained_and_asked_for_by_somebody() -> None:
    assert set().union(*(each.assumes for each in PROFILES.values())) == set(TRUST)


def test_a_deployment_is_the_sum_of_its_contracts_spread_over_payments() -> None:
    gas = {"Inbox": 1, "PaymentsMachine": 20, "Rollup": 300, "Bridge": 4_000, "Dispute": 50_000, "PaymentChannels": 7}
    found = {str(row["technique"]): dict(row) for row in sheets.deployment(gas).rows}
    assert value(found["rollup-blobs"], "gas") == 54_321
    assert value(found["rollup-blobs"], "over_1000") == Decimal("54.321")
    assert value(found["l1-eth"], "gas") == 0
    assert value(found["hub"], "gas") == value(found["channel"], "gas") == 7
    kinds = {name: row["gas"].kind for name, row in found.items() if isinstance(row["gas"], Figure)}
    assert kinds["hub"] == "measured" and kinds["rollup-blobs"] == kinds["l1-eth"] == "derived"
    for key in ("gas", *(f"over_{size}" for size in OVER)):
        figure = found["batch-pay"][key]
        assert isinstance(figure, Figure) and figure.value is None and "BatchPay was not measured" in figure.source
