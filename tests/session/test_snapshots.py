"""The whole devnet brought back: L1, L2, channels, towers, the clock. One devnet, which every test leaves as it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from session.town import ETHER, Town, town
from toolkit import Devnet, isolation
from toolkit.channel.control import Control
from toolkit.cli.main import cli
from toolkit.devnet import RunFolder, start_hardhat
from toolkit.devnet.hold import SOCKET
from toolkit.devnet.standstill import places, standstill
from toolkit.errors import BadInput, L2KitError, NodeError, ServiceError
from toolkit.session import snapshots
from toolkit.session.archive import save
from toolkit.world import Options

DAY = 24 * 3600


@pytest.fixture(scope="module")
def here() -> Iterator[Town]:
    with Devnet(Options(watchtower=True)) as devnet, town(devnet) as made:
        made.quiet()
        yield made


@pytest.fixture
def fresh(here: Town) -> Iterator[Town]:
    with here.session.anchor():
        yield here
    (here.devnet.folder.path / "reverting").unlink(missing_ok=True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "standstill", partial(standstill, seconds=0.5))


def act(town: Town) -> None:
    """Something of everything."""
    devnet, session = town.devnet, town.session
    devnet.l1.send(devnet.accounts["alice"], to=devnet.accounts["bob"].address, value=ETHER)
    session.transfer("alice", "bob", ETHER, wait=True)
    session.transfer("bob", "alice", ETHER // 4)
    session.deposit("bob", ETHER)
    session.withdraw("alice", ETHER)
    session.travel(days=8)
    town.pay(250_000)


def test_a_block_in_an_anchor_leaves_nothing_behind(here: Town) -> None:
    before, block = here.seen(), here.devnet.l1.now()
    with here.session.anchor():
        act(here)
        changed = here.seen()
        assert here.now() > block + 7 * DAY
    assert {key for key in before if before[key] == changed[key]} == {"lent"}
    assert here.seen() == before
    assert 0 <= here.now() - block < DAY
    assert here.session.snapshots() == []


def test_what_was_signed_with_the_same_nonce_is_taken_again(here: Town) -> None:
    names = []
    for _ in range(2):
        with here.session.anchor():
            names.append(here.session.transfer("alice", "bob", ETHER, wait=True).hash)
            here.devnet.l1.send(here.devnet.accounts["alice"], to=here.devnet.accounts["bob"].address, value=1)
    assert names[0] == names[1]


def test_an_exception_passes_through_an_anchor_and_everything_is_undone(here: Town) -> None:
    before = here.seen()
    with pytest.raises(ZeroDivisionError), here.session.anchor():
        here.session.transfer("alice", "bob", ETHER)
        raise ZeroDivisionError
    assert here.seen() == before


def test_a_token_s_name_is_forgotten_with_the_token(here: Town) -> None:
    devnet, units = here.devnet, []
    for symbol in ("ONE", "TWO"):
        with here.session.anchor():
            token, _ = devnet.l1.deploy(devnet.accounts["heidi"], "Token", "A token", symbol, ETHER)
            units.append((token.address, here.session.unit(token.address).symbol))
    assert units == [(units[0][0], "ONE"), (units[0][0], "TWO")]


def test_anchors_lie_within_each_other(here: Town) -> None:
    before = here.session.balance("bob")
    with here.session.anchor():
        here.session.transfer("alice", "bob", ETHER)
        with here.session.anchor():
            here.session.transfer("alice", "bob", ETHER)
            assert here.session.balance("bob") == before + 2 * ETHER
        assert here.session.balance("bob") == before + ETHER
    assert here.session.balance("bob") == before


def test_what_is_done_between_two_anchors_stays(fresh: Town) -> None:
    with fresh.session.anchor():
        pass
    fresh.session.transfer("alice", "bob", ETHER)
    fresh.devnet.l1.rpc.call("anvil_setBalance", fresh.devnet.accounts["heidi"].address, "0x7")
    with fresh.session.anchor():
        fresh.session.transfer("alice", "bob", ETHER)
    assert fresh.session.balance("bob") == 2 * ETHER
    assert fresh.session.balance("heidi", layer="l1") == 7


def test_a_snapshot_is_returned_to_time_and_again_and_those_after_it_are_gone(fresh: Town) -> None:
    session, balance = fresh.session, fresh.session.balance("bob")
    first = session.snapshot("first")
    session.transfer("alice", "bob", ETHER)
    assert session.snapshot().name.isdigit()
    assert session.snapshots()[0] == first
    session.transfer("alice", "bob", ETHER)
    session.revert()
    assert session.balance("bob") == balance + ETHER
    for _ in range(2):
        session.travel(days=1)
        assert session.revert("first").time == first.time
        assert session.balance("bob") == balance
        assert fresh.now() < first.time + DAY
        assert [each.name for each in session.snapshots()] == ["first"]


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (lambda session: session.revert("other"), "there is no snapshot 'other'; there are mine"),
        (lambda session: session.snapshot("mine"), "there is a snapshot 'mine' already"),
        (lambda session: session.snapshot("../mine"), "'../mine' is no name of a snapshot"),
    ],
)
def test_names_that_cannot_be_are_refused(fresh: Town, do: Callable[[Any], object], why: str) -> None:
    with pytest.raises(BadInput, match="there is no snapshot to revert to"):
        fresh.session.revert()
    fresh.session.snapshot("mine")
    with pytest.raises(BadInput, match=why):
        do(fresh.session)


def test_a_service_that_was_killed_is_brought_back_with_the_others(fresh: Town) -> None:
    devnet, session = fresh.devnet, fresh.session
    balance = session.balance("bob")
    session.transfer("alice", "bob", ETHER)
    session.snapshot()
    session.transfer("alice", "bob", ETHER)
    sequencer = devnet.services["sequencer"]
    sequencer.child.kill()
    devnet.folder.forget(sequencer.child)
    session.revert()
    launched = devnet._again("sequencer", sequencer.url)
    launched.child.wait_until(launched.ready.exists, 30, "answer")
    assert session.balance("bob") == balance + ETHER


def test_a_service_that_does_not_answer_is_named_and_the_others_go_on(fresh: Town, impatient: None) -> None:
    session = fresh.session
    session.snapshot("good")
    session.transfer("alice", "bob", ETHER)
    before = session.balance("bob")
    pid = int(json.loads(fresh.devnet.services["verifier"].ready.read_text())["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        for do in (session.snapshot, partial(session.revert, "good")):
            with pytest.raises(ServiceError, match=r"the verifier does not stand still .*everything goes on as it was"):
                do()
        assert session.balance("bob") == before
        assert [each.name for each in session.snapshots()] == ["good"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert eventually(lambda: bool(fresh.devnet.access.verifier.status()))
    session.transfer("alice", "bob", ETHER)


def test_where_l1_cannot_return_nothing_does(fresh: Town) -> None:
    session = fresh.session
    session.snapshot("lost")
    found = [each for each in fresh.devnet.folder.path.glob("snapshots/*/snapshot.json") if "lost" in each.read_text()]
    (file,) = found
    file.write_text(json.dumps({**json.loads(file.read_text()), "node": "0xffff"}))
    session.transfer("alice", "bob", ETHER)
    fresh.pay(77)
    before = [session.balance("bob"), fresh.channels(), fresh.watched()]
    with pytest.raises(NodeError, match="nothing has changed, and the snapshot 'lost' is of no use"):
        session.revert("lost")
    assert [session.balance("bob"), fresh.channels(), fresh.watched()] == before


def test_who_was_cut_off_while_reverting_must_revert_first(fresh: Town) -> None:
    fresh.session.snapshot("whole")
    (fresh.devnet.folder.path / "reverting").write_text("whole")
    with pytest.raises(ServiceError, match="a return to the snapshot 'whole' was cut off half-way"):
        fresh.session.snapshot()
    fresh.session.revert("whole")
    fresh.session.snapshot()


_KILLED = """
import os, signal, sys
from pathlib import Path
from toolkit.session import attach, snapshots

