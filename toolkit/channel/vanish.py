"""What becomes of those who leave alone: the other party, or the hub, is killed (kill -9) and never comes back.

Played with real processes on a chain whose clock can be moved. Nothing is assumed: what everybody must have follows
from the payments that were acknowledged, what everybody has is read off L1, and the difference is in the result.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from web3.types import TxReceipt

from toolkit.channel.control import Control
from toolkit.channel.guard import Settle
from toolkit.channel.hub import Network
from toolkit.channel.onchain import OnChain
from toolkit.channel.process import PeerProcess, on_l1, start_peers
from toolkit.channel.state import Channel, ChannelTerms, Side
from toolkit.channel.technique import CHALLENGE_PERIOD
from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain
from toolkit.devnet.process import RunFolder
from toolkit.errors import ServiceError
from toolkit.technique.workload import ETHER, GWEI, Payment

_SECONDS = 120.0
_DEPOSIT = ETHER
_MILLI = ETHER // 1_000


@dataclass(frozen=True)
class Leave:
    """One party that left alone.

    Attributes:
        name: whose.
        locks: that were pending in its channel then.
        transactions, gas: of its own on L1, from the first to its money on L1.
        blocks, seconds: on L1 from before the first of them to the last.
        missing: wei that it has less than what was acknowledged leaves it; negative where it has more.
    """

    name: str
    locks: int
    transactions: int
    gas: int
    blocks: int
    seconds: int
    missing: int


@dataclass(frozen=True)
class Flight:
    """One payment that was on its way when the hub was killed.

    Attributes:
        payer, payee: names.
        amount: wei.
        paid: whether the payer does not have it any more.
        arrived: whether the payee has it.
        proven: whether the payer's process holds the secret, which proves the payment.
    """

    payer: str
    payee: str
    amount: int
    paid: bool
    arrived: bool
    proven: bool

    @property
    def lost(self) -> int:
        """Wei that an honest one has lost: it does not arrive, and the payer has paid it, or can prove that it has."""
        return self.amount if not self.arrived and (self.paid or self.proven) else 0


@dataclass(frozen=True)
class Aftermath:
    """What became of everybody.

    Attributes:
        acknowledged: payments that had been acknowledged.
        leaves: everybody who left alone.
        flights: payments that were on their way.
    """

    acknowledged: int
    leaves: tuple[Leave, ...]
    flights: tuple[Flight, ...] = ()

    @property
    def lost(self) -> int:
        """Wei that honest parties have lost together."""
        return sum(max(each.missing, 0) for each in self.leaves) + sum(each.lost for each in self.flights)


@dataclass(frozen=True)
class Place:
    """Where it is played.

    Attributes:
        chain: L1.
        travel: moves its clock forward by that many seconds.
        contract: address of PaymentChannels (EIP-55 text).
        folder: of the devnet, for the processes.
        accounts: by name, all with money on L1.
    """

    chain: Chain
    travel: Callable[[int], int]
    contract: str
    folder: RunFolder
    accounts: Mapping[str, Account]

    @property
    def l1(self) -> dict[str, Any]:
        """What the processes are told of it."""
        return on_l1(self.chain.chain_id, self.contract, self.chain.rpc.url)


def other_party(place: Place) -> Aftermath:
    """Two parties pay each other; one is killed, the other one leaves alone.

    Raises:
        ServiceError: it could not be played.
    """
    alice, bob = place.accounts["alice"], place.accounts["bob"]
    wallets = _Wallets(place.chain, [alice])
    channel = _open(place, alice, bob)
    served = {**place.l1, "channels": [{"channel": "0x" + channel.encode().hex()}]}
    hers, his = start_peers(place.folder, [(alice, served), (bob, served)])
    his.control.connect(channel.id, hers.address)
    for peer in (hers, his):
        peer.connected(channel.id)
    out, back = [number * _MILLI // GWEI for number in range(1, 21)], [_MILLI // GWEI] * 5
    hers.control.pay(channel.id, out)
    his.control.pay(channel.id, back)
    hers.control.settled(channel.id)
    his.kill()
    deeds = _leave(place, {"alice": hers}, {"alice": channel})
    change = wallets.changes()["alice"]
    hers.stop()
    must = (sum(back) - sum(out)) * GWEI
    return Aftermath(len(out) + len(back), (_left("alice", 0, deeds["alice"], place.chain, must - change),))


def hub(place: Place, account: Account) -> Aftermath:
    """Four parties pay through a hub, which is killed while two payments are on their way; all leave alone.

    The payees of these two are held still (SIGSTOP) until the hub is dead. One of them has the turn in its channel, so
    that the hub can promise it nothing; the other one finds the hub's promise when it goes on.

    Args:
        place: where.
        account: the hub's, with money on L1.

    Raises:
        ServiceError: it could not be played.
    """
    accounts = {name: place.accounts[name] for name in ("alice", "bob", "carol", "dave")}
    wallets = _Wallets(place.chain, accounts.values())
    channels = {name: _open(place, each, account) for name, each in accounts.items()}
    network = Network.start(place.folder, place.l1, accounts, channels, account)
    acknowledged = [
        Payment("alice", "carol", 100 * _MILLI),
        Payment("bob", "alice", 50 * _MILLI),
        Payment("carol", "dave", 30 * _MILLI),
        Payment("carol", "bob", 20 * _MILLI),
        Payment("dave", "alice", 25 * _MILLI),
    ]
    for each in acknowledged:
        network.pay([each])
    flying = [Payment("alice", "bob", 12 * _MILLI), Payment("carol", "dave", 11 * _MILLI)]
    with ThreadPoolExecutor(len(flying)) as threads:
        sending = _kill_in_flight(network, flying, threads)
        locks = {name: len(network.status(name)["locks"]) for name in accounts}
        deeds = _leave(place, network.parties, channels)
        proven = [isinstance(each.result()[0], bytes) for each in sending]
    changes = wallets.changes()
    for peer in network.parties.values():
        peer.stop()
    return _judge(place, acknowledged, list(zip(flying, proven, strict=True)), changes, locks, deeds)


def _judge(
    place: Place, acknowledged: Sequence[Payment], flying: Sequence[tuple[Payment, bool]],
    changes: Mapping[str, int], locks: Mapping[str, int], deeds: Mapping[str, Sequence[TxReceipt]],
) -> Aftermath:  # fmt: skip
    """Hold what everybody has against what was acknowledged; nobody has a part in two payments that were flying."""
    missing = Counter({name: -change for name, change in changes.items()})
    for each in acknowledged:
        missing[each.payer] -= each.amount
        missing[each.payee] += each.amount
    flights = []
    for each, proven in flying:
        paid, arrived = missing[each.payer] == each.amount, missing[each.payee] == -each.amount
        missing[each.payer] -= each.amount * paid
        missing[each.payee] += each.amount * arrived
        flights.append(Flight(each.payer, each.payee, each.amount, paid, arrived, proven))
    leaves = [_left(name, locks[name], own, place.chain, missing[name]) for name, own in deeds.items()]
    return Aftermath(len(acknowledged), tuple(leaves), tuple(flights))


def _open(place: Place, a: Account, b: Account) -> Channel:
    """A channel with a deposit of each."""
    onchain = OnChain(place.chain, place.contract)
    channel, _ = onchain.open(a, ChannelTerms(b.address_bytes, CHALLENGE_PERIOD), _DEPOSIT // GWEI)
    onchain.top_up(b, channel, Side.B, _DEPOSIT // GWEI)
    return channel


def _kill_in_flight(
    network: Network, flying: Sequence[Payment], threads: Executor
) -> list[Future[list[bytes | ServiceError]]]:
    """Send payments, the hub being killed once it has taken all of them and promised the first one on."""
    hashes = [network.parties[each.payee].control.invoices([each.amount // GWEI])[0] for each in flying]
    payees = [network.parties[each.payee] for each in flying]
    for peer in payees:
        os.kill(peer.ready["pid"], signal.SIGSTOP)
    try:
        sending = [
            threads.submit(_send, network, payment, hash_) for payment, hash_ in zip(flying, hashes, strict=True)
        ]
        for each in flying:
            _wait(network.parties[each.payer], network.channels[each.payer], _has_a_lock, "offer its payment")
        promised = network.channels[flying[0].payee]
        _wait(network.hub, promised, lambda status: bool(status["pending"]), "promise the payment on")
        network.hub.kill()
    finally:
        for peer in payees:
            os.kill(peer.ready["pid"], signal.SIGCONT)
    _wait(payees[0], promised, _has_a_lock, "find what was promised to it")
    return sending


def _send(network: Network, payment: Payment, hash_: bytes) -> list[bytes | ServiceError]:
    payer, payee = network.parties[payment.payer], network.parties[payment.payee]
    with contextlib.closing(Control(payer.folder, seconds=2 * _SECONDS)) as control:
        to = [network.hub.account.address_bytes, payee.account.address_bytes]
        return control.send_all([(hash_, payment.amount // GWEI, to)])


def _leave(
    place: Place, parties: Mapping[str, PeerProcess], channels: Mapping[str, Channel]
) -> dict[str, list[TxReceipt]]:
    """Have parties leave alone, one after the other; returns what each of them did on L1 until it was paid out."""

    expiries: dict[str, int] = {}
    for name, peer in parties.items():
        peer.control.ask("leave", channel="0x" + channels[name].id.hex())
        closing = _wait(peer, channels[name], lambda status: bool(status["on_l1"] == "closing"), "begin to close")
        expiries[name] = max((lock["expiry"] for lock in closing["locks"]), default=0)
    found: dict[str, list[TxReceipt]] = {}
    for name in sorted(parties, key=lambda name: expiries[name]):
        now = place.chain.now()
        if not found:
            place.travel(CHALLENGE_PERIOD + 1)
        elif expiries[name] > now:
            place.travel(expiries[name] - now + 1)
        deeds = _wait(parties[name], channels[name], _has_settled, "settle")["deeds"]
        found[name] = place.chain.receipts(bytes.fromhex(deed["transaction"][2:]) for deed in deeds)
    return found


def _wait(
    peer: PeerProcess, channel: Channel, true: Callable[[Mapping[str, Any]], bool], what: str
) -> Mapping[str, Any]:
    """Wait until something is true of the status of a channel, which is returned."""
    peer.child.wait_until(lambda: true(peer.control.status(channel.id)), _SECONDS, what)
    return peer.control.status(channel.id)


def _has_a_lock(status: Mapping[str, Any]) -> bool:
    return bool(status["locks"])


def _has_settled(status: Mapping[str, Any]) -> bool:
    return any(deed["did"] == Settle.what for deed in status["deeds"])


def _left(name: str, locks: int, deeds: Sequence[TxReceipt], chain: Chain, missing: int) -> Leave:
    first, last = deeds[0]["blockNumber"], deeds[-1]["blockNumber"]
    first_time, last_time = (
        int(chain.rpc.call("eth_getBlockByNumber", hex(number), False)["timestamp"], 16) for number in (first - 1, last)
    )
    seconds = last_time - first_time
    return Leave(name, locks, len(deeds), sum(deed["gasUsed"] for deed in deeds), last - first + 1, seconds, missing)


class _Wallets:
    """What some accounts have on L1 when this is made."""

    def __init__(self, chain: Chain, accounts: Iterable[Account]) -> None:
        self._chain, self._accounts = chain, list(accounts)
        self._before = self._read()
        self._first = chain.block_number()

    def _read(self) -> dict[str, int]:
        return {each.name: self._chain.balance(each.address) for each in self._accounts}

    def changes(self) -> dict[str, int]:
        """What each account has more than then, fees of its transactions apart (wei)."""
        fees: Counter[str] = Counter()
        for receipt in self._chain.mined(self._first + 1):
            fees[receipt["from"]] += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        now = self._read()
        return {each.name: now[each.name] + fees[each.address] - self._before[each.name] for each in self._accounts}
