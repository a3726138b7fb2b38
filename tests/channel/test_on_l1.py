"""Peers as processes with a real L1: they open, close, guard themselves, and lose nothing when others misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from toolkit.channel import route
from toolkit.channel.book import Book
from toolkit.channel.config import Config
from toolkit.channel.control import Control
from toolkit.channel.guard import Sight
from toolkit.channel.onchain import Closing, OnChain
from toolkit.channel.position import Position
from toolkit.channel.process import PeerProcess, Process, on_l1
from toolkit.channel.service import Service
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, Lock, SignedState, State
from toolkit.channel.store import Store
from toolkit.channel.tower_client import TowerClient, ask
from toolkit.devnet import Account, Chain, Node, RunFolder
from toolkit.errors import ServiceError

from .people import DAY
from .rig import wait_for

pytestmark = pytest.mark.node

T = TypeVar("T")
ONE = 10**9
"""1 ETH in gwei."""


class Town:
    """An L1 with the contract, and the peers that a test starts."""

    def __init__(self, chain: Chain, node: Node, accounts: dict[str, Account], folder: RunFolder) -> None:
        self.chain, self.node, self.accounts, self.folder = chain, node, accounts, folder
        contract, _ = chain.deploy(accounts["deployer"], "PaymentChannels")
        self.token, _ = chain.deploy(accounts["deployer"], "Token", "Devnet Token", "DEV", 10**27)
        self.onchain = OnChain(chain, contract.address)
        self.peers: dict[str, PeerProcess] = {}

    def start(self, *names: str, **settings: Any) -> PeerProcess:
        for name in names:
            if name in self.peers:
                settings["port"] = self.peers[name].ready["port"]
            l1 = on_l1(self.chain.chain_id, self.onchain.contract.address, self.node.url, poll_seconds=0.05)
            place = f"{self.onchain.contract.address[:10]}-{name}"
            self.peers[name] = PeerProcess(self.folder, self.accounts[name], {**l1, **settings}, place)
        return self.peers[names[-1]]

    def open(self, a: str, b: str, units: int = ONE, *, top_up: int = 0, **terms: Any) -> bytes:
        """A channel that both peers serve."""
        id_, _ = self.peers[a].control.open(
            self.accounts[b].address_bytes, units, self.peers[b].address, period=DAY, **terms
        )
        for name in (a, b):
            self.peers[name].connected(id_)
        if top_up:
            self.peers[b].control.ask("top_up", channel="0x" + id_.hex(), units=top_up)
            for name in (a, b):
                wait_for(lambda name=name: self.status(name, id_)["deposits"] == [units, top_up])
        return id_

    def status(self, name: str, id_: bytes) -> dict[str, Any]:
        return self.peers[name].control.status(id_)

    def did(self, name: str, id_: bytes) -> list[str]:
        return [deed["did"] for deed in self.status(name, id_)["deeds"]]

    def send(self, payer: str, payee: str, units: int, via: list[str]) -> bytes:
        hash_ = self.peers[payee].control.invoice(units)
        to = [self.accounts[name].address_bytes for name in (*via, payee)]
        return self.peers[payer].control.send(hash_, units, to)

    def send_later(self, payer: str, payee: str, units: int, via: list[str]) -> tuple[bytes, threading.Thread]:
        """A payment that need not arrive; its hash, and who waits for it."""
        hash_ = self.peers[payee].control.invoice(units)
        to = [self.accounts[name].address_bytes for name in (*via, payee)]

        def pay() -> None:
            with contextlib.suppress(ServiceError), contextlib.closing(Control(self.peers[payer].folder)) as control:
                control.send(hash_, units, to)

        thread = threading.Thread(target=pay, daemon=True)
        thread.start()
        return hash_, thread

    def idle(self, *names: str) -> None:
        """Wait until no lock is pending."""
        for name in names:
            control = self.peers[name].control
            wait_for(lambda control=control: not any(each["locks"] or each["pending"] for each in control.channels()))

    def cheat(self) -> tuple[bytes, Channel, SignedState]:
        """Alice has paid bob 10,010 and is gone; the channel, and the state after the first 10, which she may show."""
        self.start("alice", "bob")
        id_ = self.open("alice", "bob")
        self.peers["alice"].control.pay(id_, [10])
        stale, channel = self.newest("alice", id_), self.descriptor("alice", id_)
        self.peers["alice"].control.pay(id_, [1_000] * 10)
        self.peers["alice"].kill()
        return id_, channel, stale

    def travel(self, seconds: int) -> None:
        self.node.travel(seconds)

    def descriptor(self, name: str, id_: bytes) -> Channel:
        return Channel.decode(bytes.fromhex(self.status(name, id_)["descriptor"][2:]))

    def newest(self, name: str, id_: bytes) -> SignedState:
        status = self.status(name, id_)
        return SignedState(State(status["nonce"], status["net"]), bytes.fromhex(status["signature"][2:]))

    def paid_out(self, id_: bytes) -> Deposits:
        """What A and B got when the channel was closed."""
        (event,) = self.onchain.contract.events.Closed().get_logs(from_block=0, argument_filters={"channel": id_})
        word = int(event["args"]["last"])
        last = Position.unpack(word, closed=True)
        return Deposits(last.balance_a, last.deposits.total - last.balance_a)


@pytest.fixture
def town(chain: Chain, node: Node, accounts: dict[str, Account]) -> Iterator[Town]:
    with RunFolder() as folder:
        made = Town(chain, node, accounts, folder)
        yield made
        for peer in made.peers.values():
            peer.control.close()


def test_two_peers_open_pay_top_up_withdraw_and_close_together(town: Town) -> None:
    town.start("alice", "bob")
    id_ = town.open("alice", "bob", top_up=ONE // 2)
    alice, bob = town.peers["alice"].control, town.peers["bob"].control
    alice.pay(id_, [1_000] * 100)
    bob.pay(id_, [300])
    with pytest.raises(ServiceError, match="over balance"):
        bob.ask("withdraw", channel="0x" + id_.hex(), units=ONE)
    bob.ask("withdraw", channel="0x" + id_.hex(), units=ONE // 2 + 50_000)
    for name in ("alice", "bob"):
        wait_for(lambda name=name: town.status(name, id_)["deposits"] == [ONE, -50_000])
    assert town.status("bob", id_)["balance"] == 100_000 - 300 - 50_000
    alice.ask("withdraw", channel="0x" + id_.hex(), units=1)
    bob.pay(id_, [49_700])
    alice.ask("close_now", channel="0x" + id_.hex())
    assert town.paid_out(id_) == (ONE - 1 - 100_000 + 300 + 49_700, 0)
    wait_for(lambda: town.status("bob", id_)["on_l1"] == "gone")


def test_money_counts_once_it_is_confirmed(town: Town) -> None:
    town.start("alice")
    town.start("bob", confirmations=2)
    bob = town.accounts["bob"].address_bytes
    id_, _ = town.peers["alice"].control.open(bob, ONE, town.peers["bob"].address, period=DAY)
    assert town.peers["bob"].control.channels() == []
    town.node.rpc.call("anvil_mine", 2)
    town.peers["alice"].connected(id_)
    assert town.status("bob", id_)["deposits"] == [ONE, 0]
    town.peers["alice"].control.ask("top_up", channel="0x" + id_.hex(), units=5)
    wait_for(lambda: town.status("alice", id_)["deposits"] == [ONE + 5, 0])
    assert town.status("bob", id_)["deposits"] == [ONE, 0]
    town.node.rpc.call("anvil_mine", 2)
    wait_for(lambda: town.status("bob", id_)["deposits"] == [ONE + 5, 0])


def test_a_channel_that_was_opened_right_before_a_kill_9_is_found_again(town: Town) -> None:
    alice, bob = town.start("alice"), town.start("bob")
    alice.kill()
    store = Store(alice.folder / "channels.db")
    host, port = bob.address.split(":")
    Book(store).opening(town.chain.block_number(), town.chain.now(), host, int(port))
    store.close()
    terms = ChannelTerms(town.accounts["bob"].address_bytes, DAY)
    channel, _ = town.onchain.open(town.accounts["alice"], terms, ONE)
    town.start("alice")
    wait_for(lambda: len(town.peers["alice"].control.channels()) == 1)
    town.peers["alice"].connected(channel.id)
    wait_for(lambda: town.status("alice", channel.id)["balance"] == ONE)


def test_a_channel_in_tokens(town: Town) -> None:
    town.start("alice", "bob")
    alice = town.accounts["alice"]
    town.chain.send(town.accounts["deployer"], town.token.functions.transfer(alice.address, 10**18))
    id_ = town.open("alice", "bob", token=town.token.address)
    town.peers["alice"].control.pay(id_, [ONE // 4])
    town.peers["bob"].control.ask("close_now", channel="0x" + id_.hex())
    assert town.token.functions.balanceOf(town.accounts["bob"].address).call() == 10**18 // 4


def test_what_cannot_be_opened_says_why(town: Town) -> None:
    alice = town.start("alice")
    bob = town.accounts["bob"].address_bytes
    with pytest.raises(ServiceError, match="is a contract, which could take back"):
        alice.control.open(bytes.fromhex(town.token.address[2:]), ONE, "127.0.0.1:1")
    with pytest.raises(ServiceError, match="host:port, not 'nowhere'"):
        alice.control.open(bob, ONE, "nowhere")
    with pytest.raises(ServiceError, match="a challenge period lasts"):
        alice.control.open(bob, ONE, "127.0.0.1:1", period=1)
    with pytest.raises(ServiceError):
        alice.control.open(bob, 10**15, "127.0.0.1:1")  # more than she owns
    assert alice.control.channels() == []


def test_a_peer_answers_a_stale_close_and_settles(town: Town) -> None:
    id_, channel, stale = town.cheat()
    town.onchain.close_alone(town.accounts["alice"], channel, stale)
    wait_for(lambda: "challenge" in town.did("bob", id_))
    town.travel(DAY + 1)
    wait_for(lambda: "settle" in town.did("bob", id_))
    assert town.paid_out(id_) == (ONE - 10_010, 10_010)


def test_a_peer_guards_its_channels_whatever_else_goes_wrong(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    _, channel, stale = town.cheat()
    with Hostile(town, "bob", wait=False) as bob:

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(bob.service._store, "save", full)
        town.onchain.close_alone(town.accounts["alice"], channel, stale)
        wait_for(lambda: town.onchain.position(channel).nonce == 11)
        wait_for(lambda: "database or disk is full" in bob.service.refused)


def test_a_tower_is_told_of_the_channels_that_l1_shows_and_of_no_other(town: Town) -> None:
    town.start("alice", "bob")
    closed, open_ = town.open("alice", "bob"), town.open("alice", "bob")
    for id_ in (closed, open_):
        town.peers["alice"].control.pay(id_, [1])
    town.peers["alice"].control.ask("close_now", channel="0x" + closed.hex())
    l1 = on_l1(town.chain.chain_id, town.onchain.contract.address, town.node.url, poll_seconds=0.05)
    tower = Process(town.folder, "tower", "toolkit.channel.tower", town.accounts["heidi"].key, l1)
    url = tower.ready["url"]
    town.peers["alice"].kill()
    alice = town.start("alice", towers=[url])
    alice.connected(open_)
    for nonce in (2, 3):  # between the two she has thought of every channel
        assert alice.control.pay(open_, [1]) == nonce
        wait_for(
            lambda nonce=nonce: asyncio.run(TowerClient(url).status())["channels"] and ask(url, open_)["nonce"] == nonce
        )
    assert asyncio.run(TowerClient(url).status())["refused"] == {}
    assert alice.control.status(open_)["connections_refused"] == 0


def test_strangers_fill_nothing_with_channels_that_are_not_there(town: Town) -> None:
    town.start("bob")
    parties = town.accounts["alice"].address_bytes, town.accounts["bob"].address_bytes
    with Hostile(town, "bob") as bob:
        for salt in range(3):
            unknown = Channel(parties[0], ChannelTerms(parties[1], DAY, salt=salt), ETHER, 1)
            assert bob.ask(bob.service.adopt(unknown)) is None
        assert bob.service.shore is not None
        assert bob.service.shore._positions == {}
        assert bob.service.node.peers == {}


def test_a_secret_counts_as_revealed_as_long_as_l1_shows_it(town: Town) -> None:
    """A reorganisation may drop it, and bring it back after a lock's expiry."""
    town.start("bob")
    with Hostile(town, "bob") as bob:
        hash_ = town.peers["bob"].control.invoice(1)
        known, shore = bob.service.node.book.known, bob.service.shore
        assert shore is not None
        lock = Lock(hash_, 1, 1_000)

        async def sees(when: int) -> bool:
            shore._heed([], Sight(2_000, {}, revealed={hash_: when}), [])
            return known.counts(lock, 2_000)

        assert [bob.ask(sees(when)) for when in (0, 1_000, 0, 1_001)] == [False, True, False, False]


