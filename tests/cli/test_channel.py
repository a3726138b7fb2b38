"""``l2kit channel`` and ``l2kit bench`` as their users type them, on a devnet with its peers as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typed import typed
from waiting import eventually

from toolkit import Devnet
from toolkit.description import describe

pytestmark = pytest.mark.node


class Town:
    """A devnet's file, and the peers that a test has started."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> dict[str, Any]:
        """A command that runs until it is ended; what it said when it was ready."""
        process = subprocess.Popen(
            [*COMMAND, *words, "--devnet", str(self.file), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.running.append(process)
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            text += line
        told: dict[str, Any] = json.loads(text)
        return told

    def ask(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return typed("channel", *words, "--devnet", str(self.file))

    def list(self, name: str) -> dict[str, Any]:
        (only,) = [each for each in self.ask("list", name) if each["on_l1"] != "gone"]
        found: dict[str, Any] = only
        return found


COMMAND = [sys.executable, "-m", "toolkit", "channel"]


@pytest.fixture
def town(devnet: Devnet, tmp_path: Path) -> Iterator[Town]:
    file = tmp_path / "devnet.json"
    file.write_text(json.dumps({**describe(devnet), "folder": str(tmp_path)}))
    made = Town(file)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def test_the_whole_life_of_a_channel(town: Town) -> None:
    tower = town.start("tower")
    assert town.start("peer", "alice")["towers"] == [tower["url"]]
    town.start("peer", "bob")
    opened = town.ask("open", "alice", "bob", "1", "--hours", "2")
    assert opened["gas"] < 50_000
    assert town.ask("pay", "alice", "bob", "0.001", "--count", "200")["nonce"] == 200
    assert (town.list("alice")["balance"], town.list("bob")["balance"]) == (800_000_000, 200_000_000)
    assert town.ask("top-up", "bob", "alice", "0.5")["did"] == "topped up by 0.5 ETH"
    assert town.ask("withdraw", "bob", opened["channel"][:12], "0.6")["did"] == "withdrew 0.6 ETH"
    assert town.list("bob")["balance"] == 100_000_000
    told = town.run("pay", "alice", "bob", "0.8")
    assert "alice paid bob 0.8" in told.stdout
    table = town.run("list", "alice").stdout
    assert "bob" in table
    assert "open" in table
    assert "closed together" in town.run("close", "alice", "bob").stdout
    assert eventually(lambda: not [each for each in town.ask("list", "bob") if each["on_l1"] != "gone"])


def test_a_payment_over_a_hop_and_a_close_alone(town: Town) -> None:
    for name in ("alice", "bob", "carol"):
        town.start("peer", name)
    town.ask("open", "alice", "bob", "1")
    town.ask("open", "bob", "carol", "1", "--token")
    refused = town.run("pay", "alice", "carol", "0.5", "--via", "bob")
    assert refused.returncode == 1
    assert "cancelled on its way: no channel" in refused.stderr, "tokens are not ETH"
    town.ask("open", "bob", "carol", "1")
    paid = town.ask("pay", "alice", "carol", "0.5", "--via", "bob")
    assert len(paid["secret"]) == 66
    assert "0x" in town.run("invoice", "carol", "0.1").stdout
    assert eventually(lambda: town.list("alice")["balance"] == 1_000_000_000 - 500_500_000)
    assert town.ask("close", "alice", "bob", "--alone")["did"] == "close alone"
    assert town.list("alice")["on_l1"] == "closing"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["list", "nobody"], "there is no account 'nobody'; there are deployer, sequencer"),
        (["list", 64 * "7"], "64 digits of hex are neither an address nor an account's name"),
        (["list", "dave"], "no peer of dave runs; start it with 'l2kit channel peer dave'"),
        (["pay", "alice", "bob", "1"], "alice has no channel 'bob'; there are: none"),
        (["pay", "alice", "bob", "a lot"], "the amount 'a lot' is not a number"),
        (["open", "alice", "bob", "1"], "no peer of bob runs"),
        (["open", "alice", "alice", "1"], "is both"),
        (["open", "alice", "alice", "0.0000000001"], "finer than a gwei"),
        (["close", "alice", "0x1234"], "alice has no channel '0x1234'"),
        (["peer", "alice"], "locked"),
    ],
)
def test_wrong_input_gets_one_sentence(alice_alone: Town, words: list[str], why: str) -> None:
    done = alice_alone.run(*words)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def alice_alone(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("alone")
    file = folder / "devnet.json"
    file.write_text(json.dumps({**describe(devnet), "folder": str(folder)}))
    made = Town(file)
    made.start("peer", "alice")
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for text, why in (("", "is not a file that 'l2kit up' wrote"), ("{}", "is not a file that 'l2kit up' wrote")):
        file = tmp_path / "devnet.json"
        file.write_text(text)
        done = Town(file).run("list", "alice")
        assert done.returncode == 1
        assert why in done.stderr
    file.write_text(json.dumps({"folder": str(tmp_path / "gone")}))
    assert "does not run any more" in Town(file).run("list", "alice").stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_peer_ends_cleanly(town: Town, number: signal.Signals) -> None:
    town.start("peer", "erin")
    folder = town.file.parent / "channels" / "erin"
    assert (folder / "ready.json").exists()
    town.running[0].send_signal(number)
    assert town.running[0].wait(20) == 0
    assert not (folder / "ready.json").exists()
    assert not (folder / "control.sock").exists()
    assert town.running[0].communicate()[1] == ""


def test_the_benchmark_measures_both_ways() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "bench", "channel", "--payments", "600", "--json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    names = {
        "payments_per_second", "p50_ms", "p99_ms", "bytes_per_payment", "sign_per_second", "verify_per_second"
    }  # fmt: skip
    for rates in (found, found["over_sockets"]):
        assert names <= set(rates)
        assert all(rates[name] > 0 for name in names)
        assert rates["p50_ms"] <= rates["p99_ms"]
        assert 78 < rates["bytes_per_payment"] < 80
