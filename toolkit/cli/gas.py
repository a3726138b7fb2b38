"""``l2kit gas``: what every technique costs."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli import gas_models, show
from toolkit.cli.options import devnet_options, workload, workload_options
from toolkit.errors import BadInput


@click.group(invoke_without_command=True)
@workload_options
@devnet_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: receipts, table, meta.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown tables.")
def gas(payments: Any, count: int, seed: int, as_json: bool, as_markdown: bool, **given: Any) -> None:
    """Measure the gas of every technique, from receipts.

    \b
    The same payments go through plain L1, payment channels and the rollup; everyone's transactions
    count, set-up and tear-down included. Single transactions are measured in a steady state.

    \b
    Examples:
      l2kit gas
      l2kit gas --count 100 --json
      l2kit gas --payments payments.csv --markdown
    """
    if click.get_current_context().invoked_subcommand:
        return
    from toolkit.gas import lab
    from toolkit.technique.protocol import Run
    from toolkit.world import Devnet, Options

    if as_json and as_markdown:
        raise BadInput("--json and --markdown cannot both be printed")
    devnet = Devnet(Options(**given))
    chosen = workload(devnet, payments, count, seed)  # before anything starts: a wrong row is told at once
    with show.steps() as step:
        step("starting the devnet")
        with devnet:

            def listen(run: Run, phase: str) -> None:
                step(f"{run.name}: {phase}")

            report = lab.report(devnet, chosen, listen, step)
    if as_json:
        show.as_json(report.as_json())
    elif as_markdown:
        click.echo(report.as_markdown())
    else:
        show.report(report)


for each in (gas_models.claims, gas_models.levers, gas_models.fees):
    gas.add_command(each)
