"""Who is told to stand still does so, and goes on, whatever becomes of who has told it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from toolkit.channel.config import Config
from toolkit.channel.service import Service
from toolkit.devnet import hold
from toolkit.devnet.hold import SOCKET, Gate, Holder, StandsStill, listening

PATIENCE = 20.0
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Kept:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.went = asyncio.Event()

    async def hold(self) -> None:
        self.told.append("hold")

    async def go(self) -> None:
        self.told.append("go")
        self.went.set()

    def fail(self, error: Exception) -> None:
        raise error


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), PATIENCE)

    asyncio.run(bounded())


@asynccontextmanager
async def talking(place: Path) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_unix_connection(str(place / SOCKET))
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(talk: Talk, line: bytes) -> dict[str, Any]:
    talk[1].write(line + b"\n")
    said: dict[str, Any] = json.loads(await talk[0].readline())
    return said


HOLD = b'{"do": "hold"}'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not a command"),
        (b"[" * 100_000, "not a command"),
        (b'{"what": 1}', "not a command"),
        (b'{"do": "dance"}', "there is no command 'dance'"),
    ],
    ids=["half", "deep", "nothing", "dance"],
)
def test_what_is_no_command_is_refused_and_the_next_one_obeyed(tmp_path: Path, line: bytes, why: str) -> None:
    async def test() -> None:
        holder, service = Holder(tmp_path), Kept()
        holder.service = service
        async with listening(holder, tmp_path / SOCKET), talking(tmp_path) as talk:
            assert why in (await ask(talk, line))["error"]
            assert await ask(talk, HOLD) == {}
            assert service.told == ["hold"]

    run(test)


@pytest.mark.parametrize("last", [b"", b"x" * 100], ids=["gone", "long"])
def test_who_is_held_goes_on_when_its_holder_breaks_off(
    tmp_path: Path, last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "_LONGEST_LINE", 50)

    async def test() -> None:
        holder, service = Holder(tmp_path), Kept()
        holder.service = service
        async with listening(holder, tmp_path / SOCKET), talking(tmp_path) as talk:
            assert await ask(talk, HOLD) == {}
            talk[1].write(last)
            if not last:
                talk[1].close()
            await service.went.wait()
            assert service.told == ["hold", "go"]

    run(test)


def test_a_peer_that_is_starting_stands_still_once_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        service = Service(Config(31337, b"\xc0" * 20, tmp_path), b"\x01" * 32)
        may, answers = asyncio.Event(), list[Any]()
        listen = service._listen

        async def slowly(stack: Any) -> Any:
            await may.wait()
            return await listen(stack)

        monkeypatch.setattr(service, "_listen", slowly)
        running = asyncio.create_task(service.run(answers.append))
        while not (tmp_path / SOCKET).exists():
            await asyncio.sleep(0)
        async with talking(tmp_path) as talk:
            held = asyncio.create_task(ask(talk, HOLD))
            await asyncio.sleep(0.05)
            assert not held.done()
            may.set()
            assert await held == {}
            assert answers, "it answers, and so it has opened its port"
            assert await ask(talk, b'{"do": "go"}') == {}
            assert await ask(talk, b'{"do": "channels"}') == {"channels": []}
        service.stop()
        await running

    run(test)


def test_a_call_waits_at_a_closed_gate_and_one_that_takes_too_long_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "DRAIN_SECONDS", 0.01)
    monkeypatch.setattr(hold, "WAIT_SECONDS", 0.01)

    async def test() -> None:
        gate, begun = Gate(), asyncio.Event()

        async def forever() -> None:
            begun.set()
            await asyncio.Event().wait()

        async def at_once() -> int:
            return 7

        slow = asyncio.create_task(gate.through(forever))
        await begun.wait()
        await gate.close()
        with pytest.raises(StandsStill, match="look what came of it") as dropped:
            await slow
        assert dropped.value.begun
        with pytest.raises(StandsStill, match="ask again") as waited:
            await gate.through(at_once)
        assert not waited.value.begun
        gate.open()
        assert await gate.through(at_once) == 7

    run(test)
