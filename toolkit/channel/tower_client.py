"""How a party speaks to a watchtower (see `toolkit.channel.tower`), and what the two say to each other."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import ClientError, ClientResponseError, ClientSession, ClientTimeout

from toolkit.channel.config import hex_bytes
from toolkit.channel.guard import Stand
from toolkit.channel.state import MAX_EXPIRY, MAX_NET, MAX_NONCE, Channel, Lock, State, locks_root
from toolkit.channel.transition import MAX_LOCKS
from toolkit.crypto import keccak256
from toolkit.devnet.rpc import without_secrets
from toolkit.errors import BadInput, ServiceError

_CLIENT_SECONDS = 10.0
_JSON = {"Content-Type": "application/json"}


class Unwelcome(BadInput):
    """A state is not taken.

    Attributes:
        status: of the HTTP answer.
        why: a few words, for counting.
    """

    def __init__(self, status: int, why: str, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.status = status
        self.why = why


class TowerClient:
    """A connection to a tower.

    Args:
        url: of its API.

    Raises (every method):
        ServiceError: it does not answer, or refuses; the message says why.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._shown = without_secrets(self._url)

    async def keep(self, stand: Stand) -> None:
        """Give it what both parties have signed; returns once it is on the tower's disk."""
        await self._ask("POST", "/v1/states", encode(stand))

    async def status(self) -> dict[str, Any]:
        """What it says of itself."""
        return await self._ask("GET", "/v1/status")

    async def channel(self, channel: bytes) -> dict[str, Any]:
        """What it holds and has done for a channel (32-byte id)."""
        return await self._ask("GET", f"/v1/channels/{_hex(channel)}")

    async def _ask(self, method: str, path: str, data: bytes | None = None) -> dict[str, Any]:
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=_CLIENT_SECONDS)) as session,
                session.request(method, self._url + path, data=data, headers=_JSON) as response,
            ):
                answer: dict[str, Any] = await response.json()
                if response.status != 200:
                    raise ServiceError(f"the tower at {self._shown} refused: {answer.get('error')}")
                return answer
        except (ClientError, asyncio.TimeoutError, ValueError) as error:
            raise ServiceError(f"the tower at {self._shown} does not answer: {_shown(error)}") from error


def _shown(error: Exception) -> str:
    if isinstance(error, ClientResponseError):  # whose own text has the headers sent, and the password in them
        return f"HTTP {error.status}, and no JSON"
    return str(error) or type(error).__name__


def ask(url: str, channel: bytes) -> dict[str, Any]:
    """`TowerClient.channel`, for those who do not wait for anything else meanwhile."""
    return asyncio.run(TowerClient(url).channel(channel))


def encode(stand: Stand) -> bytes:
    """The body of POST /v1/states."""
    state = stand.newest
    return json.dumps(
        {
            "channel": _hex(stand.channel.encode()),
            "nonce": state.nonce,
            "net": state.net,
            "locks": [[_hex(lock.hash), lock.units, lock.expiry] for lock in stand.locks],
            "by_a": _hex(stand.by_a or b""),
            "by_b": _hex(stand.by_b or b""),
            "secrets": [_hex(secret) for secret in stand.secrets.values()],
        }
    ).encode()


def parse(body: bytes) -> Stand:
    """The stand in a body; raises Unwelcome where it is none."""
    try:
        raw = json.loads(body)
        channel = Channel.decode(hex_bytes(raw["channel"], 96))
        if len(raw["locks"]) > MAX_LOCKS or len(raw["secrets"]) > MAX_LOCKS:
            raise BadInput(f"there are more than {MAX_LOCKS} locks or secrets")
        locks = tuple(
            Lock(hex_bytes(hash_, 32), _number(units, -MAX_NET, MAX_NET), _number(expiry, 0, MAX_EXPIRY))
            for hash_, units, expiry in raw["locks"]
        )
        state = State(_number(raw["nonce"], 1, MAX_NONCE), _number(raw["net"], -MAX_NET, MAX_NET), locks_root(locks))
        shown = (hex_bytes(secret, 32) for secret in raw["secrets"])
        hashes = {lock.hash for lock in locks}
        secrets = dict(sorted((keccak256(each), each) for each in shown))
        if extra := secrets.keys() - hashes:
            raise BadInput(f"a secret is shown of no lock: {_hex(min(extra))}")
        by_a, by_b = hex_bytes(raw["by_a"], 64), hex_bytes(raw["by_b"], 64)
    except (BadInput, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unwelcome(400, "not well formed", str(error)[:200]) from None
    return Stand(channel, None, state, locks, by_a, by_b, secrets)


def _number(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadInput(f"{value!r} is no number from {least} to {most}")
    return value


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
