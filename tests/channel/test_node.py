"""Payments over several channels between nodes on real sockets, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from websockets.asyncio.server import ServerConnection, serve

from toolkit.channel import route
from toolkit.channel import session as sessions
from toolkit.channel.book import Book
from toolkit.channel.change import Cancel, Offer
from toolkit.channel.node import Node, PaymentFailed
from toolkit.channel.owner import Owner
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.route import Bill, Failure, Hop, Knowledge, Policy
from toolkit.channel.service import Service
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, Lock
from toolkit.channel.store import Store
from toolkit.channel.transition import Update, lock_of
from toolkit.channel.wire import Kind, Message
from toolkit.crypto import address_of, keccak256
from toolkit.errors import BadInput

from .people import CHAIN_ID, CONTRACT, DAY

NAMES = "alice", "bob", "carol", "dave"
KEYS = {name: keccak256(name.encode()) for name in NAMES}
WHO = {name: address_of(key) for name, key in KEYS.items()}
START = 1_800_000_000
UNITS = 1_000_000
SECRET = b"s" * 32
HASH = keccak256(SECRET)


class Net:
    """Alice - Bob - Carol - Dave, each with a store of its own, each connected with the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.nodes: dict[str, Node] = {}
        self.stores: dict[str, Store] = {}
        self.troubles: list[Exception] = []
        self.running: list[asyncio.Task[None]] = []
        self.ports: dict[str, int] = {}

    def channel(self, a: str, b: str) -> Channel:
        return Channel(WHO[a], ChannelTerms(WHO[b], DAY), ETHER, opened_block=7)

    def start(self, name: str, policy: Policy | None = None) -> Node:
        """Anew from what is in its store."""
        if name in self.stores:
            self.stores[name].close()
        store = self.stores[name] = Store(self.folder / name)
        node = self.nodes[name] = Node(Book(store), policy or Policy(), lambda: self.now, self.troubles.append)
        for a, b in pairwise(NAMES):
            if name in (a, b):
                channel = self.channel(a, b)
                node.peers[channel.id] = ChannelPeer(
                    channel, CHAIN_ID, CONTRACT, KEYS[name], store, Deposits(UNITS, UNITS), lambda: self.now
                )
        return node

    async def join(self, a: str, b: str) -> None:
        """A connection between neighbours."""
        channel = self.channel(a, b).id

        async def find(wanted: Channel) -> ChannelPeer:
            return self.nodes[b].peers[wanted.id]

        async def accept(socket: ServerConnection) -> None:
            session = await sessions.accept(find, socket, self.nodes[b])
            self.nodes[b].connected(session)
            await session.run()
            self.nodes[b].disconnected(session)

        server = await serve(accept, "127.0.0.1", 0, **sessions.WEBSOCKET)
        port = next(iter(server.sockets)).getsockname()[1]
        session = await sessions.connect(self.nodes[a].peers[channel], "127.0.0.1", port, self.nodes[a])
        self.nodes[a].connected(session)

        async def run() -> None:
            with contextlib.suppress(Refused):
                await session.run()
            self.nodes[a].disconnected(session)
            server.close()

        self.running.append(asyncio.ensure_future(run()))

    async def part(self, a: str, b: str) -> None:
        """The connection between neighbours ends."""
        channel = self.channel(a, b).id
        await self.nodes[a].sessions[channel].disconnect()
        await until(lambda: channel not in self.nodes[a].sessions and channel not in self.nodes[b].sessions)

    def net(self, a: str, b: str) -> int:
        """What a has paid b; both agree."""
        views = [self.nodes[name].peers[self.channel(a, b).id].view for name in (a, b)]
        assert views[0].agreed_tip == views[1].agreed_tip
        return views[0].agreed.net

    def locks(self) -> int:
        """Pending in all views, and changes on the way."""
        views = [peer.view for node in self.nodes.values() for peer in node.peers.values()]
        return sum(len(view.locks) + len(view.pending) for view in views)

    def play(self, scene: Callable[[Net], Awaitable[None]], *, policies: dict[str, Policy] | None = None) -> None:
        async def run() -> None:
            for name in NAMES:
                self.start(name, (policies or {}).get(name))
            for a, b in pairwise(NAMES):
                await self.join(a, b)
            try:
                await asyncio.wait_for(scene(self), 20)
            finally:
                for node in self.nodes.values():
                    await node.close()
                    for session in list(node.sessions.values()):
                        await session.disconnect()
                await asyncio.gather(*self.running, return_exceptions=True)

        asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    for store in made.stores.values():
        store.close()