def test_who_leaves_alone_is_paid_when_the_time_is_over(town: Town) -> None:
    town.start("alice", "bob")
    id_ = town.open("alice", "bob")
    town.peers["alice"].control.pay(id_, [77])
    town.peers["bob"].kill()
    town.peers["alice"].control.ask("leave", channel="0x" + id_.hex())
    wait_for(lambda: town.status("alice", id_)["on_l1"] == "closing")
    with pytest.raises(ServiceError):
        town.peers["alice"].control.pay(id_, [1])
    town.peers["alice"].kill()
    town.travel(DAY + 1)
    town.start("alice")
    wait_for(lambda: town.status("alice", id_)["on_l1"] == "gone")
    assert town.paid_out(id_) == (ONE - 77, 77)


NAMES = ["alice", "bob", "carol", "dave"]
PAID = [1_002_001, 1_001_000, 1_000_000]
"""What each pays the next for a million to arrive."""


@pytest.fixture
def line(town: Town) -> tuple[Town, list[bytes]]:
    """alice - bob - carol - dave, each pair with a channel."""
    town.start(*NAMES)
    return town, [town.open(a, b) for a, b in pairwise(NAMES)]


def nets(town: Town, ids: list[bytes]) -> list[int]:
    return [town.status(name, id_)["net"] for name, id_ in zip(NAMES, ids, strict=False)]


