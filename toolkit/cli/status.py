"""``l2kit status``: where a deposit or a withdrawal is."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option, json_option, passing, show_standing


@click.command()
@click.argument("name", metavar="ID")
@devnet_option
@json_option
def status(name: str, file: Path | None, as_json: bool) -> None:
    """Explain where a deposit or a withdrawal is, what it waits for, and when it can be claimed.

    \b
    ID is the hash of the L1 transaction of a deposit or a forced withdrawal, the hash of an operation on
    L2 (`l2kit withdraw` prints these), or the number of a withdrawal. Everything comes from L1 alone,
    with no service running; what is not there yet, from what the sequencer says.

    \b
    Examples:
      l2kit status 0
      l2kit status 0x5d0e...c1
      l2kit status 0 --json
    """
    with passing(file, quiet=as_json) as (passage, _):
        found = passage.find(name)
        words = passage.look().words
    if as_json:
        show.as_json(found[0].as_json() if len(found) == 1 else [each.as_json() for each in found])
        return
    for number, standing in enumerate(found):
        if number:
            show.out.print()
        show_standing(standing, words)
