"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def devnet_options(command: F) -> F:
    """Where the devnet runs."""
    for option in reversed(
        [
            click.option(
                "--node",
                type=click.Choice(["anvil", "hardhat"]),
                default="anvil",
                show_default=True,
                help="The L1 node to start.",
            ),
            click.option("--l1-rpc", metavar="URL", help="Use the node that runs at URL instead of starting one."),
            click.option("--chain-id", type=click.IntRange(1), help="L1's chain id; with --l1-rpc it is checked."),
            click.option("--port", type=int, help="Port of L1's JSON-RPC [default: a free one]."),
        ]
    ):
        command = option(command)
    return command
