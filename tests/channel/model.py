"""What PaymentChannels should do, in plain Python: each call says which error it ends in, "" for none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from toolkit.channel.state import MAX_UNITS, Channel, Deposits, State, balances

Asset = bytes


@dataclass
class Open:
    """A channel that exists."""

    channel: Channel
    deposits: Deposits
    shown: State | None = None
    deadline: int = 0

    def owed(self) -> tuple[int, int]:
        assert self.shown is not None
        return balances(self.deposits, self.shown.net)


class Model:
    """All channels, credits and payouts (units; every channel of the test counts in gwei or in 10**9 of its token)."""

    def __init__(self) -> None:
        self.open: dict[bytes, Open] = {}
        self.closed: set[bytes] = set()
        self.credits: Counter[tuple[Asset, bytes]] = Counter()
        self.paid: Counter[tuple[Asset, bytes]] = Counter()

    def holds(self, asset: Asset) -> int:
        """Units that the contract should hold of an asset."""
        deposits = sum(each.deposits.total for each in self.open.values() if each.channel.token == asset)
        return deposits + sum(units for (token, _), units in self.credits.items() if token == asset)

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
        if not 1 <= units <= MAX_UNITS - known.deposits.total:
            return "BadUnits"
        a, b = known.deposits
        known.deposits = Deposits(a + units, b) if for_a else Deposits(a, b + units)
        return ""

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
        self._pay(known, balances(known.deposits, net), refuses)
        return ""

    def starts(self, channel: Channel, state: State, now: int, unsigned: str) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned == "NotAParty":
            return unsigned
        if known.deadline:
            return "AlreadyClosing"
        if state.nonce == 0 and state.net != 0:
            return "BadFirstState"
        if state.nonce > 0 and unsigned:
            return unsigned
        known.shown, known.deadline = state, now + channel.terms.challenge_period
        return ""

    def challenges(self, channel: Channel, state: State, now: int, unsigned: str) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if unsigned:
            return unsigned
        if not known.deadline or known.shown is None:
            return "NotClosing"
        if now > known.deadline:
            return "ChallengePeriodOver"
        if state.nonce <= known.shown.nonce:
            return "NotNewer"
        known.shown = state
        return ""

    def settles(self, channel: Channel, now: int, refuses: bytes) -> str:
        known = self.open.get(channel.id)
        if known is None:
            return "NotOpen"
        if not known.deadline:
            return "NotClosing"
        if now <= known.deadline:
            return "ChallengePeriodNotOver"
        self._pay(known, known.owed(), refuses)
        return ""

    def claims(self, asset: Asset, owner: bytes, to: bytes) -> str:
        units = self.credits.pop((asset, owner), 0)
        if not units:
            return "NoCredit"
        self.paid[asset, to] += units
        return ""

    def _pay(self, known: Open, owed: tuple[int, int], refuses: bytes) -> None:
        """``refuses``: the account whose payouts fail at the moment."""
        channel = known.channel
        del self.open[channel.id]
        self.closed.add(channel.id)
        for party, units in zip((channel.a, channel.b), owed, strict=True):
            into = self.credits if party == refuses and any(channel.token) else self.paid
            if units:
                into[channel.token, party] += units
