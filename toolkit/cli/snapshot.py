"""``l2kit snapshot``: the whole devnet, remembered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.session.snapshots import Snapshot


@click.command()
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Show the snapshots instead of taking one.")
@devnet_option
@json_option
def snapshot(name: str | None, listed: bool, file: Path | None, as_json: bool) -> None:
    """Remember the whole devnet under NAME, or a number, for 'l2kit revert' to return to.

    \b
    That is L1 with its clock, the sequencer's promises, what was derived, channels and watchtowers. All
    services stand still for a moment meanwhile; calls to them wait. It lasts as long as the devnet
    does; 'l2kit save' keeps one in a file.

    \b
    Examples:
      l2kit snapshot
      l2kit snapshot before-the-dispute
      l2kit snapshot --list
    """
    if listed:
        if name is not None:
            raise BadInput(f"--list shows all snapshots; take {name!r} away")
        _list(attached(file).snapshots(), as_json)
        return
    with show.steps() as step:
        step("everything stands still")
        taken = attached(file).snapshot(name)
    if as_json:
        show.as_json(taken.as_json())
        return
    show.out.print(
        f"snapshot {taken.name}: {told(taken)}; 'l2kit revert {taken.name}' returns to it", markup=False, soft_wrap=True
    )


def told(snapshot: Snapshot) -> str:
    """Where it is, in words."""
    from toolkit.bridge.amounts import utc

    return f"L1's block {snapshot.block}, {utc(snapshot.time)}"


def _list(found: list[Snapshot], as_json: bool) -> None:
    if as_json:
        show.as_json([each.as_json() for each in found])
        return
    if not found:
        show.out.print("no snapshot yet; 'l2kit snapshot' takes one")
        return
    show.table("Snapshots, the oldest first", [(each.name, told(each)) for each in found])
