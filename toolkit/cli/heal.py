"""``l2kit heal``: the end of faults."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option


@click.command()
@click.argument("what", required=False)
@devnet_option
@json_option
def heal(what: str | None, file: Path | None, as_json: bool) -> None:
    """Mend what 'l2kit fault' has broken: all of it, or WHAT (a service, l1, batch or tx).

    \b
    Returns when the services run, honest and where they were, and have seen L1's latest block. One
    that has ended by itself, under 'l2kit up --keep-going' say, is started again, too.

    \b
    Examples:
      l2kit heal
      l2kit heal verifier
      l2kit heal tx --json
    """
    with show.steps() as step:
        step("healing")
        devnet = attached(file)
        healed = devnet.heal(what)
        left = devnet.faults()
    if as_json:
        kept = [each.as_json() for each in left]
        show.as_json({"healed": [each.as_json() for each in healed], "faults": kept})
        return
    for each in healed:
        whom = f" {each.detail}" if each.how == "censor" else ""
        show.out.print(f"healed: {each.what} {each.how}{whom}", markup=False)
    if not healed:
        show.out.print("nothing was broken on purpose; every service that should run does", markup=False)
    for each in left:
        show.out.print(f"still so: {each.said}", markup=False)
