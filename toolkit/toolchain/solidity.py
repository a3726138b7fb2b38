"""Format and lint the contracts with forge, which compiles them with our compiler and library for that."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from toolkit.errors import ToolchainError
from toolkit.toolchain.folders import checkout, home
from toolkit.toolchain.solc import solc_path
from toolkit.toolchain.tools import forge_path, solady_path


def fmt(flags: Sequence[str] = ()) -> int:
    """``forge fmt`` (with ``--check`` it changes nothing and says what it would); returns its exit code."""
    return _forge("fmt", *flags)


def lint() -> int:
    """``forge lint`` with warnings as failures (see ``contracts/foundry.toml``); returns its exit code."""
    return _forge(
        "lint",
        environment={
            "FOUNDRY_SOLC": str(solc_path()),
            "FOUNDRY_OFFLINE": "true",
            "FOUNDRY_OUT": str(home() / "forge" / "out"),
            "FOUNDRY_CACHE_PATH": str(home() / "forge" / "cache"),
            "DAPP_REMAPPINGS": f"solady/={solady_path()}/",
        },
    )


def _forge(*arguments: str, environment: dict[str, str] | None = None) -> int:
    root = checkout()
    if root is None:
        raise ToolchainError(
            "the contracts are formatted and linted in a checkout, and l2kit runs from an installation"
        )
    # by name, for ape leaves libraries in contracts/.cache now and then
    rooms = sorted(str(path) for path in (root / "contracts").iterdir() if path.is_dir() and path.name[0] != ".")
    command = [str(forge_path()), *arguments, "--root", str(root), *rooms]
    config = {"FOUNDRY_CONFIG": str(root / "contracts" / "foundry.toml")}
    return subprocess.run(
        command, env={**os.environ, **config, **(environment or {})}, cwd=root, check=False
    ).returncode
