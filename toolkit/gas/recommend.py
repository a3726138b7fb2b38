"""Which technique suits somebody's payments: ranked by what they cost, from measured cells, with reasons.

The payments of a day go to L1 together. After a round of some days everybody leaves and opens anew: money goes one way
in the workload, so what was put in does not last for ever. Over ``days`` days a technique costs

    rounds * (open + settle + exit)(links)  +  days * (pay(payments a day) + upkeep)

where open, settle, exit and pay are of measured cells. Opening and leaving follow the line through the fewest and the
most links that were measured (channels between pairs, accounts with a hub or a rollup), paying the straight lines
between sizes; L1 batch pay has a batch for each payer of the day, so that more payers cost more. Upkeep is a rollup's
assertion and confirmation each day. Capital is that of a round, by the measured capital for each ETH moved.

All of it is a model: other people's payments are taken to go as the workload's, and lines to go on. A technique that
needs more than L1 has at its targets of gas and blobs is out of the question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Cell, Usage
from toolkit.gas.fees import GAS_PER_BLOB, LATEST
from toolkit.gas.figure import Figure, derived, modelled
from toolkit.gas.need import Need
from toolkit.gas.sheets.grid import L1, Grid, grids, source
from toolkit.gas.sheets.money import WEI_PER_ETH, Rates, decimal, eth, usd
from toolkit.gas.sheets.profile import BOND, DAY, PROFILES, TRUST, Way
from toolkit.gas.snapshot import Snapshot

LENIENT_DAYS = Decimal("0.05")
"""By which a way out may be slower than asked for: 7 days and the blocks around them are 7 days."""
BLOCK_SECONDS = 12
BLOCK_GAS = 60_000_000
"""Mainnet's gas limit since EIP-7935; at its target a block has half of it (EIP-1559)."""

_LEAVE = ("settle", "exit")
_TEAR = ("open", *_LEAVE)
_ROLLUPS = ("rollup-calldata", "rollup-blobs")
_UPKEEP = ("rollup: assert", "rollup: confirm")


