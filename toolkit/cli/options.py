"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from toolkit.technique.workload import Workload
    from toolkit.world import Devnet

MAX_CHAIN_ID = (1 << 63) - 37  # EIP-2294

F = TypeVar("F", bound=Callable[..., Any])


class _Within(click.IntRange):
    name = "integer"  # click says of "x" that it is no valid "integer range"


def batch_data_option(help: str) -> Callable[[F], F]:
    """How the rollup's batches go to L1."""
    kinds = click.Choice(["calldata", "blobs", "auto"])
    return click.option("--batch-data", type=kinds, default="calldata", show_default=True, help=help)


def devnet_options(command: F) -> F:
    """Where the devnet runs."""
    return _with(
        command,
        [
            click.option(
                "--node",
                type=click.Choice(["anvil", "hardhat"]),
                default="anvil",
                show_default=True,
                help="The L1 node to start.",
            ),
            click.option("--l1-rpc", metavar="URL", help="Use the node that runs at URL instead of starting one."),
            click.option(
                "--chain-id",
                type=_Within(1, MAX_CHAIN_ID),
                metavar="NUMBER",
                help="L1's chain id; with --l1-rpc it is checked.",
            ),
            click.option("--port", type=int, help="Port of L1's JSON-RPC [default: a free one]."),
        ],
    )


def workload_options(command: F) -> F:
    """Which payments are made."""
    return _with(
        command,
        [
            click.option(
                "--payments",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Your own payments, a CSV file with the columns from,to,amount (ETH), instead of seeded ones.",
            ),
            click.option(
                "--count", type=_Within(1, 100_000), default=1_000, show_default=True, help="Seeded payments."
            ),
            click.option("--seed", type=int, default=1, show_default=True, help="Of the seeded payments."),
        ],
    )


def workload(devnet: Devnet, payments: Path | None, count: int, seed: int) -> Workload:
    """The payments that the options ask for."""
    from toolkit.technique.workload import read_csv, seeded

    return read_csv(payments, devnet.accounts) if payments else seeded(devnet.accounts, count, seed)


def _with(command: F, options: list[Callable[[F], F]]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
