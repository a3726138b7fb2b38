"""Tools: found on PATH at the pinned version alone, installed whole or not at all, and refused in one sentence."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toolkit.toolchain.folders
import toolkit.toolchain.npm
from toolkit.errors import ToolchainError
from toolkit.toolchain import anvil_path, forge_path, hardhat_command, include_path, solady_path, solc_path
from toolkit.toolchain.folders import cannot_write, checkout, home
from toolkit.toolchain.npm import modules_path
from toolkit.toolchain.solc import native_solc

ON_PATH = {
    "anvil": "anvil Version: {}-v1\nCommit SHA: 0123",
    "solc": "solc, the solidity compiler commandline interface\nVersion: {}+commit.f401782d.Linux.g++",
}


def put(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of PATH."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def fake_npm(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """npm that installs an anvil that runs this script; returns the script's lines, to be changed."""
    lines = ["echo anvil Version: 1.7.1"]

    def install(folder: Path, group: str) -> None:
        put(folder / "node_modules" / ".bin" / group, "\n".join(lines))

    monkeypatch.setattr(toolkit.toolchain.npm, "_npm_ci", install)
    monkeypatch.setenv("PATH", os.defpath)
    return lines


def test_installed_tools_are_the_pinned_ones() -> None:
    said = [
        subprocess.check_output([str(tool()), "--version"], text=True) for tool in (anvil_path, forge_path, solc_path)
    ]
    assert ["1.7.1" in said[0], "1.7.1" in said[1], "0.8.37+commit.f401782d" in said[2]] == [True] * 3
    assert subprocess.check_output([*hardhat_command(), "--version"], text=True, cwd=home()).strip() == "3.18.0"
    assert solady_path() == include_path() / "solady" / "src"
    assert (solady_path() / "tokens" / "ERC20.sol").is_file()


def test_anvil_on_path_is_used_at_the_pinned_version(path_folder: Path) -> None:
    there = put(path_folder / "anvil", f"echo '{ON_PATH['anvil'].format('1.7.1')}'")
    assert anvil_path() == there


@pytest.mark.parametrize("script", [f"echo '{ON_PATH['anvil'].format('1.7.10')}'", "exit 1", "echo hello"])
def test_other_anvil_on_path_is_not_used(path_folder: Path, script: str) -> None:
    there = put(path_folder / "anvil", script)
    assert anvil_path() != there


def test_solc_on_path_is_used_at_the_pinned_version(path_folder: Path) -> None:
    there = put(path_folder / "solc", f"echo '{ON_PATH['solc'].format('0.8.37')}'")
    assert solc_path() == there


def test_other_solc_on_path_is_not_used(path_folder: Path) -> None:
    there = put(path_folder / "solc", f"echo '{ON_PATH['solc'].format('0.8.36')}'")
    assert solc_path() != there


def test_compiler_of_py_solc_x_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = put(tmp_path / "solc-v0.8.37", f"echo '{ON_PATH['solc'].format('0.8.37')}'")
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", os.defpath)
    assert native_solc() == there


