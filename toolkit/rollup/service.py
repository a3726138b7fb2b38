"""Runs one service of the rollup: ``python -m toolkit.rollup.service ROLE --config FILE``, for a role of `ROLES`.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from toolkit.bridge.calls import ERRORS as BRIDGE_ERRORS
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, Sender
from toolkit.devnet.outbox import Outbox
from toolkit.devnet.settings import KEY_VARIABLE, key_from_environment
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup import api
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import ERRORS, Contracts, load_contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute import game
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.follower import Follower, Gone
from toolkit.rollup.store import Journal, L1Copy
from toolkit.rollup.watcher import Watcher, follow

if TYPE_CHECKING:
    from toolkit.bridge.provider import ProviderService
    from toolkit.rollup.sequencing import SequencerService

ROLES = ("sequencer", "proposer", "verifier", "provider")
READY_FILE = "ready.json"

log = logging.getLogger("service")


class Service(Protocol):
    """What a role does: `start` until it knows L1, then `run` until cancelled."""

    async def start(self) -> None: ...

    async def run(self) -> None: ...


SequencerKind = TypeVar("SequencerKind", bound="SequencerService")
ProviderKind = TypeVar("ProviderKind", bound="ProviderService")


@dataclass(frozen=True)
class Parts:
    """What every role is built from.

    Attributes:
        config: the service's configuration.
        contracts: the rollup that it serves.
        l1: the connection to L1.
        follower: fetches that rollup's logs.
        key: the role's private key; a verifier may be without.
    """

    config: Config
    contracts: Contracts
    l1: L1
    follower: Follower
    key: bytes | None

    def watcher(self, role: str, derive: Callable[[Contracts], Replica] = Replica) -> Watcher:
        """A copy of the rollup, as ``derive`` understands L1."""
        return Watcher(self.contracts, self.follower, logging.getLogger(role), derive)

    def needed_key(self, role: str) -> bytes:
        """The key. Raises BadInput where there is none."""
        if self.key is None:
            raise BadInput(f"the {role} needs a key")
        return self.key

    def outbox(self, key: bytes) -> Outbox:
        """What brings a key's transactions to L1."""
        errors = tuple(dict.fromkeys((*ERRORS, *game.ERRORS, *BRIDGE_ERRORS)))
        return Outbox(self.l1, key, self.config.chain_id, errors)

    def sequencer(self, kind: type[SequencerKind]) -> SequencerKind:
        """The sequencer's service. Raises BadInput where the key is not the sequencer's."""
        sender = Sender(self.l1, self.needed_key("sequencer"), self.config.chain_id, ERRORS)
        if sender.address != self.contracts.sequencer:
            raise BadInput(
                f"the key is that of {checksum(sender.address)}, but the Inbox takes batches from "
                f"{checksum(self.contracts.sequencer)}"
            )
        journal = Journal(self.config.data / "journal.sqlite", self.contracts.name)
        return kind(self.config, self.contracts, self.l1, sender, self.follower, journal)

    def provider(self, kind: type[ProviderKind]) -> ProviderKind:
        """The liquidity provider's service. Raises BadInput where there is no key."""
        player = Player(self.outbox(self.needed_key("provider")), logging.getLogger("provider"))
        return kind(self.watcher("provider"), player, self.l1, self.config)


Built = tuple[Service, Mapping[str, api.Method]]
"""A service, and the JSON-RPC methods that it answers."""


def build(role: str, config: Config, key: bytes | None, contracts: Contracts, l1: L1) -> Built:
    """The service of a role, honest unless the configuration says otherwise.

    Raises:
        BadInput: its databases belong to another rollup, or the key is missing or not the sequencer's.
    """
    copy = L1Copy(config.data / "l1.sqlite", contracts.name)

    async def check() -> None:
        try:
            found = await load_contracts(l1, config)
        except BadInput as error:
            raise Gone(f"L1 is another chain now: {error}") from error
        if found != contracts:
            raise Gone(f"the rollup at {checksum(contracts.rollup)} was deployed anew; start with empty databases")

    parts = Parts(config, contracts, l1, follow(l1, copy, contracts, config.deployed_block, check), key)
    if config.cheat:
        from toolkit.rollup.rogue import build_rogue

        return build_rogue(role, parts)
    return {"sequencer": _sequencer, "proposer": _proposer, "verifier": _verifier, "provider": _provider}[role](parts)


def _verifier(parts: Parts) -> Built:
    from toolkit.rollup.verifier import VerifierService

    player = None if parts.key is None else Player(parts.outbox(parts.key), logging.getLogger("verifier"))
    verifier = VerifierService(parts.watcher("verifier"), player, poll_seconds=parts.config.poll_seconds)
    return verifier, verifier.methods()


def _proposer(parts: Parts) -> Built:
    from toolkit.rollup.proposer import ProposerService

    player = Player(parts.outbox(parts.needed_key("proposer")), logging.getLogger("proposer"))
    proposer = ProposerService(parts.watcher("proposer"), player, parts.config)
    return proposer, proposer.methods()


def _provider(parts: Parts) -> Built:
    from toolkit.bridge.provider import ProviderService
    from toolkit.bridge.provider_api import ProviderApi

    provider = parts.provider(ProviderService)
    return provider, ProviderApi(provider).methods()


def _sequencer(parts: Parts) -> Built:
    from toolkit.rollup.sequencer_api import SequencerApi
    from toolkit.rollup.sequencing import SequencerService

    config, sequencer = parts.config, parts.sequencer(SequencerService)
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
        needed = given.role != "verifier" or os.environ.get(KEY_VARIABLE)
        asyncio.run(serve(given.role, config, key_from_environment() if needed else None))
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
