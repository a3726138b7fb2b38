"""Payment channels: a thousand payments, a cheat who is answered by a watchtower, and a payment over three hops."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from toolkit.channel.onchain import OnChain
from toolkit.channel.process import PeerProcess, Process, on_l1
from toolkit.channel.state import Channel, SignedState, State
from toolkit.devnet.accounts import Account
from toolkit.errors import ServiceError
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.story import Story
from toolkit.technique.workload import ETHER, GWEI
from toolkit.world import Devnet

PAYMENTS = 1_000
EACH = ETHER // 1_000
STALE = 10
"""The cheat shows the state after that many payments."""
DEPOSIT = 2 * ETHER
ROUTED = ETHER // 2
PERIOD = 24 * 3600
_WAIT_SECONDS = 60.0


def channel(devnet: Devnet, story: Story) -> None:
    """Show a channel with a cheat in it, then a payment over three channels.

    Raises:
        CheckFailed: a balance is not what it must be.
    """
    for kind in (_Cheated, _Routed):
        scene = kind(devnet, story)
        try:
            scene.play()
        finally:
            scene.stop()


class _Scene(ABC):
    def __init__(self, devnet: Devnet, story: Story, *names: str) -> None:
        self._devnet, self._story, self._meter = devnet, story, Meter(devnet.l1)
        contract = devnet.contracts["PaymentChannels"].address
        self._l1 = on_l1(devnet.l1.chain_id, contract, devnet.node.url)
        self._onchain = OnChain(devnet.l1, contract)
        self._accounts = [devnet.accounts[name] for name in names]
        self._before = Balances(self._meter, self._accounts)
        self._peers: dict[str, PeerProcess] = {}
        self._towers: list[Process] = []

    def _start(self, account: Account, **settings: Any) -> PeerProcess:
        place = f"{type(self).__name__.strip('_').lower()}-{account.name}"
        self._peers[account.name] = PeerProcess(self._devnet.folder, account, {**self._l1, **settings}, place)
        return self._peers[account.name]

    def _open(self, opener: Account, other: Account, wei: int) -> bytes:
        """A channel of the two with ``wei`` of the opener's; returns its id."""
        peer = self._peers[opener.name]
        id_, deed = peer.control.open(other.address_bytes, wei // GWEI, self._peers[other.name].address, period=PERIOD)
        peer.connected(id_)
        self._peers[other.name].connected(id_)
        self._did(f"{opener.name} opens a channel with {other.name}: {wei / ETHER:g} ETH", deed)
        return id_

    def _did(self, what: str, deed: Mapping[str, Any]) -> None:
        """Tell and count a transaction that a peer or a tower sent."""
        (receipt,) = self._devnet.l1.receipts([bytes.fromhex(deed["transaction"][2:])])
        self._meter.keep(receipt)
        self._story.step(what, deed["gas"])

    def _check(self, changes: Mapping[str, int]) -> None:
        for fact in self._before.check(changes):
            self._story.checked(f"L1: {fact}")

    @abstractmethod
    def play(self) -> None:
        """Show it, and check what it changed."""

    def stop(self) -> None:
        """End the processes."""
        for process in (*self._peers.values(), *self._towers):
            if not process.child.stopped:
                process.stop()


class _Cheated(_Scene):
    """Alice pays bob a thousand times; then she tries to get it back while he is away."""

    def __init__(self, devnet: Devnet, story: Story) -> None:
        super().__init__(devnet, story, "alice", "bob", "heidi")
        self._alice, self._bob, self._heidi = self._accounts

    def play(self) -> None:
        story = self._story
        story.section("A payment channel, a cheat, and a watchtower")
        tower = Process(self._devnet.folder, "tower", "toolkit.channel.tower", self._heidi.key, self._l1)
        self._towers.append(tower)
        story.step("heidi runs a watchtower: it holds no key of theirs")
        alice, bob = self._start(self._alice), self._start(self._bob, towers=[tower.ready["url"]])
        id_ = self._open(self._alice, self._bob, DEPOSIT)
        descriptor = Channel.decode(bytes.fromhex(alice.control.status(id_)["descriptor"][2:]))
        alice.control.pay(id_, [EACH // GWEI] * STALE)
        stale = _newest(alice.control.status(id_))
        began = time.monotonic()
        alice.control.pay(id_, [EACH // GWEI] * (PAYMENTS - STALE))
        seconds = time.monotonic() - began
        story.step(
            f"alice pays bob {PAYMENTS:,} times {EACH / ETHER:g} ETH; the last {PAYMENTS - STALE}: {seconds:.2f} s", 0
        )
        self._tell("Balances in the channel", alice.control.status(id_)["balance"] * GWEI)
        self._wait_for_tower(tower, id_)
        bob.kill()
        alice.stop()
        story.step("bob's machine dies (kill -9); the tower has his newest state")
        receipt = self._meter.keep(self._onchain.close_alone(self._alice, descriptor, stale))
        story.step(f"alice closes with the state after {STALE} payments", receipt["gasUsed"])
        self._would_pay(descriptor)
        deed = self._wait_for_deed(tower, id_)
        self._did(f"the tower answers with the state after {PAYMENTS:,} payments", deed)
        self._would_pay(descriptor)
        self._devnet.travel(seconds=PERIOD + 1)
        story.step("24 hours pass: the challenge period is over")
        bob = self._start(self._bob)
        settled = self._wait_for_settlement(bob, id_)
        self._did("bob is back; his peer settles, both are paid", settled)
        paid = PAYMENTS * EACH
        self._check({"alice": -paid, "bob": paid})

    def _would_pay(self, descriptor: Channel) -> None:
        """What L1 pays when the challenge period is over, as it stands."""
        self._tell("L1 would pay", self._onchain.position(descriptor).balance_a * GWEI)

    def _tell(self, title: str, own: int) -> None:
        rows = [["alice", f"{own / ETHER:,.3f}"], ["bob", f"{(DEPOSIT - own) / ETHER:,.3f}"]]
        self._story.table(title, ["", "ETH"], rows)

    def _wait_for_tower(self, tower: Process, id_: bytes) -> None:
        tower.child.wait_until(
            lambda: _tower(tower, id_).get("nonce") == PAYMENTS, _WAIT_SECONDS, "get the newest state"
        )

    def _wait_for_deed(self, tower: Process, id_: bytes) -> dict[str, Any]:
        tower.child.wait_until(lambda: bool(_tower(tower, id_).get("done")), _WAIT_SECONDS, "answer the stale close")
        deed: dict[str, Any] = _tower(tower, id_)["done"][-1]
        return deed

    def _wait_for_settlement(self, bob: PeerProcess, id_: bytes) -> dict[str, Any]:
        def settled() -> bool:
            return any(deed["did"] == "settle" for deed in bob.control.status(id_)["deeds"])

        bob.child.wait_until(settled, _WAIT_SECONDS, "settle")
        deed: dict[str, Any] = bob.control.status(id_)["deeds"][-1]
        return deed


class _Routed(_Scene):
    """Alice pays dave through bob and carol, who charge a fee; nobody trusts anybody."""

    def __init__(self, devnet: Devnet, story: Story) -> None:
        super().__init__(devnet, story, "alice", "bob", "carol", "dave")

    def play(self) -> None:
        story, accounts = self._story, self._accounts
        story.section("A payment over three channels")
        for account in accounts:
            self._start(account)
        pairs = list(pairwise(accounts))
        ids = [self._open(a, b, DEPOSIT) for a, b in pairs]
        alice, dave = self._peers["alice"], self._peers["dave"]
        hash_ = dave.control.invoice(ROUTED // GWEI)
        story.step(f"dave makes an invoice of {ROUTED / ETHER:g} ETH: the hash of a secret")
        began = time.monotonic()
        alice.control.send(hash_, ROUTED // GWEI, [each.address_bytes for each in accounts[1:]])
        seconds = time.monotonic() - began
        story.step(f"alice pays it; the secret comes back as proof ({seconds:.2f} s)", 0)
        self._settled()
        gains = self._gains(ids)
        rows = [[account.name, f"{gains[account.name] / ETHER:+,.9f}"] for account in accounts]
        story.table("Changes, fees of the hops included", ["", "ETH"], rows)
        if gains["dave"] != ROUTED or sum(gains.values()) != 0 or min(gains["bob"], gains["carol"]) <= 0:
            raise CheckFailed(f"a payment of {ROUTED} wei over three channels ended with {gains}")
        for (a, b), id_ in zip(pairs, ids, strict=True):
            deed = self._peers[a.name].control.ask("close_now", channel="0x" + id_.hex())
            self._did(f"{a.name} and {b.name} close together", deed)
        self._check(gains)

    def _settled(self) -> None:
        """Wait until every hop has settled its lock."""
        for peer in self._peers.values():
            peer.child.wait_until(partial(_idle, peer), _WAIT_SECONDS, "settle its locks")

    def _gains(self, ids: list[bytes]) -> dict[str, int]:
        """What the payments have changed, by name (wei)."""
        gains = dict.fromkeys((account.name for account in self._accounts), 0)
        for a, b, id_ in zip(self._accounts, self._accounts[1:], ids, strict=False):
            net = self._peers[a.name].control.status(id_)["net"] * GWEI
            gains[a.name] -= net
            gains[b.name] += net
        return gains


def _newest(status: Mapping[str, Any]) -> SignedState:
    return SignedState(State(status["nonce"], status["net"]), bytes.fromhex(status["signature"][2:]))


def _idle(peer: PeerProcess) -> bool:
    return not any(each["locks"] or each["pending"] for each in peer.control.channels())


def _tower(tower: Process, id_: bytes) -> dict[str, Any]:
    from toolkit.channel.tower_client import ask

    try:
        return ask(tower.ready["url"], id_)
    except ServiceError:
        return {}
