"""A watchtower as a process: ``python -m toolkit.channel.tower --config FILE``.

It gets states that both parties have signed, and shows the newest on L1 when somebody closes a channel with an older
one; with the secrets it was given it takes the locks that they release. It holds no key that can spend from a
channel: its own (32 bytes of hex in L2KIT_KEY) pays the gas. The file is JSON:

    {"chain_id": 31337, "contract": "0x...", "data": "tower/", "host": "127.0.0.1", "port": 0, "l1_rpc": "http://..."}

and what else `TowerConfig` has.

The HTTP API, version 1, speaks JSON; bytes are 0x-prefixed hex.

    POST /v1/states        {"channel": descriptor 96, "nonce": n, "net": n, "locks": [[hash 32, units, expiry], ...],
                            "by_a": signature 64, "by_b": signature 64, "secrets": [32, ...]}
                           200 {"nonce": n} once it is on disk, also where it has that state already;
                           400 not well formed, 403 not signed by both, 404 no such channel on L1,
                           409 older than what it has, 413 too big, 429 too many channels,
                           503 L1 must be asked, and does not answer, or the tower stands still: {"error": why}
    GET  /v1/channels/ID   200 {"nonce": n, "net": n, "locks": n, "secrets": n,
                                "done": [{"did", "transaction", "gas"}, ...]}, or 404
    GET  /v1/status        200 {"channels": n, "block_time": n, "refused": {why: n}, "trouble": null or why}

Through ``control.sock`` in its data folder it can be told to stand still (`toolkit.devnet.hold`).

Whoever may ask it learns the states of a channel whose id it knows: keep it to yourselves, or behind a proxy that
asks for a password.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import typedefs as web_types
from aiohttp import web

from toolkit.channel import calls, running
from toolkit.channel.config import hex_bytes
from toolkit.channel.guard import Sight, Stand
from toolkit.channel.guardian import OVERLAP_BLOCKS, Guardian
from toolkit.channel.position import Position
from toolkit.channel.running import Announce, write_ready
from toolkit.channel.state import Channel, Signing
from toolkit.channel.tower_client import Unwelcome, parse
from toolkit.channel.tower_store import TowerStore
from toolkit.crypto import recover
from toolkit.devnet import settings
from toolkit.devnet.hold import SOCKET, Gate, Holder, StandsStill, listening
from toolkit.devnet.l1 import L1
from toolkit.devnet.web import foreign, listen
from toolkit.errors import BadInput, L2KitError, NodeError

MAX_BODY = 64 * 1024
_DAY = 24 * 3600


@dataclass(frozen=True)
class TowerConfig:
    """What a tower is told; the JSON has these names.

    Attributes:
        chain_id: of L1 (EIP-155).
        contract: the 20-byte address of PaymentChannels.
        data: folder for the store and ``ready.json``, relative to the file.
        l1_rpc: URL of an L1 node.
        host, port: where it answers; port 0 takes a free one.
        public_name: the name under which others reach it, where that is not ``host``.
        poll_seconds: between two looks at L1.
        margin_seconds: before a lock's expiry at which it reveals the secret; less than the parties' own margin, so
            that it does so only where they do not.
        max_channels: that it watches.
    """

    chain_id: int
    contract: bytes
    data: Path
    l1_rpc: str
    host: str = "127.0.0.1"
    port: int = 0
    public_name: str = ""
    poll_seconds: float = 1.0
    margin_seconds: int = 900
    max_channels: int = 10_000

    @staticmethod
    def load(path: Path) -> TowerConfig:
        """Read the file; raises BadInput with what is wrong in it."""
        return settings.load(TowerConfig, path)


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
        self._key, self._l1 = key, L1(config.l1_rpc)
        self._gate, self._holder = Gate(), Holder(config.data)
        self._holder.service = self
        self._holder.enter()
        self._watching: asyncio.Task[None] | None = None
        self._checked = False
        self._checking = asyncio.Lock()  # so that strangers' questions to L1 never queue up before the guardian's
        self._stopped = asyncio.Event()
        self._failure: Exception | None = None
        try:
            self._open()
        except BaseException:
            self._holder.leave()
            raise

    def _open(self) -> None:
        """Know what is on disk, and nothing else."""
        config = self.config
        self._store = TowerStore(config.data / "tower.db", f"0x{config.contract.hex()} on chain {config.chain_id}")
        self._guardian = Guardian(self._l1, config.contract, self._key, config.chain_id, margin=config.margin_seconds)
        self._sight: Sight | None = None
        self._gone: dict[bytes, int] = {}
        self._trouble: str | None = None

    async def run(self, announce: Announce) -> None:
        """Watch until `stop`; once it answers says so in ``ready.json`` and to ``announce``.

        Raises:
            BadInput: L1 is another chain, or has no such contract.
            ServiceError: the port cannot be had.
        """
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._answer_no_pages])
        app.router.add_post("/v1/states", self._on_state)
        app.router.add_get("/v1/channels/{channel}", self._on_channel)
        app.router.add_get("/v1/status", self._on_status)
        runner = None
        ready = self.config.data / "ready.json"
        try:
            try:
                await self._check()
            except NodeError as error:
                # After a power cut, say, the node may need longer than we do: it is asked again and again.
                self._in_trouble(error)
            runner, port = await listen(app, self.config.host, self.config.port)
            self._watching = asyncio.create_task(self._watch())
            host = runner.addresses[0][0]
            told = {"url": f"http://{host}:{port}", "host": host, "port": port, "pid": os.getpid()}
            async with listening(self._holder, self.config.data / SOCKET):
                write_ready(ready, told)
                announce(told)
                await self._stopped.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            ready.unlink(missing_ok=True)
            await self._end_watch()
            if runner is not None:
                await runner.cleanup()
            self._store.close()
            self._holder.leave()
            self._l1.close()

    async def hold(self) -> None:
        """See `toolkit.devnet.hold.Still`."""
        await self._gate.close()
        await self._end_watch()
        await self._l1.idle()
        self._store.close(durable=False)

    async def go(self) -> None:
        """See `toolkit.devnet.hold.Still`."""
        if self._watching is None:
            self._open()
            self._watching = asyncio.create_task(self._watch())
        self._gate.open()

    async def _end_watch(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def fail(self, error: Exception) -> None:
        """See `toolkit.devnet.hold.Still`."""
        self._failure = error
        self.stop()

    def stop(self) -> None:
        """Let `run` end; what was acknowledged is on disk already."""
        self._stopped.set()

    async def _watch(self) -> None:
        while True:
            try:
                await self._watch_once()
            except Exception as error:
                # Whatever it is (a full disk, a node that answers nonsense), the next look tries again. Nothing may
                # end the watch while the process seems well.
                self._in_trouble(error)
            else:
                self._trouble = self._guardian.trouble
            await asyncio.sleep(self.config.poll_seconds)

    async def _check(self) -> None:
        if not self._checked:
            await self._guardian.check()
            self._checked = True

    async def _watch_once(self) -> None:
        await self._check()
        stands = list(self._store.stands.values())
        self._sight = await self._guardian.look(stands)
        for done in await self._guardian.act_all(stands, self._sight):
            self._store.note(done)
        self._forget_the_closed(stands, self._sight)

    def _in_trouble(self, error: Exception) -> None:
        trouble = str(error) if isinstance(error, L2KitError) else repr(error)
        if trouble != self._trouble:
            sys.stderr.write(f"{trouble}\n")
            sys.stderr.flush()
        self._trouble = trouble

    def _forget_the_closed(self, stands: list[Stand], sight: Sight) -> None:
        """A channel that L1 has not shown for a day of its time will not come back with a reorganisation.

        That says nothing as long as L1 does not show the blocks after its opening: a node may still be catching up.
        """
        for stand in stands:
            id_ = stand.channel.id
            if sight.positions[id_].exists or sight.block <= stand.channel.opened_block + OVERLAP_BLOCKS:
                self._gone.pop(id_, None)
            elif sight.now > self._gone.setdefault(id_, sight.now) + _DAY:
                self._store.forget(id_)
                del self._gone[id_]

    @web.middleware
    async def _answer_no_pages(self, request: web.Request, handler: web_types.Handler) -> web.StreamResponse:
        """Refuse what a web page of somebody else may have sent."""
        if refused := foreign(request, self.config.host, self.config.public_name):
            status, why = refused
            self.refused["foreign"] += 1
            return web.json_response({"error": why}, status=status)
        try:
            return await self._gate.through(lambda: handler(request))
        except StandsStill as error:
            return web.json_response({"error": str(error)}, status=503)

    async def _on_state(self, request: web.Request) -> web.Response:
        try:
            return web.json_response({"nonce": await self._take(await request.read())})
        except Unwelcome as error:
            self.refused[error.why] += 1
            return web.json_response({"error": str(error)}, status=error.status)
        except web.HTTPRequestEntityTooLarge:
            self.refused["too big"] += 1
            return web.json_response({"error": f"a state has {MAX_BODY} bytes at most"}, status=413)
        except NodeError as error:
            self.refused["L1 does not answer"] += 1
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
            # Also with a newer state: it may come from the other party, which has no interest in them.
            hashes = {lock.hash for lock in stand.locks}
            kept = {hash_: secret for hash_, secret in known.secrets.items() if hash_ in hashes}
            stand = replace(stand, secrets={**kept, **stand.secrets})
            if stand == known:
                return stand.newest.nonce
        elif len(self._store.stands) >= self.config.max_channels:
            raise Unwelcome(429, "too many channels", str(self.config.max_channels))
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
        try:
            position = Position.decode(answer)
        except ValueError as error:
            raise NodeError(f"what answers is no PaymentChannels: {error}") from error
        if not position.exists:
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
