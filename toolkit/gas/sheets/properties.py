"""What a technique asks and promises besides its price: time, capital, trust, data, who must live; and the ways out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.figure import Figure, derived, measured, modelled
from toolkit.gas.popular import Equation
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import COMMAND, Grid, of_cell
from toolkit.gas.sheets.money import decimal, eth
from toolkit.gas.sheets.profile import DAY, PROFILES, Profile, Way

EXIT_COLUMNS = (
    Column("technique", "technique"),
    Column("exit_cooperative", "all help", "gas"),
    Column("exit_cooperative_blob_gas", "its blob gas", "gas"),
    Column("exit_alone", "alone", "gas"),
    Column("exit_alone_seconds", "alone: wait", "s"),
    Column("exit_escape", "operator gone", "gas"),
    Column("exit_escape_seconds", "operator gone: wait", "s"),
    Column("exit_disputed", "disputed, both sides", "gas"),
    Column("exit_disputed_honest", "of it the honest side", "gas"),
    Column("exit_disputed_seconds", "disputed: wait", "s"),
    Column("who_pays", "who pays a dispute"),
)
COLUMNS = (
    Column("technique", "technique"),
    Column("deposit", "deposit", "gas"),
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


def ways_out(receipts: Mapping[str, int]) -> Sheet:
    """The sheet "exits", one row a technique: the ways out, from receipts alone.

    Args:
        receipts: gas of single transactions by their plain name.
    """
    rows = [_exit_row(technique, PROFILES[technique], receipts) for technique in TECHNIQUES]
    notes = (
        "Gas for one account's ETH, everybody's transactions together; seconds are L1's.",
        "All help: its time is measured, in the sheet `properties`. A rollup's exit has a full batch's share of batch, "
        "assertion and confirmation: who leaves in a batch alone causes all of them.",
        "Alone, operator gone: at least so long. A channel with payments on their way waits until the last of their "
        "locks has paid or expired, if that is later.",
        "Disputed: at most so long. A rollup's game may begin at the end of the window, and takes 3.75 days at most, "
        "also where the run is longer than the 4,096 steps that are priced here.",
    )
    return Sheet("exits", "Ways out of every technique", EXIT_COLUMNS, rows, notes)


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
        "Deposit: gas for one account's ETH, everybody's transactions together. Ways out are in the sheet `exits`.",
        "Soft confirmations are timed in the sheet `timing`.",
        "Time to withdraw and capital: of everybody, at the largest size that was measured, everybody helping; by the "
        "lab's clock, where L1 makes a block a second for each transaction. A rollup's challenge window is 7 days.",
        "Capital is the most that contracts and bonds held at one time, margins included.",
        "ETH-days: that capital for as long as it is locked, if the payments take a day: a rollup's stays for a "
        "challenge window more.",
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


def _exit_row(technique: str, profile: Profile, receipts: Mapping[str, int]) -> Mapping[str, CellValue]:
    disputed = profile.disputed
    honest = disputed.honest if disputed.honest is not None else disputed.gas
    return {
        "technique": technique,
        "exit_cooperative": _gas(profile.cooperative, receipts),
        "exit_cooperative_blob_gas": by_receipts(profile.blob_gas, receipts, "no blobs"),
        "exit_alone": _gas(profile.alone, receipts),
        "exit_alone_seconds": _seconds(profile.alone),
        "exit_escape": _gas(profile.escape, receipts),
        "exit_escape_seconds": _seconds(profile.escape),
        "exit_disputed": by_receipts(disputed.gas, receipts, disputed.who),
        "exit_disputed_honest": by_receipts(honest, receipts, disputed.who),
        "exit_disputed_seconds": _seconds(disputed),
        "who_pays": disputed.who,
    }


def _row(
    technique: str, profile: Profile, grid: Grid, receipts: Mapping[str, int], vanish: Mapping[str, Figure]
) -> Mapping[str, CellValue]:
    return {
        "technique": technique,
        "deposit": _gas(profile.deposit, receipts),
        "soft_confirmation": f"{profile.soft} (sheet timing)",
        **_of_cell(grid.largest(technique), technique),
        "trust": profile.trust,
        "data": profile.data,
        "survives": vanish.get(technique) or _survives(profile),
    }


def _gas(way: Way, receipts: Mapping[str, int]) -> Figure:
    """Its source says also who does and pays what."""
    found = by_receipts(way.gas, receipts, way.who)
    return found if way.gas is None else replace(found, source=f"{found.source}; {way.who}")


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
        why = "nothing was paid"
        return {**found, "capital_share": derived(None, why), "capital_eth_days": modelled(None, why)}
    share = Fraction(cell.capital, cell.value)
    days = share * (1 + Fraction(cell.exit_seconds, DAY))
    return {
        **found,
        "capital_share": derived(decimal(share), "capital / value"),
        "capital_eth_days": modelled(decimal(days), _ETH_DAYS),
    }


def _survives(profile: Profile) -> Figure:
    if profile.deposit.gas is None:
        return derived(True, _NO_OPERATOR)
    return Figure(None, "measured", "its operator's vanishing was not run")
