"""Who ends is started again, later each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import eventually

from toolkit.devnet.process import RunFolder
from toolkit.devnet.supervision import MOST_PAUSE_SECONDS, STANDING, STEADY_SECONDS, Launched, Supervisor

URL = "http://127.0.0.1:1"


class Bench:
    """A supervisor of one service, under a clock that a test holds."""

    def __init__(self, folder: RunFolder, *, restart: bool = True) -> None:
        self.folder, self.now, self.launches = folder, 0.0, 0
        self.launched = self.launch("worker", URL)
        self.answer()
        services = {"worker": self.launched}
        self.supervisor = Supervisor(folder, services, self.launch, restart=restart, clock=lambda: self.now)

    def launch(self, name: str, url: str) -> Launched:
        assert (name, url) == ("worker", URL)
        self.launches += 1
        self.ready.unlink(missing_ok=True)
        self.launched = Launched(self.folder.start(name, ["sleep", "1000"]), self.ready)
        return self.launched

    @property
    def ready(self) -> Path:
        return self.folder.path / "ready.json"

    def answer(self) -> None:
        self.ready.write_text(json.dumps({"url": URL, "pid": 100 + self.launches}))

    def end(self) -> list[str]:
        self.launched.child.kill()
        return self.supervisor.tick()

    def again(self) -> list[str]:
        """The service is started again, and answers."""
        assert self.supervisor.tick() == []
        self.answer()
        return self.supervisor.tick()

    def told(self) -> tuple[str, int, int | None]:
        """State, restarts and process, as others read them."""
        found = json.loads((self.folder.path / STANDING).read_text())["worker"]
        return str(found["state"]), int(found["restarts"]), found["pid"]


@pytest.fixture
def folder() -> Iterator[RunFolder]:
    with RunFolder() as folder:
        yield folder


def test_it_comes_back_after_its_pause_and_not_before(folder: RunFolder) -> None:
    bench = Bench(folder)
    assert bench.supervisor.tick() == []
    assert bench.told() == ("running", 0, 101)
    assert bench.end() == ["worker has ended (killed by signal 9); it is started again in 0.25 s"]
    assert bench.told() == ("waiting", 0, None)
    bench.now += 0.2
    assert bench.supervisor.tick() == []
    assert bench.launches == 1
    bench.now += 0.1
    assert bench.supervisor.tick() == []
    assert bench.told() == ("starting", 1, None)
    bench.answer()
    assert bench.supervisor.tick() == [f"worker runs again, at {URL}"]
    assert bench.told() == ("running", 1, 102)
    assert [child.name for child in folder.children] == ["worker"]  # the dead one is forgotten


def test_the_pause_grows_up_to_a_bound_and_shrinks_for_who_stays(folder: RunFolder) -> None:
    bench = Bench(folder)
    pauses = []
    for _ in range(9):
        (said,) = bench.end()
        pauses.append(float(said.rsplit(" ", 2)[1]))
        bench.now += pauses[-1]
        assert bench.again()
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 16, MOST_PAUSE_SECONDS, MOST_PAUSE_SECONDS]
    bench.now += STEADY_SECONDS + 1
    assert bench.supervisor.tick() == []
    assert bench.end()[0].endswith("again in 0.25 s")


def test_who_never_answers_is_ended_and_tried_again(folder: RunFolder) -> None:
    bench = Bench(folder)
    bench.end()
    bench.now += 1
    assert bench.supervisor.tick() == []
    silent = bench.launched.child
    bench.now += 61
    assert bench.supervisor.tick() == ["worker has ended (no answer within 60 s); it is started again in 0.5 s"]
    assert eventually(lambda: not silent.alive)


def test_without_restarts_it_stays_away_and_is_told_of_once(folder: RunFolder) -> None:
    bench = Bench(folder, restart=False)
    assert bench.end() == ["worker has ended (killed by signal 9); the devnet goes on without it"]
    bench.now += 1000
    assert bench.supervisor.tick() == []
    assert bench.told() == ("ended", 0, None)
    assert bench.launches == 1