TO_DAVE = [WHO[name] for name in NAMES[1:]]


def test_a_payment_over_three_hops_pays_everybody_and_leaves_no_lock(net: Net) -> None:
    async def scene(net: Net) -> None:
        hash_ = net.nodes["dave"].invoice(10_000)
        secret = await net.nodes["alice"].pay(hash_, 10_000, TO_DAVE)
        assert keccak256(secret) == hash_
        await until(lambda: net.locks() == 0)
        assert [net.net(a, b) for a, b in pairwise(NAMES)] == [10_021, 10_010, 10_000]
        assert net.nodes["alice"].state_of_payment(hash_) == "paid"
        with pytest.raises(BadInput, match="paid already"):
            await net.nodes["alice"].pay(hash_, 10_000, TO_DAVE)
        assert net.troubles == []

    net.play(scene)


def test_many_payments_cross_each_other(net: Net) -> None:
    async def scene(net: Net) -> None:
        there = [net.nodes["dave"].invoice(1_000) for _ in range(20)]
        back = [net.nodes["alice"].invoice(500) for _ in range(20)]
        to_alice = [WHO[name] for name in NAMES[-2::-1]]
        await asyncio.gather(
            *(net.nodes["alice"].pay(hash_, 1_000, TO_DAVE) for hash_ in there),
            *(net.nodes["dave"].pay(hash_, 500, to_alice) for hash_ in back),
        )
        await until(lambda: net.locks() == 0)
        assert net.net("carol", "dave") == 20 * (1_000 - 502)
        assert net.net("alice", "bob") == 20 * (1_003 - 500)

    net.play(scene)


def test_payments_that_go_at_once_arrive_or_tell_why_each_for_itself(net: Net) -> None:
    async def scene(net: Net) -> None:
        alice = net.nodes["alice"]
        hashes = net.nodes["dave"].invoices([1_000, 2_000, 3_000])
        orders = [(hash_, 1_000, TO_DAVE) for hash_ in hashes]
        too_much = (b"\7" * 32, 2 * UNITS, TO_DAVE)
        paid = await alice.pay_all([orders[0], too_much, orders[0], *orders[1:]])
        assert isinstance(paid[0], bytes)
        assert keccak256(paid[0]) == hashes[0]
        reasons = [str(each) for each in paid[1:]]
        assert "no open channel" in reasons[0]
        assert "there twice" in reasons[1]
        assert ["underpaid" in reason for reason in reasons[2:]] == [True, True]
        await until(lambda: net.locks() == 0)
        assert net.net("carol", "dave") == 1_000
        assert await alice.pay(hashes[1], 2_000, TO_DAVE), "what has failed can be paid again"

    net.play(scene)


