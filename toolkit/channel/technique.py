"""Channels as a technique: open one for each pair, pay between peer processes, close together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from toolkit.channel.onchain import OnChain
from toolkit.channel.process import PeerProcess, on_l1, start_peers
from toolkit.channel.state import Channel, ChannelTerms, Side
from toolkit.devnet.accounts import Account
from toolkit.devnet.process import RunFolder
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.protocol import SINGLES, Cost, cost, timed
from toolkit.technique.workload import GWEI, MARGIN, Payment, Workload

CHALLENGE_PERIOD = 24 * 3600
_CLOSE_SECONDS = 3600


class ChannelTechnique:
    """Payments of ETH through one channel for each pair of accounts, each party a process of its own."""

    name = "Payment channels"

    def __init__(self, meter: Meter, workload: Workload, contract: str, folder: RunFolder) -> None:
        self._meter, self._workload, self._folder = meter, workload, folder
        self._onchain = OnChain(meter.chain, contract)
        self._l1 = on_l1(meter.chain.chain_id, contract, meter.chain.rpc.url)
        self.confirmations_ms: list[float] = []
        self._pairs: list[_Pair] = []
        self._peers: dict[str, PeerProcess] = {}

    def open(self) -> Sequence[Cost]:
        """The first payer of each pair opens a channel with what it needs, the other side adds what it needs."""
        self._balances = Balances(self._meter, self._workload.accounts.values())
        openings, top_ups = [], []
        for a, b, payments in _pairs(self._workload):
            terms = ChannelTerms(b.address_bytes, CHALLENGE_PERIOD)
            channel, receipt = self._onchain.open(a, terms, (payments.need(a.name) + MARGIN) // GWEI)
            openings.append(self._meter.keep(receipt))
            if need := payments.need(b.name) // GWEI:
                top_ups.append(self._meter.keep(self._onchain.top_up(b, channel, Side.B, need)))
            self._pairs.append(_Pair(a, b, channel, payments))
        self._start_peers()
        return [cost("channels opened", *openings), cost("top-ups by the other side", *top_ups)]

    def pay(self) -> Sequence[Cost]:
        """All payments, each signed, and on the payee's disk before it is acknowledged; L1 hears of none."""
        rest = {frozenset((pair.a.name, pair.b.name)): list(pair.payments.payments) for pair in self._pairs}
        channels = {frozenset((pair.a.name, pair.b.name)): pair.channel.id for pair in self._pairs}
        for each in self._workload.payments[:SINGLES]:
            both = frozenset((each.payer, each.payee))
            rest[both].pop(0)
            with timed(self.confirmations_ms):
                self._peers[each.payer].control.pay(channels[both], [each.amount // GWEI])
        for both, own in rest.items():
            for payer, payments in groupby(own, key=lambda payment: payment.payer):
                self._peers[payer].control.pay(channels[both], [payment.amount // GWEI for payment in payments])
        return []

    def settle(self) -> Sequence[Cost]:
        """Each opener closes with the other side's signature; both are paid out."""
        receipts = []
        for pair in self._pairs:
            expiry = self._meter.chain.now() + _CLOSE_SECONDS
            net, signature = self._peers[pair.a.name].control.agree_to_close(pair.channel.id, expiry)
            if net * GWEI != -pair.payments.net(pair.a.name):
                raise CheckFailed(
                    f"the channel of {pair.a.name} and {pair.b.name} ended with a net transfer of {net} gwei"
                )
            receipts.append(self._meter.keep(self._onchain.close_now(pair.a, pair.channel, net, expiry, signature)))
        for peer in self._peers.values():
            peer.stop()
        return [cost("channels closed", *receipts)]

    def exit(self) -> Sequence[Cost]:
        """Closing has paid everybody out."""
        return []

    def check(self) -> Sequence[str]:
        """Everybody's ETH on L1."""
        return self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})

    def _start_peers(self) -> None:
        """One process for each account, all at the same time; then each pair's second party looks for the first."""
        told = []
        for name, account in self._workload.accounts.items():
            own = [pair.channel for pair in self._pairs if name in (pair.a.name, pair.b.name)]
            channels = [{"channel": "0x" + channel.encode().hex()} for channel in own]
            told.append((account, {**self._l1, "channels": channels}))
        self._peers = dict(zip(self._workload.accounts, start_peers(self._folder, told), strict=True))
        for pair in self._pairs:
            self._peers[pair.b.name].control.connect(pair.channel.id, self._peers[pair.a.name].address)
        for pair in self._pairs:
            self._peers[pair.a.name].connected(pair.channel.id)
            self._peers[pair.b.name].connected(pair.channel.id)


@dataclass(frozen=True)
class _Pair:
    """Two accounts, their channel (a opened it), and the payments between them."""

    a: Account
    b: Account
    channel: Channel
    payments: Workload


def _pairs(workload: Workload) -> list[tuple[Account, Account, Workload]]:
    """The accounts that pay each other, the first payer first, each pair with its own payments."""
    payments: dict[frozenset[str], list[Payment]] = defaultdict(list)
    for payment in workload.payments:
        payments[frozenset((payment.payer, payment.payee))].append(payment)
    found = []
    for own in payments.values():
        a, b = workload.accounts[own[0].payer], workload.accounts[own[0].payee]
        found.append((a, b, Workload(tuple(own), {a.name: a, b.name: b})))
    return found
