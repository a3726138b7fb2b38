"""Everybody's funds on both chains, before and after, to the wei; no I/O.

Who ends with less than before, what was paid for gas and the stated costs apart, has lost. Payments between users that
became final move what each must have; those that never did move nothing, and are kept beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from toolkit.devnet.accounts import checksum

ETH = bytes(20)


@dataclass(frozen=True)
class Holding:
    """What one owner has of one token, by where it is (base units).

    Attributes:
        wallet: on L1, under the owner's own key.
        accounts: on L2.
        deposits: on the way to L2: no state that counts has them yet.
        withdrawals: on the way back, and not claimed.
        credits: that the bridge owes because a payout failed.
        bonds: in assertions and disputes that stand, and what these contracts owe because a payout failed.
    """

    wallet: int = 0
    accounts: int = 0
    deposits: int = 0
    withdrawals: int = 0
    credits: int = 0
    bonds: int = 0

    @property
    def owed(self) -> int:
        """What the bridge must hold for it."""
        return self.accounts + self.deposits + self.withdrawals + self.credits

    @property
    def locked(self) -> int:
        """All but the wallet: what the rollup's contracts hold for it."""
        return self.owed + self.bonds

    @property
    def total(self) -> int:
        """All of it."""
        return self.wallet + self.locked


NOTHING = Holding()
Key = tuple[bytes, bytes]
"""Owner and token, 20 bytes each; the zero token is ETH."""


@dataclass(frozen=True)
class Funds:
    """Everybody's funds at one L1 block.

    Attributes:
        block, timestamp: of L1 (the latter in seconds).
        holdings: by owner and token.
        escrow: what the bridge holds, by token.
        burned: wei that nobody can ever get out of the Dispute: the halves of losers' bonds.
    """

    block: int
    timestamp: int
    holdings: Mapping[Key, Holding]
    escrow: Mapping[bytes, int]
    burned: int = 0

    def of(self, owner: bytes, token: bytes) -> Holding:
        """What an owner has of a token."""
        return self.holdings.get((owner, token), NOTHING)

    def owed(self, token: bytes) -> int:
        """What the bridge owes of a token."""
        return sum(each.owed for (_, asset), each in self.holdings.items() if asset == token)


class Holdings:
    """Gathers what is found of everybody's funds."""

    def __init__(self) -> None:
        self._found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, owner: bytes, token: bytes, where: str, amount: int) -> None:
        """Add to a field of `Holding`."""
        self._found[owner, token][where] += amount

    def all(self) -> dict[Key, Holding]:
        """Everything gathered."""
        return {key: Holding(**fields) for key, fields in self._found.items()}


@dataclass(frozen=True)
class Line:
    """One owner's funds of one token, and what became of them (base units).

    Attributes:
        owner, token: 20 bytes each.
        name: of the owner.
        honest: whether the owner is none of the cheats.
        before, after: what it had and has.
        paid: what payments of others that became final brought it, less its own.
        promised: the same of payments that never became final.
        gas: what it paid for gas (wei).
        costs: what it paid of the stated costs, less what others paid it of theirs.
        touched: whether the owner has used the token, though nothing of it may have moved in the end.
    """

    owner: bytes
    token: bytes
    name: str
    honest: bool
    before: Holding
    after: Holding
    paid: int
    promised: int
    gas: int
    costs: int
    touched: bool = False

    @property
    def lost(self) -> int:
        """What is missing; negative where the owner has won something."""
        return self.before.total + self.paid - self.gas - self.costs - self.after.total

    @property
    def moved(self) -> bool:
        """Whether anything happened to it."""
        return self.touched or self.before != self.after or bool(self.paid or self.promised or self.gas or self.costs)

    def as_json(self, unit: str) -> dict[str, Any]:
        """The line for JSON, amounts as decimal text; ``unit`` is the token's name."""
        return {
            "owner": checksum(self.owner),
            "name": self.name,
            "honest": self.honest,
            "token": checksum(self.token),
            "unit": unit,
            "before": _shown(self.before),
            "after": _shown(self.after),
            **{name: str(getattr(self, name)) for name in ("paid", "promised", "gas", "costs", "lost")},
        }


@dataclass(frozen=True)
class Cost:
    """A cost that was agreed to: who bore it, who got it, how much, and what for."""

    payer: bytes
    payee: bytes
    token: bytes
    amount: int
    why: str


@dataclass
class Ledger:
    """Names, and what moved between owners.

    Attributes:
        names: of owners.
        cheats: owners that are not honest.
        costs: that were agreed to.
        touched: tokens that owners have used.
    """

    names: Mapping[bytes, str]
    cheats: Collection[bytes] = ()
    costs: list[Cost] = field(default_factory=list)
    touched: set[Key] = field(default_factory=set)
    _paid: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    _promised: dict[Key, int] = field(default_factory=lambda: defaultdict(int))

    def pay(self, payer: bytes, payee: bytes, token: bytes, amount: int) -> None:
        """Note a payment between two owners that became final."""
        _move(self._paid, payer, payee, token, amount)

    def promise(self, payer: bytes, payee: bytes, token: bytes, amount: int) -> None:
        """Note a payment that somebody was told of, and that never became final."""
        _move(self._promised, payer, payee, token, amount)

    def cost(self, payer: bytes, payee: bytes, token: bytes, amount: int, why: str) -> None:
        """Note a cost that the payer agreed to."""
        self.costs.append(Cost(payer, payee, token, amount, why))

    def lines(self, before: Funds, after: Funds, gas: Mapping[bytes, int]) -> list[Line]:
        """What became of everybody's funds.

        Args:
            gas: wei paid for gas between the two, by the sender.

        An owner without a name shows by its address.
        """
        costs: dict[Key, int] = defaultdict(int)
        for each in self.costs:
            _move(costs, each.payee, each.payer, each.token, each.amount)
        senders: Iterable[Key] = ((owner, ETH) for owner in gas)
        found = {*before.holdings, *after.holdings, *self._paid, *self._promised, *costs, *senders}
        order = {owner: place for place, owner in enumerate(self.names)}
        return [
            Line(
                owner,
                token,
                self.names.get(owner, checksum(owner)),
                owner not in self.cheats,
                before.of(owner, token),
                after.of(owner, token),
                self._paid.get((owner, token), 0),
                self._promised.get((owner, token), 0),
                gas.get(owner, 0) if token == ETH else 0,
                costs.get((owner, token), 0),
                (owner, token) in self.touched,
            )
            for owner, token in sorted(found, key=lambda key: (key[1], order.get(key[0], len(order)), key[0]))
        ]


def losses(lines: Iterable[Line]) -> list[Line]:
    """The honest who have lost something."""
    return [line for line in lines if line.honest and line.lost > 0]


def _move(book: dict[Key, int], payer: bytes, payee: bytes, token: bytes, amount: int) -> None:
    book[payer, token] -= amount
    book[payee, token] += amount


def _shown(holding: Holding) -> dict[str, str]:
    return {name: str(amount) for name, amount in {**asdict(holding), "total": holding.total}.items()}
