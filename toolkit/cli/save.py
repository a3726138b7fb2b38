"""``l2kit save``: the whole devnet in a file."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option


@click.command()
@click.argument("archive", metavar="FILE", type=click.Path(path_type=Path))
@devnet_option
@json_option
def save(archive: Path, file: Path | None, as_json: bool) -> None:
    """Write the whole devnet into FILE, for 'l2kit load' to go on from, on another machine too.

    \b
    In it are L1's blocks, transactions with their blobs, logs and old states, its clock, and what every
    service has on disk: the sequencer's promises, the channels' signatures. The devnet stands still for
    a moment, and goes on. It needs Anvil: Hardhat gives nobody its state. A file of this kind is
    replaced.

    \b
    Examples:
      l2kit save devnet.l2kit
      l2kit save devnet.l2kit --json
    """
    from toolkit.bridge.amounts import utc

    with show.steps() as step:
        step("saving the devnet")
        saved = attached(file).save(archive)
    if as_json:
        show.as_json(saved.as_json())
        return
    show.out.print(
        f"saved in {saved.file} ({saved.size:,} bytes): L1's block {saved.block}, {utc(saved.time)}; "
        f"'l2kit load {saved.file}' goes on from there",
        markup=False,
    )
    if saved.waiting:
        show.err.print(f"{saved.waiting} transactions that wait at L1's node are not in it", markup=False)