def test_a_payment_over_three_hops_survives_kill_9_of_everyone_on_the_way(line: tuple[Town, list[bytes]]) -> None:
    town, ids = line
    town.send("alice", "dave", 1_000_000, ["bob", "carol"])
    town.idle(*NAMES)
    before = nets(town, ids)
    assert before == PAID
    for victim in ("bob", "carol", "dave", "alice"):
        hash_, thread = town.send_later("alice", "dave", 1_000_000, ["bob", "carol"])
        town.peers[victim].kill()
        town.start(victim)
        thread.join(20)
        town.idle(*NAMES)
        now = nets(town, ids)
        moved = [after - was for after, was in zip(now, before, strict=True)]
        assert moved in (PAID, [0, 0, 0]), f"somebody paid for what was not paid on, when {victim} was killed"
        with contextlib.suppress(ServiceError):  # she died before she had it on disk
            assert town.peers["alice"].control.ask("payment", hash="0x" + hash_.hex())["state"] != "pending"
        before = now


def test_a_payee_whose_payer_never_settles_takes_its_lock_on_l1(line: tuple[Town, list[bytes]]) -> None:
    """Carol promises, gets the secret, and never pays dave."""
    town, ids = line
    with Hostile(town, "carol", route.SettleLock):
        _, thread = town.send_later("alice", "dave", 1_000_000, ["bob", "carol"])
        thread.join(20)
        wait_for(lambda: nets(town, ids)[0] == PAID[0])  # carol has the secret, with which she is paid herself
        town.travel(2 * 3_600 - 1_700)
        wait_for(lambda: town.status("dave", ids[2])["on_l1"] == "closing")
        town.travel(DAY + 1)
        wait_for(lambda: town.status("dave", ids[2])["on_l1"] == "gone")
        assert town.paid_out(ids[2]) == (ONE - 1_000_000, 1_000_000)