def test_a_disk_that_fails_one_payment_hides_no_other_from_the_owner(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(net: Net) -> None:
        hashes = net.nodes["dave"].invoices([1_000, 2_000])
        orders = [
            {"hash": "0x" + each.hex(), "units": 1_000, "to": ["0x" + to.hex() for to in TO_DAVE]} for each in hashes
        ]
        add_pending = Store.add_pending

        def full_for_one(store: Store, channel: Channel, updates: Sequence[Update]) -> None:
            if any(isinstance(each.change, Offer) and each.change.lock.hash == hashes[1] for each in updates):
                raise sqlite3.OperationalError("database or disk is full")
            add_pending(store, channel, updates)

        monkeypatch.setattr(Store, "add_pending", full_for_one)
        service = SimpleNamespace(node=net.nodes["alice"], report=net.troubles.append)
        answer = await Owner(cast(Service, service))._obey({"do": "send_all", "payments": orders})
        paid, failed = answer["sent"]
        assert keccak256(bytes.fromhex(paid["secret"][2:])) == hashes[0]
        assert "disk is full" in failed["error"]
        assert [type(each) for each in net.troubles] == [sqlite3.OperationalError]

    net.play(scene)


def test_a_channel_is_settled_once_nothing_of_it_is_pending(net: Net) -> None:
    async def scene(net: Net) -> None:
        channel = net.channel("alice", "bob").id
        net.nodes["dave"].sessions[net.channel("carol", "dave").id]._listener = None  # the payment stands still
        paying = asyncio.ensure_future(net.nodes["alice"].pay(net.nodes["dave"].invoice(1_000), 1_000, TO_DAVE))
        await until(lambda: bool(net.nodes["alice"].peers[channel].view.locks))
        waiting = asyncio.ensure_future(net.nodes["alice"].settled(channel))
        last = net.nodes["dave"].peers[net.channel("carol", "dave").id]
        await until(lambda: bool(last.view.locks))
        assert not waiting.done()
        net.nodes["dave"].sessions[net.channel("carol", "dave").id]._listener = net.nodes["dave"]
        net.nodes["dave"].look()
        await paying
        await waiting
        view = net.nodes["alice"].peers[channel].view
        assert (view.locks, view.pending) == ((), ())

    net.play(scene)


def test_what_is_noted_together_is_noted_or_nothing_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    book = Book(store)
    hash_ = book.invoice(SECRET, Bill(5))
    with pytest.raises(OSError, match="full"), book.together():
        book.learn(b"t" * 32)
        book.accept(b"c" * 32, hash_)
        book.fail(hash_, Failure.EXPIRED)
        raise OSError("full")
    with book.together():
        book.forward(hash_, b"c" * 32)
    after = Knowledge({hash_: SECRET}, {hash_: Bill(5)}, forwarded={hash_: b"c" * 32}, accepted=set())
    assert book.known == after
    store.close()
    again = Store(tmp_path / "store")
    assert Book(again).known == after
    again.close()


def test_a_book_that_cannot_be_read_again_forgets_no_secret_and_takes_nothing_for_noted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    book = Book(store)
    hash_ = book.invoice(SECRET, Bill(5))
    book.forward(hash_, b"c" * 32)
    store.db.execute("ALTER TABLE secret RENAME TO away")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), book.together():
        book.accept(b"c" * 32, hash_)
        raise OSError("full")
    assert book.known.secrets == {hash_: SECRET}
    assert book.known.invoices == {hash_: Bill(5)}
    assert book.known.forwarded == {hash_: b"c" * 32}
    with pytest.raises(sqlite3.OperationalError, match="no such table"), book.together():
        pytest.fail("it does not know what is on disk")
    store.db.execute("ALTER TABLE away RENAME TO secret")
    with book.together():
        assert book.known.accepted == set()
    store.close()


@pytest.mark.parametrize(
    ("units", "promised", "failure"),
    [(10_000, 10_001, Failure.UNDERPAID), (10_000, None, Failure.UNKNOWN_HASH), (UNITS, UNITS, Failure.NO_CHANNEL)],
)
def test_a_payment_that_cannot_arrive_is_given_back(
    net: Net, units: int, promised: int | None, failure: Failure
) -> None:
    async def scene(net: Net) -> None:
        await net.nodes["bob"].sessions[net.channel("alice", "bob").id].pay([100_000])
        hash_ = b"\7" * 32 if promised is None else net.nodes["dave"].invoice(promised)
        with pytest.raises(PaymentFailed) as error:
            await net.nodes["alice"].pay(hash_, units, TO_DAVE)
        assert error.value.failure is failure
        await until(lambda: net.locks() == 0)
        assert [net.net(a, b) for a, b in pairwise(NAMES)] == [-100_000, 0, 0]
        assert net.nodes["alice"].state_of_payment(hash_) == "failed"

    net.play(scene)


