"""Where the tools and caches live, and how several processes share them.

    home()/npm/<group>/      packages of the npm registry (see ``npm.py``)
    home()/solc/             the compiler, under the name py-solc-x looks for
    home()/artifacts/        compiled contracts, by content
    home()/ape/              ape's data folder
    home()/matplotlib/       matplotlib's list of fonts
    home()/locks/            one file a lock

In a checkout this is ``.l2kit`` beside ``pyproject.toml``, so that nothing is written to the user's home folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolkit.errors import ToolchainError

HOME_VARIABLE = "L2KIT_HOME"
_PACKAGE = Path(__file__).resolve().parent.parent


def checkout() -> Path | None:
    """The root of the checkout this package runs from, or None where it was installed."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "contracts").is_dir() else None


def contracts_path() -> Path:
    """The folder of the Solidity sources: the checkout's, or the installed package's."""
    root = checkout()
    return root / "contracts" if root else _PACKAGE / "contracts"


def home() -> Path:
    """The toolchain's folder: ``$L2KIT_HOME``, else ``.l2kit`` of the checkout, else the user's cache folder."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    root = checkout()
    if root:
        return root / ".l2kit"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "l2kit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "l2kit"


def make_folder(path: Path) -> Path:
    """Create a folder of the toolchain and return it.

    Raises:
        ToolchainError: it cannot be created; the message names the folder and the mend.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: Path, error: OSError) -> ToolchainError:
    """The error for a file or folder of the toolchain that cannot be written, with the mend."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ToolchainError(f"the disk is full while writing {path}: free some space and run the same again")
    return ToolchainError(
        f"cannot write {path} ({error.strerror or error}): make it writable, or set {HOME_VARIABLE} to a folder that is"
    )


def say(text: str) -> None:
    """One line of progress on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step: a reader, or a kill, sees the old content or the new and nothing between.

    Raises:
        ToolchainError: the file cannot be written.
    """
    make_folder(path.parent)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(temporary).unlink()
        raise cannot_write(path, error) from error


@contextmanager
def lock(name: str, waiting_for: str) -> Iterator[None]:
    """Hold the lock ``name`` of this home among processes and threads; the system drops it when a process dies.

    Args:
        name: of the lock, for example "compile".
        waiting_for: what another process is doing when we have to wait, for the line of progress.

    Raises:
        ToolchainError: the lock file cannot be made.
    """
    path = make_folder(home() / "locks") / f"{name}.lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise cannot_write(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is {waiting_for} ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