@dataclass(frozen=True)
class Choice:
    """A technique that does what is needed, and at what cost.

    Attributes:
        technique: key of `TECHNIQUES`.
        wei: over the whole horizon.
        figures: gas, blob_gas, eth, usd, usd_per_payment, versus_l1, once (its share), exit_days, alone_days,
            disputed_days, capital.
        why: sentences.
    """

    technique: str
    wei: Fraction
    figures: Mapping[str, Figure]
    why: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Technique, its title, figures and reasons."""
        return {
            "technique": self.technique,
            "title": TECHNIQUES[self.technique],
            "figures": {name: each.as_json() for name, each in self.figures.items()},
            "why": list(self.why),
        }


@dataclass(frozen=True)
class Recommendation:
    """The techniques that do, the cheapest first, and those that do not.

    Attributes:
        need: what was asked for.
        rates: prices.
        ranked: the cheapest first.
        excluded: the others, with at least one reason each.
    """

    need: Need
    rates: Rates
    ranked: Sequence[Choice]
    excluded: Mapping[str, Sequence[str]]

    def as_json(self) -> dict[str, Any]:
        """All of it; prices in wei, and USD an ETH."""
        prices = self.rates.prices
        return {
            "need": self.need.as_json(),
            "prices": {
                "gas_price_wei": prices.gas_price,
                "blob_price_wei": prices.blob_base_fee,
                "eth_usd": str(self.rates.eth_usd),
            },
            "ranked": [each.as_json() for each in self.ranked],
            "excluded": [
                {"technique": key, "title": TECHNIQUES[key], "reasons": list(reasons)}
                for key, reasons in self.excluded.items()
            ],
        }


def recommend(need: Need, snapshot: Snapshot, rates: Rates) -> Recommendation:
    """Rank the techniques.

    Args:
        snapshot: what was measured; of several hardforks the last one counts.

    Raises:
        BadInput: it has no cells.
    """
    found = grids(snapshot.cells)
    if not found:
        raise BadInput(
            "there are no measured workloads to go by; give --from a file with the output of l2kit gas --json"
        )
    grid = found[-1]
    ranked, excluded = [], {}
    for technique in TECHNIQUES:
        choice = _choice(technique, need, grid, snapshot.receipts, rates)
        reasons = _against(technique, need, choice)
        if choice is None or reasons:
            excluded[technique] = reasons
        else:
            ranked.append(choice)
    ranked.sort(key=lambda each: each.wei)
    base = _choice(L1, need, grid, snapshot.receipts, rates)
    said = [_with_reasons(each, place, ranked, need, base, rates) for place, each in enumerate(ranked)]
    return Recommendation(need, rates, said, excluded)


def links(technique: str, parties: int, payments: int) -> int:
    """What must be opened and closed: channels between pairs, accounts with a hub or a rollup; nothing on L1.

    No more channels than payments, and no more accounts than payers and payees.
    """
    if technique == "channel":
        return min(parties * (parties - 1) // 2, payments)
    if technique == "hub" or technique in _ROLLUPS:
        return min(parties, 2 * payments)
    return 0


def _choice(technique: str, need: Need, grid: Grid, receipts: Mapping[str, int], rates: Rates) -> Choice | None:
    """What it costs; None where that was not measured."""
    cells, largest = grid.of(technique), grid.largest(technique)
    upkeep = 0
    if technique in _ROLLUPS:
        if any(row not in receipts for row in _UPKEEP):
            return None
        upkeep = sum(receipts[row] for row in _UPKEEP)
    if largest is None:
        return None
    gas = _Gas(technique, need, cells)
    rounds, days = need.rounds, need.horizon_days
    once, blobs_once = (rounds * gas.of_links(what, _TEAR) for what in (_gas, _blob_gas))
    total = once + days * (gas.of_day(_gas) + upkeep)
    blob_total = blobs_once + days * gas.of_day(_blob_gas)
    prices = rates.prices
    wei = total * prices.gas_price + blob_total * prices.blob_base_fee
    wei_once = once * prices.gas_price + blobs_once * prices.blob_base_fee
    equation = gas.equation(bool(upkeep))
    figures = {
        "gas": modelled(decimal(total), equation),
        "blob_gas": modelled(decimal(blob_total), equation),
        "eth": modelled(eth(wei), rates.equation),
        "usd": modelled(usd(wei, rates.eth_usd), rates.equation_usd),
        "usd_per_payment": modelled(
            usd(wei / need.payments, rates.eth_usd), f"{rates.equation_usd} / {need.payments:,} payments"
        ),
        "once": modelled(decimal(wei_once / wei) if wei else None, "cost of opening and leaving / all"),
        "exit_days": _together(gas, largest),
        "alone_days": _days(PROFILES[technique].alone),
        "disputed_days": _days(PROFILES[technique].disputed),
        "capital": _capital(cells, need),
    }
    return Choice(technique, wei, figures)


def _gas(used: Usage) -> int:
    return used.gas


def _blob_gas(used: Usage) -> int:
    return used.blob_gas


@dataclass(frozen=True)
class _Gas:
    """Gas of what is needed, from a technique's cells, the fewest payments first."""

    technique: str
    need: Need
    cells: Sequence[Cell]

    @property
    def links(self) -> int:
        """That are needed."""
        return links(self.technique, self.need.parties, self.need.payments_in_round)

    @property
    def _ends(self) -> tuple[tuple[int, Cell], tuple[int, Cell]]:
        """The cells with the fewest and the most links."""
        known = {links(self.technique, each.parties, each.payments): each for each in self.cells}
        return (min(known), known[min(known)]), (max(known), known[max(known)])

    def of_links(self, what: Callable[[Usage], int], phases: Sequence[str]) -> Fraction:
        """What these phases use for the links of a round: on the line through the cells with the fewest and the most.

        Where all cells have as many, in proportion; never less than with the fewest.
        """
        (few, less), (many, more) = self._ends
        low, high = (sum(what(each.phases.get(phase, Usage())) for phase in phases) for each in (less, more))
        if few == many:
            return Fraction(high * self.links, many) if many else Fraction(high)
        return low + max(Fraction(0), Fraction(high - low, many - few)) * max(0, self.links - few)

    def of_day(self, what: Callable[[Usage], int]) -> Fraction:
        """Paying a day's payments."""
        payments = self.need.payments_per_day
        if self.technique == "batch-pay":
            return paid_in_batches(self.cells, payments, payers(self.need.parties, payments), what)
        return paid(self.cells, payments, what)

    def equation(self, upkeep: bool) -> str:
        """In words and numbers."""
        (few, _), (many, _) = self._ends
        line = f", on the line through {few} and {many}" if self.links not in (few, many) else ""
        once = f"{self.need.rounds} * (open + settle + exit of {self.links:,}{line}) + " if many else ""
        more = " + assertion + confirmation" if upkeep else ""
        days = f"{self.need.horizon_days:,} * (pay({self.need.payments_per_day:,}){more})"
        return f"{once}{days}; {source(self.cells[-1])}"


