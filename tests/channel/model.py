"""What PaymentChannels should do, in plain Python: each call says which error it ends in, "" for none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from toolkit.channel.state import MAX_UNITS, Channel, Deposits, Lock, State, Withdrawal, balances, locks_root
from toolkit.crypto import keccak256

Asset = bytes


class Unlocking(NamedTuple):
    """A list of locks with a secret for each, all zero where it is not shown."""

    locks: Sequence[Lock]
    secrets: Sequence[bytes]


@dataclass
class Open:
    """A channel that exists."""

    channel: Channel
    deposits: Deposits
    withdrawals: int = 0
    shown: State | None = None
    pending: Sequence[Lock] = ()
    balance_a: int = 0
    deadline: int = 0

    def owed(self) -> tuple[int, int]:
        assert self.shown is not None
        return self.balance_a, self.deposits.total - self.balance_a

    def show(self, state: State, paid: int, pending: Sequence[Lock]) -> None:
        self.shown, self.pending = state, pending
        self.balance_a = balances(self.deposits, state.net + paid)[0]


class Model:
    """All channels, credits and payouts (units; every channel of the test counts in gwei or in 10**9 of its token)."""

    def __init__(self) -> None:
        self.open: dict[bytes, Open] = {}
        self.closed: set[bytes] = set()
        self.credits: Counter[tuple[Asset, bytes]] = Counter()
        self.paid: Counter[tuple[Asset, bytes]] = Counter()
        self.revealed: dict[bytes, int] = {}

    def holds(self, asset: Asset) -> int:
        """Units that the contract should hold of an asset."""
        deposits = sum(each.deposits.total for each in self.open.values() if each.channel.token == asset)
        return deposits + sum(units for (token, _), units in self.credits.items() if token == asset)

    # Opening, funding, withdrawing

    def opens(self, channel: Channel, units: int) -> str:
        if not 1 <= units <= MAX_UNITS:
            return "BadUnits"
        if channel.id in self.open:
            return "AlreadyOpen"
        self.open[channel.id] = Open(channel, Deposits(units, 0))
        return ""

    def tops_up(self, channel: Channel, for_a: bool, units: int) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen" if any(channel.token) else "NotEther"
        if known.deadline:
            return "AlreadyClosing"
        a, b = known.deposits
        room = MAX_UNITS - (max(a + b, a) if for_a else a + b)
        if not 1 <= units <= room:
            return "BadUnits"
        known.deposits = Deposits(a + units, b) if for_a else Deposits(a, b + units)
        return ""

    def withdraws(self, channel: Channel, withdrawal: Withdrawal, now: int, unsigned: str, refuses: bytes) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned == "NotAParty":
            return unsigned
        if known.deadline:
            return "AlreadyClosing"
        if now > withdrawal.expiry:
            return "WithdrawalExpired"
        if withdrawal.number != known.withdrawals:
            return "BadWithdrawalNumber"
        a, b = withdrawal.units_a, withdrawal.units_b
        if not 1 <= a + b < known.deposits.total or known.deposits.a - a < -(2**56):
            return "BadUnits"
        if unsigned:
            return unsigned
        known.deposits = Deposits(known.deposits.a - a, known.deposits.b - b)
        known.withdrawals += 1
        self._pay(channel, (a, b), refuses)
        return ""

    # Closing together

    def closes(
        self, channel: Channel, net: int, expiry: int, now: int, block: int, unsigned: str, refuses: bytes
    ) -> str:
        if now > expiry:
            return "CloseExpired"
        if block == channel.opened_block:
            return "OpenedInThisBlock"
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned:
            return unsigned
        self._end(known, balances(known.deposits, net), refuses)
        return ""

    # Closing alone

    def starts(
        self,
        channel: Channel,
        state: State,
        now: int,
        unsigned: str,
        unlocking: Unlocking | None,
        locks: Sequence[Lock],
    ) -> str:
        """``locks``: all of the state."""
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned == "NotAParty":
            return unsigned
        if known.deadline:
            return "AlreadyClosing"
        if state.nonce == 0 and state != State(0, 0):
            return "BadFirstState"
        if state.nonce > 0 and unsigned:
            return unsigned
        error, paid, pending = self._resolve(state.locks, unlocking, now, locks)
        if error:
            return error
        known.show(state, paid, pending)
        known.deadline = now + channel.terms.challenge_period
        return ""

    def challenges(
        self,
        channel: Channel,
        state: State,
        now: int,
        unsigned: str,
        unlocking: Unlocking | None,
        locks: Sequence[Lock],
    ) -> str:
        """``locks``: all of the state."""
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned:
            return unsigned
        error, paid, pending = self._resolve(state.locks, unlocking, now, locks)
        if error:
            return error
        if not known.deadline or known.shown is None:
            return "NotClosing"
        if now > known.deadline:
            return "ChallengePeriodOver"
        if state.nonce <= known.shown.nonce:
            return "NotNewer"
        known.show(state, paid, pending)
        return ""

    def settles(self, channel: Channel, now: int, refuses: bytes, unlocking: Unlocking | None = None) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if not known.deadline:
            return "NotClosing"
        if now <= known.deadline:
            return "ChallengePeriodNotOver"
        if unlocking is None:
            if known.pending:
                return "LocksUnresolved"
        else:
            error, paid, pending = self._resolve(locks_root(known.pending), unlocking, now)
            if error or pending:
                return error or "LockPending"
            known.balance_a = min(max(known.balance_a - paid, 0), known.deposits.total)
        self._end(known, known.owed(), refuses)
        return ""

    # Locks

    def reveals(self, secret: bytes, now: int) -> str:
        self.revealed.setdefault(keccak256(secret), now)
        return ""

    def unlocks(self, channel: Channel, unlocking: Unlocking, now: int) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if not known.deadline:
            return "NotClosing"
        error, paid, pending = self._resolve(locks_root(known.pending), unlocking, now)
        if error:
            return error
        known.balance_a = min(max(known.balance_a - paid, 0), known.deposits.total)
        known.pending = pending
        return ""

    def _resolve(
        self, root: bytes, unlocking: Unlocking | None, now: int, otherwise: Sequence[Lock] = ()
    ) -> tuple[str, int, Sequence[Lock]]:
        """What locks do now: an error, what they move from A to B, and those that stay (``otherwise`` all do)."""
        if unlocking is None:
            return "", 0, otherwise
        locks, secrets = unlocking
        if locks_root(locks) != root:
            return "BadLocks", 0, ()
        if len(secrets) != len(locks):
            return "BadSecretCount", 0, ()
        if any(any(each) and keccak256(each) != lock.hash for lock, each in zip(locks, secrets, strict=True)):
            return "WrongSecret", 0, ()
        paid, pending = 0, []
        for lock, secret in zip(locks, secrets, strict=True):
            if (any(secret) and now <= lock.expiry) or self.revealed.get(lock.hash, 2**256) <= lock.expiry:
                paid += lock.units
            elif now <= lock.expiry:
                pending.append(lock)
        return "", paid, pending

    # Paying out

    def claims(self, asset: Asset, owner: bytes, to: bytes) -> str:
        units = self.credits.pop((asset, owner), 0)
        if not units:
            return "NoCredit"
        self.paid[asset, to] += units
        return ""

    def _end(self, known: Open, owed: tuple[int, int], refuses: bytes) -> None:
        del self.open[known.channel.id]
        self.closed.add(known.channel.id)
        self._pay(known.channel, owed, refuses)

    def _pay(self, channel: Channel, owed: tuple[int, int], refuses: bytes) -> None:
        """``refuses``: the account whose payouts fail at the moment."""
        for party, units in zip((channel.a, channel.b), owed, strict=True):
            into = self.credits if party == refuses and any(channel.token) else self.paid
            if units:
                into[channel.token, party] += units
