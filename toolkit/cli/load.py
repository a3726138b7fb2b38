"""``l2kit load``: a devnet from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toolkit.cli.up import keep
from toolkit.devnet.running import DEFAULT_SESSION


@click.command()
@click.argument("archive", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--session", default=DEFAULT_SESSION, show_default=True, metavar="NAME", help="Its name here.")
@click.option("--port", type=int, help="Port of L1's JSON-RPC [default: a free one].")
@click.option("--l2-port", type=int, help="Port of the sequencer's JSON-RPC [default: a free one].")
@click.option("--detach", is_flag=True, help="Return once it runs; 'l2kit down' ends it.")
@click.option("--keep-going", is_flag=True, help="Leave a service that ends as it is, instead of starting it again.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the JSON to FILE, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON instead of the screen.")
@click.argument("node_flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- NODE FLAGS]")
def load(archive: Path, detach: bool, keep_going: bool, output: Path | None, as_json: bool, **given: Any) -> None:
    """Go on with the devnet that 'l2kit save' has written into FILE; otherwise as 'l2kit up'.

    \b
    L1 has its blocks and its clock again, which goes on from when it was saved, and every service its
    databases, as after a crash. Ports and folders are new ones, and nothing is broken on purpose any more.
    Peers of channels are started as before, with 'l2kit channel peer NAME', and find each other again.

    \b
    Examples:
      l2kit load devnet.l2kit
      l2kit load devnet.l2kit --session second --detach
    """
    from toolkit.devnet.archive import Archive
    from toolkit.world import Devnet, fitting

    with Archive(archive) as found:
        keep(lambda: Devnet(fitting(found, **given), found), detach, keep_going, output, as_json)
