"""A hub as a technique: every party has one channel, with the hub, and pays everybody through it.

A payment is locked to a hash from the payer to the hub and from the hub to the payee (`toolkit.channel.route`), so the
hub can keep nothing: it is paid once it has paid. The hub asks no fee here, so that everybody ends with what the
workload says, and the hub with what it began with, L1's fees apart. What a hub's fee costs is no gas; what its money
costs is the capital that it must lock for all that its parties may receive.

Payments go out in `waves`, so that many are on their way at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from toolkit.channel.onchain import OnChain
from toolkit.channel.process import PeerProcess, on_l1, start_peers
from toolkit.channel.state import Channel, ChannelTerms, Side
from toolkit.channel.technique import CHALLENGE_PERIOD
from toolkit.channel.transition import MAX_LOCKS
from toolkit.devnet.accounts import Account
from toolkit.devnet.process import RunFolder
from toolkit.errors import BadInput, ServiceError
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.protocol import SINGLES, Cost, cost, timed
from toolkit.technique.workload import GWEI, MARGIN, Payment, Workload

_CLOSE_SECONDS = 3600

POLICY: Mapping[str, int] = {"fee_units": 0, "fee_ppm": 0}
"""What everybody asks of the payments that it forwards: nothing."""


class HubTechnique:
    """Payments of ETH through a hub, the hub and each party a process of its own.

    Args:
        meter: sends what goes to L1.
        workload: what is paid.
        contract: address of PaymentChannels (EIP-55 text).
        folder: of the devnet, for the processes.
        hub: the hub's account, with money on L1.

    Raises:
        BadInput: the hub is a party of the workload.
    """

    name = "Channel hub"

    def __init__(self, meter: Meter, workload: Workload, contract: str, folder: RunFolder, hub: Account) -> None:
        if hub.address in {each.address for each in workload.accounts.values()}:
            raise BadInput(f"the hub {hub.name} is a party of the workload")
        self._meter, self._workload, self._folder, self._hub = meter, workload, folder, hub
        self._onchain = OnChain(meter.chain, contract)
        self._l1 = on_l1(meter.chain.chain_id, contract, meter.chain.rpc.url)
        self._channels: dict[str, Channel] = {}
        self.confirmations_ms: list[float] = []

    @staticmethod
    def locked(workload: Workload) -> int:
        """What the hub locks for a workload (wei): the most that each party may own more than it had."""
        received = _turned_round(workload)
        return sum(received.need(name) for name in workload.accounts)

    def open(self) -> Sequence[Cost]:
        """Each party opens a channel with what it needs; the hub adds what the party may own more than it had."""
        self._balances = Balances(self._meter, [*self._workload.accounts.values(), self._hub])
        openings, top_ups = [], []
        received = _turned_round(self._workload)
        for name, account in self._workload.accounts.items():
            terms = ChannelTerms(self._hub.address_bytes, CHALLENGE_PERIOD)
            channel, receipt = self._onchain.open(account, terms, (self._workload.need(name) + MARGIN) // GWEI)
            openings.append(self._meter.keep(receipt))
            if need := received.need(name) // GWEI:
                top_ups.append(self._meter.keep(self._onchain.top_up(self._hub, channel, Side.B, need)))
            self._channels[name] = channel
        self._network = Network.start(self._folder, self._l1, self._workload.accounts, self._channels, self._hub)
        return [cost("channels opened", *openings), cost("top-ups by the hub", *top_ups)]

    def pay(self) -> Sequence[Cost]:
        """All payments, each through the hub, on the disks of all three before it counts; L1 hears of none."""
        for number, wave in enumerate(waves(self._workload, MARGIN, singles=SINGLES)):
            with timed(self.confirmations_ms if number < SINGLES else []):
                self._network.pay(wave)
        return []

    def settle(self) -> Sequence[Cost]:
        """Each party closes its channel with the hub's signature; both are paid out."""
        receipts = []
        for name, channel in self._channels.items():
            expiry = self._meter.chain.now() + _CLOSE_SECONDS
            net, signature = self._network.parties[name].control.agree_to_close(channel.id, expiry)
            if net * GWEI != -self._workload.net(name):
                raise CheckFailed(f"the channel of {name} with the hub ended with a net transfer of {net} gwei")
            account = self._workload.accounts[name]
            receipts.append(self._meter.keep(self._onchain.close_now(account, channel, net, expiry, signature)))
        self._network.stop()
        return [cost("channels closed", *receipts)]

    def exit(self) -> Sequence[Cost]:
        """Closing has paid everybody out."""
        return []

    def check(self) -> Sequence[str]:
        """Everybody's ETH on L1, the hub's too."""
        return self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})


