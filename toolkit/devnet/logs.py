"""The logs of a devnet's processes, as files that grow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit.devnet.running import find_devnet
from toolkit.errors import BadInput

_POLL_SECONDS = 0.1


def find_logs(file: Path | None, only: str | None = None) -> dict[str, Path]:
    """The logs of the devnet that ``file`` describes, or of the only one that runs here, by the process's name.

    Args:
        only: the process whose log is wanted; None: all.

    Raises:
        BadInput: there is no such devnet or log, or it does not run any more.
    """
    file = find_devnet(file)
    try:
        described = json.loads(file.read_text())
        found = {str(name): Path(log) for name, log in described["logs"].items()}
        folder = Path(described["folder"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is not a file that 'l2kit up' wrote: {error!r}") from error
    if not folder.is_dir():
        raise BadInput(f"the devnet of {file} does not run any more")
    later = {log.stem: log for log in sorted(folder.glob("*.log"))}  # of processes that were started since
    found.update((name, log) for name, log in later.items() if name not in found)
    if only is None:
        return found
    if only not in found:
        raise BadInput(f"there is no log {only!r}; there are {', '.join(found)}")
    return {only: found[only]}


def last(log: Path, count: int) -> tuple[list[str], int]:
    """The last ``count`` whole lines of a log, and where `after` goes on (bytes)."""
    lines, end = after(log, 0)
    return lines[-count:] if count else [], end


def after(log: Path, start: int) -> tuple[list[str], int]:
    """The whole lines of a log from a byte on, and where the next one will begin; none where the log is gone."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            read = file.read()
    except OSError:
        return [], start
    whole = read[: read.rfind(b"\n") + 1]
    return whole.decode(errors="replace").splitlines(), start + len(whole)


def follow(logs: Mapping[str, Path], count: int) -> Iterator[tuple[str, str]]:
    """The last ``count`` lines of each log, and then those that come, each with its process's name.

    It ends with the last of the files.
    """
    ends: dict[str, int] = {}
    for name, log in logs.items():
        lines, ends[name] = last(log, count)
        yield from ((name, line) for line in lines)
    while any(log.exists() for log in logs.values()):
        for name, log in logs.items():
            lines, ends[name] = after(log, ends[name])
            yield from ((name, line) for line in lines)
        time.sleep(_POLL_SECONDS)
