"""Sessions: named, side by side, in the background, ended cleanly, with services that come back after kill -9."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from toolkit.channel.local import Local
from toolkit.cli.main import cli
from toolkit.devnet import check_port
from toolkit.devnet.rpc import Rpc
from toolkit.errors import L2KitError
from toolkit.session import attach

pytestmark = pytest.mark.node

L2KIT = [sys.executable, "-m", "toolkit"]
SERVICES = {"sequencer", "proposer", "verifier", "provider", "watchtower"}


@dataclass(frozen=True)
class Place:
    """A folder for temporary files that has no sessions of anybody else's."""

    folder: Path

    def start(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "TMPDIR": str(self.folder)}
        return subprocess.Popen(
            [*L2KIT, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        with self.start(*words) as process:
            try:
                out, errors = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, out, errors

    def up(self, name: str, *words: str) -> dict[str, Any]:
        """Start a session in the background; returns its description."""
        code, out, errors = self.run("up", "--detach", "--session", name, "--json", *words)
        assert (code, errors.replace("starting the devnet ...\n", "")) == (0, "")
        found: dict[str, Any] = json.loads(out)
        return found

    def say(self, *words: str) -> str:
        """What a command prints that ends by itself, in this process, which saves it the start."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            cli.main(list(words), prog_name="l2kit", standalone_mode=False)
        return out.getvalue()

    def ask(self, *words: str) -> Any:
        return json.loads(self.say(*words, "--json"))

    def refused(self, *words: str) -> str:
        """The sentence of a command that nothing is left of."""
        before = self.folders()
        code, out, errors = self.run(*words)
        assert (code, out) == (1, ""), errors
        assert eventually(lambda: self.folders() == before)
        assert errors.startswith("l2kit: ")
        assert errors.count("\n") == 1, errors
        return errors

    def folders(self) -> set[Path]:
        return set(self.folder.glob("l2kit-*"))


def pids(devnet: dict[str, Any]) -> list[int]:
    """The processes of a devnet that name its folder, its guards among them."""
    found = subprocess.run(["pgrep", "-f", devnet["folder"]], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def left(devnet: dict[str, Any]) -> list[Any]:
    """What is left of a devnet: its folder, its processes, the ports that somebody has."""
    there: list[Any] = [devnet["folder"]] if Path(devnet["folder"]).exists() else []
    there += pids(devnet)
    for url in (devnet["l1"]["rpc"], *devnet["services"].values()):
        try:
            check_port(int(url.rpartition(":")[2]))
        except L2KitError as error:
            there.append(str(error))
    return there


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        place = Place(Path(folder))
        yield place
        if place.folders():
            place.say("down", "--all")
        assert place.folders() == set()


@pytest.fixture(scope="module")
def one(place: Place) -> dict[str, Any]:
    """A session in the background that tests share and leave running."""
    return place.up("one")


def port(url: str) -> str:
    return url.rpartition(":")[2]


def test_it_runs_in_the_background_and_is_found(place: Place, one: dict[str, Any]) -> None:
    file = Path(one["folder"]) / "devnet.json"
    assert json.loads(file.read_text()) == one
    assert file.stat().st_mode & 0o077 == 0  # keys are in it
    assert (one["session"], os.getsid(one["pid"])) == ("one", one["pid"])  # no terminal's end is its end
    found = place.ask("status", "--session", "one")
    assert (found["session"], found["pid"]) == ("one", one["pid"])
    assert found["l1"]["height"] >= 1
    assert found["l2"]["open"] >= 1
    assert set(found["services"]) == SERVICES
    for name, service in found["services"].items():
        assert (service["state"], service["url"]) == ("running", one["services"][name])
        os.kill(service["pid"], 0)
    assert found["contracts"] == one["contracts"]
    told = place.say("status")
    for word in ("Session one", *SERVICES, one["contracts"]["Rollup"]):
        assert word in told


def test_a_second_of_the_same_name_or_port_is_told_whose_it_is(place: Place, one: dict[str, Any]) -> None:
    for further in ([], ["--detach"]):
        told = place.refused("up", "--session", "one", *further)
        assert f"a session 'one' runs already (process {one['pid']}); end it with 'l2kit down --session one'" in told
    for option, url in (("--port", one["l1"]["rpc"]), ("--l2-port", one["services"]["verifier"])):
        told = place.refused("up", "--session", "other", option, port(url))
        assert f"port {port(url)} is that of the session 'one' (process {one['pid']})" in told


def test_what_went_wrong_at_the_start_is_told_by_who_asked(place: Place) -> None:
    flags = {
        "--port=1": "--port of anvil is set by l2kit; use --port of 'l2kit up'",
        "--frobnicate": "anvil does not start: error: unexpected argument '--frobnicate'",
    }
    for flag, sentence in flags.items():
        assert sentence in place.refused("up", "--session", "wrong", "--detach", "--", flag)


def test_who_asks_may_change_their_mind_while_it_starts(place: Place) -> None:
    before = place.folders()
    with place.start("up", "--session", "none", "--detach") as asking:
        assert eventually(lambda: place.folders() != before)
        asking.send_signal(signal.SIGINT)
        out, errors = asking.communicate(timeout=30)
    assert (asking.returncode, out) == (130, "")
    assert errors.splitlines()[-1] == "l2kit: interrupted; everything it started has been stopped"
    assert place.folders() == before


def test_a_service_that_was_killed_comes_back_where_it_was(place: Place, one: dict[str, Any]) -> None:
    def service() -> dict[str, Any]:
        found: dict[str, Any] = place.ask("status", "--session", "one")["services"]["sequencer"]
        return found

    databases = {file: file.stat().st_ino for file in Path(one["folder"], "sequencer").glob("*.sqlite")}
    assert databases
    before = service()
    with place.start("logs", "up", "-f", "--session", "one") as following:
        assert following.stdout is not None
        os.kill(before["pid"], signal.SIGKILL)
        lines = [following.stdout.readline(), following.stdout.readline()]
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
    assert lines == [
        "sequencer has ended (killed by signal 9); it is started again in 0.25 s\n",
        f"sequencer runs again, at {before['url']}\n",
    ]
    after = service()
    assert (after["state"], after["restarts"], after["reason"]) == ("running", 1, "killed by signal 9")
    assert after["pid"] != before["pid"]
    assert after["since"] > before["since"]
    assert Rpc(before["url"]).call("l2_status")["role"] == "sequencer"
    assert {file: file.stat().st_ino for file in databases} == databases


def test_logs_are_shown_by_name_or_all_at_once(place: Place, one: dict[str, Any]) -> None:
    verifier = Path(one["logs"]["verifier"]).read_text().splitlines()
    assert place.say("logs", "verifier", "-n", "2") == "".join(f"{line}\n" for line in verifier[-2:])
    fronts = {line.split()[0] for line in place.say("logs", "-n", "1").splitlines()}
    assert fronts >= SERVICES | {"anvil"}
    with pytest.raises(L2KitError, match="there is no log 'geth'; there are anvil, sequencer"):
        place.say("logs", "geth")
    assert place.ask("logs", "verifier", "-n", "2") == {"verifier": verifier[-2:]}
    assert set(place.ask("logs", "-n", "1")) >= SERVICES | {"anvil"}
    with place.start("logs", "verifier", "-f", "-n", "1", "--json") as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline()) == {"name": "verifier", "line": verifier[-1]}
        following.send_signal(signal.SIGINT)


def test_every_command_finds_it_by_name(place: Place, one: dict[str, Any]) -> None:
    for words in (["status", "7"], ["channel", "list", "alice"]):
        with pytest.raises(L2KitError) as refused:
            place.say(*words, "--session", "one")
        assert "session" not in str(refused.value)  # but withdrawal 7, and alice's peer
        with pytest.raises(L2KitError, match="no session 'two' runs here; there are one"):
            place.say(*words, "--session", "two")
        with pytest.raises(L2KitError, match=r"--devnet \S+ and --session one both say which devnet"):
            place.say(*words, "--session", "one", "--devnet", str(Path(one["folder"]) / "devnet.json"))


def test_peers_use_its_watchtower(place: Place, one: dict[str, Any]) -> None:
    assert Local.find(Path(one["folder"]) / "devnet.json").tower() == one["services"]["watchtower"]


def test_two_side_by_side_and_one_is_ended(place: Place, one: dict[str, Any]) -> None:
    two = place.up("two", "--", "--number", "1000")
    assert place.ask("status", "--session", "two")["l1"]["height"] > 1000  # the flag went to the node
    for words in (["status"], ["down"]):
        with pytest.raises(L2KitError, match=r"2 (devnets|sessions) run here; say which .*(one.*two|two.*one)"):
            place.say(*words)
    with place.start("logs", "-f", "-n", "1", "--session", "two") as following:
        assert following.stdout is not None
        assert following.stdout.readline().startswith("anvil ")  # it has begun
        attach(Path(two["folder"]) / "devnet.json").down()
        assert left(two) == []
        assert following.wait(30) == 0  # there is nothing more to follow
    assert place.ask("status")["session"] == "one"
    with pytest.raises(L2KitError, match="no session 'two' runs here; there are one"):
        place.say("down", "--session", "two")


def test_kill_9_of_the_owner_leaves_nothing_also_where_processes_are_frozen(place: Place) -> None:
    three = place.up("three")
    for words in (["verifier", "offline"], ["l1", "down", "1h"]):
        place.say("fault", *words, "--session", "three")
    assert (Path(three["folder"]) / "up.sock").stat().st_mode & 0o077 == 0
    assert Path(three["logs"]["up"]).read_text().splitlines() == [
        "verifier is offline (frozen, with its memory) until it is healed",
        "L1 is down for 1 h: its node does not answer",
    ]
    os.kill(three["pid"], signal.SIGKILL)
    assert eventually(lambda: left(three) == [])
