"""How a running session is: its chains, its services, its contracts, told from its files and by who answers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from toolkit.devnet.faults import standing_faults
from toolkit.devnet.rpc import Rpc, without_secrets
from toolkit.devnet.running import find_devnet
from toolkit.devnet.supervision import STANDING
from toolkit.errors import BadInput, L2KitError

_PATIENCE_SECONDS = 5.0


def overview(file: Path | None = None) -> dict[str, Any]:
    """The session that ``file`` describes, or the only one that runs here.

    "l1" and "l2" have "url", and "trouble" where they do not answer; "l1" has "height" (blocks) and "time" (Unix
    seconds), "l2" the batches that are on L1 ("posted") and the one that is open ("open"). "services" has of each
    "state", "url", "pid", "since" (Unix seconds), "restarts", "reason" of the last end, and "last_words" of its log.
    "faults" is what is broken on purpose (`toolkit.devnet.faults.Fault`); what is down for that reason is not asked.

    Raises:
        BadInput: there is no such devnet, or it does not run any more.
    """
    file = find_devnet(file)
    try:
        found = json.loads(file.read_text())
        folder, logs = Path(found["folder"]), dict(found["logs"])
        if not folder.is_dir():
            raise BadInput(f"the devnet of {file} does not run any more")
        faults = standing_faults(folder)
        down = {each.what: each.said for each in faults if each.how in ("down", "vanish", "offline")}
        return {
            "session": found.get("session"),
            "pid": found.get("pid"),
            "folder": str(folder),
            "l1": {"chain_id": found["l1"]["chain_id"], **_l1(str(found["l1"]["rpc"]), down.get("l1"))},
            "l2": _l2(str(found["l2"]["rpc"]), down.get("sequencer")),
            "faults": [each.as_json() for each in faults],
            "services": {
                name: {**standing, "last_words": _last_words(logs.get(name))}
                for name, standing in _standing(folder, found["services"]).items()
            },
            "contracts": dict(found["contracts"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, L2KitError):
            raise
        raise BadInput(f"{file} is not a file that 'l2kit up' wrote: {error!r}") from error


def _standing(folder: Path, urls: dict[str, str]) -> dict[str, dict[str, Any]]:
    """How each service is, as its supervisor says; where there is none, as far as their files show."""
    try:
        told: dict[str, dict[str, Any]] = json.loads((folder / STANDING).read_text())
        return {name: _checked(each) for name, each in told.items()}
    except FileNotFoundError:
        return {name: _seen(folder / name / "ready.json", url) for name, url in urls.items()}


def _checked(told: dict[str, Any]) -> dict[str, Any]:
    """What the supervisor says of a service, who may not have seen the end of it yet, or have ended itself."""
    if told["pid"] is None or _lives(int(told["pid"])):
        return told
    return {**told, "state": "ended", "pid": None}


def _seen(ready: Path, url: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"state": "ended", "url": url, "pid": None, "since": None, "restarts": 0, "reason": None}
    try:
        pid = int(json.loads(ready.read_text())["pid"])
        since = ready.stat().st_mtime
    except (OSError, ValueError, KeyError):
        return seen
    return {**seen, "state": "running", "pid": pid, "since": since} if _lives(pid) else seen


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _l1(url: str, down: str | None) -> dict[str, Any]:
    if down is not None:
        return {"url": without_secrets(url), "trouble": down}
    rpc = Rpc(url, _PATIENCE_SECONDS)
    try:
        block = rpc.call("eth_getBlockByNumber", "latest", False)
        return {"url": without_secrets(url), "height": int(block["number"], 16), "time": int(block["timestamp"], 16)}
    except L2KitError as error:
        return {"url": without_secrets(url), "trouble": str(error)}
    finally:
        rpc.close()


def _l2(url: str, down: str | None) -> dict[str, Any]:
    if down is not None:
        return {"url": url, "trouble": down}
    rpc = Rpc(url, _PATIENCE_SECONDS)
    try:
        status = rpc.call("l2_status")
        return {"url": url, "posted": status["posted"], "open": status["open"], "frozen": status["frozen"] is not None}
    except L2KitError as error:
        return {"url": url, "trouble": str(error)}
    finally:
        rpc.close()


def _last_words(log: str | None) -> str:
    from toolkit.devnet.logs import last

    lines, _ = last(Path(log), 20) if log else ([], 0)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
