"""``l2kit revert``: back to a snapshot."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option
from toolkit.cli.snapshot import told


@click.command()
@click.argument("name", required=False)
@devnet_option
@json_option
def revert(name: str | None, file: Path | None, as_json: bool) -> None:
    """Return to the snapshot NAME, or to the latest, with everything: L1 and its clock, L2, channels.

    \b
    It can be returned to again and again; snapshots taken after it are gone. What the services had only
    in their memory, such as a quote of the liquidity provider, is forgotten.

    \b
    Examples:
      l2kit revert
      l2kit revert before-the-dispute --json
    """
    with show.steps() as step:
        step("everything stands still")
        back = attached(file).revert(name)
    if as_json:
        show.as_json(back.as_json())
        return
    show.out.print(f"back at the snapshot {back.name}: {told(back)}", markup=False)
