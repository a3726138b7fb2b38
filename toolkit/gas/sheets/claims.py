"""Popular claims, checked: each with its verdict and the equations that give it."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.gas.figure import modelled
from toolkit.gas.popular import Checked, check
from toolkit.gas.sheet import CellValue, Column, Sheet

_ABOUT = {
    "throughput": ("transactions a second", ""),
    "cost": ("USD a transaction", "USD"),
    "finality": ("seconds until it is final", "s"),
}


def claims(receipts: Mapping[str, int]) -> list[Sheet]:
    """Throughput, cost and finality: a sheet each, since they have units of their own; one row a claim.

    Args:
        receipts: gas of single transactions by their plain name.

    Raises:
        BadInput: a row that a claim needs is missing.
    """
    found = check(receipts)
    return [_sheet(about, [each for each in found if each.claim.about == about]) for about in _ABOUT]


def _sheet(about: str, found: list[Checked]) -> Sheet:
    what, unit = _ABOUT[about]
    columns = (
        Column("chain", "chain"),
        Column("says", "claim"),
        Column("verdict", "verdict"),
        Column("low", "claimed, from", unit),
        Column("high", "to", unit),
        Column("now", "today", unit),
        Column("then", "earlier", unit),
        Column("model", "if assumed", unit),
        Column("why", "why"),
        Column("where", "where"),
    )
    notes = (
        "reproduced: today's parameters or our receipts give it; outdated: those of an earlier time did; model-only: "
        "it holds under an assumption that nobody can check on the chain; contradictory: nothing gives it.",
        "A figure may miss what is claimed by 15 %. Market prices are rough.",
    )
    return Sheet(
        f"claims-{about}", f"What articles say, checked: {what}", columns, [_row(each) for each in found], notes
    )


def _row(checked: Checked) -> Mapping[str, CellValue]:
    claim = checked.claim
    return {
        "chain": claim.chain,
        "says": claim.says,
        "verdict": checked.verdict,
        "low": modelled(claim.low, "as claimed"),
        "high": modelled(claim.high, "as claimed" if claim.high is not None else "as claimed: no upper end"),
        **checked.figures,
        "why": claim.why,
        "where": claim.where,
    }
