"""The Solidity compiler: one pinned version, native where there is one, npm's WebAssembly build otherwise.

Both are the same compiler and give the same bytecode; the native one is faster.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from toolkit.toolchain.home import home, write_atomically
from toolkit.toolchain.npm import node_path, package_path
from toolkit.toolchain.pins import SOLC_COMMIT, SOLC_VERSION


def solc_path() -> Path:
    """The compiler's executable, installed first where it is missing."""
    return _npm_solc()


def _npm_solc() -> Path:
    here = Path(__file__).resolve().parent
    script = (here / "solc_launcher.sh").read_text()
    for name, value in {
        "VERSION": f"{SOLC_VERSION}+commit.{SOLC_COMMIT}.Emscripten.clang",
        "NODE": shlex.quote(str(node_path())),
        "LAUNCHER": shlex.quote(str(here / "solc_launcher.js")),
        "SOLC": shlex.quote(str(package_path("base", "solc"))),
    }.items():
        script = script.replace(f"@{name}@", value)
    path = home() / "solc" / f"solc-v{SOLC_VERSION}"
    content = script.encode()
    if not (path.is_file() and path.read_bytes() == content and os.access(path, os.X_OK)):
        write_atomically(path, content, mode=0o755)
    return path
