"""Faults as who uses a devnet asks for them; its owner breaks and mends (`toolkit.session.breaker`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.bridge.local import Local
from toolkit.devnet.accounts import checksum
from toolkit.devnet.faults import Fault
from toolkit.devnet.owner import Owner
from toolkit.errors import BadInput, ServiceError
from toolkit.session.clock import await_sights


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
        silent = await_sights(local)
        if away := [said for role, said in silent.items() if what is None or role in services]:
            raise ServiceError(f"not all is healed: {away[0]}")
    return healed


def _owner(local: Local) -> Owner:
    """Who keeps the devnet. Raises BadInput where it is none of this machine's."""
    folder: Path | None = local.folder
    if folder is None or not folder.is_dir():
        raise BadInput(
            "this devnet does not run on this machine, or does not run any more: nothing of it can be broken"
        )
    return Owner(folder)
