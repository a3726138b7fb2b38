"""What a scenario came to: everybody's funds before and after, gas, blocks, and whether somebody honest has lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from toolkit.bridge.amounts import ETHER_UNIT, decimal, span
from toolkit.devnet.accounts import checksum
from toolkit.scenario.ledger import ETH, Funds, Line, losses
from toolkit.technique.workload import ETHER

Table = tuple[str, list[list[str]]]
"""A title, and rows, of which the first is the header."""


@dataclass(frozen=True)
class Deed:
    """An L1 transaction by which a user helped itself or others.

    Attributes:
        who: sent it.
        what: it did.
        gas: that it used.
        block: of L1.
        transaction: its hash, 0x-hex.
    """

    who: str
    what: str
    gas: int
    block: int
    transaction: str


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to.

    Attributes:
        name: of the scenario.
        summary: it in a line.
        lines: what became of everybody's funds.
        units: the names of the tokens.
        before, after: everybody's funds at the blocks between which the scenario took place.
        deeds: what users did on L1 to help themselves.
        costs: that were agreed to: payer, payee, unit, amount (base units) and why.
        reasons: why something that was promised or wanted did not come.
        facts: that were checked.
        seconds: that it took.
        story: everything told.
        contracts: their addresses (EIP-55 text) by name.
        deployed_block: of L1, with the first of them.
    """

    name: str
    summary: str
    lines: list[Line]
    units: dict[bytes, str]
    before: Funds
    after: Funds
    deeds: list[Deed]
    costs: list[dict[str, str]]
    reasons: list[str]
    facts: list[str]
    seconds: float
    story: list[dict[str, Any]] = field(repr=False)
    contracts: dict[str, str]
    deployed_block: int

    @property
    def losses(self) -> list[Line]:
        """The honest who have lost something."""
        return losses(self.lines)

    @property
    def short(self) -> dict[bytes, int]:
        """What the bridge owes and does not hold, by token."""
        missing = {token: self.after.owed(token) - self.after.escrow[token] for token in self.units}
        return {token: amount for token, amount in missing.items() if amount > 0}

    @property
    def unexplained(self) -> dict[bytes, int]:
        """What all have lost together and is not burned, by token; negative where it came from nowhere."""
        lost = {token: sum(each.lost for each in self.lines if each.token == token) for token in self.units}
        lost[ETH] -= self.after.burned - self.before.burned
        return {token: amount for token, amount in lost.items() if amount}

    @property
    def ok(self) -> bool:
        """Whether nobody honest has lost anything, the bridge holds all that it owes, and the books are balanced."""
        return not self.wrong()

    def wrong(self) -> list[str]:
        """What should not be, in sentences; none where it is `ok`."""
        lost = [f"{each.name} has lost {exact(each.lost)} {self.units[each.token]}" for each in self.losses]
        short = [
            f"the bridge holds {exact(amount)} {self.units[token]} less than it owes"
            for token, amount in self.short.items()
        ]
        if not lost:  # else that explains it
            short += [
                f"{exact(amount)} {self.units[token]} are neither anybody's nor burned: the books are wrong"
                for token, amount in self.unexplained.items()
            ]
        return [f"{self.name}: {what}" for what in (*lost, *short)]

    def tables(self) -> list[Table]:
        """What people want to see of it."""
        found = [self._funds(token) for token in self.units]
        rows = [["", "transactions", "gas"]]
        for name in dict.fromkeys(deed.who for deed in self.deeds):
            gas = [deed.gas for deed in self.deeds if deed.who == name]
            rows.append([name, str(len(gas)), f"{sum(gas):,}"])
        if len(rows) > 1:
            rows.append(["together", str(len(self.deeds)), f"{sum(deed.gas for deed in self.deeds):,}"])
            found.append(("What users sent to L1", rows))
        return found

    def _funds(self, token: bytes) -> Table:
        lines = [line for line in self.lines if line.token == token and line.moved]
        columns: list[tuple[str, Sequence[str]]] = [
            ("", [line.name if line.honest else f"{line.name} (cheat)" for line in lines]),
            ("wallet was", [_rounded(line.before.wallet) for line in lines]),
            ("rollup was", [_rounded(line.before.locked) for line in lines]),
            ("wallet is", [_rounded(line.after.wallet) for line in lines]),
            ("rollup is", [_rounded(line.after.locked) for line in lines]),
            ("gas", [f"{line.gas / ETHER:.6f}" for line in lines] if token == ETH else []),
            ("paid", [exact(line.paid, "+") for line in lines] if any(line.paid for line in lines) else []),
            ("fees", [f"{-line.costs / ETHER:+.6f}" for line in lines] if any(line.costs for line in lines) else []),
            ("undone", [exact(each.promised, "+") for each in lines] if any(x.promised for x in lines) else []),
            ("lost", [_result(line.lost) for line in lines]),
        ]
        shown = [(name, cells) for name, cells in columns if cells or name == "lost"]
        rows = [[name for name, _ in shown], *map(list, zip(*(cells for _, cells in shown), strict=True))]
        return f"{self.units[token]} in wallets on L1, and with the rollup: balances, what is on its way, bonds", rows

    def sentences(self) -> list[str]:
        """The rest in words."""
        before, after = self.before, self.after
        blocks, seconds = after.block - before.block, after.timestamp - before.timestamp
        found = [
            f"the bridge holds {exact(after.escrow[token])} {unit} and owes {exact(after.owed(token))}"
            for token, unit in self.units.items()
        ]
        if after.burned > before.burned:
            found.append(f"{exact(after.burned - before.burned)} ETH of lost bonds are burned")
        return [*found, f"L1: {blocks} blocks in {span(seconds)}; here it took {self.seconds:.1f} s"]

    def as_json(self) -> dict[str, Any]:
        """Everything for JSON; amounts in base units as decimal text, gas as numbers, times in seconds."""
        before, after = self.before, self.after
        return {
            "scenario": self.name,
            "summary": self.summary,
            "ok": self.ok,
            "lost": [
                {"name": each.name, "unit": self.units[each.token], "amount": str(each.lost)} for each in self.losses
            ],
            "funds": [line.as_json(self.units[line.token]) for line in self.lines],
            "bridge": [
                {"token": checksum(token), "unit": unit, "escrow": str(after.escrow[token]),
                 "owes": str(after.owed(token))}
                for token, unit in self.units.items()
            ],
            "burned": str(after.burned - before.burned),
            "costs": self.costs,
            "transactions": [asdict(deed) for deed in self.deeds],
            "gas": sum(deed.gas for deed in self.deeds),
            "l1": {
                "deployed_block": self.deployed_block,
                "first_block": before.block,
                "last_block": after.block,
                "blocks": after.block - before.block,
                "seconds": after.timestamp - before.timestamp,
            },
            "contracts": self.contracts,
            "seconds": round(self.seconds, 3),
            "reasons": self.reasons,
            "facts": self.facts,
            "story": self.story,
        }  # fmt: skip


def exact(amount: int, sign: str = "") -> str:
    """An amount of ETH or DEV to the last base unit."""
    return decimal(amount, ETHER_UNIT.decimals, sign)


def _rounded(amount: int) -> str:
    return f"{amount / ETHER:,.4f}"


def _result(lost: int) -> str:
    return f"won {exact(-lost)}" if lost < 0 else exact(lost)