def test_a_secret_that_is_shown_on_l1_only_pays_every_hop(line: tuple[Town, list[bytes]]) -> None:
    """Dave says nothing to carol, and takes his lock on L1 in the last minute."""
    town, ids = line
    with Hostile(town, "dave", route.Show, route.CancelLock):
        _, thread = town.send_later("alice", "dave", 1_000_000, ["bob", "carol"])
        wait_for(lambda: len(town.status("carol", ids[2])["locks"]) == 1)
        town.travel(2 * 3_600 - 60)
        wait_for(lambda: town.status("carol", ids[2])["on_l1"] == "closing")
        thread.join(20)
        town.idle("alice", "bob")
        assert nets(town, ids)[:2] == PAID[:2]
        town.travel(DAY + 1)
        wait_for(lambda: town.status("carol", ids[2])["on_l1"] == "gone")
        assert town.paid_out(ids[2]) == (ONE - PAID[2], PAID[2])


def test_a_hop_that_goes_away_for_good_hurts_itself_only(line: tuple[Town, list[bytes]]) -> None:
    """Bob has forwarded and is never seen again: carol and dave are paid, he is not."""
    town, ids = line
    with Hostile(town, "dave", route.Show, route.CancelLock) as dave:
        _, thread = town.send_later("alice", "dave", 1_000_000, ["bob", "carol"])
        wait_for(lambda: len(town.status("carol", ids[2])["locks"]) == 1)
        town.peers["bob"].kill()
        dave.forgive()
        wait_for(lambda: town.status("carol", ids[2])["net"] == PAID[2])
        town.travel(3 * 3_600 - 1_700)
        wait_for(lambda: town.status("carol", ids[1])["on_l1"] == "closing")
        town.travel(DAY + 1)
        wait_for(lambda: town.status("carol", ids[1])["on_l1"] == "gone")
        assert town.paid_out(ids[1]) == (ONE - PAID[1], PAID[1])
        assert town.status("alice", ids[0])["net"] == 0
        thread.join(20)


