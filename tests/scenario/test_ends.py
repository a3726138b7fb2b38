"""How a scenario ends that does not go well: by Ctrl-C, or with a rollup that has paid the wrong one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from disposition import disposition
from waiting import eventually

from toolkit import Devnet, Options
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed
from toolkit.technique.story import Story

pytestmark = pytest.mark.node

ETHER = 10**18
DAY = 24 * 3600


def test_ctrl_c_half_way_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    screen = tmp_path / "screen"
    runs = tmp_path / "runs"
    runs.mkdir()
    with screen.open("w") as out, disposition(signal.SIG_DFL, signal.SIGINT):
        running = subprocess.Popen(
            [sys.executable, "-u", "-m", "toolkit", "scenario", "vanish"],
            stdout=out, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(runs)},
        )  # fmt: skip
    assert eventually(lambda: "is killed (kill -9)" in screen.read_text() or running.poll() is not None, 60)
    assert list(runs.iterdir())
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert errors.splitlines()[-1] == "l2kit: interrupted; everything it started has been stopped"
    assert eventually(lambda: not list(runs.iterdir()))
    assert eventually(lambda: not subprocess.run(["pgrep", "-f", str(runs)], capture_output=True, check=False).stdout)


def test_a_wrong_state_that_nobody_disputes_is_a_failure() -> None:
    with Devnet(Options(services=False)) as devnet:
        stage = Stage(devnet, Story())
        try:
            (alice,) = stage.people("alice")
            stage.start("sequencer", "verifier")
            stage.deposit(alice, ETHER)
            stage.arrive((alice, ETHER, ETH))
            stage.begin(stage.accounts["proposer"])
            batch = stage.posted(stage.withdraw(alice, ETHER // 2))
            stage.kill("verifier")
            stage.start("proposer", cheat="stale", assert_seconds=float(DAY))
            stage.until(lambda: bool(stage.replica().pending), "the wrong assertion")
            devnet.travel(seconds=devnet.options.challenge_window)
            stage.until(lambda: stage.replica().batch_of(stage.replica().confirmed) == batch, "its confirmation")
            with pytest.raises(CheckFailed, match=f"L1 has confirmed a wrong state of batch {batch}"):
                stage.end("stale", "")
        finally:
            stage.stop()
