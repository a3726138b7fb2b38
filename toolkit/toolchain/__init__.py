"""Tools that are not Python: where they come from, how they are pinned, and where they are kept."""

from __future__ import annotations

from pathlib import Path

from toolkit.toolchain.home import checkout, contracts_path, home
from toolkit.toolchain.npm import modules_path, node_path
from toolkit.toolchain.pins import SOLC_VERSION
from toolkit.toolchain.solc import solc_path


def anvil_path() -> Path:
    """The Anvil executable, installed first where it is missing."""
    return modules_path("base") / ".bin" / "anvil"


def include_path() -> Path:
    """The folder in which ``import "solady/..."`` is looked up."""
    return modules_path("base")


__all__ = [
    "SOLC_VERSION",
    "anvil_path",
    "checkout",
    "contracts_path",
    "home",
    "include_path",
    "node_path",
    "solc_path",
]