def paid(cells: Sequence[Cell], payments: int, what: Callable[[Usage], int]) -> Fraction:
    """What paying so many payments uses: on the straight line between the neighbouring sizes.

    Below the fewest the first line goes on, but no lower than in proportion; beyond the most the last one, and it never
    falls. A single size is taken in proportion, and no smaller than it is.

    Args:
        cells: of one technique, the fewest payments first; at least one.
    """
    known = [(each.payments, what(each.phases.get("pay", Usage()))) for each in cells]
    least, lowest = known[0]
    if len(known) == 1:
        return max(Fraction(lowest), Fraction(lowest * payments, least))
    if payments <= least:
        size, cost = known[1]
        slope = max(Fraction(0), Fraction(cost - lowest, size - least))
        return max(Fraction(lowest * payments, least), lowest - slope * (least - payments))
    for (low, cost), (high, more) in pairwise(known):
        if payments <= high:
            return cost + Fraction(payments - low, high - low) * (more - cost)
    (before, less), (size, cost) = known[-2:]
    return cost + max(Fraction(0), Fraction(cost - less, size - before)) * (payments - size)


def payers(parties: int, payments: int) -> int:
    """How many of the parties pay something, if each payment is as likely anybody's (rounded)."""
    return max(1, round(parties * -math.expm1(payments * math.log1p(-1 / parties))))


def paid_in_batches(
    cells: Sequence[Cell], payments: int, batches: int, what: Callable[[Usage], int] = _gas
) -> Fraction:
    """What so many payments in so many batches use: ``a * batches + b * payments``.

    Args:
        cells: of L1 batch pay, the fewest payments first; at least one. a and b are those of the smallest and the
            largest; where these do not tell them: `paid`.
    """
    ends = [each.phases.get("pay", Usage()) for each in (cells[0], cells[-1])]
    (t1, p1, g1), (t2, p2, g2) = (
        (used.transactions, each.payments, what(used)) for used, each in zip(ends, (cells[0], cells[-1]), strict=True)
    )
    if not (apart := t1 * p2 - t2 * p1):
        return paid(cells, payments, what)
    each_batch, each_payment = Fraction(g1 * p2 - g2 * p1, apart), Fraction(t1 * g2 - t2 * g1, apart)
    if min(each_batch, each_payment) < 0:
        return paid(cells, payments, what)
    return each_batch * batches + each_payment * payments


