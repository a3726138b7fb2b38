"""The faults of a devnet that stand, as its owner writes them into ``faults.json`` in the run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FAULTS = "faults.json"
"""In the run folder."""


@dataclass(frozen=True)
class Fault:
    """Something that was broken on purpose.

    Attributes:
        what: a service, "l1", "batch" or "tx".
        how: "vanish" or "offline"; "reorg" or "down"; "withhold"; "censor".
        since: Unix time (seconds).
        until: when it ends by itself (Unix time, seconds); None where it stands until it is healed. A reorganisation is
            over at once.
        detail: the censored address (EIP-55 text), the depth of a reorganisation, or for how many seconds L1 is down.
        said: all that for people, a sentence.
        transactions: that a reorganisation has taken out of L1's blocks (0x-hex).
    """

    what: str
    how: str
    since: float
    until: float | None = None
    detail: str | int | None = None
    said: str = ""
    transactions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "transactions": list(self.transactions)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Fault:
        """What `as_json` says."""
        return cls(**{**told, "transactions": tuple(told["transactions"])})


def standing_faults(folder: Path) -> list[Fault]:
    """The faults that stand in the devnet of a run folder, as its owner says; none where nobody keeps it."""
    try:
        return [Fault.of(each) for each in json.loads((folder / FAULTS).read_text())]
    except FileNotFoundError:
        return []