def test_a_hop_that_closes_on_l1_in_the_middle_of_a_payment_hurts_nobody(line: tuple[Town, list[bytes]]) -> None:
    """Carol leaves her channel with bob while the payment is under way; its lock goes to L1 with it."""
    town, ids = line
    with Hostile(town, "dave", route.Show, route.CancelLock) as dave:
        _, thread = town.send_later("alice", "dave", 1_000_000, ["bob", "carol"])
        wait_for(lambda: len(town.status("carol", ids[2])["locks"]) == 1)
        town.peers["carol"].control.ask("leave", channel="0x" + ids[1].hex())
        wait_for(lambda: town.status("bob", ids[1])["on_l1"] == "closing")
        dave.forgive()
        wait_for(lambda: town.status("dave", ids[2])["net"] == PAID[2])
        thread.join(20)
        wait_for(lambda: town.status("alice", ids[0])["net"] == PAID[0])
        town.travel(DAY + 1)
        wait_for(lambda: town.status("carol", ids[1])["on_l1"] == "gone")
        assert town.paid_out(ids[1]) == (ONE - PAID[1], PAID[1])


class Hostile:
    """A peer in a thread of this process, started anew from its store, that does not do one kind of thing."""

    def __init__(self, town: Town, name: str, *refuses: type, wait: bool = True) -> None:
        process = town.peers[name]
        config = json.loads((process.folder / "config.json").read_text())
        config["port"] = process.ready["port"]
        (process.folder / "config.json").write_text(json.dumps(config))
        theirs = {channel["channel"] for channel in process.control.channels()}
        process.kill()
        for peer in town.peers.values():
            if peer is not process and wait:  # who takes the old connection for alive would pay into it
                wait_for(
                    lambda control=peer.control: (
                        not any(each["connected"] for each in control.channels() if each["channel"] in theirs)
                    )
                )
        self._refuses, self._wait = refuses, wait
        self._started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(process.folder / "config.json", town.accounts[name].key))
        )
        self._town, self._name = town, name

    async def _serve(self, config: Path, key: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self.service = Service(Config.load(config), key)
        self._honestly = self.service.node._prepare
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.service.node, "_prepare", self._prepare)
            await self.service.run(lambda ready: self._started.set())

    def _prepare(self, intent: route.Intent) -> Callable[[], None]:
        return (lambda: None) if isinstance(intent, self._refuses) else self._honestly(intent)

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of something that the peer does."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def forgive(self) -> None:
        """Be honest from now on."""
        self._refuses = ()
        self._loop.call_soon_threadsafe(self.service.node.look)

    def __enter__(self) -> Hostile:
        self._thread.start()
        assert self._started.wait(20)
        process = self._town.peers[self._name]
        process.control = Control(process.folder)
        for peer in self._town.peers.values() if self._wait else ():
            wait_for(lambda control=peer.control: all(each["connected"] for each in control.channels()))
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self.service.stop)
        self._thread.join(20)


def test_a_hub_with_many_channels_forwards_and_closes_them_all(town: Town) -> None:
    spokes = ["bob", "carol", "dave", "erin", "frank"]
    town.start("alice", *spokes)
    ids = {name: town.open(name, "alice", top_up=ONE) for name in spokes}
    owned = dict.fromkeys(spokes, ONE)
    chance = random.Random(7)
    for _ in range(30):
        payer, payee = chance.sample(spokes, 2)
        units = chance.randrange(1, ONE // 20)
        town.send(payer, payee, units, ["alice"])
        owned[payer] -= units + -(-units // 1_000)
        owned[payee] += units
    town.idle("alice", *spokes)
    for name, id_ in ids.items():
        assert town.status(name, id_)["balance"] == owned[name]
    closings = []
    expiry = town.chain.now() + DAY
    for name, id_ in ids.items():
        net, signature = town.peers["alice"].control.agree_to_close(id_, expiry)
        closings.append(Closing(town.descriptor(name, id_), net, expiry, signature))
    town.onchain.close_many(town.accounts["alice"], closings)
    for name, id_ in ids.items():
        assert town.paid_out(id_) == (owned[name], 2 * ONE - owned[name])
