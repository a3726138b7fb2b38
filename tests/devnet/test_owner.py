"""The owner of a devnet answers who asks at its socket, and nobody holds it up."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from toolkit.devnet import owner as owners
from toolkit.devnet.owner import LONGEST_LINE, MOST_GUESTS, SOCKET, Listener, Owner, Work
from toolkit.errors import BadInput, L2KitError, NodeError, ServiceError


class Desk:
    """Obeys: "echo" at once, "wait" once `done` is set, "fail" with what `error` is."""

    def __init__(self) -> None:
        self.done, self.ended = threading.Event(), 0
        self.error: Exception = ServiceError("no")

    def obey(self, command: dict[str, Any]) -> Work:
        match command["do"]:
            case "echo":
                return self._echo(command)
            case "wait":
                return self._wait()
            case "fail late":
                return self._fail()
            case _:
                raise self.error

    def _echo(self, command: dict[str, Any]) -> Work:
        yield from ()
        return {"told": command.get("what")}

    def _wait(self) -> Work:
        while not self.done.is_set():
            yield
        self.ended += 1
        return {"waited": True}

    def _fail(self) -> Work:
        yield
        raise self.error


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def place(desk: Desk, tmp_path: Path) -> Iterator[Path]:
    """The folder of an owner who listens."""
    stop = threading.Event()
    with Listener(tmp_path / SOCKET, desk.obey) as listener:

        def work() -> None:
            while not stop.is_set():
                listener.wait(0.02)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield tmp_path
        finally:
            stop.set()
            thread.join()
    assert not (tmp_path / SOCKET).exists()


@contextmanager
def line(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        found.settimeout(20)
        found.connect(str(place / SOCKET))
        yield found


def answers(found: socket.socket, count: int) -> list[dict[str, Any]]:
    with found.makefile("rb") as lines:
        return [json.loads(lines.readline()) for _ in range(count)]


def test_it_answers_and_the_socket_is_the_users_alone(place: Path) -> None:
    assert Owner(place).ask("echo", what="x" * 60_000) == {"told": "x" * 60_000}
    assert (place / SOCKET).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("error", "kind"), [(BadInput("b"), BadInput), (NodeError("n"), NodeError), (KeyError("k"), ServiceError)]
)
@pytest.mark.parametrize("do", ["fail", "fail late"])
def test_why_it_refuses_reaches_who_asked(
    desk: Desk, place: Path, do: str, error: Exception, kind: type[L2KitError]
) -> None:
    desk.error = error
    with pytest.raises(kind, match=str(error)):
        Owner(place).ask(do)
    assert Owner(place).ask("echo", what=1) == {"told": 1}, "it goes on"


@pytest.mark.parametrize("said", [b"\n", b"{\n", b"[]\n", b'{"do": 7}\n', b"\xff\n", b"[" * 50_000 + b"\n"])
def test_what_is_no_command_is_refused_and_the_next_is_heard(place: Path, said: bytes) -> None:
    with line(place) as found:
        found.sendall(said + b'{"do": "echo", "what": 2}\n')
        refused, told = answers(found, 2)
    assert refused["kind"] == "BadInput" and "a command is" in refused["error"]
    assert told == {"told": 2}


def test_many_commands_in_one_go_are_answered_in_order(place: Path) -> None:
    with line(place) as found:
        found.sendall(b"".join(b'{"do": "echo", "what": %d}\n' % number for number in range(1000)))
        assert [each["told"] for each in answers(found, 1000)] == list(range(1000))


def test_a_line_that_does_not_end_is_refused_and_nothing_after_it_heard(place: Path) -> None:
    with line(place) as found:
        found.sendall(b"x" * (LONGEST_LINE + 1))
        with found.makefile("rb") as lines:
            assert f"{LONGEST_LINE} bytes at most" in json.loads(lines.readline())["error"]
            assert lines.read() == b"", "it hung up"


def test_who_asks_slowly_holds_nobody_up(place: Path) -> None:
    with line(place) as slow:
        slow.sendall(b'{"do": "ec')
        assert Owner(place).ask("echo", what=3) == {"told": 3}
        slow.sendall(b'ho", "what": 4}\n')
        assert answers(slow, 1) == [{"told": 4}]


def test_who_does_not_listen_holds_nobody_up(place: Path) -> None:
    with line(place) as deaf:
        deaf.setblocking(False)
        said = b'{"do": "echo", "what": "%s"}\n' % (b"x" * 60_000)
        with pytest.raises(BlockingIOError):  # the answers fill the way back, and then the questions the way there
            while True:
                said = said[deaf.send(said) :] or said
        assert Owner(place).ask("echo", what=5) == {"told": 5}


def test_who_is_silent_is_hung_up_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "PATIENCE_SECONDS", 0.1)
    with line(place) as silent:
        assert silent.recv(1) == b""


def test_more_guests_than_it_takes_are_turned_away(place: Path) -> None:
    with line(place) as first:
        first.sendall(b'{"do": "ec')
        guests = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(MOST_GUESTS)]
        for guest in guests:
            guest.settimeout(20)
            guest.connect(str(place / SOCKET))
        assert guests[-1].recv(1) == b""
        for guest in guests:
            guest.close()
        assert eventually(lambda: _echoes(place))


def _echoes(place: Path) -> bool:
    try:
        return Owner(place).ask("echo", what=6) == {"told": 6}
    except ServiceError:
        return False


def test_what_takes_its_time_is_answered_later_and_others_meanwhile(desk: Desk, place: Path) -> None:
    told: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: told.append(Owner(place).ask("wait")))
    asking.start()
    assert Owner(place).ask("echo", what=7) == {"told": 7}
    assert told == []
    desk.done.set()
    asking.join(20)
    assert told == [{"waited": True}]


def test_what_was_begun_is_brought_to_its_end_also_where_nobody_waits_any_more(desk: Desk, place: Path) -> None:
    with line(place) as found:
        found.sendall(b'{"do": "wait"}\n')
        assert Owner(place).ask("echo", what=8) == {"told": 8}
    assert Owner(place).ask("echo", what=9) == {"told": 9}
    assert desk.ended == 0
    desk.done.set()
    assert eventually(lambda: desk.ended == 1)


def test_where_nobody_listens_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"nobody keeps the devnet in .* who could be asked to heal; 'l2kit up'"):
        Owner(tmp_path).ask("heal")


@pytest.mark.parametrize("answer", [b"", b"{"])
def test_an_owner_who_ends_meanwhile_is_told_of(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(tmp_path / SOCKET))
        door.listen()

        def end() -> None:
            guest, _ = door.accept()
            guest.recv(1000)
            guest.sendall(answer)
            guest.close()

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(ServiceError, match="hung up before it answered echo"):
            Owner(tmp_path).ask("echo")
        thread.join()
