"""``l2kit down``: the end of a session."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli import show
from toolkit.cli.passage import json_option
from toolkit.errors import BadInput


@click.command()
@click.option("--session", metavar="NAME", help="Which [default: the only one that runs].")
@click.option("--all", "all_", is_flag=True, help="Every session of yours on this machine.")
@json_option
def down(session: str | None, all_: bool, as_json: bool) -> None:
    """End a session that 'l2kit up' runs, and wait until nothing is left: processes, ports and files.

    \b
    Examples:
      l2kit down
      l2kit down --session second
      l2kit down --all
    """
    from toolkit.devnet.purse import Purse
    from toolkit.devnet.running import end, find_session, running_sessions

    if all_ and session is not None:
        raise BadInput(f"--all and --session {session} both say which; give one of them")
    found = running_sessions() if all_ else [find_session(session)]
    if not found:
        raise BadInput("no session runs here; start one with 'l2kit up'")
    told = []
    for each in found:
        purse = Purse.of(each.file)
        with show.steps() as step:
            step(f"ending {each.name}")
            end(each)
            left = None if purse is None else purse.look()
        about: dict[str, Any] = {"session": each.name, "pid": each.pid, "folder": str(each.folder)}
        told.append({**about, **({} if left is None else {"money": left.described()})})
        if not as_json:
            show.out.print(f"{each.name} (process {each.pid}) has ended; nothing of it is left", markup=False)
            if left is not None:
                show.out.print(left.told(), markup=False)
    if as_json:
        show.as_json(told)