exchange = snapshots._exchange

def exchange_and_die(*given):
    exchange(*given)
    os.kill(os.getpid(), signal.SIGKILL)

snapshots._exchange = exchange_and_die
attach(Path(sys.argv[1])).revert("whole")
"""


def test_who_was_killed_while_reverting_can_revert_again(fresh: Town) -> None:
    session = fresh.session
    session.snapshot("whole")
    before = [session.balance("bob"), fresh.channels()]
    session.transfer("alice", "bob", ETHER)
    fresh.pay(77)
    command = [sys.executable, "-c", _KILLED, str(fresh.devnet.folder.path / "devnet.json")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with pytest.raises(ServiceError, match="a return to the snapshot 'whole' was cut off half-way"):
        session.snapshot()
    session.revert("whole")
    fresh.peers["alice"].connected(fresh.channel)  # neither was at the other end when it came to stand still again
    fresh.peers["bob"].connected(fresh.channel)
    assert [session.balance("bob"), fresh.channels()] == before
    session.snapshot()


def test_a_return_that_fails_does_not_make_up_for_one_that_was_cut_off(
    fresh: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: object) -> None:
        raise NodeError("L1 does not answer")

    fresh.session.snapshot("whole")
    (fresh.devnet.folder.path / "reverting").write_text("whole")
    with monkeypatch.context() as patch, pytest.raises(NodeError, match="does not answer"):
        patch.setattr(snapshots.Snapshots, "_revert_l1", deaf)
        fresh.session.revert("whole")
    for do in (fresh.session.snapshot, lambda: fresh.session.save(fresh.devnet.folder.path / "file")):
        with pytest.raises(ServiceError, match="a return to the snapshot 'whole' was cut off half-way"):
            do()
    fresh.session.revert("whole")


def test_an_anchor_takes_no_other_snapshot_for_its_own(fresh: Town) -> None:
    session = fresh.session
    session.snapshot("first")
    with closing(snapshots.Snapshots(fresh.devnet.folder.path, fresh.devnet.node.url)) as others:
        with others.anchor():
            pass
        session.revert("first")
        second = session.snapshot("second")
        with others.anchor():
            session.transfer("alice", "bob", ETHER)
        assert session.snapshots()[1] == second
        with pytest.raises(BadInput, match="out of reach"), others.anchor():
            session.revert("first")
            session.snapshot("third")
            session.snapshot("fourth")
    assert [each.name for each in session.snapshots()] == ["first", "third", "fourth"]


def test_anchors_of_who_has_ended_do_not_pile_up(fresh: Town) -> None:
    folder = fresh.devnet.folder.path
    before = len(snapshots.known_snapshots(folder))
    for _ in range(3):  # none of them is closed
        with snapshots.Snapshots(folder, fresh.devnet.node.url).anchor():
            pass
    assert len(snapshots.known_snapshots(folder)) == before + 1


def test_a_peer_that_is_new_since_then_has_no_channels_afterwards(fresh: Town) -> None:
    fresh.session.snapshot()
    place = fresh.devnet.folder.path / "channels" / "carol"
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "channels.db").write_bytes(b"made later")
    fresh.session.revert()
    assert not (place / "channels.db").exists()


def test_calls_wait_while_a_service_is_held_and_who_holds_it_can_disappear(here: Town) -> None:
    place = here.devnet.folder.path / "sequencer"
    assert stat.S_IMODE((place / SOCKET).stat().st_mode) == 0o600
    line, answers = _connect(place)
    assert _ask(line, answers, "hold") == _ask(line, answers, "hold") == {}
    other, others = _connect(place)
    assert _ask(other, others, "go") == {"error": "it is held by somebody else"}
    assert "there is no command" in _ask(other, others, "dance")["error"]
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(here.session.balance("alice")))
    asking.start()
    asking.join(0.3)
    assert found == []
    line.close()
    answers.close()
    asking.join(20)
    assert found == [here.session.balance("alice")]
    assert _ask(other, others, "hold") == _ask(other, others, "go") == _ask(other, others, "go") == {}
    other.close()
    others.close()


def test_a_peer_and_the_tower_are_held_as_well(here: Town) -> None:
    for name in ("watchtower", "channels/alice"):
        line, answers = _connect(here.devnet.folder.path / name)
        assert _ask(line, answers, "hold") == {}
        place = next(each for each in places(here.devnet.folder.path) if each.name == name)
        assert place.take()
        place.give_back()
        assert not [each for each in place.files() if each.name.endswith("-wal")]
        assert _ask(line, answers, "go") == {}
        line.close()
        answers.close()
    with closing(Control(here.devnet.folder.path / "channels/alice")) as control:
        assert control.status(here.channel)["connected"]


def test_one_stands_still_for_one_at_a_time(here: Town) -> None:
    folder = here.devnet.folder.path
    with standstill(folder), pytest.raises(ServiceError, match="stands still: somebody else"), standstill(folder, 0.1):
        pass
    assert here.session.balance("alice")


def test_the_commands_do_the_same(fresh: Town) -> None:
    file = str(fresh.devnet.folder.path / "devnet.json")

    def run(*words: str) -> str:
        with redirect_stdout(StringIO()) as out:
            cli.main([*words, "--devnet", file], prog_name="l2kit", standalone_mode=False)
        return out.getvalue()

    assert "no snapshot yet" in run("snapshot", "--list")
    taken = json.loads(run("snapshot", "mine", "--json"))
    assert taken["name"] == "mine"
    balance = fresh.session.balance("bob")
    fresh.session.transfer("alice", "bob", ETHER)
    assert "mine  L1's block" in run("snapshot", "--list")
    assert json.loads(run("revert", "--json"))["block"] == taken["block"]
    assert fresh.session.balance("bob") == balance
    assert "back at the snapshot mine: L1's block" in run("revert", "mine")
    with pytest.raises(L2KitError, match="--list shows all"):
        run("snapshot", "--list", "mine")


def test_isolation_is_measured_and_told(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    balance = here.session.balance("bob")

    found = isolation._isolate(here.session, "a transfer", lambda: here.session.transfer("alice", "bob", ETHER), 1)
    assert found.ms == found.before_ms + found.after_ms > found.before_ms > 0
    assert here.session.balance("bob") == balance
    speed = isolation.Speed(2.5, 5, 2.0, 1, [isolation.Isolation("a transfer", 3.0, 17.0)])
    monkeypatch.setattr(isolation, "measure", lambda tests, step, **_: speed)
    with redirect_stdout(StringIO()) as out:
        cli.main(["bench", "devnet", "--json"], prog_name="l2kit", standalone_mode=False)
        assert json.loads(out.getvalue())["isolation"][0]["ofBare"] == 10
        cli.main(["bench", "devnet"], prog_name="l2kit", standalone_mode=False)
    assert "a transfer         3.0      17.0      20.0         10.0" in out.getvalue()
    assert "A devnet's start: 2.5 s" in out.getvalue()


def test_hardhat_is_brought_back_and_cannot_be_saved(tmp_path: Path) -> None:
    with RunFolder() as folder:
        node = start_hardhat(folder)
        found = snapshots.Snapshots(folder.path, node.url)
        with found.anchor():
            before = node.rpc.quantity("eth_blockNumber")
            taken = found.take("mine")
            node.travel(7 * DAY)
            for _ in range(2):
                node.rpc.call("evm_mine")
                assert found.revert() == found.all()[0]
                assert node.rpc.quantity("eth_blockNumber") == taken.block == before
            node.rpc.call("evm_mine")
        assert node.rpc.quantity("eth_blockNumber") == before
        latest = node.rpc.call("eth_getBlockByNumber", "latest", False)
        assert int(latest["timestamp"], 16) == taken.time
        with pytest.raises(
            BadInput, match=r"L1's node is Hardhat.*, which gives nobody its state: only a devnet on Anvil"
        ):
            save(folder.path, node.url, tmp_path / "file")
        found.close()
        node.stop()


def _connect(place: Path) -> tuple[socket.socket, Any]:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(place / SOCKET))
    return line, line.makefile("rb")


def _ask(line: socket.socket, answers: Any, do: str) -> dict[str, Any]:
    line.sendall(json.dumps({"do": do}).encode() + b"\n")
    found: dict[str, Any] = json.loads(answers.readline())
    return found
