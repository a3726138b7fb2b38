"""``l2kit recommend``: which technique suits somebody's payments."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.gas_models import from_option, json_option, measured
from toolkit.cli.prices import Number, price_options, rates
from toolkit.cli.sheets import cell

if TYPE_CHECKING:
    from toolkit.gas.recommend import Recommendation

_TRUST = click.Choice(["none", "watching", "operator-liveness", "honest-verifier", "any"])


@click.command()
@click.option("--payments-per-day", type=int, required=True, metavar="N", help="Of all parties together.")
@click.option("--value", type=Number(), required=True, metavar="ETH", help="That a payment moves.")
@click.option("--parties", type=int, required=True, metavar="K", help="Accounts that pay or are paid.")
@click.option(
    "--max-exit-days", type=Number(), required=True, metavar="D", help="In which all money must be back on L1."
)
@click.option("--trust", type=_TRUST, multiple=True, help="What may be assumed; may be given several times [any].")
@click.option("--horizon-days", type=int, default=365, show_default=True, metavar="DAYS", help="For how long.")
@click.option(
    "--exit",
    "way",
    type=click.Choice(["together", "alone", "disputed"]),
    default="together",
    show_default=True,
    help="Which way out must be that quick.",
)
@click.option("--max-capital", type=Number(), metavar="ETH", help="That may be locked in a round.")
@click.option(
    "--round-days",
    type=int,
    default=30,
    show_default=True,
    metavar="DAYS",
    help="After which everybody leaves and opens anew.",
)
@price_options
@from_option
@json_option
def recommend(
    payments_per_day: int,
    value: Decimal,
    parties: int,
    max_exit_days: Decimal,
    trust: tuple[str, ...],
    horizon_days: int,
    way: str,
    max_capital: Decimal | None,
    round_days: int,
    gas_price: Decimal | None,
    blob_price: Decimal | None,
    eth_usd: Decimal | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Rank the techniques for your payments by what they cost, from measured workloads, and say why.

    \b
    --trust says what may be assumed beyond L1; nobody can take money in any of them:
      none               nothing
      watching           each party, or a watchtower, looks at L1 once a day
      operator-liveness  an operator is there whenever somebody pays; without it payments stop
      honest-verifier    one honest verifier, whoever it is, watches L1 in every window of 7 days
      any                all of these

    \b
    Examples:
      l2kit recommend --payments-per-day 1000 --value 0.05 --parties 8 --max-exit-days 10
      l2kit recommend --payments-per-day 50 --value 1 --parties 2 --max-exit-days 2 --trust watching
      l2kit recommend --payments-per-day 10000 --value 0.01 --parties 500 --max-exit-days 30 --gas-price 20
    """
    from toolkit.gas.need import Need
    from toolkit.gas.recommend import recommend as ranked
    from toolkit.gas.recommend import trusted

    accepted = trusted(trust)
    need = Need(payments_per_day, value, parties, max_exit_days, accepted, horizon_days, way, max_capital, round_days)
    found = ranked(need, measured(file), rates(gas_price, blob_price, eth_usd))
    if as_json:
        show.as_json(found.as_json())
        return
    _show(found)


def _show(found: Recommendation) -> None:
    from toolkit.gas.cell import TECHNIQUES
    from toolkit.gas.figure import Figure
    from toolkit.gas.recommend import counted, span
    from toolkit.gas.sheets.money import gwei

    need, prices = found.need, found.rates.prices
    title = (
        f"{counted(need.payments_per_day, 'payment')} a day of {need.value:,f} ETH between {need.parties:,} parties, "
        f"{counted(need.horizon_days, 'day')}"
    )
    keys = ("eth", "usd_per_payment", "versus_l1", "capital")
    rows = [["", "ETH in all", "USD a payment", "of L1 ETH", "ETH locked", "to leave"]]
    rows += [
        [
            f"{place}. {TECHNIQUES[each.technique]}",
            *(cell(each.figures[key]) for key in keys),
            cell(Figure(span(leave.value), leave.kind, leave.source)),
        ]
        for place, each in enumerate(found.ranked, 1)
        for leave in [each.figures["exit_days"]]
    ]
    show.table(title, rows, numbers=True)
    if not found.ranked:
        show.out.print("  nothing here does all of that", markup=False)
    for each in found.ranked:
        show.out.print(f"\n{TECHNIQUES[each.technique]}", style="bold", markup=False)
        for reason in each.why:
            show.out.print(f"  {reason}", markup=False)
    if found.excluded:
        show.out.print("\nNot these", style="bold", markup=False)
        for technique, reasons in found.excluded.items():
            show.out.print(f"  {TECHNIQUES[technique]}: {'; '.join(reasons)}", markup=False)
    show.out.print(f"\n{found.ranked[0].figures['gas'].source}" if found.ranked else "", style="dim", markup=False)
    show.out.print(
        f"= derived   ~ modelled, at {gwei(prices.gas_price)} gwei a gas, {gwei(prices.blob_base_fee)} gwei a blob "
        f"gas, {found.rates.eth_usd:,} USD an ETH",
        style="dim",
        markup=False,
    )
