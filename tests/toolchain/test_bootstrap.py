"""The bootstrap: one environment, made whole, reused, repaired, and refused in one sentence."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.toolchain import bootstrap, checkout
from toolkit.toolchain.bootstrap import Failed, cause_of, check_python, is_ready, main

ROOT = Path(bootstrap.__file__).parents[2]


class Steps:
    """The bootstrap's commands, recorded and played: venv makes a Python, everything else succeeds."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.done: list[str] = []
        self.kill_at = ""
        self.fail_at = ""

    def run(self, command: list[str], *_: object) -> None:
        line = " ".join(command)
        self.done.append(line)
        if self.kill_at and self.kill_at in line:
            raise SystemExit("killed")
        if self.fail_at and self.fail_at in line:
            raise Failed("it failed: the Python package registry cannot be reached")
        if "-m venv" in line:
            (self.venv / "bin").mkdir()
            (self.venv / "bin" / "python").symlink_to(sys.executable)
            (self.venv / "bin" / "ape").write_text("ape's own")
            (self.venv / "pyvenv.cfg").write_text("version = {}.{}.0\n".format(*sys.version_info[:2]))

    def tools(self, level: str, *_: object) -> None:
        self.done.append(f"tools {level}")

    def count(self, words: str) -> int:
        return sum(words in line for line in self.done)


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """A bootstrap of an empty place."""
    venv = tmp_path / "a checkout" / ".venv"
    venv.parent.mkdir()
    steps = Steps(venv)
    places: dict[str, Path] = {
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "STAMP": venv / "l2kit-installed",
        "UNFINISHED": venv / "l2kit-unfinished",
    }
    for name, path in places.items():
        monkeypatch.setattr(bootstrap, name, path)
    monkeypatch.setattr(bootstrap, "run", steps.run)
    monkeypatch.setattr(bootstrap, "install_tools", steps.tools)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("L2KIT_HOME", str(tmp_path / "home"))
    return steps


def test_old_pythons_can_read_it() -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 6), (3, 9), (3, 14)])
def test_python_out_of_range_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(Failed) as raised:
        check_python(version, "CPython", "linux")
    assert "needs CPython 3.10 to 3.13" in str(raised.value)
    assert "is CPython {}.{}: ".format(*version) in str(raised.value)
    assert "make PYTHON=" in str(raised.value)


def test_other_implementations_and_systems_are_refused() -> None:
    with pytest.raises(Failed, match=r"is PyPy 3\.11"):
        check_python((3, 11), "PyPy", "linux")
    with pytest.raises(Failed, match="Linux and macOS, and this is win32: on Windows use WSL 2"):
        check_python((3, 11), "CPython", "win32")


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_supported_pythons_are_taken(version: tuple[int, int], system: str) -> None:
    check_python(version, "CPython", system)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("The virtual environment was not created because ensurepip is not\navailable", "apt install python3-venv"),
        ("No module named venv", "apt install python3-venv"),
        ("[Errno 30] Read-only file system: '.venv'", "is not writable"),
        ("NewConnectionError: Failed to establish a new connection", "registry cannot be reached"),
        ("ERROR: No matching distribution found for uv==0.13.8", "lacks a pinned package"),
        ("error: Failed to build `pyrevm==0.3.7`", "no wheel for this platform"),
        ("first\nsomething else\n", "something else"),
        ("", "it said nothing"),
    ],
)
def test_failures_have_a_cause_in_one_line(said: str, cause: str) -> None:
    assert cause in cause_of(said)
    assert "\n" not in cause_of(said)


def test_second_run_does_nothing(steps: Steps) -> None:
    assert main(["demo"]) == 0
    assert (steps.count("-m venv"), steps.count("requirements.txt"), steps.count("-e "), steps.count("tools")) == (
        1,
        1,
        1,
        1,
    )
    first = list(steps.done)
    assert main(["demo"]) == main(["--ready", "demo"]) == 0
    assert steps.done == first


def test_tests_environment_is_the_demos_and_more(steps: Steps) -> None:
    assert main(["demo"]) == 0
    assert main(["--ready", "test"]) == 1
    assert main(["test"]) == 0
    assert steps.count("-m venv") == 1
    assert steps.count("requirements-dev.txt") == 1
    assert "toolkit.toolchain.ape" in (steps.venv / "bin" / "ape").read_text()
    assert is_ready("demo", False)
    assert is_ready("test", False)