def test_download_that_fails_falls_back_to_npms(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if native_solc() is not None:
        pytest.skip("a native solc 0.8.37 is here, so nothing is downloaded")
    monkeypatch.setenv("L2KIT_NATIVE_SOLC", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert solc_path() == own_home / "solc" / "solc-v0.8.37"
    assert "cannot be downloaded here: using npm's" in capsys.readouterr().err


def test_installation_is_stamped_and_reused(
    empty_home: Path, fake_npm: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = anvil_path()
    assert first == empty_home / "npm" / "anvil" / "node_modules" / ".bin" / "anvil"
    made = first.stat().st_mtime_ns
    assert anvil_path().stat().st_mtime_ns == made
    assert capsys.readouterr().err.splitlines() == ["installing Anvil from the npm registry ..."]


def test_other_lock_is_installed_anew(empty_home: Path, fake_npm: list[str]) -> None:
    stamp = anvil_path().parents[2] / "installed"
    stamp.write_text("0000 linux x86_64\n")
    fake_npm.append("# of the new lock")
    assert "# of the new lock" in anvil_path().read_text()
    assert "0000" not in stamp.read_text()


def test_what_a_kill_left_is_removed_and_repaired(empty_home: Path, fake_npm: list[str]) -> None:
    half = put(empty_home / "npm" / "anvil" / "node_modules" / ".bin" / "anvil", "exit 1")  # no stamp
    put(empty_home / "npm" / ".anvil-x" / "fresh" / "a", "")
    assert anvil_path() == half
    assert "1.7.1" in half.read_text()
    assert sorted(path.name for path in (empty_home / "npm").iterdir()) == ["anvil"]


def test_killed_installation_is_repaired_by_the_next(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    root = checkout()
    assert root is not None
    (empty_home / "npm").mkdir()
    (empty_home / "npm" / "cache").symlink_to(root / ".l2kit" / "npm" / "cache")
    program = "from toolkit.toolchain import include_path; include_path()"
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not any((empty_home / "npm").glob(".solidity-*/fresh/package.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (empty_home / "npm" / "solidity").exists()
    assert (include_path() / "solady" / "package.json").is_file()
    assert not any((empty_home / "npm").glob(".solidity-*"))
    assert not any(temporary.iterdir())


def test_two_processes_install_once(empty_home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = f"""
import toolkit.toolchain.npm as npm
def install(folder, group):
    with open({str(log)!r}, "a") as file: file.write("installed\\n")
    (folder / "node_modules").mkdir()
npm._npm_ci = install
npm.modules_path("solidity")
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert log.read_text() == "installed\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            'echo "anvil: version GLIBC_2.35 not found" >&2; exit 1',
            "does not run here (anvil: version GLIBC_2.35 not found)",
        ),
        ("echo anvil Version: 1.7.0", "npm's anvil says it is 1.7.0 and not 1.7.1"),
    ],
)
def test_binary_that_does_not_run_is_refused(empty_home: Path, fake_npm: list[str], script: str, reason: str) -> None:
    fake_npm[:] = [script]
    with pytest.raises(ToolchainError) as raised:
        anvil_path()
    assert reason in str(raised.value)
    assert "glibc 2.35 or newer or macOS" in str(raised.value)
    assert "put anvil 1.7.1 on PATH" in str(raised.value)
    assert list((empty_home / "npm").iterdir()) == []


def test_platform_without_a_package_is_named(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit.toolchain.npm, "_npm_ci", lambda folder, group: (folder / "node_modules").mkdir())
    monkeypatch.setenv("PATH", os.defpath)
    with pytest.raises(ToolchainError, match=r"the npm registry has no anvil 1.7.1 for this platform: it needs Linux"):
        anvil_path()


def test_stamp_is_of_this_platform(empty_home: Path, fake_npm: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    anvil_path()
    fake_npm.append("# for the other machine")
    monkeypatch.setattr(platform, "machine", lambda: "another")
    assert "# for the other machine" in anvil_path().read_text()


def test_registry_that_is_not_there_is_one_sentence(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(ToolchainError) as raised:
        modules_path("solidity")
    assert str(raised.value).startswith("solc and solady cannot be installed: the npm registry refused the connection")
    assert "\n" not in str(raised.value)
    assert not (empty_home / "npm" / "solidity").exists()


def test_home_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("L2KIT_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ToolchainError, match=r"cannot write .*file/home.* or set L2KIT_HOME"):
        modules_path("solidity")


def test_full_disk_is_said_as_such() -> None:
    error = cannot_write(Path("x/y"), OSError(errno.ENOSPC, "No space left on device"))
    assert str(error) == "the disk is full while writing x/y: free some space and run the same again"


def test_missing_node_is_named(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolkit.toolchain.npm, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match="Node is missing"):
        hardhat_command()


def test_home_is_the_checkouts_unless_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("L2KIT_HOME", raising=False)
    assert home() == Path(toolkit.__file__).parent.parent / ".l2kit"
    monkeypatch.setenv("L2KIT_HOME", str(tmp_path))
    assert home() == tmp_path


def test_home_of_an_installation_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("L2KIT_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(toolkit.toolchain.folders, "_PACKAGE", tmp_path / "site-packages" / "toolkit")
    assert home() == tmp_path / "l2kit"


def test_command_line_ends_in_one_sentence(empty_home: Path, tmp_path: Path) -> None:
    shutil.rmtree(empty_home)
    empty_home.write_text("a file")
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.toolchain", "install", "demo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("l2kit: cannot write ")
