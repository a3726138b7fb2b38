"""Who ends is started again, later each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import eventually

from toolkit.devnet.process import RunFolder
from toolkit.devnet.supervision import MOST_PAUSE_SECONDS, STANDING, STEADY_SECONDS, Launched, Supervisor
from toolkit.errors import BadInput

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


def test_who_has_vanished_on_purpose_stays_away_until_brought_back(folder: RunFolder) -> None:
    bench = Bench(folder)
    child = bench.launched.child
    bench.supervisor.vanish("worker")
    assert not child.alive
    assert folder.children == []
    assert bench.told() == ("vanished", 0, None)
    bench.now += 1000
    assert bench.supervisor.tick() == []
    assert bench.launches == 1
    bench.supervisor.vanish("worker")  # once more changes nothing
    for change in (bench.supervisor.take_offline, bench.supervisor.start_anew):
        with pytest.raises(BadInput, match=r"worker .*vanished"):
            change("worker")
    bench.supervisor.bring_back("worker")
    assert bench.told() == ("starting", 0, None)
    bench.answer()
    assert bench.supervisor.tick() == [f"worker runs again, at {URL}"]
    assert bench.told() == ("running", 0, 102)


def test_who_is_offline_keeps_its_process(folder: RunFolder) -> None:
    bench = Bench(folder)
    child = bench.launched.child
    bench.supervisor.take_offline("worker")
    bench.supervisor.take_offline("worker")
    assert bench.told() == ("offline", 0, 101)
    assert bench.supervisor.tick() == []
    with pytest.raises(BadInput, match="worker is offline, on purpose"):
        bench.supervisor.start_anew("worker")
    bench.supervisor.bring_back("worker")
    assert bench.told() == ("running", 0, 101)
    assert (bench.launches, bench.launched.child) == (1, child)
    assert child.alive


def test_who_is_offline_may_vanish_and_one_that_ends_meanwhile_is_told_of(folder: RunFolder) -> None:
    bench = Bench(folder)
    bench.supervisor.take_offline("worker")
    assert bench.end() == ["worker has ended (killed by signal 9) while it was offline"]
    assert bench.told() == ("vanished", 0, None)
    bench.supervisor.bring_back("worker")
    bench.answer()
    bench.supervisor.tick()
    bench.supervisor.take_offline("worker")
    bench.supervisor.vanish("worker")
    assert bench.told() == ("vanished", 0, None)


def test_who_is_started_anew_ends_first(folder: RunFolder) -> None:
    bench = Bench(folder)
    before = bench.launched.child
    bench.supervisor.start_anew("worker")
    bench.supervisor.start_anew("worker")
    assert bench.told() == ("stopping", 0, None)
    assert eventually(lambda: not before.alive)
    assert bench.again() == [f"worker runs again, at {URL}"]
    assert bench.told() == ("running", 0, 102)
    assert [child.name for child in folder.children] == ["worker"]


def test_who_has_ended_is_brought_back_before_its_time_or_after_it_was_given_up(folder: RunFolder) -> None:
    for restart in (True, False):
        bench = Bench(folder, restart=restart)
        with pytest.raises(BadInput, match="does not run at the moment"):
            bench.end()
            bench.supervisor.take_offline("worker")
        bench.supervisor.bring_back("worker")
        assert bench.again() == [f"worker runs again, at {URL}"]
        bench.supervisor.vanish("worker")


def test_one_more_is_kept_running_by_whoever_launches_it(folder: RunFolder) -> None:
    bench = Bench(folder)
    ready = folder.path / "peer.json"
    ready.write_text(json.dumps({"host": "127.0.0.1", "port": 7, "pid": 5}))

    def launch(name: str, url: str) -> Launched:
        assert (name, url) == ("peer", "127.0.0.1:7")
        return Launched(folder.start(name, ["sleep", "1000"]), ready)

    peer = launch("peer", "127.0.0.1:7")
    bench.supervisor.add("peer", peer, launch)
    assert bench.supervisor.names == ["worker", "peer"]
    peer.child.kill()
    assert "peer has ended" in bench.supervisor.tick()[0]
    bench.now += 1
    assert bench.supervisor.tick() == []
    assert bench.supervisor.tick() == ["peer runs again, at 127.0.0.1:7"]
