"""``ape run gas``: the gas lab (``l2kit gas``) on the node that ape is connected to."""

from __future__ import annotations

import click
from ape import networks
from ape.cli.commands import ConnectedProviderCommand

from toolkit.toolchain.ape import one_sentence


@click.command(cls=ConnectedProviderCommand)
@click.option("--n", "sizes", metavar="N,N...", default="1,10,100", show_default=True, help="How many payments.")
@click.option("--skip-vanish", is_flag=True, help="Do not kill the techniques' operators to see who survives that.")
def cli(sizes: str, skip_vanish: bool) -> None:
    """Measure what every technique costs, from receipts: what 'l2kit gas' does."""
    from toolkit.cli.gas import gas

    with one_sentence():
        words = ["--n", sizes, *(["--skip-vanish"] if skip_vanish else []), "--l1-rpc", networks.provider.http_uri]
        gas.main(words, standalone_mode=False)