@dataclass(frozen=True)
class Network:
    """A hub and its parties, connected.

    Attributes:
        hub: the hub's process, with the hub's key alone.
        parties: everybody else's, by name.
        channels: each party's with the hub, by name.
    """

    hub: PeerProcess
    parties: Mapping[str, PeerProcess]
    channels: Mapping[str, Channel]

    @classmethod
    def start(
        cls, folder: RunFolder, l1: Mapping[str, Any], accounts: Mapping[str, Account],
        channels: Mapping[str, Channel], hub: Account,
    ) -> Network:  # fmt: skip
        """Start everybody, and wait until all parties are connected with the hub.

        Args:
            folder: of the devnet.
            l1: see `on_l1`.
            accounts: of the parties, by name.
            channels: each party's with the hub, by name; the hub is B.
            hub: its account.
        """
        served = {name: [{"channel": "0x" + channel.encode().hex()}] for name, channel in channels.items()}
        shared = {**l1, "policy": dict(POLICY)}
        told: dict[str, tuple[Account, Mapping[str, Any]]] = {
            name: (accounts[name], {**shared, "channels": each}) for name, each in served.items()
        }
        of_hub = hub, {**shared, "channels": [each for own in served.values() for each in own]}
        hub_peer, *peers = start_peers(folder, [of_hub, *told.values()])
        network = cls(hub_peer, dict(zip(told, peers, strict=True)), channels)
        for name, channel in channels.items():
            network.parties[name].control.connect(channel.id, hub_peer.address)
        for name, channel in channels.items():
            network.parties[name].connected(channel.id)
            hub_peer.connected(channel.id)
        return network

    def pay(self, payments: Sequence[Payment]) -> None:
        """Make payments at the same time; returns once all have arrived and no lock is pending.

        Raises:
            ServiceError: one could not be made.
        """
        with ThreadPoolExecutor(len(self.parties)) as threads:
            sending = self.order(threads, payments)
            for sent in sending:
                for each in sent.result():
                    if isinstance(each, ServiceError):
                        raise each
            concerned = {name for each in payments for name in (each.payer, each.payee)}
            list(threads.map(lambda name: self.parties[name].control.settled(self.channels[name].id), concerned))

    def order(self, threads: Executor, payments: Sequence[Payment]) -> list[Future[list[bytes | ServiceError]]]:
        """Have the payees write invoices and the payers send, each all of its own at once."""
        due: dict[str, list[Payment]] = defaultdict(list)
        for payment in payments:
            due[payment.payee].append(payment)
        hashes = threads.map(
            lambda name: self.parties[name].control.invoices([each.amount // GWEI for each in due[name]]), due
        )
        orders: dict[str, list[tuple[bytes, int, Sequence[bytes]]]] = defaultdict(list)
        for (payee, own), found in zip(due.items(), list(hashes), strict=True):
            to = [self.hub.account.address_bytes, self.parties[payee].account.address_bytes]
            for payment, hash_ in zip(own, found, strict=True):
                orders[payment.payer].append((hash_, payment.amount // GWEI, to))
        return [threads.submit(self.parties[payer].control.send_all, own) for payer, own in orders.items()]

    def status(self, name: str) -> dict[str, Any]:
        """What a party knows of its channel."""
        return self.parties[name].control.status(self.channels[name].id)

    def stop(self) -> None:
        """End all processes."""
        for peer in (*self.parties.values(), self.hub):
            peer.stop()


def waves(workload: Workload, margin: int = 0, locks: int = MAX_LOCKS, singles: int = 0) -> Iterator[list[Payment]]:
    """The payments in their order, in parts that can be made at the same time.

    In a wave nobody spends what comes in with it, be it a party or the hub, and no channel has more pending locks than
    the protocol lets it have.

    Args:
        margin: wei that each party has in its channel beyond its `Workload.need`.
        locks: the most that are pending in a channel at a time.
        singles: so many of the first payments are a wave each.
    """
    received = _turned_round(workload)
    party = {name: workload.need(name) + margin for name in workload.accounts}
    hub = {name: received.need(name) for name in workload.accounts}
    wave: list[Payment] = []
    spent: Counter[str] = Counter()
    got: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for index, each in enumerate(workload.payments):
        full = (0 < index <= singles) or max(pending[each.payer], pending[each.payee]) >= locks
        if (
            full
            or spent[each.payer] + each.amount > party[each.payer]
            or got[each.payee] + each.amount > hub[each.payee]
        ):
            yield wave
            for name in workload.accounts:
                party[name] += got[name] - spent[name]
                hub[name] += spent[name] - got[name]
            wave = []
            for counted in (spent, got, pending):
                counted.clear()
        wave.append(each)
        spent[each.payer] += each.amount
        got[each.payee] += each.amount
        pending.update((each.payer, each.payee))
    yield wave


def _turned_round(workload: Workload) -> Workload:
    """The same payments the other way: what somebody needs in it is the most that it has more than it began with."""
    turned = tuple(Payment(each.payee, each.payer, each.amount) for each in workload.payments)
    return Workload(turned, workload.accounts)
