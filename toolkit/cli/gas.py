"""``l2kit gas``: what every technique costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli import gas_models, show
from toolkit.cli.options import devnet_options
from toolkit.cli.signals import Ended
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.gas.matrix import Plan, Progress


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


_MOST = 100_000


@click.group(invoke_without_command=True)
@click.option(
    "--n",
    "sizes",
    type=_Sizes(),
    metavar="N,N...",
    help="How many payments, one or more numbers [default: 1,10,100,1000,10000; of a file, those below its length "
    "and all of it].",
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
@click.option("--fresh", is_flag=True, help="Measure all anew, and not only what a stopped run has left.")
@devnet_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: receipts, table, deployment, meta, timing.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown tables.")
def gas(
    sizes: tuple[int, ...] | None,
    techniques: tuple[str, ...],
    seed: int,
    parties: int,
    payments: Path | None,
    fresh: bool,
    as_json: bool,
    as_markdown: bool,
    **given: Any,
) -> None:
    """Measure the gas of every technique, from receipts.

    \b
    The same payments go through plain L1, payment channels and the rollup; everyone's transactions
    count, set-up and tear-down included. Single transactions are measured in a steady state.
    A run that is stopped is taken up again by the same command.

    \b
    Examples:
      l2kit gas
      l2kit gas --n 1,100 --technique l1-eth --technique channel
      l2kit gas --payments payments.csv --markdown
    """
    if click.get_current_context().invoked_subcommand:
        return
    from toolkit.gas import lab
    from toolkit.world import Devnet, Options

    if as_json and as_markdown:
        raise BadInput("--json and --markdown cannot both be printed")
    devnet = Devnet(Options(services=False, repeatable=True, **given))
    plan, about = _plan(devnet, sizes, techniques or None, seed, parties, payments)  # a wrong row is told at once
    at: list[Progress] = []
    try:
        with show.steps() as step:
            step("starting the devnet")

            def tell(progress: Progress) -> None:
                if not at and progress.kept:
                    show.line("going on from where the same run was stopped")
                at.append(progress)
                if not progress.kept:
                    what = f"[{progress.done + 1} of {progress.of}] {progress.payments:,} by {progress.technique}"
                    show.line(what)
                    step(f"{what}: starting")

            with devnet:
                report = lab.report(devnet, plan, about, fresh=fresh, tell=tell, step=step)
    except Ended as ended:
        if at:
            kept = f"{at[-1].done} of {at[-1].of} cells are kept"
            ended.sentence = f"stopped: {kept}, the same command goes on from there"
        raise
    if as_json:
        show.as_json(report.as_json())
    elif as_markdown:
        click.echo(report.as_markdown())
    else:
        show.report(report)


def _plan(
    devnet: Any,
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
        workload = zipf(devnet.accounts, max(sizes), seed, parties)
        return Plan(workload, sizes, techniques), {"kind": "zipf", "seed": seed, "parties": parties}
    workload = read_csv(payments, devnet.accounts)
    count = len(workload.payments)
    sizes = sizes or (*(each for each in SIZES if each < count), count)
    return Plan(workload, sizes, techniques), {"kind": "csv", "payments": count, "sha256": workload.digest()}


for each in (gas_models.claims, gas_models.levers, gas_models.fees):
    gas.add_command(each)
