"""``ape run deploy``: deploy every contract to the node that ape is connected to, and print the addresses."""

from __future__ import annotations

import json

import click
from ape import networks
from ape.cli.commands import ConnectedProviderCommand

from toolkit.toolchain.ape import one_sentence


@click.command(cls=ConnectedProviderCommand)
def cli() -> None:
    """Deploy every contract and print the addresses as JSON.

    The contracts stay on a node that goes on, such as --network ethereum:local:http://127.0.0.1:8545.
    """
    from toolkit.world import Devnet, Options

    with one_sentence(), Devnet(Options(l1_rpc=networks.provider.http_uri, services=False)) as devnet:
        addresses = {name: contract.address for name, contract in devnet.contracts.items()}
    click.echo(json.dumps(addresses, indent=2))
