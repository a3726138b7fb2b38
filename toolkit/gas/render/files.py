"""Files that a report is written to: whole or not at all, and refused before anything is measured."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from toolkit.errors import BadInput


def check_writable(path: Path, *, folders: bool = False) -> None:
    """See that a file can be written there, and leave what is there as it is.

    Args:
        path: of the file.
        folders: whether it may also be a folder that is there, to write files in.

    Raises:
        BadInput: it cannot be written; the message says why.
    """
    if path.is_dir() and folders:
        path = path / "l2kit"
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a folder; name a file in it")
    if path.exists() and not path.is_file():  # a pipe or a device
        if not os.access(path, os.W_OK):
            raise BadInput(f"cannot write {path}: permission denied")
        return
    if path.exists() and not os.access(path, os.W_OK):
        raise BadInput(f"cannot write {path}: it is read-only")
    folder = path.resolve().parent
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=folder)
        os.close(descriptor)
        Path(temporary).unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader, or a kill, sees the old content or the new and nothing between.

    What a link points to is replaced, not the link; a pipe or a device is written to.

    Raises:
        BadInput: it cannot be written; the message says why.
    """
    check_writable(path)
    temporary = ""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = path.resolve()
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def _cannot_write(path: Path, error: OSError) -> BadInput:
    if isinstance(error, FileNotFoundError):
        return BadInput(f"cannot write {path}: there is no folder {path.resolve().parent}")
    return BadInput(f"cannot write {path}: {(error.strerror or str(error)).lower()}")
