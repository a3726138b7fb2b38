"""The exact versions of the tools, read from the lock files beside them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ANVIL_VERSION = "1.7.1"
FORGE_VERSION = "1.7.1"
HARDHAT_VERSION = "3.18.0"
SOLC_VERSION = "0.8.37"
SOLC_COMMIT = "f401782d"
SOLADY_VERSION = "0.1.26"


@cache
def npm_lock(group: str) -> bytes:
    """The package lock of a group of npm packages: what pins everything in it."""
    return (npm_folder(group) / "package-lock.json").read_bytes()


def npm_folder(group: str) -> Path:
    """The folder that describes a group: its ``package.json`` and ``package-lock.json``."""
    return Path(__file__).parent / "npm" / group
