"""``ape`` with the pinned Anvil, compiler and settings, and its data folder in the toolchain's home.

``make`` puts this in the place of the venv's ``ape``; elsewhere ``python -m toolkit.toolchain.ape compile`` does the
same. ape finds its tools through the environment, and cannot be told two things that we need, so it is given wrappers:

- its compiler gets the settings that ape has no name for (no metadata, so that bytecode is the same everywhere);
- its Anvil keeps blocks in our folder and not in the user's home, and caps transactions as EIP-7825 says.

``ape test`` runs ``tests/ape`` with the settings there, since the plain suite leaves ape's pytest plugin out. What ape
has of us beside the environment is in `toolkit.ape`: Hardhat, and the session that runs.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from click import ClickException

from toolkit.compile import SETTINGS
from toolkit.errors import L2KitError
from toolkit.toolchain.folders import checkout, home, make_folder, say, write_atomically
from toolkit.toolchain.npm import modules_path
from toolkit.toolchain.pins import SOLC_VERSION
from toolkit.toolchain.solc import native_solc, write_launcher
from toolkit.toolchain.tools import anvil_path, include_path


def environment() -> dict[str, str]:
    """The variables that ape needs, added to this process's; installs what is missing.

    Raises:
        ToolchainError: a tool cannot be installed.
    """
    folder = make_folder(home() / "ape")
    tools = folder / "bin"
    compiler = native_solc() or modules_path("solidity") / "solc"
    write_launcher(tools / f"solc-v{SOLC_VERSION}", compiler, json.dumps({"metadata": SETTINGS["metadata"]}))
    _write_anvil(tools / "anvil", folder / "blocks")
    root, tests = checkout(), dict[str, str]()
    if root is not None:
        tests["PYTEST_ADDOPTS"] = shlex.join(["-c", str(root / "tests/ape/pytest.ini"), "--rootdir", str(root)])
    return {
        **tests,
        **os.environ,
        "PATH": os.pathsep.join([str(tools), os.environ.get("PATH", os.defpath)]),
        "APE_DATA_FOLDER": str(folder / "data"),
        "IPYTHONDIR": os.environ.get("IPYTHONDIR") or str(folder / "ipython"),  # of ape's console
        "SOLCX_BINARY_PATH": str(tools),
        "L2KIT_SOLADY": str(include_path() / "solady"),  # ape-config.yaml says where it goes
    }


def main(arguments: Sequence[str]) -> int:
    """Become ape."""
    try:
        variables = environment()
    except L2KitError as error:
        say(f"l2kit: {error}")
    else:
        os.execve(sys.executable, [sys.executable, "-m", "toolkit.ape.plugin", *arguments], variables)
    return 1


@contextmanager
def one_sentence() -> Iterator[None]:
    """For ape's scripts: our errors become click's, which ape shows without a traceback."""
    try:
        yield
    except L2KitError as error:
        raise ClickException(str(error)) from None


def _write_anvil(path: Path, blocks: Path) -> None:
    command = shlex.join([str(anvil_path()), "--cache-path", str(blocks), "--enable-tx-gas-limit"])
    script = (
        f'#!/bin/sh\n[ "$*" = --version ] && exec {shlex.quote(str(anvil_path()))} --version\nexec {command} "$@"\n'
    )
    if not (path.is_file() and path.read_text("utf-8") == script):
        write_atomically(path, script.encode(), mode=0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
