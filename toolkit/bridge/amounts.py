"""Amounts, moments and spans of time as people write and read them: exact, never through a binary fraction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation

from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput

_SHOWN = 60
_SPAN = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,12})s)?|([0-9]{1,12})")
_SPANS = ((24 * 3600, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Unit:
    """What an asset is counted in.

    Attributes:
        symbol: e.g. "ETH".
        decimals: base units of one are 10 to this.
    """

    symbol: str
    decimals: int


ETHER_UNIT = Unit("ETH", 18)


@dataclass(frozen=True)
class Words:
    """How people read addresses and amounts.

    Attributes:
        names: of addresses (20 bytes).
        units: of tokens (20 bytes; the zero token is ETH). Of one that is missing here base units are told.
    """

    names: Mapping[bytes, str]
    units: Mapping[bytes, Unit]

    def who(self, address: bytes) -> str:
        """An address by its name, or as EIP-55 text."""
        return self.names.get(address) or checksum(address)

    def unit(self, token: bytes) -> Unit:
        """What a token is counted in."""
        return self.units.get(token) or Unit(f"base units of {checksum(token)}", 0)

    def amount(self, token: bytes, amount: int) -> str:
        """An amount in base units, exact, with its unit: "1,234.5 ETH"."""
        unit = self.unit(token)
        return f"{decimal(amount, unit.decimals)} {unit.symbol}"


def decimal(amount: int, decimals: int, sign: str = "") -> str:
    """``amount`` base units, exact: "1,234.5"; with ``sign`` "+" what is above zero has that before it."""
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = str(fraction).rjust(decimals, "0").rstrip("0") if fraction else ""
    return f"{'-' if amount < 0 else sign if amount else ''}{whole:,}{'.' if digits else ''}{digits}"


def parse_units(text: str, unit: Unit) -> int:
    """The base units that a decimal number says; raises BadInput with what is wrong in it.

    >>> parse_units("2.5", Unit("ETH", 18))
    2500000000000000000
    """
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    try:
        value = Decimal(text if text.isascii() and "_" not in text and len(text) <= 200 else "")
    except InvalidOperation:
        raise BadInput(f"the amount {shown!r} is not a number") from None
    if not value.is_finite() or value <= 0:
        raise BadInput(f"the amount {shown} is not above zero")
    if value.adjusted() > _SHOWN:
        raise BadInput(f"the amount {shown} is more {unit.symbol} than there can be")
    _, digits, exponent = value.as_tuple()
    scale = int(exponent) + unit.decimals
    units, coarse, fine = int("".join(map(str, digits))), int(10 ** max(scale, 0)), int(10 ** max(-scale, 0))
    if units % fine:
        raise BadInput(f"the amount {shown} is finer than {unit.symbol} is counted ({unit.decimals} decimals)")
    return units * coarse // fine


def span(seconds: int) -> str:
    """So much time in the two greatest units of it: "6 d 23 h", "12 min", "40 s"."""
    parts, left = list[str](), max(0, seconds)
    for size, name in _SPANS:
        count, left = divmod(left, size)
        if count or (not parts and size == 1):
            parts.append(f"{count} {name}")
        elif parts:
            break  # "6 d 3 s" says no more than "6 d"
        if len(parts) == 2:
            break
    return " ".join(parts)


def parse_span(text: str) -> int:
    """The seconds that "7d", "12h", "30m", "1d12h" or "90" say; raises BadInput where it is none, or not above zero.

    >>> parse_span("1d12h")
    129600
    """
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    found = _SPAN.fullmatch(text)
    if found is None or not text:
        raise BadInput(
            f"{shown!r} is no span of time: give days, hours, minutes or seconds, as 7d, 12h, 30m, 1d12h, 90"
        )
    days, hours, minutes, seconds, bare = (int(part or 0) for part in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + bare
    if not total:
        raise BadInput(f"the time {shown} is not above zero")
    return total


def moment(timestamp: int, now: int) -> str:
    """A time of L1's (seconds), absolute and from now: "2026-11-29 08:10:07 UTC (in 6 d 23 h)"."""
    away = timestamp - now
    relative = "now" if away == 0 else f"in {span(away)}" if away > 0 else f"{span(-away)} ago"
    return f"{utc(timestamp)} ({relative})"


def utc(timestamp: int) -> str:
    """A time of L1's (seconds) as text."""
    return datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
