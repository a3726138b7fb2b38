"""l2kit: an Ethereum devnet with real scaling protocols on it, measured against plain L1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.world import Devnet, Options

__all__ = ["Devnet", "Options"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # loaded when first used: web3 takes 1.8 s
        from toolkit import world

        return getattr(world, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
