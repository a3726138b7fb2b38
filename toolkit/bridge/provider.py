"""The liquidity provider: pays withdrawals now that can be claimed when their challenge window is over, less a fee.

It derives the rollup from L1 by itself, and pays for nothing that it has not seen there. What it has paid for is in
L1's logs, so there is nothing on disk that it could lose. While its money is out it sees to it that it comes back: it
claims, disputes what is wrong, and asserts and confirms what nobody else does. Others' word plays no part in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.bridge.calls import encode_allowance, encode_approve, encode_balance_of, encode_fast_exit
from toolkit.bridge.recovery import common_moves, own_moves
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.bridge.underwriting import (
    Declined,
    Limits,
    check_limits,
    claimable_from,
    examine,
    history_of,
    worth,
)
from toolkit.crypto import recover
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, hex_of
from toolkit.errors import L2KitError, NodeError, ProtocolError, RpcError
from toolkit.rollup.config import Config
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.moves import Move
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.follower import Gone
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.proposer import ASSERT, affordable
from toolkit.rollup.watcher import Watcher

KEPT_GAS = 5_000_000
"""Gas that stays affordable beside the bonds: for an assertion, a dispute, and the claims."""
KEPT_QUOTES = 10_000
DRAIN_SECONDS = 10.0
"""How long transactions from before a restart may take before they are replaced by nothing."""
RETRY_SECONDS = 1.0
_UNLIMITED = 2**256 - 1
_ETH = bytes(20)

log = logging.getLogger("provider")


@dataclass
class Request:
    """A withdrawal that is being paid.

    Attributes:
        withdrawal: as the provider knows it.
        fee, expiry, signature: what its owner has signed.
        worth: in wei.
        outcome: the L1 transaction that paid it, or why it was not paid.
    """

    withdrawal: Withdrawal
    fee: int
    expiry: int
    signature: bytes
    worth: int
    outcome: asyncio.Future[bytes | Declined] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def name(self) -> Hashable:
        """Of its move; what L1 says to other terms is no answer to these."""
        return "exit", self.withdrawal.leaf(), self.fee, self.expiry

    @property
    def due(self) -> int:
        """What its owner gets now (base units)."""
        return self.withdrawal.amount - self.fee

    @property
    def has_failed(self) -> bool:
        """Whether it will not be paid."""
        return self.outcome.done() and isinstance(self.outcome.result(), Declined)

    def end(self, outcome: bytes | Declined) -> None:
        """Tell who waits; the first word counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


@dataclass(frozen=True)
class Market:
    """What L1 says at the moment.

    Attributes:
        gas_price: wei a gas.
        now: the next block's time (seconds).
        balance: what the provider owns of ETH (wei).
        held: and of the token in question (base units).
        block: the number of the newest block.
    """

    gas_price: int
    now: int
    balance: int
    held: int
    block: int


@dataclass(frozen=True)
class Offer:
    """What the provider asks for a withdrawal.

    Attributes:
        fee: in base units.
        expiry: the last second (L1's time) in which it pays on these terms.
        seconds: until the withdrawal can be claimed.
        gas_price: wei a gas, at which the fee was worked out.
    """

    withdrawal: Withdrawal
    fee: int
    expiry: int
    seconds: int
    gas_price: int


class NotNow(L2KitError):
    """The provider cannot say now; ask again."""


