"""``l2kit gas``: what every technique costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from toolkit.cli import gas_models, show
from toolkit.cli.options import devnet_options, hardforks_option
from toolkit.cli.prices import price_options, rates
from toolkit.cli.signals import Ended
from toolkit.errors import BadInput, L2KitError

if TYPE_CHECKING:
    from toolkit.gas.matrix import Plan, Progress
    from toolkit.gas.report import Report
    from toolkit.gas.run import Order
    from toolkit.gas.sheets import Rates
    from toolkit.gas.snapshot import Snapshot

_MOST = 100_000
_CHECKED = (1, 10, 100)
"""Sizes that ``--check`` runs where nobody names others."""
_COMMITTED = Path("the one that comes with l2kit")


class GasMoved(L2KitError):
    """Gas is not what the snapshot says."""


class _Sizes(click.ParamType):
    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(each) for each in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 1,10,100", param, ctx)
        if not all(1 <= each <= _MOST for each in sizes):
            self.fail(f"{value!r} has a number that is not from 1 to {_MOST:,}", param, ctx)
        return tuple(sorted(set(sizes)))


@dataclass(frozen=True)
class _Output:
    """Where the report goes."""

    as_json: bool
    as_markdown: bool
    as_csv: bool
    html: Path | None
    png: Path | None
    keep: Path | None

    def check(self, chosen: Rates) -> None:
        """Raise BadInput where two forms are asked for, a file cannot be written, or nothing can be charted."""
        from toolkit.gas.render import check_writable

        forms = {"--json": self.as_json, "--markdown": self.as_markdown, "--csv": self.as_csv}
        asked = [name for name, wanted in forms.items() if wanted]
        if len(asked) > 1:
            raise BadInput(f"{' and '.join(asked)} cannot both be printed")
        for path in (self.html, self.keep):
            if path:
                check_writable(path)
        if self.png:
            check_writable(self.png, folders=True)
        if (self.html or self.png) and not chosen.prices.gas_price:
            raise BadInput("at a gas price of 0 there is nothing to chart: give a --gas-price above 0")

    def give(self, report: Report, chosen: Rates) -> None:
        """Write the files, then print."""
        from toolkit.gas import render

        if self.keep:
            render.write(self.keep, report.snapshot.text().encode())
        document = report.document(chosen) if self.html or self.png else None
        if self.html and document:
            render.write(self.html, render.to_html(document).encode())
        written = render.to_png(document, self.png) if self.png and document else []
        if self.as_json:
            sheets = [each.as_json() for each in report.sheets(chosen)]
            show.as_json({**report.as_json(), "sheets": sheets})
        elif self.as_markdown:
            click.echo(render.to_markdown([*report.sheets(chosen), report.times()]))
        elif self.as_csv:
            click.echo(render.to_csv([*report.sheets(chosen), report.times()]), nl=False)
        else:
            show.sheets([*report.measured(chosen), report.times()])
            show.out.print("\nThe models beside: l2kit gas fees, l2kit gas claims, l2kit gas levers.", markup=False)
        for path in (self.keep, self.html, *written):
            if path:
                show.err.print(f"written: {path}", markup=False)


@click.group(invoke_without_command=True)
@click.option(
    "--n",
    "sizes",
    type=_Sizes(),
    metavar="N,N...",
    help="How many payments, one or more numbers [default: 1,10,100,1000,10000; of a file, those below its length "
    "and all of it; for --check 1,10,100].",
)
@click.option(
    "--technique",
    "techniques",
    multiple=True,
    metavar="KEY",
    help="Only this technique; may be given more than once. There are l1-eth, l1-erc20, batch-pay, channel, hub, "
    "rollup-calldata and rollup-blobs.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the seeded payments.")
@click.option("--parties", type=int, default=8, show_default=True, help="Accounts that make the seeded payments.")
@click.option(
    "--payments",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own payments, a CSV file with the columns from,to,amount (ETH), instead of seeded ones.",
)
@hardforks_option
@click.option("--skip-vanish", is_flag=True, help="Do not kill the techniques' operators to see who survives that.")
@click.option("--fresh", is_flag=True, help="Measure all anew, and not only what a stopped run has left.")
@price_options
@devnet_options
@click.option(
    "--check",
    "against",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=_COMMITTED,
    metavar="[FILE]",
    help="Compare with the snapshot FILE, or with the one that comes with l2kit; exit status 1 where gas has moved.",
)
@click.option("--snapshot", "keep", type=click.Path(path_type=Path), metavar="FILE", help="Write what --check reads.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; all but its timing is the same for the same seed.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown tables.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line a figure.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write one page with charts to FILE.")
@click.option(
    "--png",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a slide with the main charts to FILE, or one slide a chart into a folder.",
)
def gas(
    sizes: tuple[int, ...] | None,
    techniques: tuple[str, ...],
    seed: int,
    parties: int,
    payments: Path | None,
    hardforks: tuple[str, ...],
    skip_vanish: bool,
    fresh: bool,
    gas_price: Decimal | None,
    blob_price: Decimal | None,
    eth_usd: Decimal | None,
    against: Path | None,
    **given: Any,
) -> None:
    """Measure what every technique costs, from receipts.

    \b
    The same payments go through plain L1, payment channels, a channel hub and the rollup; everyone's
    transactions count, set-up and tear-down included. Then single transactions in a steady state, and
    what becomes of everybody's money when a technique's operator is killed. Every figure says whether
    it was measured, derived or modelled. A run that is stopped is taken up again by the same command.

    \b
    Examples:
      l2kit gas --n 1,10,100
      l2kit gas --html report.html --gas-price 5 --eth-usd 2500
      l2kit gas --n 1,100 --technique l1-eth --technique channel
      l2kit gas --payments payments.csv --markdown
      l2kit gas --hardfork prague,osaka,amsterdam --n 1 --csv
      l2kit gas --check
    """
    context = click.get_current_context()
    if context.invoked_subcommand:
        if any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params):
            raise BadInput(f"gas {context.invoked_subcommand} measures nothing: its own options come after its name")
        return
    from toolkit.gas.run import Order
    from toolkit.world import Devnet, Options

    forms = {name: given.pop(name) for name in ("as_json", "as_markdown", "as_csv", "html", "png", "keep")}
    output = _Output(**forms)
    chosen = rates(gas_price, blob_price, eth_usd)
    output.check(chosen)
    if against and given["node"] == "hardhat":
        raise BadInput("snapshots are Anvil's, with blobs and blocks a second apart, and hardhat can do neither")
    known = _known(against) if against else None
    if sizes is None and known is not None and payments is None:
        sizes = _CHECKED
    options = Options(services=False, **given)
    accounts = Devnet(options).accounts
    plan, about = _plan(accounts, sizes, techniques or None, seed, parties, payments)  # a wrong row is told at once
    report = _measured(Order(plan, about, options, hardforks, not (skip_vanish or known)), fresh)
    output.give(report, chosen)
    if known is not None:
        _compare(known, report)


def _known(against: Path) -> Snapshot:
    from toolkit.gas import snapshot

    return snapshot.committed() if against == _COMMITTED else snapshot.read(against)


def _measured(order: Order, fresh: bool) -> Report:
    from toolkit.gas.run import run

    at: list[Progress] = []
    try:
        with show.steps() as step:

            def tell(progress: Progress) -> None:
                if not at and progress.kept:
                    show.err.print("going on from where the same run was stopped", markup=False)
                at.append(progress)
                if not progress.kept:
                    place = f"{progress.done + 1} of {progress.of}"
                    show.err.print(f"[{place}] {progress.payments:,} by {progress.technique}", markup=False)

            return run(order, fresh=fresh, tell=tell, step=step)
    except Ended as ended:
        if at:
            kept = f"{at[-1].done} of {at[-1].of} cells are kept"
            ended.sentence = f"stopped: {kept}, the same command goes on from there"
        raise


def _compare(known: Snapshot, report: Report) -> None:
    """Say that gas is what it was. Raises GasMoved with what has moved, and by how much."""
    from toolkit.gas import snapshot

    moved = snapshot.compare(known, report.snapshot)
    if moved:
        raise GasMoved("gas has moved:\n" + "\n".join(f"  {each}" for each in moved))
    count = f"{len(report.receipts)} transactions and {len(report.cells)} cells"
    show.err.print(f"{count}: gas is what the snapshot says, within {snapshot.TOLERANCE:.1%}", markup=False)


def _plan(
    accounts: Any,
    sizes: tuple[int, ...] | None,
    techniques: tuple[str, ...] | None,
    seed: int,
    parties: int,
    payments: Path | None,
) -> tuple[Plan, dict[str, Any]]:
    """What to measure, and what names the workload."""
    from toolkit.gas.cell import SIZES
    from toolkit.gas.matrix import Plan
    from toolkit.technique.workload import read_csv, zipf

    if payments is None:
        sizes = sizes or SIZES
        workload = zipf(accounts, max(sizes), seed, parties)
        return Plan(workload, sizes, techniques), {"kind": "zipf", "seed": seed, "parties": parties}
    workload = read_csv(payments, accounts)
    count = len(workload.payments)
    sizes = sizes or (*(each for each in SIZES if each < count), count)
    return Plan(workload, sizes, techniques), {"kind": "csv", "payments": count, "sha256": workload.digest()}


for each in (gas_models.claims, gas_models.levers, gas_models.fees):
    gas.add_command(each)
