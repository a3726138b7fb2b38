"""Runs one service of the rollup: ``python -m toolkit.rollup.service ROLE --config FILE``, for a role of `ROLES`.

When the service answers, ``ready.json`` stands in its data folder: ``{"role", "url", "pid"}``. It ends on
SIGTERM or SIGINT. What it cannot work with is one sentence on stderr, and exit code 1. Through ``control.sock`` there
it can be told to stand still (`toolkit.devnet.hold`).
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
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from toolkit.bridge.calls import ERRORS as BRIDGE_ERRORS
from toolkit.devnet.accounts import checksum
from toolkit.devnet.hold import SOCKET, Holder, listening, settle
from toolkit.devnet.l1 import L1, Sender
from toolkit.devnet.outbox import Outbox
from toolkit.devnet.prover import Prover
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
        databases: takes every database that is opened, for who closes them.
        prover: of blobs.
    """

    config: Config
    contracts: Contracts
    l1: L1
    follower: Follower
    key: bytes | None
    databases: list[L1Copy | Journal]
    prover: Prover

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
        self.databases.append(journal)
        return kind(self.config, self.contracts, self.l1, sender, self.follower, journal, self.prover)

    def provider(self, kind: type[ProviderKind]) -> ProviderKind:
        """The liquidity provider's service. Raises BadInput where there is no key."""
        player = Player(self.outbox(self.needed_key("provider")), logging.getLogger("provider"))
        return kind(self.watcher("provider"), player, self.l1, self.config)


_CANCEL_SECONDS = 0.1
"""Until a task that was cancelled, and goes on, is cancelled again."""

Built = tuple[Service, Mapping[str, api.Method]]
"""A service, and the JSON-RPC methods that it answers."""


def build(
    role: str,
    config: Config,
    key: bytes | None,
    contracts: Contracts,
    l1: L1,
    databases: list[L1Copy | Journal],
    prover: Prover,
) -> Built:
    """The service of a role, honest unless the configuration says otherwise; the arguments are those of `Parts`.

    Raises:
        BadInput: its databases belong to another rollup, or the key is missing or not the sequencer's.
    """
    copy = L1Copy(config.data / "l1.sqlite", contracts.name)
    databases.append(copy)

    async def check() -> None:
        try:
            found = await load_contracts(l1, config)
        except BadInput as error:
            raise Gone(f"L1 is another chain now: {error}") from error
        if found != contracts:
            raise Gone(f"the rollup at {checksum(contracts.rollup)} was deployed anew; start with empty databases")

    follower = follow(l1, copy, contracts, config.deployed_block, check)
    parts = Parts(config, contracts, l1, follower, key, databases, prover)
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


class _Body:
    """A service that can stand still: it is taken down to its databases, and built from them again.

    Attributes:
        server: answers for it, also while it is built anew.
        over: raises why the service cannot go on.
    """

    def __init__(self, role: str, config: Config, key: bytes | None, contracts: Contracts, l1: L1) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._role, self._config, self._key, self._contracts, self._l1 = role, config, key, contracts, l1
        self._databases: list[L1Copy | Journal] = []
        self._prover = Prover()
        self._service, methods = self._build()
        self.server = api.Server(methods, config.host, config.port)
        self._running: asyncio.Task[None] | None = None

    def _build(self) -> Built:
        try:
            where = self._contracts, self._l1, self._databases, self._prover
            return build(self._role, self._config, self._key, *where)
        except BaseException:
            self._close_databases()
            raise

    async def start(self) -> None:
        """Know L1."""
        await self._service.start()

    def run(self) -> None:
        """Work from now on, and tell `over` when that ends."""
        self._running = asyncio.create_task(self._service.run())
        self._running.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        if not self.over.done():
            self.over.set_exception(error)

    async def hold(self) -> None:
        await self.server.gate.close()
        await self._end()
        self._close_databases(durable=False)

    async def go(self) -> None:
        if self._running is None:
            self._service, methods = self._build()
            await self._service.start()
            self.server.answer_with(methods)
            self.run()
        self.server.gate.open()

    async def close(self) -> None:
        """End for good."""
        await self._end()
        self._close_databases()
        await self._prover.close()

    async def _end(self) -> None:
        running, self._running = self._running, None
        while running is not None and not running.done():
            running.cancel()  # more than once: Python 3.11's `wait_for` loses one that comes together with its event
            await asyncio.wait([running], timeout=_CANCEL_SECONDS)  # `over` has what it failed with
        await self._l1.idle()  # a call that nobody waits for any more may still send something

    def _close_databases(self, *, durable: bool = True) -> None:
        while self._databases:
            self._databases.pop().close(durable=durable)


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
    async with contextlib.AsyncExitStack() as stack:
        l1 = L1(config.l1_rpc)
        stack.callback(l1.close)
        ending: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        stack.callback(ending.cancel)
        starting = asyncio.create_task(_start(role, config, key, l1, stack))
        await asyncio.wait([ending, starting], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await _end(starting)
            return
        body = await starting
        url = f"http://{body.server.host}:{body.server.port}"
        stack.callback(ready.unlink, missing_ok=True)
        _announce(ready, role, url)
        log.info("the %s answers at %s and follows L1 at %s", role, url, l1.shown)
        settle()
        await asyncio.wait([ending, body.over], return_when=asyncio.FIRST_COMPLETED)
        if body.over.done():
            body.over.result()
        log.info("the %s ends", role)


async def _start(role: str, config: Config, key: bytes | None, l1: L1, stack: contextlib.AsyncExitStack) -> _Body:
    """A service that answers; what ends it goes onto the stack."""
    contracts = await load_contracts(l1, config)
    holder = Holder(config.data)
    holder.enter()
    stack.callback(holder.leave)
    holder.service = body = _Body(role, config, key, contracts, l1)
    stack.push_async_callback(body.close)
    await body.start()
    await body.server.start()
    stack.push_async_callback(body.server.stop)
    body.run()
    await stack.enter_async_context(listening(holder, config.data / SOCKET))
    return body


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


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for it; raises what it failed with."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    sys.exit(main())
