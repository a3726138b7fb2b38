"""A watchtower as a process: ``python -m toolkit.channel.tower --config FILE``.

It gets states that both parties have signed, and shows the newest on L1 when somebody closes a channel with an older
one; with the secrets it was given it takes the locks that they release. It holds no key that can spend from a
channel: its own (32 bytes of hex in L2KIT_KEY) pays the gas. The file is JSON:

    {"chain_id": 31337, "contract": "0x...", "data": "tower/", "host": "127.0.0.1", "port": 0, "l1_rpc": "http://...",
     "poll_seconds": 1.0, "max_channels": 10000}

The HTTP API, version 1, speaks JSON; bytes are 0x-prefixed hex.

    POST /v1/states        {"channel": descriptor 96, "nonce": n, "net": n, "locks": [[hash 32, units, expiry], ...],
                            "by_a": signature 64, "by_b": signature 64, "secrets": [32, ...]}
                           200 {"nonce": n} once it is on disk, also where it has that state already;
                           400 not well formed, 403 not signed by both, 404 no such channel on L1,
                           409 older than what it has, 413 too big, 429 too many channels: {"error": why}
    GET  /v1/channels/ID   200 {"nonce": n, "net": n, "locks": n, "secrets": n,
                                "done": [{"did", "transaction", "gas"}, ...]}, or 404
    GET  /v1/status        200 {"channels": n, "block_time": n, "refused": {why: n}, "trouble": null or why}

Whoever may ask it learns the states of a channel whose id it knows: keep it to yourselves, or behind a proxy that
asks for a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from toolkit.channel import calls, running
from toolkit.channel.config import hex_bytes
from toolkit.channel.guard import Sight, Stand
from toolkit.channel.guardian import Guardian
from toolkit.channel.position import Position
from toolkit.channel.running import Announce, write_ready
from toolkit.channel.state import Channel, Signing
from toolkit.channel.tower_client import Unwelcome, parse
from toolkit.channel.tower_store import TowerStore
from toolkit.crypto import recover
from toolkit.devnet.l1 import L1
from toolkit.errors import BadInput, L2KitError, ServiceError

MAX_BODY = 64 * 1024
_DAY = 24 * 3600


@dataclass(frozen=True)
class TowerConfig:
    """What a tower is told; the module's text says how it is written down."""

    chain_id: int
    contract: bytes
    data: Path
    l1_rpc: str
    host: str = "127.0.0.1"
    port: int = 0
    poll_seconds: float = 1.0
    max_channels: int = 10_000

    @classmethod
    def load(cls, path: Path) -> TowerConfig:
        """Read the file; raises BadInput with what is wrong in it."""
        try:
            raw = json.loads(path.read_text())
            if unknown := sorted(set(raw) - set(cls.__dataclass_fields__)):
                raise BadInput(f"{path}: there is no setting {unknown[0]!r}")
            return cls(
                chain_id=int(raw["chain_id"]),
                contract=hex_bytes(raw["contract"], 20),
                data=path.parent / raw["data"],
                l1_rpc=str(raw["l1_rpc"]),
                host=str(raw.get("host", "127.0.0.1")),
                port=int(raw.get("port", 0)),
                poll_seconds=float(raw.get("poll_seconds", 1.0)),
                max_channels=int(raw.get("max_channels", 10_000)),
            )
        except BadInput:
            raise
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error}") from error
        except KeyError as error:
            raise BadInput(f"{path}: the setting {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{path}: {error}") from error