def test_changed_lock_is_installed_into_the_same_venv(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["demo"]) == 0
    monkeypatch.setattr(bootstrap, "BUILD_REQUIREMENTS", "requirements-dev.txt")  # any other content
    assert main(["--ready", "demo"]) == 1
    assert main(["demo"]) == 0
    assert (steps.count("-m venv"), steps.count("requirements.txt")) == (1, 2)


@pytest.mark.parametrize("moment", ["-m venv", "install --quiet --no-deps uv", "requirements.txt", "-e "])
def test_killed_set_up_is_made_anew(steps: Steps, moment: str) -> None:
    steps.kill_at = moment
    with pytest.raises(SystemExit):
        main(["demo"])
    assert not is_ready("demo", False)
    (steps.venv / "half").write_text("")
    steps.kill_at = ""
    assert main(["demo"]) == 0
    assert not (steps.venv / "half").exists()
    assert is_ready("demo", False)


def test_failure_is_one_sentence_and_the_next_run_mends_it(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    steps.fail_at = "install"
    assert main(["demo"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "l2kit: it failed: the Python package registry cannot be reached"
    )
    steps.fail_at = ""
    assert main(["demo"]) == 0


def test_pip_installs_what_uv_cannot(steps: Steps) -> None:
    steps.fail_at = "-m uv"
    assert main(["demo"]) == 0
    assert steps.count("-m pip install --quiet --no-deps -r") == 1
    assert steps.count("-m pip install --quiet --no-deps -e") == 1


def test_venv_of_a_python_that_is_gone_is_made_anew(steps: Steps) -> None:
    assert main(["demo"]) == 0
    (steps.venv / "bin" / "python").unlink()
    (steps.venv / "bin" / "python").symlink_to("/no/such/python")
    assert main(["demo"]) == 0
    assert steps.count("-m venv") == 2


def test_other_python_is_taken_when_it_was_asked_for(steps: Steps) -> None:
    assert main(["demo"]) == 0
    (steps.venv / "pyvenv.cfg").write_text("version = 3.10.99\n" if sys.version_info[1] != 10 else "version = 3.12.0\n")
    assert main(["demo"]) == 0
    assert steps.count("-m venv") == 1
    assert main(["--exact", "demo"]) == 0
    assert steps.count("-m venv") == 2


def test_venv_of_somebody_else_is_not_removed(steps: Steps) -> None:
    steps.venv.mkdir()
    steps.run(["-m", "venv"])
    (steps.venv / "mine").write_text("")
    steps.done.clear()
    assert main(["demo"]) == 0
    assert steps.count("-m venv") == 0
    assert (steps.venv / "mine").exists()


def test_folder_that_is_not_writable_is_one_sentence(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    steps.venv.write_text("a file in the way")
    assert main(["demo"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("l2kit: ")


def test_set_up_runs_alone(tmp_path: Path) -> None:
    """The second process says that it waits, and goes on when the first is gone."""
    lock = tmp_path / "bootstrap.lock"
    program = f"""
import sys
from toolkit.toolchain.bootstrap import take
with open({str(lock)!r}, "a") as file:
    take(file)
    print("mine", flush=True)
    sys.stdin.readline()
"""
    start: Callable[[], subprocess.Popen[str]] = lambda: subprocess.Popen(  # noqa: E731
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with start() as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"
        with start() as second:
            assert second.stderr is not None
            assert second.stdout is not None
            assert second.stderr.readline() == "waiting for another make that is setting up ...\n"
            first.kill()
            assert second.stdout.readline() == "mine\n"
            second.communicate("\n")


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = checkout()
    assert root is not None
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=root, env={**variables, **environment}, capture_output=True, text=True, check=False
    )


def test_make_says_what_it_can_do() -> None:
    done = make()
    assert done.returncode == 0
    targets = {line.split()[1] for line in done.stdout.splitlines()}
    assert targets == {
        "demo",
        "test",
        "test-quick",
        "check",
        "format",
        "gas",
        "gas-snapshot",
        "docs",
        "ape",
        "lock",
        "clean",
    }


def test_make_names_a_python_that_is_not_there() -> None:
    done = make("venv-demo", "PYTHON=/no/such/python")
    assert done.returncode != 0
    assert done.stderr.startswith("l2kit: /no/such/python is not there, or is no Python 3.10 to 3.13: ")


def test_make_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("venv-demo", f"PYTHON={old}")
    assert done.returncode != 0
    assert done.stderr.startswith(f"l2kit: {old} is not there, or is no Python 3.10 to 3.13: ")
