"""What a peer process is told.

The party's key (32 bytes of hex) is in the environment variable L2KIT_KEY. The file is JSON:

    {"chain_id": 31337, "contract": "0x...", "data": "bob/", "host": "127.0.0.1", "port": 0, "l1_rpc": "http://...",
     "channels": [{"channel": "0x... (the descriptor's 96 bytes)", "deposits": [1000000000, 1000000000],
                   "peer": "127.0.0.1:9000"}],
     "towers": ["http://127.0.0.1:9100"], "policy": {"fee_ppm": 1000}, "poll_seconds": 1.0, "confirmations": 0}

``data`` is relative to the file. Without ``l1_rpc`` no node is asked: the ``deposits`` of the file count, and nobody
guards the channels. A deposit counts once ``confirmations`` blocks are on top of its own: 0 is for development chains,
where nothing reorganises unless it is told to. ``peer`` says whom to connect to, again and again; without it the
other side connects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from toolkit.channel.route import Policy
from toolkit.channel.state import Channel, Deposits
from toolkit.errors import BadInput


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
    channels: tuple[ChannelConfig, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    l1_rpc: str | None = None
    poll_seconds: float = 1.0
    confirmations: int = 0
    towers: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read the file; raises BadInput with what is wrong in it."""
        try:
            raw = json.loads(path.read_text())
            if unknown := sorted(set(raw) - {each.name for each in fields(cls)}):
                raise BadInput(f"{path}: there is no setting {unknown[0]!r}")
            return cls(
                chain_id=int(raw["chain_id"]),
                contract=hex_bytes(raw["contract"], 20),
                data=path.parent / raw["data"],
                channels=tuple(_channel(each) for each in raw.get("channels", ())),
                host=str(raw.get("host", "127.0.0.1")),
                port=int(raw.get("port", 0)),
                l1_rpc=raw.get("l1_rpc"),
                poll_seconds=float(raw.get("poll_seconds", 1.0)),
                confirmations=int(raw.get("confirmations", 0)),
                towers=tuple(map(str, raw.get("towers", ()))),
                policy=Policy(**{name: int(value) for name, value in raw.get("policy", {}).items()}),
            )
        except BadInput:
            raise
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error}") from error
        except KeyError as error:
            raise BadInput(f"{path}: the setting {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{path}: {error}") from error


def hex_bytes(text: str, size: int) -> bytes:
    """``size`` bytes of hex; raises BadInput where they are others."""
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, AttributeError):
        raise BadInput(f"{text!r} is not hex") from None
    if len(data) != size:
        raise BadInput(f"{text} has {len(data)} bytes, not {size}")
    return data


def host_and_port(text: str) -> tuple[str, int]:
    """Where somebody listens, from "host:port"; raises BadInput where it is nothing like that."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise BadInput(f"an address to connect to is host:port, not {text!r}")
    return host, int(port)


def _channel(raw: dict[str, Any]) -> ChannelConfig:
    peer = raw.get("peer")
    a, b = raw.get("deposits", (0, 0))
    where = None if peer is None else host_and_port(str(peer))
    return ChannelConfig(Channel.decode(hex_bytes(raw["channel"], 96)), Deposits(int(a), int(b)), where)
