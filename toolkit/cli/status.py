"""``l2kit status``: how a session is, or where a deposit or a withdrawal is."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option, show_standing, telling


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@devnet_option
@json_option
def status(name: str | None, file: Path | None, as_json: bool) -> None:
    """Show the session that runs, or explain where a deposit or a withdrawal is and what it waits for.

    \b
    Without ID: the chains with their heights, every service (its state, since when, how often it was
    started again and why), what is broken on purpose, and the contracts.

    \b
    ID is the hash of the L1 transaction of a deposit or a forced withdrawal, the hash of an operation on
    L2 (`l2kit withdraw` prints these), or the number of a withdrawal. Everything comes from L1 alone,
    with no service running; what is not there yet, from what the sequencer says.

    \b
    Examples:
      l2kit status
      l2kit status 0
      l2kit status 0x5d0e...c1
      l2kit status 0 --json
    """
    if name is None:
        _session(file, as_json)
        return
    devnet = attached(file)
    with telling(devnet.local, quiet=as_json):
        found = devnet.status(name)
    if as_json:
        show.as_json(found[0].as_json() if len(found) == 1 else [each.as_json() for each in found])
        return
    for number, standing in enumerate(found):
        if number:
            show.out.print()
        show_standing(standing, devnet.words)


def _session(file: Path | None, as_json: bool) -> None:
    from toolkit.cli.fault import rows as fault_rows
    from toolkit.devnet.faults import Fault
    from toolkit.overview import overview

    found = overview(file)
    if as_json:
        show.as_json(found)
        return
    show.out.print(f"Session {found['session'] or 'without a name'} (process {found['pid']})", style="bold")
    l1, l2 = found["l1"], found["l2"]
    if "trouble" in l1:
        show.out.print(f"  L1  {l1['trouble']}", markup=False)
    else:
        then = datetime.fromtimestamp(l1["time"], timezone.utc)
        chain = f"chain {l1['chain_id']}, block {l1['height']:,}, {then:%Y-%m-%d %H:%M:%S} UTC"
        show.out.print(f"  L1  {l1['url']}  {chain}", markup=False)
    frozen = ", frozen" if l2.get("frozen") else ""
    batches = f"batch {l2['open']} is open, {l2['posted']} are on L1{frozen}" if "trouble" not in l2 else ""
    show.out.print(f"  L2  {l2.get('trouble') or l2['url'] + '  ' + batches}", markup=False)
    rows = [["", "state", "process", "for", "restarts", "URL", "last words"]]
    rows += [_row(name, each) for name, each in found["services"].items()]
    show.table("\nServices", rows)
    if found["faults"]:
        show.table(
            "\nBroken on purpose ('l2kit heal' mends it)", fault_rows([Fault.of(each) for each in found["faults"]])
        )
    show.table("\nContracts", found["contracts"].items())


def _row(name: str, each: dict[str, Any]) -> list[str]:
    from toolkit.bridge.amounts import span

    past = "" if each["since"] is None else span(max(0, int(time.time() - each["since"])))
    pid = "" if each["pid"] is None else str(each["pid"])
    last = each["last_words"] if each["state"] == "running" else each["reason"] or each["last_words"]
    return [name, each["state"], pid, past, str(each["restarts"]), each["url"], last]
