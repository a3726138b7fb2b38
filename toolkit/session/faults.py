"""Faults as who uses a devnet asks for them; its owner breaks and mends (`toolkit.session.breaker`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from toolkit.bridge.local import Local
from toolkit.bridge.passage import POLL_SECONDS
from toolkit.devnet.accounts import checksum
from toolkit.devnet.faults import Fault
from toolkit.devnet.owner import Owner
from toolkit.errors import BadInput, ServiceError
from toolkit.session.clock import SEEN_SECONDS, await_sights


def fault(local: Local, what: str, how: str, detail: str | int | None, warn: Callable[[str], object]) -> Fault:
    """Break something on purpose; see `toolkit.session.Session.fault`."""
    told: dict[str, Any] = {"what": what, "how": how, "detail": detail}
    if what == "tx" and isinstance(detail, str):
        told |= {"detail": checksum(local.address(detail)), "name": detail if detail in local.accounts else ""}
    done = Fault.of(_owner(local).ask("fault", **told)["fault"])
    if how == "reorg":
        for each in await_sights(local).values():
            warn(f"{each}, so it has not seen the reorganisation yet")
    return done


def heal(local: Local, what: str | None) -> list[Fault]:
    """Mend what is broken; see `toolkit.session.Session.heal`."""
    answer = _owner(local).ask("heal", what=what)
    healed, services = [Fault.of(each) for each in answer["healed"]], answer["services"]
    if services or any(each.what == "l1" for each in healed):
        deadline = time.monotonic() + SEEN_SECONDS
        while away := [said for role, said in await_sights(local).items() if what is None or role in services]:
            if time.monotonic() > deadline:
                raise ServiceError(f"not all is healed: {away[0]}")
            time.sleep(POLL_SECONDS)  # one that has just been started may be slow at first
    return healed


def heal_since(local: Local, before: Sequence[Fault]) -> None:
    """Mend what has been broken since ``before`` stood; errors as of `heal`."""
    new = {each.what for each in local.faults() if each not in before}
    if not before and new:
        heal(local, None)
        return
    for what in sorted(new, key=lambda what: _ORDER.get(what, 1)):
        heal(local, what)


_ORDER = {"l1": 0, "batch": 2, "tx": 2}
"""What is mended first (services between): nobody is back without L1, and no sequencer made honest that is away."""


def _owner(local: Local) -> Owner:
    """Who keeps the devnet. Raises BadInput where it is none of this machine's."""
    folder: Path | None = local.folder
    if folder is None or not folder.is_dir():
        raise BadInput(
            "this devnet does not run on this machine, or does not run any more: nothing of it can be broken"
        )
    return Owner(folder)
