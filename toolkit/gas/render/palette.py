"""Colours of charts and page, by role: one set for light, one for dark.

Text has a contrast of 4.5:1 at least to what it stands on, lines and bars 3:1 (WCAG 2.2, 1.4.3 and 1.4.11). Techniques
differ by marker and dash too, so that no chart needs colour. The hues start from Okabe and Ito's set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One role's colour on light and on dark, as ``#rrggbb``; no two roles share their light one."""

    light: str
    dark: str


ROLES: Mapping[str, Colour] = {
    "page": Colour("#f6f7f9", "#0f1419"),
    "card": Colour("#ffffff", "#181f27"),
    "ink": Colour("#1a2029", "#e7ebf0"),
    "muted": Colour("#566170", "#a3afbd"),
    "line": Colour("#d9dee5", "#323c48"),
    "head": Colour("#eef1f5", "#222b35"),
    "link": Colour("#0b57a4", "#7fbcff"),
    "derived": Colour("#0a5f8a", "#74c7f5"),
    "modelled": Colour("#8a4b00", "#f0b35e"),
    "l1-eth": Colour("#2b3441", "#dfe5ec"),
    "l1-erc20": Colour("#7b8694", "#96a3b2"),
    "batch-pay": Colour("#8a6d00", "#e3c53c"),
    "channel": Colour("#0072b2", "#56b4e9"),
    "hub": Colour("#00856a", "#2fcfa8"),
    "rollup-calldata": Colour("#d55e00", "#ff9350"),
    "rollup-blobs": Colour("#b0347f", "#f58fc6"),
    "open": Colour("#00518a", "#8cc8f7"),
    "pay": Colour("#2d7db1", "#4797cc"),
    "settle": Colour("#d97c0b", "#f2a33c"),
    "exit": Colour("#7f3f00", "#c46f1d"),
    "blobs": Colour("#c2458f", "#f48ec5"),
    "cooperative": Colour("#00866b", "#30cea7"),
    "alone": Colour("#0073b3", "#57b3e8"),
    "disputed": Colour("#d45d01", "#fe924f"),
    "cheaper": Colour("#cfe6dd", "#1f4238"),
}
"""By name: the page's surfaces and texts, techniques, parts of a cost, ways to leave."""

MARKERS: Mapping[str, str] = {
    "l1-eth": "o",
    "l1-erc20": "s",
    "batch-pay": "D",
    "channel": "^",
    "hub": "v",
    "rollup-calldata": "P",
    "rollup-blobs": "X",
    "cooperative": "o",
    "alone": "^",
    "disputed": "s",
}
DASHES: Mapping[str, tuple[float, tuple[float, ...] | None]] = {
    "l1-eth": (0, None),
    "l1-erc20": (0, (4, 1.5)),
    "batch-pay": (0, (1, 1.2)),
    "channel": (0, None),
    "hub": (0, (4, 1.5)),
    "rollup-calldata": (0, None),
    "rollup-blobs": (0, (4, 1.5)),
}


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