@pytest.mark.parametrize(
    ("policy", "failure"),
    [(Policy(fee_ppm=5_000), Failure.FEE_TOO_LOW), (Policy(expiry_delta=3 * 3_600), Failure.TOO_SOON)],
)
def test_a_hop_forwards_on_its_own_terms_only(net: Net, policy: Policy, failure: Failure) -> None:
    async def scene(net: Net) -> None:
        with pytest.raises(PaymentFailed) as error:
            await net.nodes["alice"].pay(net.nodes["dave"].invoice(10_000), 10_000, TO_DAVE)
        assert error.value.failure is failure
        await until(lambda: net.locks() == 0)

    net.play(scene, policies={"carol": policy})


def test_a_payment_that_was_given_back_can_be_tried_again(net: Net) -> None:
    async def scene(net: Net) -> None:
        hash_ = net.nodes["dave"].invoice(10_000)
        await net.part("bob", "carol")
        for _ in range(2):
            with pytest.raises(PaymentFailed):
                await net.nodes["alice"].pay(hash_, 10_000, TO_DAVE)
            await until(lambda: net.locks() == 0)
        await net.join("bob", "carol")
        await net.nodes["alice"].pay(hash_, 10_000, TO_DAVE)

    net.play(scene)


def test_what_a_stranger_forwards_is_no_news_of_a_payment_that_waits_for_its_turn(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice knows the hash and Carol keeps the turn: Bob must not be told that nothing was paid, and pay once more."""

    async def scene(net: Net) -> None:
        bob, carol = net.nodes["bob"], net.nodes["carol"].sessions[net.channel("bob", "carol").id]
        await carol.pay([1])
        go_on = carol._go_on
        monkeypatch.setattr(carol, "_go_on", lambda: None)
        hash_ = net.nodes["dave"].invoice(10_000)
        paying = asyncio.ensure_future(bob.pay(hash_, 10_000, TO_DAVE[1:]))
        await until(lambda: hash_ in bob.book.payments)
        assert bob.state_of_payment(hash_) == "pending"
        nowhere = route.encode([Hop(b"n" * 20, 10_000, START + 7_200)])
        offer = Offer(Lock(hash_, 20_000, START + 4 * 3_600), nowhere)
        alice = net.nodes["alice"].sessions[net.channel("alice", "bob").id]
        await alice.change([offer])
        await until(lambda: not bob.peers[net.channel("alice", "bob").id].view.locks)
        assert bob.state_of_payment(hash_) == "pending"
        monkeypatch.setattr(carol, "_go_on", go_on)
        go_on()
        await carol._flush()
        assert keccak256(await paying) == hash_
        assert bob.state_of_payment(hash_) == "paid"

    net.play(scene)


def test_a_promise_that_the_next_one_refuses_is_not_given_up(net: Net) -> None:
    """Whoever refuses it holds our signature of it, and may take it after all."""

    async def scene(net: Net) -> None:
        bob = net.nodes["bob"].peers[net.channel("alice", "bob").id]
        hash_ = net.nodes["bob"].invoice(10_000)
        bob.seen(Deposits(0, 0), 0, 0)
        paying = asyncio.ensure_future(net.nodes["alice"].pay(hash_, 10_000, TO_DAVE[:1]))
        await until(lambda: bool(bob.refused))
        assert net.nodes["alice"].state_of_payment(hash_) == "pending"
        await until(lambda: not net.nodes["alice"].sessions)
        assert not paying.done()
        bob.seen(Deposits(UNITS, UNITS), 0, 0)
        await net.join("alice", "bob")
        await paying

    net.play(scene)


def test_a_hop_that_is_away_gives_the_payment_back_at_once(net: Net) -> None:
    async def scene(net: Net) -> None:
        await net.part("bob", "carol")
        with pytest.raises(PaymentFailed) as error:
            await net.nodes["alice"].pay(net.nodes["dave"].invoice(10_000), 10_000, TO_DAVE)
        assert error.value.failure is Failure.NO_CHANNEL

    net.play(scene)


def test_nobody_without_a_channel_is_paid(net: Net) -> None:
    async def scene(net: Net) -> None:
        with pytest.raises(BadInput, match="no open channel with 0x"):
            await net.nodes["alice"].pay(net.nodes["carol"].invoice(1), 1, TO_DAVE[1:])
        with pytest.raises(BadInput, match="no open channel"):
            await net.nodes["alice"].pay(net.nodes["bob"].invoice(1), 2 * UNITS, TO_DAVE[:1])

    net.play(scene)


def test_the_secret_catches_up_with_a_payer_that_was_away(net: Net) -> None:
    async def scene(net: Net) -> None:
        hash_ = net.nodes["dave"].invoice(10_000)
        paying = asyncio.ensure_future(net.nodes["alice"].pay(hash_, 10_000, TO_DAVE))
        await until(lambda: lock_of(net.nodes["bob"].peers[net.channel("bob", "carol").id].view.tip, hash_) is not None)
        await net.part("alice", "bob")
        await until(lambda: hash_ in net.nodes["bob"].book.known.secrets)
        assert net.locks() > 0
        await net.join("alice", "bob")
        await paying
        await until(lambda: net.locks() == 0)
        assert net.net("alice", "bob") == 10_021

    net.play(scene)


def test_a_hop_that_starts_anew_goes_on_from_its_store(net: Net) -> None:
    async def scene(net: Net) -> None:
        await net.part("carol", "dave")
        silent = net.nodes["carol"].peers[net.channel("carol", "dave").id]
        # Carol has promised Dave, who does not answer any more: his connection ends right after it.
        hash_ = net.nodes["dave"].invoice(10_000)
        await net.join("carol", "dave")
        dave = net.nodes["dave"].sessions[net.channel("carol", "dave").id]
        dave._listener = None  # Dave takes the lock and says nothing
        paying = asyncio.ensure_future(net.nodes["alice"].pay(hash_, 10_000, TO_DAVE))
        await until(lambda: lock_of(silent.view.agreed_tip, hash_) is not None)
        for a, b in (("alice", "bob"), ("bob", "carol"), ("carol", "dave")):
            await net.part(a, b)
        for name in ("bob", "carol", "dave"):
            net.start(name)
        for a, b in (("carol", "dave"), ("bob", "carol"), ("alice", "bob")):
            await net.join(a, b)
        await paying
        await until(lambda: net.locks() == 0)
        assert [net.net(a, b) for a, b in pairwise(NAMES)] == [10_021, 10_010, 10_000]

    net.play(scene)


def test_a_hop_that_died_before_it_promised_gives_the_payment_back(net: Net) -> None:
    async def scene(net: Net) -> None:
        hash_ = b"\7" * 32
        net.nodes["bob"].book.forward(hash_, net.channel("bob", "carol").id)
        with pytest.raises(PaymentFailed):
            await net.nodes["alice"].pay(hash_, 10_000, TO_DAVE)

    net.play(scene)


def test_an_expired_payment_comes_back_from_hop_to_hop(net: Net) -> None:
    async def scene(net: Net) -> None:
        dave = net.nodes["dave"].sessions[net.channel("carol", "dave").id]
        dave._listener = None
        hash_ = net.nodes["dave"].invoice(10_000)
        paying = asyncio.ensure_future(net.nodes["alice"].pay(hash_, 10_000, TO_DAVE))
        last = net.nodes["carol"].peers[net.channel("carol", "dave").id]
        await until(lambda: lock_of(last.view.agreed_tip, hash_) is not None)
        for name in reversed(NAMES):
            net.nodes[name].look()
        assert net.locks() == 6
        net.now += 4 * 3_600 + 1
        dave._listener = net.nodes["dave"]
        for name in reversed(NAMES):
            net.nodes[name].look()
        with pytest.raises(PaymentFailed) as error:
            await paying
        assert error.value.failure is Failure.EXPIRED
        await until(lambda: net.locks() == 0)

    net.play(scene)


def never_acknowledges(net: Net, a: str, b: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on ``b`` takes what ``a`` offers, and does not say so."""
    session = net.nodes[b].sessions[net.channel(a, b).id]
    send = session._send

    def silently(message: Message) -> None:
        if message.kind is not Kind.ACK:
            send(message)

    monkeypatch.setattr(session, "_send", silently)


def test_a_payee_that_acknowledges_nothing_keeps_no_hop_from_being_paid(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dave has the promise and may take it on L1; Carol need not go there to be paid by Bob."""

    async def scene(net: Net) -> None:
        never_acknowledges(net, "carol", "dave", monkeypatch)
        await net.nodes["alice"].pay(net.nodes["dave"].invoice(10_000), 10_000, TO_DAVE)
        carol = net.nodes["carol"].peers[net.channel("bob", "carol").id]
        await until(lambda: carol.view.agreed.net == 10_010)

    net.play(scene)


def test_a_payee_that_acknowledges_nothing_keeps_no_expired_payment(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(net: Net) -> None:
        never_acknowledges(net, "carol", "dave", monkeypatch)
        net.nodes["dave"].sessions[net.channel("carol", "dave").id]._listener = None
        hash_ = net.nodes["dave"].invoice(10_000)
        paying = asyncio.ensure_future(net.nodes["alice"].pay(hash_, 10_000, TO_DAVE))
        last = net.nodes["carol"].peers[net.channel("carol", "dave").id]
        await until(lambda: lock_of(last.view.tip, hash_) is not None)
        between = [net.nodes[name].peers[net.channel("bob", "carol").id] for name in ("bob", "carol")]
        await until(lambda: all(peer.view.locks for peer in between))
        net.now += 3 * 3_600 + 1
        net.nodes["carol"].look()
        await until(lambda: not any(peer.view.locks for peer in between))
        assert [peer.view.agreed.net for peer in between] == [0, 0]
        paying.cancel()

    net.play(scene)


# What a hop decides


def test_a_secret_goes_to_l1_only_for_enough(net: Net) -> None:
    """Who offers a trifle and closes on L1, or never takes it back, must not get the proof of payment there."""

    async def scene(net: Net) -> None:
        carol, dave = net.nodes["carol"], net.nodes["dave"]
        channel = net.channel("carol", "dave").id
        peer = dave.peers[channel]
        hashes = [dave.invoice(10_000) for _ in range(3)]
        dave.sessions[channel]._listener = None  # so that the locks stay
        for hash_, units in zip(hashes, (9_999, 10_000, 1), strict=True):
            await carol.sessions[channel].change([Offer(Lock(hash_, units, START + 7_200))])
        dave.book.accept(channel, hashes[2])
        await until(lambda: len(peer.view.locks) == 3)
        assert set(peer.stand(dave.spendable(peer)).secrets) == set(hashes[1:])
        assert set(peer.stand_for_tower(dave.spendable(peer)).secrets) == set(hashes[1:])

    net.play(scene)


def test_what_a_lock_was_cancelled_for_is_kept_whatever_it_says(net: Net) -> None:
    async def scene(net: Net) -> None:
        carol = net.nodes["carol"]
        peer = carol.peers[net.channel("carol", "dave").id]
        carol.on_change(peer, [Cancel(HASH, 200), Cancel(b"x" * 32, 2)])
        assert carol.book.known.failures == {HASH: Failure.NO_CHANNEL, b"x" * 32: Failure.UNDERPAID}
        assert peer.view.locks == ()
        assert Offer(Lock(HASH, 1, 1)).route == b""

    net.play(scene)