class ProviderService:
    """Everything that the provider's process does.

    Attributes:
        watcher: the rollup as it has derived it.
        config, tariff: what it was told.
    """

    def __init__(self, watcher: Watcher, player: Player, l1: L1, config: Config) -> None:
        self.watcher, self.config, self.tariff = watcher, config, config.tariff
        self._player, self._l1 = player, l1
        self._limits = Limits(config.most_per_exit, config.most_outstanding, config.confirmations)
        self._domain = bridge_domain(config.chain_id, config.bridge)
        self._requests: dict[bytes, Request] = {}  # by leaf
        self._quotes: dict[tuple[bytes, int, int], None] = {}  # leaf, fee, expiry
        self._since: dict[Hashable, float] = {}  # when something that others should do was first seen to be due
        self._work = asyncio.Event()
        self._drained, self._drain_since = False, float("inf")

    @property
    def address(self) -> bytes:
        """Whose money is at stake (20 bytes)."""
        return self._player.address

    @property
    def under_way(self) -> int:
        """Requests that are being paid."""
        return len(self._requests)

    # --- service ---

    async def start(self) -> None:
        """Derive what L1 holds so far."""
        await self.watcher.start()
        self._drain_since = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Follow L1, pay, claim, and see to it that the money comes back, until cancelled."""
        pause = self.config.poll_seconds
        while True:
            with contextlib.suppress(asyncio.TimeoutError):  # `start` has just looked
                await asyncio.wait_for(self._work.wait(), pause)
            self._work.clear()
            pause = self.config.poll_seconds
            try:
                await self.watcher.look()
                while await self._act():
                    await self.watcher.look()
            except (Gone, ProtocolError):
                raise
            except L2KitError as error:
                log.warning("%s; trying again in %g s", error, RETRY_SECONDS)
                pause = RETRY_SECONDS

    # --- taking requests ---

    async def offer(self, index: int, described: Withdrawal | None = None) -> Offer:
        """What it asks for a withdrawal now.

        Args:
            index: the withdrawal's.
            described: the withdrawal as who asks knows it.

        Raises:
            Declined, BadInput: it does not pay that.
            NotNow: it cannot say.
        """
        withdrawal, market = await self._find(index, described)
        async with self.watcher.lock:
            replica = self.watcher.replica
            fee, seconds = self._fee(replica, withdrawal, market)
            self._check_limits(replica, withdrawal)
            self._check_means(replica, withdrawal, fee, market)
        offer = Offer(withdrawal, fee, market.now + self.config.quote_seconds, seconds, market.gas_price)
        self._remember((withdrawal.leaf(), fee, offer.expiry), market.now)
        return offer

    async def accept(
        self, index: int, fee: int, expiry: int, signature: bytes, described: Withdrawal | None = None
    ) -> Request:
        """Take a request to pay a withdrawal; one for the same on the same terms is that one. Raises as `offer`.

        Args:
            signature: the owner's (64 bytes, `FastExit.sign`).
        """
        _, market = await self._find(index, described)
        async with self.watcher.lock:
            # Nothing is awaited in here: what was checked still holds when the request is noted.
            if market.block < self.watcher.head:  # what was paid since would count neither as spent nor as promised
                raise NotNow("busy: L1 has another block; ask again")
            replica = self.watcher.replica
            withdrawal = self.examine(replica, index, described)
            known = self._requests.get(withdrawal.leaf())
            if known is not None and not known.has_failed:
                if (known.fee, known.expiry) != (fee, expiry):
                    raise Declined(f"withdrawal {index} is being paid on other terms: a fee of {known.fee}")
                return known
            self._check_terms(replica, withdrawal, fee, expiry, market)
            self._check_signature(withdrawal, fee, expiry, signature)
            self._check_limits(replica, withdrawal)
            self._check_means(replica, withdrawal, fee, market)
            value = self.tariff.value(withdrawal.token, withdrawal.amount)
            request = Request(withdrawal, fee, expiry, signature, value)
            self._requests[withdrawal.leaf()] = request
        self._work.set()
        return request

    async def _find(self, index: int, described: Withdrawal | None) -> tuple[Withdrawal, Market]:
        """A withdrawal that could be paid, and what L1 says at the moment. Raises Declined, NotNow."""
        if not self._drained:
            raise NotNow("busy: transactions from before a restart are still on their way; ask again")
        async with self.watcher.lock:
            withdrawal = self.examine(self.watcher.replica, index, described)
        try:
            return withdrawal, await self._market(withdrawal.token)
        except NodeError as error:
            raise NotNow(f"busy: {error}") from error

    def examine(self, replica: Replica, index: int, described: Withdrawal | None) -> Withdrawal:
        """The withdrawal that somebody asks about, if it is to be paid. Raises Declined."""
        withdrawal = examine(replica, index, self.watcher.head, self.watcher.timestamp, self._limits)
        if described is not None and described != withdrawal:
            raise Declined(f"withdrawal {index} is {_words(withdrawal)}, not {_words(described)}")
        return withdrawal

    def _check_terms(self, replica: Replica, withdrawal: Withdrawal, fee: int, expiry: int, market: Market) -> None:
        """Raise Declined unless the terms are those of a quote, or as good for the provider as a new one."""
        latest = market.now + self.config.quote_seconds
        if not market.now < expiry:
            raise Declined(f"the quote has expired: it was good until {expiry}, and it is {market.now} (L1's time)")
        if (withdrawal.leaf(), fee, expiry) in self._quotes:
            return
        least, _ = self._fee(replica, withdrawal, market)
        if fee < least:
            raise Declined(f"the fee of {fee} is below the {least} that this costs now; ask for a quote")
        if fee >= withdrawal.amount:
            raise Declined(f"the fee of {fee} would leave nothing of the {withdrawal.amount}")
        if expiry > latest:
            raise Declined(f"the terms expire at {expiry}, later than the {latest} of a quote; ask for one")

    def _check_signature(self, withdrawal: Withdrawal, fee: int, expiry: int, signature: bytes) -> None:
        digest = FastExit(self.address, fee, expiry, 0, bytes(28)).digest(self._domain, withdrawal)
        if recover(digest, signature) != withdrawal.owner:
            raise Declined(
                f"the signature is not that of {checksum(withdrawal.owner)} over withdrawal {withdrawal.index} of "
                f"{withdrawal.amount}, fee {fee}, provider {checksum(self.address)}, expiry {expiry}"
            )

    def _check_limits(self, replica: Replica, withdrawal: Withdrawal) -> None:
        """Raise Declined where there would be too much at stake."""
        at_stake = worth(self.tariff, replica.bridge.taken_by(self.address))
        at_stake += sum(each.worth for each in self._open(replica))
        check_limits(self.tariff.value(withdrawal.token, withdrawal.amount), at_stake, self._limits)

    def _check_means(self, replica: Replica, withdrawal: Withdrawal, fee: int, market: Market) -> None:
        """Raise Declined where what it owns does not suffice, with what it keeps to look after its claims."""
        contracts, token, due = replica.contracts, withdrawal.token, withdrawal.amount - fee
        kept = contracts.bond + contracts.rules.bond + KEPT_GAS * market.gas_price
        ether = market.balance - self._promised(replica, _ETH) - (due if token == _ETH else 0)
        if ether < kept:
            raise Declined(f"the provider would have {ether} wei left, and must keep {kept} for bonds and gas")
        held = market.held - self._promised(replica, token)
        if token != _ETH and held < due:
            raise Declined(f"the provider has {held} of {checksum(token)} left, too little to pay {due}")

    def _promised(self, replica: Replica, token: bytes) -> int:
        return sum(each.due for each in self._open(replica) if each.withdrawal.token == token)

    def _open(self, replica: Replica) -> list[Request]:
        """The requests that may still be paid, and that L1 does not show as paid."""
        waiting = self._player.waiting
        return [
            each
            for leaf, each in self._requests.items()
            if leaf not in replica.bridge.providers and (each.name in waiting or not each.has_failed)
        ]

    def _fee(self, replica: Replica, withdrawal: Withdrawal, market: Market) -> tuple[int, int]:
        """The fee (base units), and the seconds until the withdrawal can be claimed. Raises BadInput, NotWorthIt."""
        seconds = claimable_from(replica, withdrawal.index, market.now) - market.now
        return self.tariff.fee(withdrawal.token, withdrawal.amount, seconds, market.gas_price), seconds

    def _remember(self, quote: tuple[bytes, int, int], now: int) -> None:
        """Keep a quote while it is good; the oldest are forgotten where there are too many."""
        if len(self._quotes) >= KEPT_QUOTES:
            self._quotes = {each: None for each in self._quotes if each[2] > now}
        while len(self._quotes) >= KEPT_QUOTES:
            del self._quotes[next(iter(self._quotes))]
        self._quotes[quote] = None

    async def _market(self, token: bytes) -> Market:
        """What L1 says. Raises NodeError."""
        calls: list[tuple[str, list[Any]]] = [
            ("eth_gasPrice", []),
            ("eth_getBalance", [hex_of(self.address), "latest"]),
            ("eth_getBlockByNumber", ["latest", False]),
        ]
        if token != _ETH:
            calls.append(_call(token, encode_balance_of(self.address)))
        gas_price, balance, latest, *held = await self._l1.batch(calls)
        # Blocks may be rare where nothing happens: a time that runs from the last one would lie in the past.
        (pending,) = await self._l1.answers([("eth_getBlockByNumber", ["pending", False])])
        times = [int(each["timestamp"], 16) for each in (latest, pending) if isinstance(each, dict)]
        ether = int(balance, 16)
        block = int(latest["number"], 16)
        return Market(int(gas_price, 16), max(times), ether, int(held[0], 16) if held else ether, block)

    # --- what it does on L1 ---

    async def _act(self) -> bool:
        """Send what is due; whether something new is in a block."""
        replica, timestamp = self.watcher.replica, self.watcher.timestamp
        self._settle(replica, timestamp)
        moves = await asyncio.to_thread(own_moves, replica, self.address, timestamp)
        if not self._drained and not await self._drain(moves):
            return False
        common = self._patiently(replica, common_moves(replica, self.address, timestamp))
        bonded = [move for move in common if move.value]
        if bonded:
            balance = await self._player.balance() - self._promised(replica, _ETH)
            bonded = affordable(replica, self.address, balance, bonded)
        free = [move for move in common if not move.value]
        landed = await self._player.play([*moves, *free, *bonded, *await self._payments(replica)])
        self._tell_refused()
        return bool(landed)

    def _patiently(self, replica: Replica, moves: Sequence[Move]) -> list[Move]:
        """Of what others may do, too, that which nobody has done for as long as it is left to them."""
        now, (tip, _) = asyncio.get_running_loop().time(), replica.tip()
        # Somebody's new assertion answers the wish for one, and nothing else: else who asserts often keeps us from all.
        keys = {move.name: (move.name, tip if move.name == ASSERT else replica.confirmed) for move in moves}
        self._since = {key: self._since.get(key, now) for key in keys.values()}
        return [move for move in moves if now - self._since[keys[move.name]] >= self.config.patience_seconds]

    async def _payments(self, replica: Replica) -> list[Move]:
        """The fast exits that are to be paid, and what the Bridge must be allowed for them."""
        wanted = [each for each in self._open(replica) if not each.has_failed]
        moves: list[Move] = []
        for token in dict.fromkeys(each.withdrawal.token for each in wanted):
            mine = [each for each in wanted if each.withdrawal.token == token]
            try:
                approval = None if token == _ETH else await self._approval(token, sum(each.due for each in mine))
            except RpcError as error:  # of a token that does not say: what else is due must not wait for it
                for each in mine:
                    each.end(Declined(f"the token {checksum(token)} does not tell what it allows: {error}"))
                continue
            moves += [self._payment(replica, each) for each in mine] if approval is None else [approval]
        return moves

    def _payment(self, replica: Replica, request: Request) -> Move:
        withdrawal = request.withdrawal
        seen = history_of(replica, self._seen_in(replica, withdrawal))
        terms = FastExit(self.address, request.fee, request.expiry, *seen)
        return Move(
            request.name,
            replica.contracts.bridge,
            encode_fast_exit(withdrawal, terms, request.signature),
            f"pays withdrawal {withdrawal.index} of {withdrawal.amount} early, less {request.fee}",
            request.due if withdrawal.token == _ETH else 0,
            request.expiry,
        )

    def _seen_in(self, replica: Replica, withdrawal: Withdrawal) -> int:
        """The batch in whose history it knows the withdrawal."""
        is_there = withdrawal.index < len(replica.state.withdrawals)
        return replica.places.withdrawal(withdrawal.index).batch if is_there else len(replica.history.posted)

    async def _approval(self, token: bytes, needed: int) -> Move | None:
        """What makes the Bridge allowed to take so much of a token; None where it is."""
        bridge = self.watcher.replica.contracts.bridge
        allowed = int.from_bytes(await self._l1.read(token, encode_allowance(self.address, bridge)), "big")
        if allowed >= needed:
            return None
        # Some tokens change an allowance from nothing only.
        amount = 0 if allowed else _UNLIMITED
        said = f"allows the bridge {'nothing' if allowed else 'any amount'} of {checksum(token)}"
        return Move(("approve", token, amount), token, encode_approve(bridge, amount), said)

    def _settle(self, replica: Replica, now: int) -> None:
        """Compare the requests with what L1 shows, and forget those that are over."""
        waiting = self._player.waiting
        for leaf, request in list(self._requests.items()):
            taken = replica.bridge.providers.get(leaf)
            if taken is not None:
                mine = taken.provider == self.address
                by = f"withdrawal {taken.index} was paid early by {checksum(taken.provider)}"
                request.end(replica.bridge.exits[leaf] if mine else Declined(by))
            elif request.name not in waiting and (reason := self._given_up(replica, request, now)) is not None:
                request.end(Declined(reason))
            if request.outcome.done() and request.name not in waiting:
                del self._requests[leaf]

    def _given_up(self, replica: Replica, request: Request, now: int) -> str | None:
        """Why a request that is not on its way is not to be paid any more, if so."""
        if now > request.expiry:
            return f"the terms have expired: they were good until {request.expiry}, and it is {now} (L1's time)"
        try:
            self.examine(replica, request.withdrawal.index, request.withdrawal)
        except Declined as declined:
            return str(declined)
        return None

    def _tell_refused(self) -> None:
        for request in self._requests.values():
            reason = self._player.refusal(request.name)
            if reason is not None and request.name not in self._player.waiting:
                request.end(Declined(f"L1 refuses to have withdrawal {request.withdrawal.index} paid: {reason}"))

    async def _drain(self, moves: Sequence[Move]) -> bool:
        """See to it that nothing sent before a restart is on its way; whether that is so.

        What comes of it is seen in the logs then, and the limits hold for what is paid from now on. Its own ``moves``
        do not wait for that: where one takes the place of an older transaction, that cannot land any more.
        """
        me = hex_of(self.address)
        counts = await self._l1.batch([("eth_getTransactionCount", [me, tag]) for tag in ("latest", "pending")])
        first, after = (int(count, 16) for count in counts)
        self._drained = after <= first
        if not self._drained:
            due = list(moves)
            if asyncio.get_running_loop().time() - self._drain_since >= DRAIN_SECONDS:
                said = "replaces by nothing what waits since before a restart"
                due += [Move(("drain", nonce), self.address, b"", said) for nonce in range(first + len(due), after)]
            await self._player.play(due)
        return self._drained


def _call(to: bytes, data: bytes) -> tuple[str, list[Any]]:
    return "eth_call", [{"to": hex_of(to), "data": hex_of(data)}, "latest"]


def _words(withdrawal: Withdrawal) -> str:
    return f"{withdrawal.amount} of {checksum(withdrawal.token)} for {checksum(withdrawal.owner)}"
