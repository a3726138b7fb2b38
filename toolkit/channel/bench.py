"""How fast two parties pay each other, beside how fast this machine signs and verifies."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from toolkit.channel import wire
from toolkit.channel.control import Control
from toolkit.channel.peer import ChannelPeer
from toolkit.channel.process import PeerProcess
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, Signing, State
from toolkit.channel.store import Store
from toolkit.crypto import address_of, keccak256, recover, sign
from toolkit.devnet.accounts import Account
from toolkit.devnet.process import RunFolder
from toolkit.errors import ProtocolError

_CHAIN_ID = 31337
_CONTRACT = b"\xc0" * 20
_KEYS = keccak256(b"bench: payer"), keccak256(b"bench: payee")
_DEPOSITS = Deposits(10**12, 10**12)
_SLOWEST_SECONDS = 3600.0


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        payments_per_second: each signed, verified and on both sides' disks before it counts.
        p50_ms, p99_ms: of the milliseconds from a payment's order to its acknowledgement.
        bytes_per_payment: that the two sent each other, both ways, without the framing of WebSocket and TCP.
        sign_per_second, verify_per_second: of the machine, one core, in the same run.
    """

    payments_per_second: float
    p50_ms: float
    p99_ms: float
    bytes_per_payment: float
    sign_per_second: float
    verify_per_second: float

    def as_json(self) -> dict[str, float]:
        """By name, rounded."""
        return {name: round(value, 3 if name.endswith("ms") else 1) for name, value in vars(self).items()}


def in_process(payments: int, batch: int) -> Rates:
    """Two parties in one thread of this process, without a network.

    Args:
        payments: how many.
        batch: that share a message, a transaction of the store and an acknowledgement.
    """
    signs, verifies = machine()
    with tempfile.TemporaryDirectory(prefix="l2kit-") as folder:
        payer, payee = _peers(Path(folder))
        seconds, waits, sent = _pay_in_batches(payer, payee, payments, batch)
        _check(payee.view.agreed.net, payments)
    return Rates(payments / seconds, *_p50_p99(waits), sent / payments, signs, verifies)


def over_sockets(payments: int, singles: int, step: Callable[[str], None] = lambda what: None) -> Rates:
    """Two parties as processes that speak over loopback, one payment after the other waiting in the payer's queue.

    Args:
        payments: how many are ordered at once, for the rate.
        singles: how many are made one by one afterwards, each once the one before is acknowledged, for the times.
        step: is told what goes on.
    """
    signs, verifies = machine()
    channel = _channel().id
    with RunFolder() as folder:
        step("starting two peers")
        payee = _start(folder, "payee", _KEYS[1], peer=None)
        payer = _start(folder, "payer", _KEYS[0], peer=payee.address)
        payer.connected(channel)
        control = Control(payer.folder, seconds=_SLOWEST_SECONDS)
        step(f"{payments:,} payments over loopback")
        before = _bytes(control)
        began = time.perf_counter()
        control.pay(channel, [1] * payments)
        seconds = time.perf_counter() - began
        sent = _bytes(control) - before
        step(f"{singles:,} payments one by one")
        waits = []
        for _ in range(singles):
            began = time.perf_counter()
            control.pay(channel, [1])
            waits.append(time.perf_counter() - began)
        control.close()
        _check(payee.control.status(channel)["net"], payments + singles)
        payer.stop()
        payee.stop()
    return Rates(payments / seconds, *_p50_p99(waits), sent / payments, signs, verifies)


def machine(count: int = 2_000) -> tuple[float, float]:
    """Signatures made and signers recovered a second, on one core, digests included."""
    signing = Signing(_CHAIN_ID, _CONTRACT, _channel().id)
    with _timed() as signed:
        signatures = [sign(_KEYS[0], signing.state_digest(State(nonce, nonce))) for nonce in range(count)]
    with _timed() as verified:
        for nonce, signature in enumerate(signatures):
            recover(signing.state_digest(State(nonce, nonce)), signature)
    return count / signed[0], count / verified[0]


def _pay_in_batches(
    payer: ChannelPeer, payee: ChannelPeer, payments: int, batch: int
) -> tuple[float, list[float], int]:
    """Seconds, each batch's seconds until it was acknowledged, and bytes."""
    waits: list[float] = []
    sent = 0
    start = time.perf_counter()
    for first in range(0, payments, batch):
        began = time.perf_counter()
        for message in wire.updates(payer.pay([1] * min(batch, payments - first))):
            taken = payee.receive(wire.read_pay(message.body))
            if taken.signature is None:
                raise ProtocolError(f"a payment was refused: {taken.refused}")
            answer = wire.ack(payee.view.agreed.nonce, taken.signature)
            refusal = payer.acknowledge(*wire.read_ack(answer.body))
            if refusal is not None:
                raise ProtocolError(f"an acknowledgement was refused: {refusal.name}")
            sent += len(message.encode()) + len(answer.encode())
        waits.append(time.perf_counter() - began)
    return time.perf_counter() - start, waits, sent


def _peers(folder: Path) -> tuple[ChannelPeer, ChannelPeer]:
    def peer(name: str, key: bytes) -> ChannelPeer:
        return ChannelPeer(_channel(), _CHAIN_ID, _CONTRACT, key, Store(folder / name), _DEPOSITS)

    return peer("payer", _KEYS[0]), peer("payee", _KEYS[1])


def _channel() -> Channel:
    payer, payee = map(address_of, _KEYS)
    return Channel(payer, ChannelTerms(payee, 24 * 3600), ETHER, opened_block=1)


def _start(folder: RunFolder, name: str, key: bytes, peer: str | None) -> PeerProcess:
    channel = {"channel": "0x" + _channel().encode().hex(), "deposits": list(_DEPOSITS), "peer": peer}
    config = {"chain_id": _CHAIN_ID, "contract": "0x" + _CONTRACT.hex(), "channels": [channel]}
    return PeerProcess(folder, Account(name, key), config, name)


def _bytes(control: Control) -> int:
    status = control.status(_channel().id)
    return int(status["bytes_sent"]) + int(status["bytes_received"])


def _check(net: int, payments: int) -> None:
    if net != payments:
        raise ProtocolError(f"{payments} payments of one unit ended with a net transfer of {net}")


def _p50_p99(waits: list[float]) -> tuple[float, float]:
    """Milliseconds."""
    if len(waits) < 2:
        return waits[0] * 1e3, waits[0] * 1e3
    cuts = quantiles(waits, n=100, method="inclusive")
    return cuts[49] * 1e3, cuts[98] * 1e3


@contextmanager
def _timed() -> Iterator[list[float]]:
    result = [0.0]
    began = time.perf_counter()
    yield result
    result[0] = time.perf_counter() - began
