"""The devnets that run on this machine, each found by the folder that it runs in, or by the name of its session."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from toolkit.devnet.process import PREFIX, is_held
from toolkit.errors import BadInput, ServiceError

DESCRIPTION = "devnet.json"
"""What ``l2kit up`` writes into its folder: everything that a program needs to use the devnet, keys included."""
DEFAULT_SESSION = "default"
"""The name of a session to which nobody gives another one."""
_CLAIM = "session.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_POLL_SECONDS = 0.02
_END_SECONDS = 120.0
"""That an owner may take to end: every process of its has 3 s before it is killed, and money may have to go back."""


@dataclass(frozen=True)
class Session:
    """A session that runs, or is about to.

    Attributes:
        name: unique among those of this user that run.
        pid: of its owner, the ``l2kit up``.
        folder: that it runs in.
        ports: of 127.0.0.1 that it uses, or was told to use.
    """

    name: str
    pid: int
    folder: Path
    ports: frozenset[int]

    @property
    def file(self) -> Path:
        """Its description; there once everything answers."""
        return self.folder / DESCRIPTION

    @property
    def lives(self) -> bool:
        """Whether its owner does; where not, its processes are ending."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def check_name(name: str) -> None:
    """Raise BadInput where a session cannot have this name."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a session: 64 letters, digits, '.', '_' and '-' at most, no sign first")


def running_devnets() -> list[Path]:
    """The descriptions of the devnets of this user that run, by name.

    A folder of another user's is not looked at: it could lead whoever finds it to a node that lies.
    """
    return [folder / DESCRIPTION for folder in _folders() if (folder / DESCRIPTION).exists()]


def running_sessions() -> list[Session]:
    """The sessions of this user that run or are about to, by name."""
    found = [session for folder in _folders() if (session := _read(folder)) is not None]
    return sorted(found, key=lambda session: (session.name, session.folder))


def claim(folder: Path, name: str, ports: Collection[int]) -> None:
    """Make a run folder of ours that of the session ``name``, which will use ``ports`` (beside any free ones).

    Of two that claim the same at the same moment both may be refused, and never none.

    Raises:
        BadInput: a session of this name runs already, or one that has one of the ports.
    """
    check_name(name)
    half = folder / f"{_CLAIM}.new"
    half.write_text(json.dumps({"session": name, "pid": os.getpid(), "ports": sorted(ports)}))
    half.replace(folder / _CLAIM)
    for other in running_sessions():
        if other.folder == folder or not other.lives:
            continue
        if other.name == name:
            raise BadInput(
                f"a session {name!r} runs already (process {other.pid}); end it with 'l2kit down --session {name}', "
                "or give this one another name with --session"
            )
        if taken := sorted(other.ports & set(ports)):
            raise BadInput(
                f"port {taken[0]} is that of the session {other.name!r} (process {other.pid}); end it with "
                f"'l2kit down --session {other.name}', or name another port"
            )


def find_devnet(file: Path | None, session: str | None = None) -> Path:
    """``file``, or the description of the session of that name, or of the only devnet that runs here.

    Raises:
        BadInput: there is none, or there are several, or both were named.
    """
    if file is not None and session is not None:
        raise BadInput(f"--devnet {file} and --session {session} both say which devnet; give one of them")
    if file is not None:
        return file
    if session is not None:
        chosen = find_session(session)
        if not chosen.file.exists():
            raise BadInput(f"the session {chosen.name!r} is still starting, or ending")
        return chosen.file
    found = running_devnets()
    if not found:
        raise BadInput("no devnet runs here; start one with 'l2kit up', or name its JSON file with --devnet")
    if len(found) > 1:
        names = {each.folder: f" ({each.name})" for each in running_sessions()}
        listed = ", ".join(f"{each}{names.get(each.parent, '')}" for each in found)
        raise BadInput(f"{len(found)} devnets run here; say which with --devnet or --session: {listed}")
    return found[0]


def find_session(name: str | None) -> Session:
    """The session of that name, or the only one that runs.

    Raises:
        BadInput: there is none, or no name was given and there are several.
    """
    found = running_sessions()
    names = ", ".join(each.name for each in found)
    if name is not None:
        check_name(name)
        for each in found:
            if each.name == name:
                return each
        there = f"there are {names}" if found else "none runs"
        raise BadInput(f"no session {name!r} runs here; {there}")
    if not found:
        raise BadInput("no session runs here; start one with 'l2kit up'")
    if len(found) > 1:
        raise BadInput(f"{len(found)} sessions run here; say which with --session: {names}")
    return found[0]


def end(session: Session) -> None:
    """End a session and wait until nothing is left of it: processes, ports and folder.

    Raises:
        ServiceError: something of it is still there after two minutes, and two more, though its owner was killed.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        # While the folder is held, the process id is the owner's, or its guards are just ending.
        if is_held(session.folder):
            with suppress(ProcessLookupError):
                os.kill(session.pid, number)
        deadline = time.monotonic() + _END_SECONDS
        while session.folder.exists():
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise ServiceError(f"the session {session.name!r} (process {session.pid}) does not end; see {session.folder}")


def _folders() -> list[Path]:
    """The run folders of this user that somebody holds."""
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    return sorted(folder for folder in found if _is_ours(folder) and is_held(folder))


def _read(folder: Path) -> Session | None:
    """The session in a run folder; None where it is none, such as a devnet that a program has for itself."""
    for file in (folder / _CLAIM, folder / DESCRIPTION):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(file.read_text())
            ports = frozenset(int(port) for port in found.get("ports", []))
            return Session(str(found["session"]), int(found["pid"]), folder, ports | _described_ports(folder))
    return None


def _described_ports(folder: Path) -> frozenset[int]:
    """The ports of this machine in a description, which are known once everything answers."""
    try:
        found = json.loads((folder / DESCRIPTION).read_text())
        urls = [str(found["l1"]["rpc"]), *map(str, found["services"].values())]
        parts = [urlsplit(url) for url in urls]
        return frozenset(part.port for part in parts if part.port and part.hostname in ("127.0.0.1", "localhost"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
