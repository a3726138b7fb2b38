"""The channels of one party together: payments over several of them, and what it does about every pending lock."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from toolkit.channel import route
from toolkit.channel.book import Book
from toolkit.channel.change import Cancel, Change, Offer, Settle
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.route import Bill, CancelLock, Failure, Forward, Held, Hop, Intent, Policy, SettleLock, Show
from toolkit.channel.session import Session
from toolkit.channel.state import ETHER, GWEI_EXPONENT, MAX_UNITS, Lock, Side
from toolkit.channel.transition import lock_of
from toolkit.crypto import keccak256
from toolkit.errors import BadInput, L2KitError, ServiceError


class PaymentFailed(ServiceError):
    """A payment over several channels did not arrive; nothing was paid.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"the payment was cancelled on its way: {failure.name.lower().replace('_', ' ')}")
        self.failure = failure


class Node:
    """One party's channels.

    Args:
        book: what it remembers of payments.
        policy: what it asks of those that it forwards.
        now: tells Unix time, by which locks expire.
        report: is told, in a sentence, what went wrong without harm.
        past: tells Unix time that L1 has certainly reached; ``now`` where no node is asked.

    Attributes:
        peers: channel id -> our side of it.
        sessions: channel id -> the open connection with the other party.
    """

    def __init__(
        self,
        book: Book,
        policy: Policy,
        now: Callable[[], float],
        report: Callable[[Exception], None],
        past: Callable[[], float] | None = None,
    ) -> None:
        self.book = book
        self.policy = policy
        self.peers: dict[bytes, ChannelPeer] = {}
        self.sessions: dict[bytes, Session] = {}
        self._now, self._past = now, past or now
        self._report = report
        self._moving: set[tuple[bytes, bytes]] = set()  # locks that a change of ours is about to take away
        self._forwarding: set[tuple[bytes, bytes]] = set()  # locks for which the next hop is being promised its part
        self._shown: set[tuple[Session, bytes]] = set()
        self._showing: dict[Session, list[bytes]] = {}
        self._look_due = False
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._offering: set[bytes] = set()  # payments of ours that the first hop has not acknowledged
        self._settling: list[tuple[ChannelPeer, asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def connected(self, session: Session) -> None:
        """A connection with the other party is open."""
        self.sessions[session.peer.channel.id] = session
        self.look()

    def disconnected(self, session: Session) -> None:
        """That connection has ended."""
        channel = session.peer.channel.id
        if self.sessions.get(channel) is session:
            del self.sessions[channel]
        self._shown = {each for each in self._shown if each[0] is not session}

    def session(self, channel: bytes) -> Session:
        """The open connection of a channel; raises ServiceError where there is none."""
        found = self.sessions.get(channel)
        if found is None:
            raise ServiceError(f"the other party of channel 0x{channel.hex()} is not connected")
        return found

    def on_change(self, peer: ChannelPeer, changes: Sequence[Change]) -> None:
        """See `toolkit.channel.session.Listener`."""
        cancelled = [change for change in changes if isinstance(change, Cancel)]
        if cancelled:
            with self.book.together():
                for change in cancelled:
                    self.book.fail(change.hash, change.reason)
        if changes or peer.view.locks or self._waiting or self._settling:
            self.look()

    def on_secrets(self, peer: ChannelPeer, secrets: Sequence[bytes]) -> int:
        """See `toolkit.channel.session.Listener`."""
        ours = {offer.lock.hash for offer in peer.view.tip.locks if offer.lock.payer is peer.side}
        wanted = [secret for secret in secrets if keccak256(secret) in ours]
        if wanted:
            with self.book.together():
                for secret in wanted:
                    self.book.learn(secret)
            self.look()
        return len(wanted)

    def invoice(self, units: int, token: bytes = ETHER, exponent: int = GWEI_EXPONENT) -> bytes:
        """Wait for a payment of ``units`` over any channel in ``token``, whose units are 10**exponent base units.

        Returns the 32-byte hash that its payer must lock.
        """
        if not 0 < units <= MAX_UNITS:
            raise BadInput(f"an invoice is about 1 to {MAX_UNITS} units, not {units}")
        return self.book.invoice(secrets.token_bytes(32), Bill(units, token, exponent))

    def invoices(self, units: Sequence[int], token: bytes = ETHER, exponent: int = GWEI_EXPONENT) -> list[bytes]:
        """Several invoices, as `invoice`."""
        with self.book.together():
            return [self.invoice(each, token, exponent) for each in units]

    async def pay(
        self, hash_: bytes, units: int, to: Sequence[bytes], token: bytes = ETHER, exponent: int = GWEI_EXPONENT
    ) -> bytes:
        """Pay an invoice over several channels; returns its secret, the proof of payment.

        Args:
            hash_: of the invoice.
            units: what the payee gets.
            to: 20-byte addresses of the hops and, last, of the payee.
            token: 20-byte address of the asset.
            exponent: a unit of it is 10**exponent base units.

        Raises:
            BadInput: there is no channel with the first hop, or the payment was made already.
            PaymentFailed: a hop or the payee cancelled it.
            Refused, ServiceError: the first hop does not take it or is not there.
        """
        (paid,) = await self.pay_all([(hash_, units, to)], token, exponent)
        if isinstance(paid, BaseException):
            raise paid
        return paid

    async def pay_all(
        self,
        payments: Sequence[tuple[bytes, int, Sequence[bytes]]],
        token: bytes = ETHER,
        exponent: int = GWEI_EXPONENT,
    ) -> list[bytes | BaseException]:
        """Pay several invoices at the same time, each given as to `pay`; returns each one's secret, or what it raised.

        None keeps another one back.
        """
        begun: dict[int, tuple[bytes, ChannelPeer, Hop, bytes]] = {}
        found: dict[int, bytes | BaseException] = {}
        hashes: set[bytes] = set()
        with self.book.together():
            for place, (hash_, units, to) in enumerate(payments):
                try:
                    if hash_ in hashes:
                        raise BadInput(f"the invoice 0x{hash_.hex()} is there twice")
                    begun[place] = (hash_, *self._begin(hash_, units, to, (token, exponent)))
                    hashes.add(hash_)
                except BadInput as error:
                    found[place] = error
        for hash_ in hashes:
            self._waiting[hash_] = asyncio.get_running_loop().create_future()
            self._offering.add(hash_)
        paid = await asyncio.gather(*(self._pay(*each) for each in begun.values()), return_exceptions=True)
        found.update(zip(begun, paid, strict=True))
        return [found[place] for place in range(len(payments))]

    def _begin(
        self, hash_: bytes, units: int, to: Sequence[bytes], asset: tuple[bytes, int]
    ) -> tuple[ChannelPeer, Hop, bytes]:
        """Note a payment that is about to be offered: in which channel, the first hop, and the route onward."""
        if hash_ in self.book.known.secrets:
            raise BadInput(f"the invoice 0x{hash_.hex()} is paid already")
        if hash_ in self._waiting or any(lock_of(peer.view.tip, hash_) for peer in self.peers.values()):
            raise BadInput(f"the invoice 0x{hash_.hex()} is being paid already")
        first, *rest = route.plan(units, to, int(self._now()), self.policy)
        peer = self._toward(first, asset)
        if peer is None:
            raise BadInput(
                f"there is no open channel with 0x{first.to.hex()} through which {first.units} units could be paid now"
            )
        self.book.pay(hash_, first.units, peer.channel.id)
        return peer, first, route.encode(rest)

    async def _pay(self, hash_: bytes, peer: ChannelPeer, first: Hop, rest: bytes) -> bytes:
        try:
            await self._offer(peer, hash_, first, rest)
            self._offering.discard(hash_)
            self._look_soon()
            return await self._waiting[hash_]
        finally:
            self._offering.discard(hash_)
            del self._waiting[hash_]

    async def settled(self, channel: bytes) -> None:
        """Wait until no lock is pending in a channel, and no change of ours waits for its acknowledgement."""
        done = asyncio.get_running_loop().create_future()
        self._settling.append((self.peers[channel], done))
        self.look()
        await done

    def state_of_payment(self, hash_: bytes) -> str:
        """ "paid", "pending" or "failed" of a payment that started here; raises BadInput where none did."""
        if hash_ not in self.book.payments:
            raise BadInput(f"no payment of 0x{hash_.hex()} has started here")
        if hash_ in self.book.known.secrets:
            return "paid"
        if hash_ in self._waiting:
            return "pending"  # or about to be offered, once it is our turn
        _, channel = self.book.payments[hash_]
        peer = self.peers.get(channel)
        return "pending" if peer is not None and lock_of(peer.view.tip, hash_) else "failed"

    def look(self) -> None:
        """Do whatever is to be done about the pending locks."""
        held = self._held(self.peers.values())
        pending = {each.lock.hash for each in held} | {hash_ for _, hash_ in self._moving | self._forwarding}
        with self.book.together():
            self.book.forget(pending)
            intents = route.intents(held, self.book.known, self.policy, int(self._now()), int(self._past()))
            due = [self._prepare(intent) for intent in intents]
        for do in due:
            do()
        for session, shown in self._showing.items():
            self._spawn(session.show(shown))
        self._showing.clear()
        for hash_, done in self._waiting.items():
            if done.done() or hash_ in self._offering:
                continue
            secret = self.book.known.secrets.get(hash_)
            failure = self._failure(hash_)
            if secret is not None:
                done.set_result(secret)
            elif failure is not None:
                done.set_exception(PaymentFailed(failure))
        for peer, settled in self._settling:
            if not settled.done() and not peer.view.pending and not peer.view.locks:
                settled.set_result(None)
        self._settling = [each for each in self._settling if not each[1].done()]

    def _failure(self, hash_: bytes) -> Failure | None:
        peer = self.peers[self.book.payments[hash_][1]]
        lock = lock_of(peer.view.tip, hash_)
        if lock is None:  # while it is there, what failed is what somebody else sent through us with its hash
            return Failure(self.book.known.failures.get(hash_, Failure.EXPIRED))
        # Nobody takes it any more, not on L1 either; that it is still there is the other party's silence.
        return Failure.EXPIRED if self._past() > lock.expiry + self.policy.margin else None

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spendable(self, peer: ChannelPeer) -> dict[bytes, bytes]:
        """The secrets (by hash) of a channel's locks, as far as L1 and a tower may have them."""
        known = self.book.known
        return {each.lock.hash: known.secrets[each.lock.hash] for each in self._held([peer]) if known.may_show(each)}

    def _held(self, peers: Iterable[ChannelPeer]) -> list[Held]:
        held = []
        for peer in peers:
            view, channel = peer.view, peer.channel.id
            live = channel in self.sessions and not view.frozen
            agreed = {offer.lock.hash for offer in view.locks}
            still = {offer.lock.hash for offer in view.tip.locks}
            for lock, onward in {*view.locks, *view.tip.locks}:
                unsettled = lock.hash not in agreed or lock.hash not in still
                moving = unsettled or (channel, lock.hash) in self._moving
                forwarding = (channel, lock.hash) in self._forwarding
                held.append(Held(channel, peer.side, lock, onward, live, moving, *_asset(peer), forwarding))
        return held

    def _prepare(self, intent: Intent) -> Callable[[], None]:
        """Note what must be on disk first; returns what is to be done then."""
        match intent:
            case Show(channel, secret):
                self.book.accept(channel, keccak256(secret))
                return partial(self._show, self.sessions[channel], secret)
            case SettleLock(channel, secret):
                return partial(self._change, channel, Settle(secret))
            case CancelLock(channel, hash_, reason):
                return partial(self._change, channel, Cancel(hash_, reason))
            case Forward(channel, lock, hop, rest):
                peer = self._toward(hop, _asset(self.peers[channel]))
                if peer is None:
                    self.book.fail(lock.hash, Failure.NO_CHANNEL)
                self.book.forward(lock.hash, channel if peer is None else peer.channel.id)
                return partial(self._forward, channel, lock.hash, peer, hop, rest)

    def _show(self, session: Session, secret: bytes) -> None:
        if (session, secret) not in self._shown:
            self._shown.add((session, secret))
            self._showing.setdefault(session, []).append(secret)

    def _change(self, channel: bytes, change: Settle | Cancel) -> None:
        self._mark(self._moving, channel, change.hash, self.sessions[channel].change([change]))

    def _forward(self, channel: bytes, hash_: bytes, peer: ChannelPeer | None, hop: Hop, rest: bytes) -> None:
        async def forwarding() -> None:
            if peer is not None:
                with suppress(Refused):  # the failure is in the book
                    await self._offer(peer, hash_, hop, rest)

        self._mark(self._forwarding, channel, hash_, forwarding())

    async def _offer(self, peer: ChannelPeer, hash_: bytes, hop: Hop, rest: bytes) -> None:
        units = hop.units if peer.side is Side.A else -hop.units
        try:
            await self.session(peer.channel.id).change([Offer(Lock(hash_, units, hop.expiry), rest)])
        except Refused:
            if lock_of(peer.view.tip, hash_) is None:
                self.book.fail(hash_, Failure.OVER_BALANCE)
                raise
            # They refuse what they hold our signature of, and may take it yet: it stays until it is cancelled.

    def _toward(self, hop: Hop, asset: tuple[bytes, int]) -> ChannelPeer | None:
        """The channel with ``hop`` in which we own most of the asset, where that is enough."""
        found = [
            peer
            for channel, peer in self.peers.items()
            if peer.is_other(hop.to) and channel in self.sessions and not peer.view.frozen and _asset(peer) == asset
        ]
        best = max(found, key=lambda peer: peer.balance, default=None)
        return best if best is not None and best.balance >= hop.units else None

    def _mark(
        self, marked: set[tuple[bytes, bytes]], channel: bytes, hash_: bytes, work: Coroutine[Any, Any, Any]
    ) -> None:
        """Do some work about a lock, which is ``marked`` meanwhile so that nobody does it twice."""
        key = (channel, hash_)
        marked.add(key)

        async def marking() -> None:
            try:
                await work
            finally:
                marked.discard(key)
            self._look_soon()  # not where it failed: the next event tries again

        self._spawn(marking())

    def _look_soon(self) -> None:
        """Look once for all that has ended by then."""

        async def looking() -> None:
            self._look_due = False
            self.look()

        if not self._look_due:
            self._look_due = True
            self._spawn(looking())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def safely() -> None:
            try:
                await work
            except L2KitError as error:
                self._report(error)

        task = asyncio.ensure_future(safely())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _asset(peer: ChannelPeer) -> tuple[bytes, int]:
    """Token and unit exponent."""
    return peer.channel.token, peer.channel.terms.unit_exponent
