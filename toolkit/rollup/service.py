"""Runs one service of the rollup: ``python -m toolkit.rollup.service sequencer|proposer|verifier --config FILE``.

When the service answers, ``ready.json`` stands in its data folder: ``{"role", "url", "pid"}``. It ends on
SIGTERM or SIGINT. What it cannot work with is one sentence on stderr, and exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, Sender, selector
from toolkit.devnet.settings import key_from_environment
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup import api
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import BATCH_POSTED, ERRORS, POST_BLOBS, Contracts, load_contracts
from toolkit.rollup.follower import Follower, Gone
from toolkit.rollup.store import Journal, L1Copy
from toolkit.rollup.watcher import Watcher

ROLES = ("sequencer", "proposer", "verifier")
READY_FILE = "ready.json"

log = logging.getLogger("service")


class Service(Protocol):
    """What a role does: `start` until it knows L1, then `run` until cancelled."""

    async def start(self) -> None: ...

    async def run(self) -> None: ...


def build(
    role: str, config: Config, key: bytes | None, contracts: Contracts, l1: L1
) -> tuple[Service, dict[str, api.Method]]:
    """The service of a role, and the JSON-RPC methods that it answers.

    Raises:
        BadInput: its databases belong to another rollup, or the key is not the sequencer's.
    """
    copy = L1Copy(config.data / "l1.sqlite", contracts.name)

    async def check() -> None:
        try:
            found = await load_contracts(l1, config)
        except BadInput as error:
            raise Gone(f"L1 is another chain now: {error}") from error
        if found != contracts:
            raise Gone(f"the rollup at {checksum(contracts.rollup)} was deployed anew; start with empty databases")

    addresses = (contracts.inbox, contracts.rollup)
    wanted = {"calldata_of": (BATCH_POSTED,), "blobs_of": (selector(POST_BLOBS),)}
    follower = Follower(l1, copy, addresses, config.deployed_block, **wanted, check=check)
    if role == "verifier":
        from toolkit.rollup.verifier import VerifierService

        watcher = Watcher(contracts, follower, logging.getLogger(role))
        verifier = VerifierService(watcher, poll_seconds=config.poll_seconds)
        return verifier, verifier.methods()
    if key is None:
        raise BadInput(f"the {role} needs a key")
    sender = Sender(l1, key, config.chain_id, ERRORS)
    if role == "proposer":
        from toolkit.rollup.proposer import ProposerService

        watcher = Watcher(contracts, follower, logging.getLogger(role))
        seconds = {"poll_seconds": config.poll_seconds, "assert_seconds": config.assert_seconds}
        proposer = ProposerService(contracts, watcher, sender, **seconds)
        return proposer, proposer.methods()
    if sender.address != contracts.sequencer:
        raise BadInput(
            f"the key is that of {checksum(sender.address)}, but the Inbox takes batches from "
            f"{checksum(contracts.sequencer)}"
        )
    from toolkit.rollup.sequencer_api import SequencerApi
    from toolkit.rollup.sequencing import SequencerService

    journal = Journal(config.data / "journal.sqlite", contracts.name)
    sequencer = SequencerService(config, contracts, l1, sender, follower, journal)
    on_demand = {"seal_on_demand": config.seal_on_demand, "batch_data_on_demand": config.batch_data_on_demand}
    return sequencer, SequencerApi(sequencer, **on_demand).methods()


async def serve(role: str, config: Config, key: bytes | None) -> None:
    """Run a service until SIGTERM or SIGINT. Raises L2KitError where it cannot go on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        config.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot use the data folder {config.data}: {error.strerror}") from error
    ready = config.data / READY_FILE
    ready.unlink(missing_ok=True)
    l1 = L1(config.l1_rpc)
    server: api.Server | None = None
    try:
        service, methods = build(role, config, key, await load_contracts(l1, config), l1)
        server = api.Server(methods, config.host, config.port)
        ending = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(service.start())
        await asyncio.wait([ending, starting], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            await starting
            await server.start()
            url = f"http://{server.host}:{server.port}"
            _announce(ready, role, url)
            log.info("the %s answers at %s and follows L1 at %s", role, url, l1.shown)
            running = asyncio.create_task(service.run())
            await asyncio.wait([ending, running], return_when=asyncio.FIRST_COMPLETED)
            await _end(running)
        await _end(starting)
        log.info("the %s ends", role)
    finally:
        ready.unlink(missing_ok=True)
        if server is not None:
            await server.stop()
        l1.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolkit.rollup.service", description=__doc__.split("\n")[0])
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the configuration, a JSON file")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%SZ",
    )
    logging.Formatter.converter = time.gmtime
    try:
        config = Config.load(given.config)
        asyncio.run(serve(given.role, config, None if given.role == "verifier" else key_from_environment()))
    except L2KitError as error:
        sys.stderr.write(f"{given.role}: {error}\n")
        return 1
    return 0


def _announce(ready: Path, role: str, url: str) -> None:
    """Write the ready file, all of it at once."""
    half = ready.with_suffix(".tmp")
    half.write_text(json.dumps({"role": role, "url": url, "pid": os.getpid()}))
    half.replace(ready)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for it; raises what it failed with."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    sys.exit(main())
