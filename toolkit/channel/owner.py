"""What the owner of a peer process may ask it, through the Unix socket in its data folder (see `control`)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.channel.config import hex_bytes, host_and_port
from toolkit.channel.peer import ChannelPeer
from toolkit.channel.state import ETHER, GWEI_EXPONENT
from toolkit.devnet.hold import listening
from toolkit.errors import BadInput, L2KitError

if TYPE_CHECKING:
    from toolkit.channel.service import Service
    from toolkit.channel.shore import Deed, Shore

_DAY = 24 * 3600


class Owner:
    """Answers the owner's commands.

    Args:
        service: the peer process.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def listening(self, socket: Path) -> contextlib.AbstractAsyncContextManager[None]:
        """Answer at a Unix socket that is the owner's alone (mode 0600)."""
        return listening(self._service.holder, socket, self._reply)

    async def _reply(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._service.gate.through(lambda: self._obey(command))
        except L2KitError as error:
            return {"error": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"not a command: {error!r}"}
        except Exception as error:  # a number that is too big for SQLite, a full disk: the owner is to hear of it
            self._service.report(error)
            return {"error": f"{command['do']} failed: {error!r}"}

    async def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "channels":
                return {"channels": [self._status(peer) for peer in self._service.node.peers.values()]}
            case "time":
                return {"time": self._shore().now}
            case "open":
                return await self._open(command)
            case "invoice":
                return {"hash": _hex(self._service.node.invoice(int(command["units"]), *_asset(command)))}
            case "send":
                return await self._send(command)
            case "invoices":
                hashes = self._service.node.invoices([int(each) for each in command["units"]], *_asset(command))
                return {"hashes": [_hex(each) for each in hashes]}
            case "send_all":
                return await self._send_all(command)
            case "payment":
                return {"state": self._service.node.state_of_payment(hex_bytes(command["hash"], 32))}
            case "status" | "pay" | "close" | "top_up" | "close_now" | "withdraw" | "leave" | "settled" | "connect":
                return await self._about_channel(command, self._peer(command))
            case other:
                raise BadInput(f"there is no command {other!r}")

    async def _about_channel(self, command: dict[str, Any], peer: ChannelPeer) -> dict[str, Any]:
        node, channel = self._service.node, peer.channel.id
        match command["do"]:
            case "status":
                return self._status(peer)
            case "pay":
                return {"nonce": await node.session(channel).pay([int(each) for each in command["amounts"]])}
            case "close":
                expiry = int(command["expiry"])
                signature = await node.session(channel).agree_to_close(expiry)
                return {"net": peer.view.agreed.net, "expiry": expiry, "signature": _hex(signature)}
            case "settled":
                await node.settled(channel)
                return {}
            case "connect":
                self._service.dial(peer.channel, *host_and_port(command["peer"]))
                return {}
            case "top_up":
                return _deed(await self._shore().top_up(peer, int(command["units"])))
            case "close_now":
                return _deed(await self._shore().close_now(peer))
            case "withdraw":
                return _deed(await self._shore().withdraw(peer, int(command["units"])))
            case _:
                self._shore().leave(peer)
                return {}

    async def _open(self, command: dict[str, Any]) -> dict[str, Any]:
        token, exponent = _asset(command)
        where = host_and_port(command["peer"])
        terms = int(command["units"]), int(command.get("period", _DAY)), token, exponent
        channel, deed = await self._service.open(hex_bytes(command["to"], 20), *terms, *where)
        return {"channel": _hex(channel.id), "descriptor": _hex(channel.encode()), **_deed(deed)}

    async def _send(self, command: dict[str, Any]) -> dict[str, Any]:
        return {"secret": _hex(await self._service.node.pay(*_order(command), *_asset(command)))}

    async def _send_all(self, command: dict[str, Any]) -> dict[str, Any]:
        sent: list[dict[str, str]] = []
        for paid in await self._service.node.pay_all([_order(each) for each in command["payments"]], *_asset(command)):
            match paid:
                case bytes():
                    sent.append({"secret": _hex(paid)})
                case L2KitError():
                    sent.append({"error": str(paid)})
                case Exception():  # a full disk, say; the others may have been paid, and the owner is to hear of it
                    self._service.report(paid)
                    sent.append({"error": f"send failed: {paid!r}"})
                case _:
                    raise paid
        return {"sent": sent}

    def _status(self, peer: ChannelPeer) -> dict[str, Any]:
        service, channel, view = self._service, peer.channel, peer.view
        session = service.node.sessions.get(channel.id)
        newest = peer.newest()
        return {
            "channel": _hex(channel.id),
            "descriptor": _hex(channel.encode()),
            "token": _hex(channel.token),
            "unit": channel.unit,
            "side": peer.side.value,
            "with": _hex(channel.party(peer.side.other)),
            "connected": session is not None,
            "bytes_sent": session.bytes_sent if session else 0,
            "bytes_received": session.bytes_received if session else 0,
            "nonce": newest.state.nonce,
            "net": newest.state.net,
            "locks": [{"hash": _hex(lock.hash), "units": lock.units, "expiry": lock.expiry} for lock, _ in view.locks],
            "signature": _hex(newest.signature),
            "pending": len(view.pending),
            "balance": peer.balance,
            "deposits": list(view.deposits),
            "frozen": view.frozen,
            "on_l1": service.shore.standing(channel.id) if service.shore else None,
            "deeds": [_deed(each) for each in service.shore.deeds.get(channel.id, [])] if service.shore else [],
            "refused": {reason.name.lower(): count for reason, count in peer.refused.items()},
            "connections_refused": sum(service.refused.values()),
        }

    def _peer(self, command: dict[str, Any]) -> ChannelPeer:
        channel = hex_bytes(command["channel"], 32)
        peer = self._service.node.peers.get(channel)
        if peer is None:
            raise BadInput(f"channel 0x{channel.hex()} is none of ours")
        return peer

    def _shore(self) -> Shore:
        if self._service.shore is None:
            raise BadInput("this peer was started without an L1 node")
        return self._service.shore


def _order(command: dict[str, Any]) -> tuple[bytes, int, list[bytes]]:
    """Hash, units and hops of a payment."""
    to = [hex_bytes(each, 20) for each in command["to"]]
    return hex_bytes(command["hash"], 32), int(command["units"]), to


def _asset(command: dict[str, Any]) -> tuple[bytes, int]:
    """Token and unit exponent; ETH in gwei where nothing else is said."""
    token = hex_bytes(command["token"], 20) if command.get("token") else ETHER
    return token, int(command.get("exponent", GWEI_EXPONENT))


def _deed(deed: Deed) -> dict[str, Any]:
    return {"did": deed.what, "transaction": _hex(deed.transaction), "gas": deed.gas}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
