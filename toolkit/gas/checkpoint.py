"""What a stopped run has finished, kept on disk so that the same run goes on from there.

One file a run, under the toolchain's home: lines of JSON, each on the disk before the next is measured. The file's name
is the digest of everything that decides the results, so another workload, option, compiler or program text finds none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import toolkit
from toolkit.compile import compile_contracts
from toolkit.toolchain.folders import cannot_write, home, make_folder

_DECIDES = {".py", ".js", ".json"}
"""Files of ours that decide results, the pinned versions of compiler and nodes among them."""


def digest(decides: Mapping[str, Any]) -> str:
    """A name for results: of ``decides`` (JSON), of every contract's bytecode, and of our own program text."""
    found = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for name, artifact in sorted(compile_contracts().items()):
        found.update(name.encode() + b"\0" + artifact.bytecode)
    package = Path(toolkit.__file__).parent
    for path in sorted(each for each in package.rglob("*.*") if each.suffix in _DECIDES):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:32]


class Checkpoint:
    """Results by name, as they were kept and as they come in. A context manager; nothing is kept before it is entered.

    Where another process is at the same run, that one keeps its results and this one none.

    Attributes:
        kept: the results that were there at the beginning, and those since.

    Raises (every method):
        ToolchainError: the file cannot be read or written.
    """

    def __init__(self, name: str, *, fresh: bool = False) -> None:
        """
        Args:
            name: of the run, as `digest` gives it.
            fresh: whether what was kept is forgotten.
        """
        self.kept: dict[str, Any] = {}
        self._path = home() / "gas" / f"{name}.jsonl"
        self._fresh = fresh
        self._file: BinaryIO | None = None

    def __enter__(self) -> Checkpoint:
        make_folder(self._path.parent)
        try:
            self._file = self._path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read(self._file)
        except BlockingIOError:  # somebody else's
            if self._file is not None:
                self._file.close()
                self._file = None
        except OSError as error:
            raise cannot_write(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def keep(self, name: str, result: Any) -> None:
        """Keep a result (JSON); it is on the disk when this returns."""
        self.kept[name] = result
        if self._file is None:
            return
        try:
            self._file.write(json.dumps([name, result]).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def complete(self) -> None:
        """The run is over: forget what was kept."""
        self.kept = {}
        self._close()

    def _read(self, file: BinaryIO) -> None:
        file.seek(0)
        good = 0
        for line in [] if self._fresh else file:
            try:
                name, result = json.loads(line if line.endswith(b"\n") else b"")
            except (ValueError, TypeError):
                break  # torn by the end of the process that wrote it
            self.kept[name] = result
            good += len(line)
        file.truncate(good)

    def _close(self) -> None:
        if self._file is not None:
            if not self.kept:  # an empty file is no use to anybody
                with suppress(FileNotFoundError):
                    self._path.unlink()
            self._file.close()
            self._file = None
