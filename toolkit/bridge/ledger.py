"""What the Bridge has paid, and what it owes by another title than a proof, as its events tell; a pure fold over them.

Read by hand like the rollup's other events; a test holds the names against the artifact. Amounts are in base units
(wei for ETH, which is the zero token), addresses are 20 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.devnet.l1 import topic
from toolkit.rollup.machine import Withdrawal

CLAIMED = topic("Claimed(uint256,address,address,uint256)")
CREDITED = topic("Credited(address,address,uint256)")
CREDIT_CLAIMED = topic("CreditClaimed(address,address,address,uint256)")
FAST_EXITED = topic("FastExited(uint256,address,address,address,uint256,uint256)")
ESCAPED = topic("Escaped(uint256,address,address,uint256)")
RECOVERED = topic("Recovered(uint256,uint256,address,address,uint256)")


class BridgeEvent:
    """An event of the Bridge."""


@dataclass(frozen=True)
class Claimed(BridgeEvent):
    """A withdrawal was paid, to its owner or to the provider that had taken it over."""

    index: int
    payee: bytes
    token: bytes
    amount: int


@dataclass(frozen=True)
class Credited(BridgeEvent):
    """A payout failed, and is kept for the owner."""

    token: bytes
    owner: bytes
    amount: int


@dataclass(frozen=True)
class CreditClaimed(BridgeEvent):
    """What was kept for an owner went to ``to``."""

    token: bytes
    owner: bytes
    to: bytes
    amount: int


@dataclass(frozen=True)
class FastExited(BridgeEvent):
    """A provider paid ``amount - fee`` to the owner of what both said is a withdrawal, and takes its claim over.

    The Bridge did not look whether there is such a withdrawal: that was the provider's to know.
    """

    index: int
    owner: bytes
    provider: bytes
    token: bytes
    amount: int
    fee: int

    @property
    def withdrawal(self) -> Withdrawal:
        """The withdrawal as it was described to the Bridge."""
        return Withdrawal(self.index, self.owner, self.token, self.amount)


@dataclass(frozen=True)
class Escaped(BridgeEvent):
    """After the freeze, what an account (its index in the state) held went to its owner."""

    account: int
    owner: bytes
    token: bytes
    amount: int


@dataclass(frozen=True)
class Recovered(BridgeEvent):
    """After the freeze, a deposit that ``batch`` had consumed at ``place`` went to the L1 address of its recipient."""

    batch: int
    place: int
    owner: bytes
    token: bytes
    amount: int


def decode_event(topics: Sequence[bytes], data: bytes) -> BridgeEvent | None:
    """The event in a log of the Bridge; None where it is none that is told here."""
    event, words = topics[0] if topics else b"", [data[i : i + 32] for i in range(0, len(data), 32)]
    if event == CLAIMED:
        return Claimed(_number(topics[1]), topics[2][12:], words[0][12:], _number(words[1]))
    if event == CREDITED:
        return Credited(topics[1][12:], topics[2][12:], _number(words[0]))
    if event == CREDIT_CLAIMED:
        return CreditClaimed(topics[1][12:], topics[2][12:], words[0][12:], _number(words[1]))
    if event == FAST_EXITED:
        amount, fee = _number(words[1]), _number(words[2])
        return FastExited(_number(topics[1]), topics[2][12:], topics[3][12:], words[0][12:], amount, fee)
    if event == ESCAPED:
        return Escaped(_number(topics[1]), topics[2][12:], words[0][12:], _number(words[1]))
    if event == RECOVERED:
        place = _number(topics[1]), _number(topics[2])
        return Recovered(*place, topics[3][12:], words[0][12:], _number(words[1]))
    return None


@dataclass
class BridgeLedger:
    """What has left the Bridge, and what it keeps for somebody.

    Attributes:
        claimed: who was paid for a withdrawal, by the withdrawal's index.
        claims: the L1 transactions that did it (32 bytes), by the index.
        providers: the fast exits by the hash of the withdrawal's leaf, in the order in which they were made.
        exits: the L1 transactions that did them (32 bytes), by the same.
        escaped: the accounts that were paid out after the freeze, by their index.
        recovered: the deposits that went back after the freeze, by the batch that consumed them and the place there.
        credits: what a failed payout left behind, by token and owner; no entry where there is nothing.
    """

    claimed: dict[int, bytes] = field(default_factory=dict)
    claims: dict[int, bytes] = field(default_factory=dict)
    providers: dict[bytes, FastExited] = field(default_factory=dict)
    exits: dict[bytes, bytes] = field(default_factory=dict)
    escaped: dict[int, Escaped] = field(default_factory=dict)
    recovered: dict[tuple[int, int], Recovered] = field(default_factory=dict)
    credits: dict[tuple[bytes, bytes], int] = field(default_factory=dict)

    def add(self, event: BridgeEvent, transaction: bytes) -> None:
        """Take the next event, which an L1 transaction brought (its hash)."""
        if isinstance(event, Claimed):
            self.claimed[event.index], self.claims[event.index] = event.payee, transaction
        elif isinstance(event, FastExited):
            leaf = event.withdrawal.leaf()
            self.providers[leaf], self.exits[leaf] = event, transaction
        elif isinstance(event, Credited):
            key = event.token, event.owner
            self.credits[key] = self.credits.get(key, 0) + event.amount
        elif isinstance(event, CreditClaimed):
            self.credits.pop((event.token, event.owner), None)  # it is paid out whole
        elif isinstance(event, Escaped):
            self.escaped[event.account] = event
        elif isinstance(event, Recovered):
            self.recovered[event.batch, event.place] = event

    def provider_of(self, withdrawal: Withdrawal) -> FastExited | None:
        """The fast exit by which a provider has taken over a withdrawal, if one has."""
        return self.providers.get(withdrawal.leaf()) if self.providers else None

    def taken_by(self, provider: bytes) -> list[FastExited]:
        """What a provider has paid for and was not paid for yet, whether or not there are such withdrawals."""
        return [
            each for each in self.providers.values() if each.provider == provider and each.index not in self.claimed
        ]


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
