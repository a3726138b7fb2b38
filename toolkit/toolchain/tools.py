"""The executables l2kit runs: found on PATH at the pinned version, or installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from toolkit.errors import ToolchainError
from toolkit.toolchain.npm import modules_path, node_path
from toolkit.toolchain.pins import ANVIL_VERSION, FORGE_VERSION


def anvil_path() -> Path:
    """Anvil, installed first where it is missing.

    Raises:
        ToolchainError: it cannot be installed, or does not run on this system.
    """
    return _on_path("anvil", ANVIL_VERSION) or _from_npm("anvil", ANVIL_VERSION)


def forge_path() -> Path:
    """forge (for ``forge fmt`` and ``forge lint``), installed first where it is missing.

    Raises:
        ToolchainError: it cannot be installed, or does not run on this system.
    """
    return _on_path("forge", FORGE_VERSION) or _from_npm("forge", FORGE_VERSION)


def hardhat_command() -> list[str]:
    """The command that Hardhat's own arguments follow; installed first where it is missing.

    Raises:
        ToolchainError: it cannot be installed.
    """
    return [str(node_path()), str(modules_path("hardhat") / "hardhat" / "dist" / "src" / "cli.js")]


def hardhat_modules() -> Path:
    """The ``node_modules`` in which Hardhat is installed, installed first where it is missing."""
    return modules_path("hardhat")


def solady_path() -> Path:
    """The folder of solady's sources, installed first where it is missing."""
    return include_path() / "solady" / "src"


def include_path() -> Path:
    """The folder in which the compiler looks ``solady/src/...`` up, installed first where it is missing.

    Raises:
        ToolchainError: it cannot be installed.
    """
    return modules_path("solidity")


def version_of(executable: Path) -> str:
    """The version an executable says it has: the first "1.2.3" (with "+commit.x" where it says so) of ``--version``.

    Raises:
        ToolchainError: it does not run; the message says how it ended.
    """
    try:
        done = subprocess.run(
            [str(executable), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"{executable} --version did not end in 60 s") from error
    except OSError as error:
        raise ToolchainError(f"{executable} does not run: {error.strerror}") from error
    found = re.search(r"\d+\.\d+\.\d+(\+commit\.\w+)?", done.stdout)
    if done.returncode or not found:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise ToolchainError(f"{executable} does not run: {said}")
    return found.group()


def _on_path(name: str, version: str) -> Path | None:
    """The executable on PATH, where there is one and it is exactly the pinned version."""
    found = shutil.which(name)
    if found is None:
        return None
    try:
        return Path(found) if version_of(Path(found)) == version else None
    except ToolchainError:
        return None


def _from_npm(name: str, version: str) -> Path:
    def check(modules: Path) -> None:
        binary = modules / ".bin" / name
        need = f"it needs Linux with glibc 2.35 or newer or macOS, on x86-64 or arm64; or put {name} {version} on PATH"
        if not binary.exists():
            raise ToolchainError(f"the npm registry has no {name} {version} for this platform: {need}")
        try:
            got = version_of(binary)
        except ToolchainError as error:
            reason = str(error).partition("does not run: ")[2] or str(error)
            raise ToolchainError(f"{name} {version} from npm does not run here ({reason}): {need}") from error
        if got != version:
            raise ToolchainError(f"npm's {name} says it is {got} and not {version}: {need}")

    return modules_path(name, check) / ".bin" / name
