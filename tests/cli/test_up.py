"""``l2kit up``: one screen, the same as JSON, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from disposition import disposition
from waiting import eventually

from toolkit.devnet import Chain, check_port, free_port
from toolkit.devnet.rpc import Rpc

pytestmark = pytest.mark.node

ROOT = Path(__file__).parents[2]


class Running:
    """An ``l2kit up`` that runs, started by somebody who ignores the signals in ``ignored``."""

    def __init__(self, folder: Path, ignored: Collection[signal.Signals] = (), options: Sequence[str] = ()) -> None:
        self.output = folder / "devnet.json"
        self.port = free_port()
        heeded = {signal.SIGINT, signal.SIGHUP} - set(ignored)
        with disposition(signal.SIG_IGN, *ignored), disposition(signal.SIG_DFL, *heeded):
            where = ["--port", str(self.port), "--output", str(self.output), "--batch-data", "auto"]
            where += ["--session", f"up-{self.port}"]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "toolkit", "up", *where, *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert eventually(lambda: self.output.exists() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.process.communicate()[1]
        self.devnet: dict[str, Any] = json.loads(self.output.read_text())
        self.folder = Path(next(iter(self.devnet["logs"].values()))).parent

    def leaves_nothing(self) -> bool:
        """Whether its folder is gone, its processes are, and its port is free."""

        def children() -> bytes:  # that name the folder, as the process does that removes it
            return subprocess.run(["pgrep", "-f", str(self.folder)], capture_output=True, check=False).stdout

        gone = eventually(lambda: not self.folder.exists() and not children())
        check_port(self.port)
        return gone


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.process.kill()
    running.process.communicate()


def test_what_it_writes_can_be_used(up: Running) -> None:
    devnet = up.devnet
    chain = Chain(devnet["l1"]["rpc"])
    assert chain.chain_id == devnet["l1"]["chain_id"]
    assert Rpc(devnet["l2"]["rpc"]).call("l2_status")["batchData"] == "auto"
    for name, address in devnet["contracts"].items():
        assert chain.contract(name, address).address == address
    assert {account["name"] for account in devnet["accounts"]} >= {"deployer", "sequencer", "alice", "bob"}
    assert all(Path(log).exists() for log in devnet["logs"].values())
    for file in (up.output, up.folder / "devnet.json"):
        assert file.stat().st_mode & 0o077 == 0  # keys are in it
    up.process.send_signal(signal.SIGINT)
    out, errors = up.process.communicate(timeout=30)
    assert up.process.returncode == 130
    assert "interrupted; everything it started has been stopped" in errors
    for account in devnet["accounts"]:
        assert account["address"] in out and account["key"] in out
    assert devnet["l1"]["rpc"] in out and devnet["l2"]["rpc"] in out
    assert up.leaves_nothing()
    assert not up.output.exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_however_it_ends_nothing_is_left(up: Running, how: signal.Signals) -> None:
    up.process.send_signal(how)
    _, errors = up.process.communicate(timeout=30)
    assert errors.splitlines()[-1] == f"l2kit: ended by {how.name}; everything it started has been stopped"
    assert up.process.returncode == 128 + how
    assert up.leaves_nothing()


def test_nothing_is_left_after_kill_9(up: Running) -> None:
    up.process.kill()
    up.process.communicate(timeout=30)
    assert up.leaves_nothing()
    assert up.output.exists()  # nobody was there to remove it; it is not in the next one's way
    with subprocess.Popen(
        [sys.executable, "-m", "toolkit", "up", "--output", str(up.output), "--session", f"up-{up.port}"],
        stdout=subprocess.DEVNULL,
    ) as again:
        assert eventually(lambda: json.loads(up.output.read_text()) != up.devnet, 60)
        again.send_signal(signal.SIGTERM)
    assert not up.output.exists()


def test_file_of_a_devnet_that_runs_is_not_overwritten(up: Running) -> None:
    command = [sys.executable, "-m", "toolkit", "up", "--output", str(up.output)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (second.returncode, second.stdout) == (1, "")
    assert f"{up.output} is that of a devnet that runs; name another file" in second.stderr
    assert json.loads(up.output.read_text()) == up.devnet


def test_it_ends_with_the_make_that_runs_it() -> None:
    make = subprocess.Popen(["make", "gas"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert make.stderr is not None
    assert make.stderr.readline().startswith(("[1 of", "starting"))  # it is at work
    make.kill()
    out, errors = make.communicate(timeout=30)  # these are open as long as it runs
    said = "l2kit: stopped: 0 of 35 cells are kept, the same command goes on from there"
    assert (out, errors.splitlines()[-1]) == ("", said)


def test_second_ctrl_c_does_not_disturb_the_end(up: Running) -> None:
    for _ in range(3):
        up.process.send_signal(signal.SIGINT)
    _, errors = up.process.communicate(timeout=30)
    assert up.process.returncode == 130
    assert errors.splitlines()[-1] == "l2kit: interrupted; everything it started has been stopped"
    assert "Traceback" not in errors
    assert up.leaves_nothing()


def test_sigint_ends_it_also_where_a_script_started_it_in_the_background(tmp_path: Path) -> None:
    running = Running(tmp_path, ignored=[signal.SIGINT])  # as a shell does with `l2kit up &`
    running.process.send_signal(signal.SIGINT)
    running.process.communicate(timeout=30)
    assert running.process.returncode == 130
    assert running.leaves_nothing()


def test_nohup_keeps_it_running(tmp_path: Path) -> None:
    running = Running(tmp_path, ignored=[signal.SIGHUP])
    running.process.send_signal(signal.SIGHUP)
    running.process.send_signal(signal.SIGTERM)
    running.process.communicate(timeout=30)
    assert running.process.returncode == 128 + signal.SIGTERM
    assert running.leaves_nothing()


def test_killed_node_ends_it_with_a_sentence(up: Running) -> None:
    found = subprocess.run(
        ["pgrep", "-f", f"anvil --host .*--port {up.port} "], capture_output=True, text=True, check=True
    )
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    _, errors = up.process.communicate(timeout=30)
    assert up.process.returncode == 1
    assert errors.splitlines()[-1].startswith("l2kit: anvil has ended")
    assert up.leaves_nothing()


def test_it_keeps_going_without_a_service_if_it_is_told_to(tmp_path: Path) -> None:
    running = Running(tmp_path, options=["--keep-going"])
    assert running.process.stderr is not None
    ready = json.loads((running.folder / "proposer" / "ready.json").read_text())
    os.kill(ready["pid"], signal.SIGKILL)
    told = running.process.stderr.readline()
    while "has ended" not in told:
        assert told, "it has ended"
        told = running.process.stderr.readline()
    assert told == "proposer has ended (killed by signal 9); the devnet goes on without it\n"
    assert Rpc(running.devnet["l2"]["rpc"]).call("l2_status")["role"] == "sequencer"
    running.process.send_signal(signal.SIGINT)
    _, errors = running.process.communicate(timeout=30)
    assert running.process.returncode == 130
    assert "has ended" not in errors, "it was told once"
    assert running.leaves_nothing()
