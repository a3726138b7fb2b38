"""Blobs are proven in a process of its own, which comes and goes without harm."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from toolkit.devnet.blobs import BLOB_SIZE, MAX_BLOBS, make_sidecar
from toolkit.devnet.prover import Prover
from toolkit.devnet.settings import KEY_VARIABLE
from toolkit.errors import BadInput, ServiceError

pytestmark = pytest.mark.slow


def blob(seed: int) -> bytes:
    return b"".join(b"\0" + random.Random(seed).randbytes(31) for _ in range(seed))


WithProver = Callable[[Callable[[Prover], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def with_prover() -> Iterator[WithProver]:
    """Plays with one prover, whose process goes on from test to test: it takes two seconds to start."""
    prover = Prover()

    async def run(play: Callable[[Prover], Awaitable[None]]) -> None:
        await play(prover)

    with closing(asyncio.new_event_loop()) as loop:
        yield lambda play: loop.run_until_complete(run(play))
        loop.run_until_complete(prover.close())


def worker_of(prover: Prover) -> int:
    assert prover._process is not None
    return prover._process.pid


def test_a_sidecar_is_what_it_is_without_the_process(with_prover: WithProver) -> None:
    blobs = [blob(4096), blob(1), blob(4096), b""]

    async def play(prover: Prover) -> None:
        prover.begin(blobs[1])
        found = await prover.sidecar(blobs)
        assert found == make_sidecar(blobs)
        assert {len(each) for each in found.blobs} == {BLOB_SIZE}
        for number in (0, MAX_BLOBS + 1):
            with pytest.raises(BadInput, match=f"carries 1 to 6 blobs, not {number}"):
                await prover.sidecar([b""] * number)

    with_prover(play)


def test_whoever_is_interrupted_leaves_nothing_for_the_next(with_prover: WithProver) -> None:
    async def play(prover: Prover) -> None:
        await prover.sidecar([b""])
        waiting = asyncio.create_task(prover.sidecar([blob(2)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it is with the process now
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for number in range(3, 4 + MAX_BLOBS):
            prover.begin(blob(number))  # more than are kept
        assert await prover.sidecar([blob(3)]) == make_sidecar([blob(3)])

    with_prover(play)


def test_blobs_proven_long_ahead_are_there_when_others_of_their_batch_are_not(with_prover: WithProver) -> None:
    """The last blob of six has changed since: the first, which is the oldest known, must not make room for it."""
    ahead = [blob(number) for number in range(1, 1 + MAX_BLOBS)]
    blobs = [*ahead[:-1], blob(7)]

    async def play(prover: Prover) -> None:
        for each in ahead:
            prover.begin(each)
        assert await prover.sidecar(blobs) == make_sidecar(blobs)

    with_prover(play)


def test_a_killed_process_is_told_and_another_started_which_is_not_told_the_key(
    with_prover: WithProver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "11" * 32)
    start, told = asyncio.create_subprocess_exec, list[Mapping[str, str]]()

    async def noted(*command: str, **given: Any) -> asyncio.subprocess.Process:
        told.append(given.get("env") or os.environ)  # a process that is given none has ours
        return await start(*command, **given)

    async def play(prover: Prover) -> None:
        await prover.sidecar([b""])
        os.kill(worker_of(prover), signal.SIGKILL)
        with pytest.raises(ServiceError, match="the process that proves blobs has ended"):
            await prover.sidecar([blob(1)])
        monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
        assert await prover.sidecar([blob(1)]) == make_sidecar([blob(1)])

    with_prover(play)
    assert [KEY_VARIABLE in each for each in told] == [False]
    assert "PATH" in told[0]


def test_the_process_ends_with_its_owner() -> None:
    script = (
        "import asyncio\n"
        "from toolkit.devnet.prover import Prover\n"
        "async def run():\n"
        "    prover = Prover()\n"
        "    await prover.sidecar([b''])\n"
        "    print('proven', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    pipe = subprocess.PIPE
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "proven\n"
    owner.kill()
    owner.communicate(timeout=20)  # stderr is open as long as anything runs that was started from there