def _together(gas: _Gas, cell: Cell) -> Figure:
    """Days until all links are closed if all help: the wait, as measured, and the blocks that leaving fills."""
    if not gas.links:
        return derived(Decimal(0), PROFILES[gas.technique].cooperative.who)
    waiting = max(0, cell.exit_seconds - cell.exit_blocks)  # the lab makes a block a second
    blocks = max(1, -int(-gas.of_links(_gas, _LEAVE) // BLOCK_GAS))
    equation = (
        f"({waiting:,} s waited by the run + {BLOCK_SECONDS} s * {blocks:,} blocks of {BLOCK_GAS:,} gas) / 86,400; "
        f"{source(cell)}"
    )
    return modelled(decimal(Fraction(waiting + BLOCK_SECONDS * blocks, DAY)), equation)


def _days(way: Way) -> Figure:
    if way.seconds is None:
        return derived(Decimal(0), way.who)
    return derived(decimal(Fraction(way.seconds.value({})) / DAY), f"({way.seconds}) / 86,400")


def _capital(cells: Sequence[Cell], need: Need) -> Figure:
    """Of a round, by the largest cell that has no more payments than it, or by the smallest.

    More than what is moved need not be locked, with a hub twice that (the hub fronts it); a cell of few payments shows
    more only for its margins. A rollup's bond is one, however much is moved.
    """
    fitting = [each for each in cells if each.payments <= need.payments_in_round] or cells[:1]
    cell = fitting[-1]
    if cell.value == 0:
        return derived(None, "nothing was paid")
    most = 2 if cell.technique == "hub" else 1
    bond = BOND if cell.technique in _ROLLUPS else 0
    moved = Fraction(need.value) * need.payments_in_round
    locked = (
        Fraction(bond, WEI_PER_ETH) + min(Fraction(most), Fraction(max(0, cell.capital - bond), cell.value)) * moved
    )
    share = f"min({most}, (capital - bond) / value)" if bond else f"min({most}, capital / value)"
    equation = f"{share} * {_moved(moved)} ETH moved in a round{' + bond' if bond else ''}; {source(cell)}"
    return modelled(decimal(locked), equation)


def _moved(amount: Fraction) -> str:
    """ETH for people."""
    return f"{decimal(amount):,f}"


_WAYS = {"together": "exit_days", "alone": "alone_days", "disputed": "disputed_days"}


def _against(technique: str, need: Need, choice: Choice | None) -> list[str]:
    """Why not; nothing where it does."""
    reasons = []
    if technique == "l1-erc20":
        reasons.append("it moves tokens, not ETH")
    if refused := sorted(PROFILES[technique].assumes - need.trust):
        reasons += [f"it assumes {name}: {TRUST[name]}" for name in refused]
    if choice is None:
        return [*reasons, "it was not measured"]
    days = choice.figures[_WAYS[need.exit]].value
    if isinstance(days, Decimal) and days > need.max_exit_days + LENIENT_DAYS:
        ways = {"together": "with everybody's help", "alone": "without anybody's help", "disputed": "in a dispute"}
        reasons.append(
            f"{ways[need.exit]} everybody is out after {span(days)}, and {span(need.max_exit_days)} may pass"
        )
    capital = choice.figures["capital"].value
    if need.max_capital is not None and isinstance(capital, Decimal) and capital > need.max_capital:
        reasons.append(
            f"it locks {_number(capital)} ETH in a round, and {_number(need.max_capital)} ETH may be; "
            "shorter rounds lock less"
        )
    return reasons + _without_room(need, choice)


def _without_room(need: Need, choice: Choice) -> list[str]:
    """Why L1 cannot carry it at its targets; nothing where it can."""
    blocks = DAY // BLOCK_SECONDS
    room = {"gas": blocks * BLOCK_GAS // 2, "blob_gas": blocks * LATEST.target * GAS_PER_BLOB}
    reasons = []
    for key, most in room.items():
        value = choice.figures[key].value
        daily = value / need.horizon_days if isinstance(value, Decimal) else Decimal(0)
        if daily > most:
            what = key.replace("_", " ")
            reasons.append(f"it needs {_number(daily)} {what} a day, and all of L1 has {_number(Decimal(most))}")
    return reasons


def _with_reasons(
    choice: Choice, place: int, ranked: Sequence[Choice], need: Need, base: Choice | None, rates: Rates
) -> Choice:
    figures = dict(choice.figures)
    versus = choice.wei / base.wei if base and base.wei else None
    figures["versus_l1"] = modelled(
        None if versus is None else decimal(versus), f"cost / cost of as many L1 ETH transfers; {rates.equation}"
    )
    why = [
        f"{_number(figures['eth'].value)} ETH over {counted(need.horizon_days, 'day')}, "
        f"{_number(figures['usd_per_payment'].value)} USD a payment"
    ]
    if choice.technique != L1 and versus is not None:
        why.append(f"{_percent(versus)} of what L1 ETH transfers cost")
    if place == 0:
        why.append("the cheapest of those that do")
    elif ranked[0].wei:
        why.append(f"{_number(decimal(choice.wei / ranked[0].wei))} times as much as {TECHNIQUES[ranked[0].technique]}")
    count = links(choice.technique, need.parties, need.payments_in_round)
    once = figures["once"].value
    if count and isinstance(once, Decimal):
        what = counted(count, "channel" if choice.technique == "channel" else "account")
        often = "once" if need.rounds == 1 else f"{need.rounds:,} times"
        why.append(f"{_percent(Fraction(once))} of it to open and leave {what} {often}")
    if choice.technique == "batch-pay":
        why.append("nobody is paid before the batch of the day")
    why.append(_leaving(figures))
    if figures["capital"].value:
        days = min(need.round_days, need.horizon_days)
        why.append(f"locks {_number(figures['capital'].value)} ETH in a round of {span(days)}")
    assumes = sorted(PROFILES[choice.technique].assumes)
    why.append(f"assumes {' and '.join(assumes)}" if assumes else "assumes nothing but L1")
    if choice.wei / need.payments > Fraction(need.value) * WEI_PER_ETH:
        why.append("a payment costs more than it moves")
    return Choice(choice.technique, choice.wei, figures, why)


def _leaving(figures: Mapping[str, Figure]) -> str:
    together, alone, disputed = (span(figures[key].value) for key in ("exit_days", "alone_days", "disputed_days"))
    if alone == disputed == "no time":
        return "the money never leaves L1"
    return f"out after {together} together, {alone} alone, {disputed} in a dispute"


def counted(count: int, what: str) -> str:
    """So many of something."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def span(days: Any) -> str:
    """Days as a time for people."""
    seconds = Decimal(days) * DAY
    if not seconds:
        return "no time"
    for unit, size in (("day", DAY), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = _number(seconds / size)
            return f"{count} {unit}" if count == "1" else f"{count} {unit}s"
    return f"{_number(seconds)} s"


def _number(value: Any) -> str:
    """A number with four significant digits, without an exponent."""
    if value is None:
        return "?"
    if not value:
        return "0"
    rounded = Decimal(f"{Decimal(value):.3e}")
    return f"{rounded.normalize():,f}"


def _percent(share: Fraction) -> str:
    return f"{_number(decimal(100 * share))} %"


def trusted(names: Iterable[str]) -> frozenset[str]:
    """What may be assumed, from words: keys of `TRUST`, or "none" or "any" alone; nothing said means any.

    Raises:
        BadInput: there is no such word, or one that excludes the others is among them.
    """
    words = list(dict.fromkeys(names)) or ["any"]
    known = ("none", *TRUST, "any")
    if unknown := [word for word in words if word not in known]:
        raise BadInput(f"nothing here assumes {unknown[0]!r}; there are {', '.join(known)}")
    for alone, meaning in (("none", frozenset[str]()), ("any", frozenset(TRUST))):
        if alone in words:
            if len(words) > 1:
                raise BadInput(f"trust is {alone!r} or {', '.join(w for w in words if w != alone)}, not both")
            return meaning
    return frozenset(words)
