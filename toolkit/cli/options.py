"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.technique.workload import Workload
    from toolkit.world import Devnet

MAX_CHAIN_ID = (1 << 63) - 37  # EIP-2294
HARDFORKS = ("prague", "osaka", "amsterdam")
"""That the options take, the oldest first; `toolkit.devnet.nodes.NODE_HARDFORKS` says which node runs which."""

F = TypeVar("F", bound=Callable[..., Any])


class _Within(click.IntRange):
    name = "integer"  # click says of "x" that it is no valid "integer range"


def batch_data_option(help: str) -> Callable[[F], F]:
    """How the rollup's batches go to L1."""
    kinds = click.Choice(["calldata", "blobs", "auto"])
    return click.option("--batch-data", type=kinds, default="calldata", show_default=True, help=help)


def node_option(command: F) -> F:
    """Which L1 node is started."""
    kinds = click.Choice(["anvil", "hardhat"])
    return click.option("--node", type=kinds, default="anvil", show_default=True, help="The L1 node to start.")(command)


def devnet_options(command: F) -> F:
    """Where the devnet runs."""
    return _with(
        command,
        [
            node_option,
            click.option(
                "--l1-rpc",
                metavar="URL",
                callback=l1_url,
                help="Use the node that runs at URL (env:NAME: that variable's) instead of starting one.",
            ),
            click.option(
                "--chain-id",
                type=_Within(1, MAX_CHAIN_ID),
                metavar="NUMBER",
                help="L1's chain id; with --l1-rpc it is checked.",
            ),
            click.option("--port", type=int, help="Port of L1's JSON-RPC [default: a free one]."),
        ],
    )


def l1_url(_context: click.Context | None, _option: click.Parameter | None, text: str | None) -> str | None:
    """A URL, or that of an environment variable, "env:NAME": who else is on this machine does not see that.

    Raises BadInput where there is no such variable.
    """
    if text is None or not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    if not (found := os.environ.get(name)):
        raise BadInput(f"there is no environment variable {name!r} with a URL")
    return found


def hardfork_option(command: F) -> F:
    """Whose rules L1 follows."""
    help = "Whose rules L1 follows; amsterdam on hardhat only, and there in part."
    option = click.option("--hardfork", type=click.Choice(HARDFORKS), default="osaka", show_default=True, help=help)
    return option(command)


def hardforks_option(command: F) -> F:
    """At which hardforks single transactions are measured; gives a tuple (see `hardforks`)."""
    help = "Measure at each of these, of prague, osaka, amsterdam; at amsterdam single transactions alone."
    option = click.option(
        "--hardfork",
        "hardforks",
        metavar="NAME,...",
        default="osaka",
        show_default=True,
        callback=lambda _context, _option, text: hardforks(text),
        help=help,
    )
    return option(command)


def hardforks(text: str) -> tuple[str, ...]:
    """The hardforks of a comma list, in its order.

    Raises:
        BadInput: one is unknown or there twice, or there is none.
    """
    names = tuple(name.strip().lower() for name in text.split(","))
    for name in names:
        if name not in HARDFORKS:
            raise BadInput(f"there is no hardfork {name!r} here; there are {', '.join(HARDFORKS)}")
        if names.count(name) > 1:
            raise BadInput(f"the hardfork {name} is named {names.count(name)} times")
    return names


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
