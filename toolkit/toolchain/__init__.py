"""Tools that are not Python: where they come from, how they are pinned, and where they are kept."""

from __future__ import annotations

from toolkit.toolchain.folders import checkout, contracts_path, home
from toolkit.toolchain.npm import node_path
from toolkit.toolchain.pins import (
    ANVIL_VERSION,
    FORGE_VERSION,
    HARDHAT_VERSION,
    SOLADY_VERSION,
    SOLC_VERSION,
)
from toolkit.toolchain.solc import solc_path
from toolkit.toolchain.tools import anvil_path, forge_path, hardhat_command, hardhat_modules, include_path, solady_path

__all__ = [
    "ANVIL_VERSION",
    "FORGE_VERSION",
    "HARDHAT_VERSION",
    "SOLADY_VERSION",
    "SOLC_VERSION",
    "anvil_path",
    "checkout",
    "contracts_path",
    "forge_path",
    "hardhat_command",
    "hardhat_modules",
    "home",
    "include_path",
    "node_path",
    "solady_path",
    "solc_path",
]
