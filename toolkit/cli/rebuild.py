"""``l2kit rebuild``: the rollup restored from L1 alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from toolkit.cli import show
from toolkit.cli.options import devnet_options
from toolkit.cli.passage import devnet_option
from toolkit.errors import BadInput


@click.command()
@devnet_option
@devnet_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rebuild(file: Path | None, as_json: bool, **given: Any) -> None:
    """Delete every L2 database, restore state and history from L1 alone, and compare with what L1 holds.

    \b
    Without --devnet or --session it starts a devnet, makes some traffic, kills the services (kill -9), deletes their
    databases, restores, and starts the services from nothing. With one of them it restores that rollup; its
    databases are deleted, too, unless its services run, who hold on to theirs: then they are not read.
    --l1-rpc is then where L1 is now, if that is elsewhere.

    \b
    Exits with 1 where L1 has confirmed another state than its own data gives.

    \b
    Examples:
      l2kit rebuild
      l2kit rebuild --devnet devnet.json --json
    """
    report = _own(given) if file is None else _of(file, given)
    if as_json:
        show.as_json(report)
        return
    found = report["restored"]
    deleted = report["deleted"]
    show.out.print(f"Deleted {len(deleted['files'])} database files, {deleted['bytes']:,} bytes", markup=False)
    if report.get("running"):
        show.out.print(
            f"Not those of {', '.join(report['running'])}, which run; nothing of them was read", markup=False
        )
    show.table(
        f"Restored from L1 alone, up to block {found['l1_block']:,}",
        [
            [name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)]
            for name, value in found.items()
        ],
    )
    for fact in report["facts"]:
        show.out.print(f"  ok  {fact}", style="green", markup=False)


def _own(given: dict[str, Any]) -> dict[str, Any]:
    from toolkit.demo.rebuild import lose_and_rebuild
    from toolkit.world import Devnet, Options

    devnet = Devnet(Options(**given))
    with show.steps() as step:
        step("starting the devnet")
        with devnet:
            return lose_and_rebuild(devnet, step)


def _of(file: Path, given: dict[str, Any]) -> dict[str, Any]:
    from toolkit.rollup.rebuild import databases, delete_databases, find, read_devnet, restore, running_services

    if given["port"] is not None or given["node"] != "anvil":
        raise BadInput(f"{file} names a node that runs: neither another node nor a port can be chosen")
    source, folder = read_devnet(file)
    changes = {"l1_rpc": given["l1_rpc"], "chain_id": given["chain_id"]}
    source = dataclasses.replace(source, **{name: value for name, value in changes.items() if value is not None})
    running = [] if folder is None else running_services(folder)
    there = [] if folder is None or running else databases(folder)
    size = sum(each.stat().st_size for each in there)
    with show.steps() as step:
        step("restoring from L1")
        if folder is not None and not running:
            find(source)  # what is not there would not come back
            delete_databases(folder)
        restored = restore(source)
    return {
        "deleted": {"files": sorted(str(each.relative_to(folder)) for each in there if folder), "bytes": size},
        "running": running,
        "restored": restored.as_json(),
        "facts": restored.check(),
    }