class Tower:
    """Watches channels until `stop`.

    Args:
        config: what it is told.
        key: 32 bytes; pays the gas, and is none of a channel's parties'.
    """

    def __init__(self, config: TowerConfig, key: bytes) -> None:
        self.config = config
        self.refused: Counter[str] = Counter()
        config.data.mkdir(parents=True, exist_ok=True)
        self._store = TowerStore(config.data / "tower.db")
        self._l1 = L1(config.l1_rpc)
        self._guardian = Guardian(self._l1, config.contract, key, config.chain_id, margin=0)
        self._sight: Sight | None = None
        self._gone: dict[bytes, int] = {}
        self._trouble: str | None = None
        self._checking = asyncio.Lock()  # so that strangers' questions to L1 never queue up before the guardian's
        self._stopped = asyncio.Event()

    async def run(self, announce: Announce) -> None:
        """Watch until `stop`; once it answers says so in ``ready.json`` and to ``announce``.

        Raises:
            BadInput: L1 is another chain, or has no such contract.
            NodeError: L1 does not answer.
            ServiceError: the port cannot be had.
        """
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/v1/states", self._on_state)
        app.router.add_get("/v1/channels/{channel}", self._on_channel)
        app.router.add_get("/v1/status", self._on_status)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        ready = self.config.data / "ready.json"
        watching: asyncio.Task[None] | None = None
        try:
            await self._guardian.check()
            await self._watch_once()
            await runner.setup()
            try:
                await web.TCPSite(runner, self.config.host, self.config.port).start()
            except OSError as error:
                where = f"{self.config.host}:{self.config.port}"
                raise ServiceError(f"the tower cannot listen on {where}: {error}") from error
            watching = asyncio.create_task(self._watch())
            host, port = runner.addresses[0][:2]
            told = {"url": f"http://{host}:{port}", "host": host, "port": port, "pid": os.getpid()}
            write_ready(ready, told)
            announce(told)
            await self._stopped.wait()
        finally:
            ready.unlink(missing_ok=True)
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            await runner.cleanup()
            self._store.close()
            self._l1.close()

    def stop(self) -> None:
        """Let `run` end; what was acknowledged is on disk already."""
        self._stopped.set()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.config.poll_seconds)
            # Whatever it is (a full disk, a node that answers nonsense): it is in `_trouble`, and the next look tries
            # again. Nothing may end the watch while the process seems well.
            with contextlib.suppress(Exception):
                await self._watch_once()

    async def _watch_once(self) -> None:
        try:
            stands = list(self._store.stands.values())
            self._sight = await self._guardian.look(stands)
            for done in await self._guardian.act_all(stands, self._sight):
                self._store.note(done)
            self._forget_the_closed(stands, self._sight)
        except Exception as error:
            self._trouble = str(error) if isinstance(error, L2KitError) else repr(error)
            sys.stderr.write(f"{self._trouble}\n")
            sys.stderr.flush()
            raise
        self._trouble = self._guardian.trouble

    def _forget_the_closed(self, stands: list[Stand], sight: Sight) -> None:
        """A channel that L1 has not shown for a day of its time will not come back with a reorganisation."""
        for stand in stands:
            id_ = stand.channel.id
            if sight.positions[id_].exists:
                self._gone.pop(id_, None)
            elif sight.now > self._gone.setdefault(id_, sight.now) + _DAY:
                self._store.forget(id_)

    async def _on_state(self, request: web.Request) -> web.Response:
        try:
            return web.json_response({"nonce": await self._take(await request.read())})
        except Unwelcome as error:
            self.refused[error.why] += 1
            return web.json_response({"error": str(error)}, status=error.status)
        except web.HTTPRequestEntityTooLarge:
            self.refused["too big"] += 1
            return web.json_response({"error": f"a state has {MAX_BODY} bytes at most"}, status=413)
        except L2KitError as error:
            return web.json_response({"error": str(error)}, status=503)

    async def _take(self, body: bytes) -> int:
        stand = parse(body)
        self._check_signed(stand)
        known = self._store.stands.get(stand.channel.id)
        if known is None:
            await self._check_exists(stand.channel)
            known = self._store.stands.get(stand.channel.id)
        if known is not None:
            if stand.newest.nonce < known.newest.nonce:
                raise Unwelcome(409, "older", f"state {stand.newest.nonce}, and {known.newest.nonce} is here")
            if stand.newest.nonce == known.newest.nonce and stand.newest != known.newest:
                raise Unwelcome(409, "another state with this nonce", str(stand.newest.nonce))
            if stand.newest == known.newest:
                stand = replace(stand, secrets={**known.secrets, **stand.secrets})
            if stand == known:
                return stand.newest.nonce
        self._store.keep(stand)
        return stand.newest.nonce

    def _check_signed(self, stand: Stand) -> None:
        digest = Signing(self.config.chain_id, self.config.contract, stand.channel.id).state_digest(stand.newest)
        for party, signature in ((stand.channel.a, stand.by_a), (stand.channel.b, stand.by_b)):
            if recover(digest, signature or b"") != party:
                raise Unwelcome(403, "not signed", f"by 0x{party.hex()}, for this contract on this chain")

    async def _check_exists(self, channel: Channel) -> None:
        if len(self._store.stands) >= self.config.max_channels:
            raise Unwelcome(429, "too many channels", str(self.config.max_channels))
        # Not a guardian's look, which reads logs from the block on that the descriptor names, true or not.
        async with self._checking:
            answer = await self._l1.read(self.config.contract, calls.position(channel.id))
        if not Position.decode(answer).exists:
            raise Unwelcome(404, "no such channel on L1", f"0x{channel.id.hex()}")

    async def _on_channel(self, request: web.Request) -> web.Response:
        try:
            id_ = hex_bytes(request.match_info["channel"], 32)
        except BadInput as error:
            return web.json_response({"error": str(error)}, status=400)
        stand, done = self._store.stands.get(id_), self._store.done.get(id_, [])
        if stand is None and not done:
            return web.json_response({"error": f"channel 0x{id_.hex()} is not watched"}, status=404)
        held: dict[str, Any] = {}
        if stand is not None:
            counts = {"locks": len(stand.locks), "secrets": len(stand.secrets)}
            held = {"nonce": stand.newest.nonce, "net": stand.newest.net, **counts}
        deeds = [{"did": what, "transaction": _hex(transaction), "gas": gas} for what, transaction, gas in done]
        return web.json_response({**held, "done": deeds})

    async def _on_status(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "channels": len(self._store.stands),
                "block_time": self._sight.now if self._sight else None,
                "refused": dict(self.refused),
                "failed": dict(self._guardian.failures),
                "trouble": self._trouble,
            }
        )


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns the exit code."""
    return running.main(
        "toolkit.channel.tower",
        "A watchtower for channels.",
        lambda file, key: Tower(TowerConfig.load(file), key),
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
