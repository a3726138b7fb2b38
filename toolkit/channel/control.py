"""How the owner of a peer process speaks to it: lines of JSON over the Unix socket in its data folder.

    {"do": "channels"}                                            every channel's status
    {"do": "status", "channel": "0x..."}
    {"do": "pay", "channel": "0x...", "amounts": [units, ...]}    answered once all are acknowledged
    {"do": "invoice", "units": n}                                 answered with the hash that the payer needs
    {"do": "send", "hash": "0x...", "units": n, "to": ["0x... (each hop, and last the payee)"]}
                                                                  answered with the secret, the proof of payment;
                                                                  both in ETH (units are gwei), or as "open" has it
    {"do": "payment", "hash": "0x..."}                            "paid", "pending" or "failed"
    {"do": "invoices", "units": [n, ...]}                         answered with their hashes
    {"do": "send_all", "payments": [{"hash": "0x...", "units": n, "to": [...]}, ...]}
                                                                  all at the same time; answered with each one's secret
                                                                  or error, once none is on its way
    {"do": "settled", "channel": "0x..."}                         answered once no lock is pending in the channel
    {"do": "connect", "channel": "0x...", "peer": "host:port"}    the other party's peer is looked for there from now on
    {"do": "close", "channel": "0x...", "expiry": unix time}      answered with the other party's signature of the Close

and, where the process was given an L1 node,

    {"do": "time"}                                                L1's time (seconds) as it has last seen it

and what needs a transaction, answered with its hash and gas:

    {"do": "open", "to": "0x...", "units": n, "peer": "host:port", "token": "0x...", "exponent": 9, "period": seconds}
    {"do": "top_up" | "withdraw", "channel": "0x...", "units": n}
    {"do": "close_now", "channel": "0x..."}                       together with the other party
    {"do": "leave", "channel": "0x..."}                           alone; status tells how far that is

and, as for every service of a devnet (`toolkit.devnet.hold`):

    {"do": "hold"}, {"do": "go"}

An answer is one line, with "error" where it failed. The socket is the owner's alone (mode 0600), so it needs no
password.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.devnet.hold import SOCKET
from toolkit.devnet.line import Line
from toolkit.errors import ServiceError


class Control:
    """A connection to a peer process of ours.

    Args:
        data: the process's data folder.
        seconds: how long an answer may take.

    Raises (every method):
        ServiceError: the process does not answer, or refuses; the message says why.
    """

    def __init__(self, data: Path, seconds: float = 60.0) -> None:
        try:
            self._line = Line(data / SOCKET, seconds)
        except OSError as error:
            raise ServiceError(f"no channel peer answers in {data}: {error}") from error

    def channels(self) -> list[dict[str, Any]]:
        """What the peer knows of each of its channels."""
        return list(self.ask("channels")["channels"])

    def status(self, channel: bytes) -> dict[str, Any]:
        """What the peer knows of the channel (32-byte id)."""
        return self.ask("status", channel=_hex(channel))

    def pay(self, channel: bytes, amounts: Sequence[int]) -> int:
        """Pay ``amounts`` (units) one after the other; returns the last one's nonce once all are acknowledged."""
        return int(self.ask("pay", channel=_hex(channel), amounts=list(amounts))["nonce"])

    def invoice(self, units: int) -> bytes:
        """Wait for a payment; returns the 32-byte hash that its payer needs."""
        return bytes.fromhex(self.ask("invoice", units=units)["hash"][2:])

    def send(self, hash_: bytes, units: int, to: Sequence[bytes]) -> bytes:
        """Pay an invoice over the hops ``to``, the payee last (20-byte addresses); returns its secret."""
        answer = self.ask("send", hash=_hex(hash_), units=units, to=[_hex(each) for each in to])
        return bytes.fromhex(answer["secret"][2:])

    def invoices(self, units: Sequence[int]) -> list[bytes]:
        """Wait for several payments; returns the 32-byte hash of each."""
        return [bytes.fromhex(hash_[2:]) for hash_ in self.ask("invoices", units=list(units))["hashes"]]

    def send_all(self, payments: Sequence[tuple[bytes, int, Sequence[bytes]]]) -> list[bytes | ServiceError]:
        """Pay several invoices at the same time, each given as to `send`; returns each one's secret, or why not."""
        asked = [
            {"hash": _hex(hash_), "units": units, "to": [_hex(each) for each in to]} for hash_, units, to in payments
        ]
        return [
            ServiceError(str(each["error"])) if "error" in each else bytes.fromhex(each["secret"][2:])
            for each in self.ask("send_all", payments=asked)["sent"]
        ]

    def settled(self, channel: bytes) -> None:
        """Wait until no lock is pending in the channel (32-byte id), and nothing of ours waits to be acknowledged."""
        self.ask("settled", channel=_hex(channel))

    def connect(self, channel: bytes, peer: str) -> None:
        """Look for the other party of the channel (32-byte id) at ``peer`` ("host:port"), again and again."""
        self.ask("connect", channel=_hex(channel), peer=peer)

    def agree_to_close(self, channel: bytes, expiry: int) -> tuple[int, bytes]:
        """Net transfer and the other party's 64-byte signature of a Close that is good until ``expiry`` (Unix time)."""
        answer = self.ask("close", channel=_hex(channel), expiry=expiry)
        return int(answer["net"]), bytes.fromhex(answer["signature"][2:])

    def open(self, to: bytes, units: int, peer: str, **terms: Any) -> tuple[bytes, dict[str, Any]]:
        """Open a channel with ``to`` (20-byte address), whose peer listens at ``peer``; returns its id and the deed."""
        answer = self.ask("open", to=_hex(to), units=units, peer=peer, **terms)
        return bytes.fromhex(answer["channel"][2:]), answer

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """The answer to any command."""
        try:
            self._line.say(do, **what)
            answer = self._line.hear()
        except OSError as error:
            raise ServiceError(f"the channel peer did not answer {do}: {error}") from error
        if answer is None:
            raise ServiceError(f"the channel peer ended before it answered {do}")
        if "error" in answer:
            raise ServiceError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End the connection; the process goes on."""
        self._line.close()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
