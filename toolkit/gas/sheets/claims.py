"""Popular claims, checked: each with its verdict and the equations that give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.gas.figure import modelled
from toolkit.gas.popular import CLAIMS, Checked, Claim, checked
from toolkit.gas.sheet import CellValue, Column, Sheet

_ABOUT = {
    "throughput": ("transactions a second", ""),
    "cost": ("USD a transaction", "USD"),
    "finality": ("seconds until it is final", "s"),
}


def claims(receipts: Mapping[str, int]) -> list[Sheet]:
    """Throughput, cost and finality: a sheet each, since they have units of their own; one row a claim.

    Args:
        receipts: gas of single transactions by their plain name; a claim that needs another is left out.
    """
    known = [each for each in CLAIMS if not _missing(each, receipts)]
    found = [checked(each, receipts) for each in known]
    lacking = {row for each in CLAIMS for row in _missing(each, receipts)}
    left_out = [f"Left out: what needs the receipt {', '.join(sorted(lacking))}, not measured here."] if lacking else []
    return [_sheet(about, [each for each in found if each.claim.about == about], left_out) for about in _ABOUT]


def _missing(claim: Claim, receipts: Mapping[str, int]) -> list[str]:
    return [row for each in claim.equations.values() for row in each.rows if row not in receipts]


def _sheet(about: str, found: list[Checked], left_out: Sequence[str]) -> Sheet:
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
        *left_out,
    )
    return Sheet(
        f"claims-{about}", f"What articles say, checked: {what}", columns, [_row(each) for each in found], notes
    )


def _row(found: Checked) -> Mapping[str, CellValue]:
    claim = found.claim
    return {
        "chain": claim.chain,
        "says": claim.says,
        "verdict": found.verdict,
        "low": modelled(claim.low, "as claimed"),
        "high": modelled(claim.high, "as claimed" if claim.high is not None else "as claimed: no upper end"),
        **found.figures,
        "why": claim.why,
        "where": claim.where,
    }
