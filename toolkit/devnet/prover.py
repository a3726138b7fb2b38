"""Makes the sidecars of blobs in a process of its own: ``python -m toolkit.devnet.prover``.

A blob takes a third of a second, in which ckzg lets no other thread of its process run. The process takes blobs of
131,072 bytes at its stdin and answers each with its commitment and its cell proofs; it ends with its stdin, so that it
does not outlive us however we end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence

from toolkit.devnet.blobs import BLOB_SIZE, MAX_BLOBS, Sidecar, commit, make_sidecar, versioned_hash
from toolkit.devnet.settings import KEY_VARIABLE
from toolkit.errors import BadInput, ServiceError

_POINT_SIZE = 48
_CELLS = 128
_ANSWER_SIZE = _POINT_SIZE * (1 + _CELLS)


class Prover:
    """The process, started when it is first needed, and again where it has ended; one blob after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._begun: dict[bytes, asyncio.Task[bytes]] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    def begin(self, blob: bytes) -> None:
        """Prove a blob that may soon be asked for; the latest few are kept."""
        task = self._begun.pop(blob, None)
        if task is None:
            task = asyncio.create_task(self._prove(blob))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        self._begun[blob] = task  # the latest, also where it was there already
        while len(self._begun) > MAX_BLOBS:
            del self._begun[next(iter(self._begun))]

    async def sidecar(self, blobs: Sequence[bytes]) -> Sidecar:
        """`blobs.make_sidecar`, without holding anybody up; two seconds later where the process must start.

        Raises:
            BadInput: they are too many.
            ServiceError: the process has ended over it; it may be tried again.
        """
        if not 0 < len(blobs) <= MAX_BLOBS:
            raise BadInput(f"a transaction carries 1 to {MAX_BLOBS} blobs, not {len(blobs)}")
        for blob in blobs:
            self.begin(blob)
        tasks = [self._begun[blob] for blob in blobs]
        for blob in set(blobs):
            del self._begun[blob]
        answers = [await task for task in tasks]
        commitments = tuple(answer[:_POINT_SIZE] for answer in answers)
        starts = range(_POINT_SIZE, _ANSWER_SIZE, _POINT_SIZE)
        proofs = tuple(answer[start : start + _POINT_SIZE] for answer in answers for start in starts)
        return Sidecar(tuple(map(_full, blobs)), commitments, proofs, tuple(map(versioned_hash, commitments)))

    async def close(self) -> None:
        """End the process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end()

    async def _prove(self, blob: bytes) -> bytes:
        async with self._turn:
            try:
                if self._process is None:
                    pipe = asyncio.subprocess.PIPE
                    command = (sys.executable, "-m", "toolkit.devnet.prover")
                    # Our key is nothing that it needs.
                    env = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
                    self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=env)
                reader, writer = self._process.stdout, self._process.stdin
                assert reader is not None and writer is not None
                writer.write(_full(blob))
                await writer.drain()
                return await reader.readexactly(_ANSWER_SIZE)
            except BaseException as error:
                await self._end()  # or the next blob would get this one's answer
                if isinstance(error, (OSError, asyncio.IncompleteReadError)):
                    raise ServiceError("the process that proves blobs has ended") from error
                raise

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _done(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever awaits it, if anybody, hears of it


def _full(blob: bytes) -> bytes:
    return blob.ljust(BLOB_SIZE, b"\0")


def main() -> None:
    """Answer until stdin ends."""
    commit(b"")  # loads the trusted setup
    while len(blob := sys.stdin.buffer.read(BLOB_SIZE)) == BLOB_SIZE:
        sidecar = make_sidecar([blob])
        sys.stdout.buffer.write(b"".join((*sidecar.commitments, *sidecar.proofs)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
