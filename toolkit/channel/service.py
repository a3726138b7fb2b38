"""A channel peer as a process: ``python -m toolkit.channel.service --config FILE``.

The party's key (32 bytes of hex) is in the environment variable L2KIT_KEY. The file is JSON:

    {"chain_id": 31337, "contract": "0x...", "data": "bob/", "host": "127.0.0.1", "port": 0, "l1_rpc": "http://...",
     "channels": [{"channel": "0x... (the descriptor's 96 bytes)", "deposits": [1000000000, 1000000000],
                   "peer": "127.0.0.1:9000"}]}

``data`` (relative to the file) holds the store and, once everything answers, ``ready.json`` with host, port and the
process id; the same line goes to standard output. With ``l1_rpc`` the deposits are read from L1 every
``poll_seconds``, and a channel that somebody closes there is frozen; else ``deposits`` counts. ``peer`` says whom to
connect to, again and again; without it the other side connects. Its owner speaks to it through the Unix socket
``control.sock`` in ``data`` (see `toolkit.channel.control`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.channel import session as sessions
from toolkit.channel.peer import ChannelPeer
from toolkit.channel.session import Session
from toolkit.channel.state import Channel, Deposits
from toolkit.channel.store import Store
from toolkit.errors import BadInput, L2KitError, ProtocolError, ServiceError

KEY_VARIABLE = "L2KIT_KEY"
_REDIAL_SECONDS = (0.05, 5.0)
_LONGEST_COMMAND = 1 << 24


@dataclass(frozen=True)
class ChannelConfig:
    """One channel of a peer process.

    Attributes:
        channel: its descriptor.
        deposits: on L1, where no node is asked.
        peer: host and port of the other side, None where the other side connects.
    """

    channel: Channel
    deposits: Deposits
    peer: tuple[str, int] | None


@dataclass(frozen=True)
class Config:
    """What a peer process is told; the module's text says how it is written down."""

    chain_id: int
    contract: bytes
    data: Path
    channels: tuple[ChannelConfig, ...]
    host: str = "127.0.0.1"
    port: int = 0
    l1_rpc: str | None = None
    poll_seconds: float = 1.0

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read the file; raises BadInput with what is wrong in it."""
        try:
            raw = json.loads(path.read_text())
            known = {"chain_id", "contract", "data", "channels", "host", "port", "l1_rpc", "poll_seconds"}
            if unknown := sorted(set(raw) - known):
                raise BadInput(f"{path}: there is no setting {unknown[0]!r}")
            return cls(
                chain_id=int(raw["chain_id"]),
                contract=_hex(raw["contract"], 20),
                data=path.parent / raw["data"],
                channels=tuple(_channel(each) for each in raw["channels"]),
                host=str(raw.get("host", "127.0.0.1")),
                port=int(raw.get("port", 0)),
                l1_rpc=raw.get("l1_rpc"),
                poll_seconds=float(raw.get("poll_seconds", 1.0)),
            )
        except BadInput:
            raise
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error}") from error
        except KeyError as error:
            raise BadInput(f"{path}: the setting {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{path}: {error}") from error


class Service:
    """Serves the channels of one party until `stop`.

    Attributes:
        refused: connections that broke the protocol, by what they did.
    """

    def __init__(self, config: Config, key: bytes) -> None:
        self.config = config
        self.refused: Counter[str] = Counter()
        config.data.mkdir(parents=True, exist_ok=True)
        self._store = Store(config.data / "channels.db")
        self._peers = {
            each.channel.id: ChannelPeer(
                each.channel, config.chain_id, config.contract, key, self._store, each.deposits
            )
            for each in config.channels
        }
        self._sessions: dict[bytes, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Serve until `stop`; says ready in ``ready.json`` and on standard output."""
        control = self.config.data / "control.sock"
        control.unlink(missing_ok=True)
        old_mask = os.umask(0o177)
        try:
            owner = await asyncio.start_unix_server(self._on_owner, str(control), limit=_LONGEST_COMMAND)
        finally:
            os.umask(old_mask)
        try:
            server = await asyncio.start_server(self._on_connection, self.config.host, self.config.port)
        except OSError as error:
            raise ServiceError(
                f"the channel peer cannot listen on {self.config.host}:{self.config.port}: {error}"
            ) from error
        for each in self.config.channels:
            if each.peer is not None:
                self._spawn(self._dial(each.channel.id, *each.peer))
        if self.config.l1_rpc is not None:
            await self._look_at_l1()
            self._spawn(self._watch_l1())
        ready = {"host": self.config.host, "port": server.sockets[0].getsockname()[1], "pid": os.getpid()}
        written = self.config.data / "ready.json.new"
        written.write_text(json.dumps(ready))
        written.replace(self.config.data / "ready.json")
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        try:
            await self._stopped.wait()
        finally:
            (self.config.data / "ready.json").unlink(missing_ok=True)
            server.close()
            owner.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            control.unlink(missing_ok=True)
            self._store.close()

    def stop(self) -> None:
        """Let `run` end; what was acknowledged is on disk already."""
        self._stopped.set()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            session = await sessions.accept(self._peers.get, reader, writer)
        except (ProtocolError, ConnectionError) as error:
            self._refuse(error)
            return
        await self._keep(session)

    async def _dial(self, channel: bytes, host: str, port: int) -> None:
        shortest, longest = _REDIAL_SECONDS
        wait = shortest
        while True:
            try:
                session = await sessions.connect(self._peers[channel], host, port)
            except (ServiceError, ConnectionError):
                wait = min(2 * wait, longest)
            except ProtocolError as error:
                self._refuse(error)
                wait = min(2 * wait, longest)
            else:
                wait = shortest if await self._keep(session) else min(2 * wait, longest)
            await asyncio.sleep(wait)

    async def _keep(self, session: Session) -> bool:
        """Run a session to its end; returns whether nobody broke a rule in it."""
        channel = session.peer.channel.id
        before = self._sessions.get(channel)
        if before is not None:
            # The other party has proved that it is there anew: the old connection is dead.
            before.disconnect()
        self._sessions[channel] = session
        try:
            await session.run()
        except (ProtocolError, ConnectionError) as error:
            self._refuse(error)
            return False
        finally:
            if self._sessions.get(channel) is session:
                del self._sessions[channel]
        return True

    def _refuse(self, error: Exception) -> None:
        self.refused[str(error)[:200]] += 1
        sys.stderr.write(f"refused: {error}\n")
        sys.stderr.flush()

    async def _watch_l1(self) -> None:
        while True:
            await asyncio.sleep(self.config.poll_seconds)
            await self._look_at_l1()

    async def _look_at_l1(self) -> None:
        from toolkit.channel.position import read_position  # brings requests, 0.1 s
        from toolkit.devnet.rpc import Rpc

        rpc = Rpc(str(self.config.l1_rpc))
        for each in self.config.channels:
            peer = self._peers[each.channel.id]
            try:
                position = await asyncio.to_thread(read_position, rpc, self.config.contract, each.channel.id)
            except L2KitError as error:
                self._refuse(error)
                continue
            # A channel that L1 does not show (a node that lags behind, a reorganisation) has nothing to pay with for
            # now.
            peer.funded(position.deposits)
            if position.deadline:
                peer.freeze()

    async def _on_owner(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._answer(reader, writer))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                try:
                    answer = await self._obey(json.loads(line))
                except L2KitError as error:
                    answer = {"error": str(error)}
                except (ValueError, KeyError, TypeError) as error:
                    answer = {"error": f"not a command: {error!r}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        channel = bytes.fromhex(command["channel"].removeprefix("0x"))
        peer = self._peers.get(channel)
        if peer is None:
            raise BadInput(f"channel 0x{channel.hex()} is none of ours")
        match command["do"]:
            case "pay":
                return {"nonce": await self._session(channel).pay([int(each) for each in command["amounts"]])}
            case "close":
                expiry = int(command["expiry"])
                signature = await self._session(channel).agree_to_close(expiry)
                return {"net": peer.view.agreed.net, "expiry": expiry, "signature": "0x" + signature.hex()}
            case "status":
                newest = peer.newest()
                return {
                    "side": peer.side.value,
                    "connected": channel in self._sessions,
                    "nonce": newest.state.nonce,
                    "net": newest.state.net,
                    "signature": "0x" + newest.signature.hex(),
                    "pending": len(peer.view.pending),
                    "balance": peer.balance,
                    "deposits": list(peer.view.deposits),
                    "frozen": peer.view.frozen,
                    "refused": {reason.name.lower(): count for reason, count in peer.refused.items()},
                    "connections_refused": sum(self.refused.values()),
                }
            case other:
                raise BadInput(f"there is no command {other!r}")

    def _session(self, channel: bytes) -> Session:
        found = self._sessions.get(channel)
        if found is None:
            raise ServiceError(f"the other party of channel 0x{channel.hex()} is not connected")
        return found


def main(arguments: list[str] | None = None) -> int:
    """Run the service; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolkit.channel.service", description="A payment channel peer.")
    parser.add_argument("--config", type=Path, required=True, help="the JSON file")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_run(Config.load(options.config), key_from_environment()))
    except L2KitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _run(config: Config, key: bytes) -> None:
    service = Service(config, key)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, service.stop)
    await service.run()


def key_from_environment() -> bytes:
    """The 32-byte key in L2KIT_KEY; raises BadInput where there is none."""
    text = os.environ.get(KEY_VARIABLE, "")
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadInput(f"the environment variable {KEY_VARIABLE} must hold the private key, 32 bytes of hex")
    return key


def _hex(text: str, size: int) -> bytes:
    data = bytes.fromhex(text.removeprefix("0x"))
    if len(data) != size:
        raise BadInput(f"{text} has {len(data)} bytes, not {size}")
    return data


def _channel(raw: dict[str, Any]) -> ChannelConfig:
    peer = raw.get("peer")
    where = None
    if peer is not None:
        host, _, port = str(peer).rpartition(":")
        where = (host, int(port))
    a, b = raw.get("deposits", (0, 0))
    return ChannelConfig(Channel.decode(_hex(raw["channel"], 96)), Deposits(int(a), int(b)), where)


if __name__ == "__main__":
    sys.exit(main())
