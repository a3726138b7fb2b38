"""No child and no folder outlives its owner, however the owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from disposition import disposition
from waiting import eventually

from toolkit.devnet import Child, RunFolder
from toolkit.errors import ServiceError

OWNER = """
import os, sys, time
from toolkit.devnet import RunFolder
with RunFolder() as folder:
    child = folder.start("child", [sys.executable, "-c", {child!r}])
    child.wait_until(lambda: "pid" in child.last_words(), 10, "start")
    print(folder.path, child.last_words().split()[1], flush=True)
    time.sleep(60)
"""
SLEEPER = "import os, time; print(f'pid {os.getpid()}', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def started(child: Child) -> int:
    child.wait_until(lambda: "pid" in child.last_words(), 10, "start")
    return int(child.last_words().split()[1])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_child_and_folder_end_with_their_owner(how: signal.Signals) -> None:
    with disposition(signal.SIG_DFL, signal.SIGINT):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER.format(child=SLEEPER)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    assert owner.stdout is not None
    folder, pid = owner.stdout.readline().split()
    assert running(int(pid)) and Path(folder).is_dir()
    owner.send_signal(how)
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not running(int(pid)))
    assert eventually(lambda: not Path(folder).exists())


def test_child_that_ignores_sigterm_is_killed() -> None:
    with RunFolder() as folder:
        child = folder.start("stubborn", [sys.executable, "-c", STUBBORN])
        pid = started(child)
    assert not running(pid)
    assert not folder.path.exists()


def test_kill_ends_the_child_itself() -> None:
    with RunFolder() as folder:
        child = folder.start("child", [sys.executable, "-c", SLEEPER])
        pid = started(child)
        child.kill()
        assert not running(pid)
        assert not child.alive


def test_early_end_is_told_with_the_last_line_of_the_log() -> None:
    with RunFolder() as folder:
        child = folder.start("broken", [sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"])
        with pytest.raises(ServiceError, match=r"broken has ended \(code 3: out of luck\)"):
            child.wait_until(lambda: False, 10, "start")


def test_killed_child_is_told_and_a_stopped_one_is_not_missed() -> None:
    with RunFolder() as folder:
        stopped, killed = (folder.start(name, [sys.executable, "-c", SLEEPER]) for name in ("stopped", "killed"))
        stopped.stop()
        folder.check_alive()
        os.kill(started(killed), signal.SIGKILL)
        assert eventually(lambda: not killed.alive)
        with pytest.raises(ServiceError, match=r"killed has ended \(killed by signal 9\)"):
            folder.check_alive()


def test_stopping_twice_leaves_alone_what_was_opened_between() -> None:
    with RunFolder() as folder:
        child = folder.start("child", [sys.executable, "-c", SLEEPER])
        child.stop()
        reader, writer = os.pipe()  # these take the numbers that the child's lifeline had
        child.stop()
        folder.close()
        os.write(writer, b"x")
        assert os.read(reader, 1) == b"x"
        os.close(reader)
        os.close(writer)


def test_folder_goes_even_where_its_sweeper_was_killed() -> None:
    with RunFolder() as folder:
        folder._sweeper.kill()
    assert not folder.path.exists()


def test_child_keeps_what_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    with RunFolder() as folder:
        child = folder.start("child", [sys.executable, "-c", "import sys; print('kept', not sys.dont_write_bytecode)"])
        assert eventually(lambda: child.last_words() == "kept True")


def test_missing_command_is_told() -> None:
    with RunFolder() as folder:
        child = folder.start("ghost", ["/no/such/command"])
        with pytest.raises(ServiceError, match="cannot start /no/such/command: No such file"):
            child.wait_until(lambda: False, 10, "start")


def test_slow_start_is_told() -> None:
    with RunFolder() as folder:
        child = folder.start("slow", [sys.executable, "-c", SLEEPER])
        with pytest.raises(ServiceError, match="slow did not answer within 0 s"):
            child.wait_until(lambda: False, 0.05, "answer")


FAMILY = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(f'pid {child.pid}', flush=True); time.sleep(60)"
)


def state(pid: int) -> str:
    """How a process is: "S" sleeps, "T" is stopped."""
    told = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()[:1]


def test_who_is_frozen_stands_still_with_its_children_until_it_is_thawed() -> None:
    with RunFolder() as folder:
        child = folder.start("family", [sys.executable, "-c", FAMILY])
        pid = started(child)
        child.freeze()
        assert eventually(lambda: state(pid) == "T")
        assert child.alive
        child.thaw()
        assert eventually(lambda: state(pid) == "S")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_who_is_frozen_can_be_ended_at_once(how: str) -> None:
    with RunFolder() as folder:
        child = folder.start("family", [sys.executable, "-c", FAMILY])
        pid = started(child)
        child.freeze()
        getattr(child, how)()
        assert not child.alive
        assert child.ending() == "killed by signal " + {"stop": "15", "kill": "9"}[how]  # it heeds what asks it to end
        if how == "kill":  # nobody ends the children of who was killed, but they are not left frozen
            assert eventually(lambda: not running(pid) or state(pid) != "T")
        if running(pid):
            os.kill(pid, signal.SIGKILL)


def test_an_owner_who_is_killed_leaves_nobody_frozen() -> None:
    frozen = OWNER.replace("    time.sleep", "    child.freeze()\n    time.sleep")
    owner = subprocess.Popen(
        [sys.executable, "-c", frozen.format(child=SLEEPER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    folder, pid = owner.stdout.readline().split()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not running(int(pid)))
    assert eventually(lambda: not Path(folder).exists())
