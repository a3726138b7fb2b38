"""``ape run demo``: the demonstration (``l2kit demo``) on the node that ape is connected to."""

from __future__ import annotations

import click
from ape import networks
from ape.cli.commands import ConnectedProviderCommand

from toolkit.demo import SUBJECTS
from toolkit.toolchain.ape import one_sentence


@click.command(cls=ConnectedProviderCommand)
@click.argument("subject", type=click.Choice(SUBJECTS), default="all", metavar=f"[{'|'.join(SUBJECTS)}]")
@click.option("--count", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Seeded payments.")
def cli(subject: str, count: int) -> None:
    """Show the protocols at work, each step with its gas, each balance checked: what 'l2kit demo' does."""
    from toolkit.cli.demo import demo

    with one_sentence():
        words = [subject, "--count", str(count), "--l1-rpc", networks.provider.http_uri]
        demo.main(words, standalone_mode=False)
