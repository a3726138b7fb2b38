"""What a technique asks and promises besides its price: ways out, time, capital, trust, data, who must live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.figure import Figure, derived, measured
from toolkit.gas.popular import Equation
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import COMMAND, Grid, of_cell
from toolkit.gas.sheets.money import decimal, eth
from toolkit.gas.sheets.profile import DAY, PROFILES, Profile, Way

COLUMNS = (
    Column("technique", "technique"),
    Column("deposit", "deposit", "gas"),
    Column("exit_cooperative", "exit, all help", "gas"),
    Column("exit_cooperative_blob_gas", "its blob gas", "gas"),
    Column("exit_alone", "exit alone", "gas"),
    Column("exit_alone_seconds", "waits", "s"),
    Column("exit_escape", "exit, operator gone", "gas"),
    Column("exit_escape_seconds", "waits", "s"),
    Column("exit_disputed", "exit disputed, both sides", "gas"),
    Column("exit_disputed_honest", "of it the honest side", "gas"),
    Column("exit_disputed_seconds", "waits", "s"),
    Column("who_pays", "who pays a dispute"),
    Column("soft_confirmation", "soft confirmation"),
    Column("exit_blocks", "blocks to withdraw", ""),
    Column("exit_seconds", "time to withdraw", "s"),
    Column("capital", "capital locked", "ETH"),
    Column("capital_share", "locked for each ETH moved", "ETH"),
    Column("capital_eth_days", "ETH-days for each ETH moved", ""),
    Column("trust", "trust"),
    Column("data", "data"),
    Column("survives", "survives the operator vanishing"),
)

_NO_OPERATOR = "there is no operator: the money never leaves L1"
_ETH_DAYS = "capital / value * (1 day of payments + seconds to withdraw / 86,400)"


def properties(cells: Iterable[Cell], receipts: Mapping[str, int], vanish: Mapping[str, Figure]) -> Sheet:
    """One row a technique.

    Args:
        cells: of one hardfork; the largest of each technique shows its time and capital.
        receipts: gas of single transactions by their plain name.
        vanish: whether a technique survived its operator's vanishing, from what was run.
    """
    grid = Grid(cells)
    rows = [_row(technique, PROFILES[technique], grid, receipts, vanish) for technique in TECHNIQUES]
    notes = (
        "Gas of one account's money, ETH, everybody's transactions together; seconds are L1's, blocks one a second.",
        "Soft confirmations are timed in the sheet `timing`.",
        "Time to withdraw and capital: at the largest size that was measured, everybody helping; a rollup's challenge "
        "window is 7 days.",
        "Capital is the most that contracts and bonds held at one time, margins included.",
    )
    return Sheet("properties", "What every technique asks and promises", COLUMNS, rows, notes)


def by_receipts(equation: Equation | None, receipts: Mapping[str, int], nothing: str) -> Figure:
    """The figure of an equation over the receipts: rounded to whole gas, or None where a row was not measured.

    Args:
        equation: None where nothing is to be done.
        nothing: why then.
    """
    if equation is None:
        return derived(0, nothing)
    if missing := [row for row in equation.rows if row not in receipts]:
        return derived(None, f"{missing[0]!r} was not measured; {equation}")
    value = round(equation.value(receipts))
    source = f"{equation}; receipts: {COMMAND}" if equation.rows else str(equation)
    if equation.rows and equation.text in equation.given:  # a single row, as it was measured
        return measured(value, source)
    return derived(value, source)


def _row(
    technique: str, profile: Profile, grid: Grid, receipts: Mapping[str, int], vanish: Mapping[str, Figure]
) -> Mapping[str, CellValue]:
    disputed, cell = profile.disputed, grid.largest(technique)
    honest = disputed.honest if disputed.honest is not None else disputed.gas
    return {
        "technique": technique,
        "deposit": _gas(profile.deposit, receipts),
        "exit_cooperative": _gas(profile.cooperative, receipts),
        "exit_cooperative_blob_gas": by_receipts(profile.blob_gas, receipts, "no blobs"),
        "exit_alone": _gas(profile.alone, receipts),
        "exit_alone_seconds": _seconds(profile.alone),
        "exit_escape": _gas(profile.escape, receipts),
        "exit_escape_seconds": _seconds(profile.escape),
        "exit_disputed": _gas(disputed, receipts),
        "exit_disputed_honest": by_receipts(honest, receipts, disputed.who),
        "exit_disputed_seconds": _seconds(disputed),
        "who_pays": disputed.who,
        "soft_confirmation": f"{profile.soft} (sheet timing)",
        **_of_cell(cell, technique),
        "trust": profile.trust,
        "data": profile.data,
        "survives": vanish.get(technique) or _survives(profile),
    }


def _gas(way: Way, receipts: Mapping[str, int]) -> Figure:
    return by_receipts(way.gas, receipts, way.who)


def _seconds(way: Way) -> Figure:
    return by_receipts(way.seconds, {}, "no waiting")


def _of_cell(cell: Cell | None, technique: str) -> Mapping[str, CellValue]:
    keys = ("exit_blocks", "exit_seconds", "capital", "capital_share", "capital_eth_days")
    if cell is None:
        nothing = measured(None, f"no workload was run through {technique}")
        return dict.fromkeys(keys, nothing)
    found: dict[str, CellValue] = {
        "exit_blocks": of_cell(cell.exit_blocks, cell),
        "exit_seconds": of_cell(cell.exit_seconds, cell),
        "capital": measured(eth(cell.capital), of_cell(0, cell).source),
    }
    if cell.value == 0:
        nothing = derived(None, "nothing was paid")
        return {**found, "capital_share": nothing, "capital_eth_days": nothing}
    share = Fraction(cell.capital, cell.value)
    days = share * (1 + Fraction(cell.exit_seconds, DAY))
    return {
        **found,
        "capital_share": derived(decimal(share), "capital / value"),
        "capital_eth_days": derived(decimal(days), _ETH_DAYS),
    }


def _survives(profile: Profile) -> Figure:
    if profile.deposit.gas is None:
        return derived(True, _NO_OPERATOR)
    return Figure(None, "measured", "its operator's vanishing was not run")
