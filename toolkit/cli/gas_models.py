"""``l2kit gas claims|levers|fees``: what needs no node, since nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.cli import show
from toolkit.cli.prices import price_options, rates

if TYPE_CHECKING:
    from toolkit.gas.cell import Cell
    from toolkit.gas.sheet import Sheet
    from toolkit.gas.snapshot import Snapshot

F = TypeVar("F", bound=Callable[..., Any])

from_option = click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Measured figures, as l2kit gas --json prints them [default: those that come with l2kit].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def output_options(command: F) -> F:
    """In which form sheets are printed."""
    options = [
        json_option,
        click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown tables."),
        click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line a figure."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def measured(file: Path | None) -> Snapshot:
    """What was measured: in the file, or what comes with this package.

    Raises:
        BadInput: the file is something else.
    """
    from toolkit.gas import snapshot

    return snapshot.read(file) if file else snapshot.committed()


@click.command()
@from_option
@output_options
def claims(file: Path | None, **form: bool) -> None:
    """What popular articles say of throughput, cost and finality, each checked by an equation.

    \b
    Bitcoin, Ethereum, Solana, Cardano, Optimism, zkSync. Each claim is reproduced, outdated, model-only or
    contradictory; --json has the equations, with every number's source, and where the claim was found.

    \b
    Examples:
      l2kit gas claims
      l2kit gas claims --json
    """
    from toolkit.gas import sheets

    _print(sheets.claims(measured(file).receipts), **form)


@click.command()
@output_options
def levers(**form: bool) -> None:
    """What a chain can turn to carry more, and what that costs it: a model, with its equations.

    \b
    Block size, block time, confirmations, consensus, energy; nothing of it is measured here.

    \b
    Examples:
      l2kit gas levers
      l2kit gas levers --json
    """
    from toolkit.gas import sheets

    _print(sheets.levers(), **form)


@click.command()
@price_options
@from_option
@output_options
def fees(
    gas_price: Decimal | None, blob_price: Decimal | None, eth_usd: Decimal | None, file: Path | None, **form: bool
) -> None:
    """The fee model: calldata or blobs, what rides free under the floor, how blob prices move.

    \b
    By each fork's own rules (EIP-1559, 4844, 7623, 7691, 7892, 7918), for batches as the rollup's receipts
    show them. SimpleStorage on L1 and as a rollup's data comes with it, and what articles say of that.

    \b
    Examples:
      l2kit gas fees
      l2kit gas fees --gas-price 20 --blob-price 5 --eth-usd 2500
    """
    from toolkit.compile import artifact
    from toolkit.gas import sheets
    from toolkit.gas.fees import LATEST

    found, chosen = measured(file), rates(gas_price, blob_price, eth_usd)
    how = sheets.posting(found.receipts, _of_last_fork(found.cells))
    bytecode = artifact("SimpleStorage").bytecode
    _print(
        [
            *sheets.fees(how, chosen),
            sheets.storage(found.receipts, bytecode, chosen, LATEST),
            sheets.storage_claims(found.receipts, bytecode, chosen, LATEST),
        ],
        **form,
    )


def _of_last_fork(cells: Sequence[Cell]) -> Sequence[Cell]:
    return [each for each in cells if each.hardfork == cells[-1].hardfork]


def _print(found: Sequence[Sheet], as_json: bool, as_markdown: bool, as_csv: bool) -> None:
    from toolkit.errors import BadInput
    from toolkit.gas.render import to_csv, to_markdown

    chosen = {"--json": as_json, "--markdown": as_markdown, "--csv": as_csv}
    asked = [name for name, wanted in chosen.items() if wanted]
    if len(asked) > 1:
        raise BadInput(f"{' and '.join(asked)} cannot both be printed")
    if as_json:
        show.as_json([each.as_json() for each in found])
    elif as_markdown:
        click.echo(to_markdown(found))
    elif as_csv:
        click.echo(to_csv(found), nl=False)
    else:
        show.sheets(found)
