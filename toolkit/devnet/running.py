"""The devnets that run on this machine, each found by the folder that it runs in."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from toolkit.devnet.process import PREFIX, is_held
from toolkit.errors import BadInput

DESCRIPTION = "devnet.json"
"""What ``l2kit up`` writes into its folder: everything that a program needs to use the devnet, keys included."""


def running_devnets() -> list[Path]:
    """The descriptions of the devnets of this user that run, by name.

    A folder of another user's is not looked at: it could lead whoever finds it to a node that lies.
    """
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{DESCRIPTION}")
    return sorted(file for file in found if _is_ours(file.parent) and is_held(file.parent))


def find_devnet(file: Path | None) -> Path:
    """``file``, or where that is None the description of the only devnet that runs here.

    Raises:
        BadInput: there is none, or there are several.
    """
    if file is not None:
        return file
    found = running_devnets()
    if not found:
        raise BadInput("no devnet runs here; start one with 'l2kit up', or name its JSON file with --devnet")
    if len(found) > 1:
        raise BadInput(f"{len(found)} devnets run here; say which with --devnet: {', '.join(map(str, found))}")
    return found[0]


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
