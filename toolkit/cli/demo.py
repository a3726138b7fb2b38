"""``l2kit demo``: the protocols at work."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli import show
from toolkit.cli.options import devnet_options, hardfork_option, workload, workload_options
from toolkit.cli.tell import Told
from toolkit.demo import SUBJECTS
from toolkit.technique.story import Story


@click.command()
@click.argument("subject", type=click.Choice(SUBJECTS), default="all", metavar=f"[{'|'.join(SUBJECTS)}]")
@workload_options
@devnet_options
@hardfork_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the story.")
def demo(subject: str, payments: Any, count: int, seed: int, as_json: bool, **given: Any) -> None:
    """Show the protocols at work on a real node, each step with its gas, each balance checked.

    \b
    deposit    ETH and tokens from L1 to the rollup
    withdraw   deposit, pay on the rollup, and back to L1: at once for a fee, or after the challenge window
    channel    a channel with a cheat in it, a payment over three, then yours through one
    fraud      a proposer that claims a stolen balance, the dispute about it, and what it costs it
    all        all of these, then the same payments by every technique, and the gas table

    \b
    Examples:
      l2kit demo
      l2kit demo withdraw
      l2kit demo fraud --json
      l2kit demo all --payments payments.csv
    """
    from toolkit.demo.program import run
    from toolkit.world import Devnet, Options

    story = Story() if as_json else Told()
    devnet = Devnet(Options(**given))
    chosen = workload(devnet, payments, count, seed)  # before anything starts: a wrong row is told at once
    with show.steps() as step:
        step("starting the devnet")
        with devnet:
            report = run(subject, devnet, chosen, story, step)
    if as_json:
        show.as_json({"events": story.events, **story.data, **(report.as_json() if report else {})})
    elif report:
        show.report(report)
