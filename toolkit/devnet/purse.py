"""The money of a session on somebody else's network, as L1 shows it to whoever ends that session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.devnet.rpc import Rpc
from toolkit.errors import NodeError

_ETHER = 10**18
_SECONDS = 10.0


@dataclass(frozen=True)
class Left:
    """What there is after a session, in wei; None where L1's node does not say.

    Attributes:
        payer: address (EIP-55 text) of who paid for it.
        owned: by the payer.
        left: with the session's accounts.
    """

    payer: str
    owned: int | None
    left: int | None

    def told(self) -> str:
        """The same as a sentence."""
        if self.owned is None or self.left is None:
            return f"L1's node does not say whether all came back to {self.payer}"
        if self.left:
            here = f"{self.left / _ETHER:g} ETH is left with its accounts ('l2kit sweep' fetches what is worth its fee)"
        else:
            here = "nothing is left with its accounts"
        return f"{here}; {self.payer}, who paid for it, owns {self.owned / _ETHER:.6f} ETH"

    def described(self) -> dict[str, str | None]:
        """The same for programs: wei as decimal text."""
        amounts = {"owned": self.owned, "left": self.left}
        return {"payer": self.payer, **{name: None if wei is None else str(wei) for name, wei in amounts.items()}}


@dataclass(frozen=True)
class Purse:
    """Who holds the money of a session.

    Attributes:
        l1_rpc: URL of a node.
        payer: address of who pays.
        accounts: addresses of the session's.
    """

    l1_rpc: str
    payer: str
    accounts: Sequence[str]

    @staticmethod
    def of(file: Path) -> Purse | None:
        """That of the session that ``file`` describes; None where it has no payer, or is not there (yet)."""
        try:
            found: dict[str, Any] = json.loads(file.read_text())
            addresses = [str(each["address"]) for each in found["accounts"]]
            return Purse(str(found["l1"]["rpc"]), str(found["keys"]["payer"]), addresses)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def look(self) -> Left:
        """What there is now."""
        with closing(Rpc(self.l1_rpc, _SECONDS, patience=_SECONDS)) as rpc:
            try:
                found = rpc.batch(("eth_getBalance", [each, "latest"]) for each in (self.payer, *self.accounts))
                owned, *others = (int(wei, 16) for wei in found)
            except (NodeError, TypeError, ValueError):  # nobody answers, or no numbers
                return Left(self.payer, None, None)
        return Left(self.payer, owned, sum(others))
