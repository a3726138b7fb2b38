"""The exact versions of the tools."""

from __future__ import annotations

from functools import cache
from pathlib import Path

SOLC_VERSION = "0.8.37"
SOLC_COMMIT = "f401782d"


@cache
def library_lock() -> str:
    """What pins the Solidity library (solady): part of the key of every compiled contract."""
    return (Path(__file__).parent / "npm" / "base" / "package-lock.json").read_text("utf-8")
