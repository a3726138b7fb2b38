"""The Solidity compiler: one pinned version, native where there is one, npm's WebAssembly build otherwise.

Both are one compiler and give the same bytecode; the native one is faster. In this order:

1. ``solc`` on PATH, where it is exactly the pinned version;
2. the native compiler that py-solc-x installed before (``$SOLCX_BINARY_PATH`` or ``~/.solcx``);
3. with ``L2KIT_NATIVE_SOLC=1``, one that py-solc-x downloads now (from its own host, which is not a registry);
4. npm's ``solc`` behind a launcher with native solc's command line.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import ToolchainError
from toolkit.toolchain.folders import home, make_folder, say, write_atomically
from toolkit.toolchain.npm import modules_path, node_path
from toolkit.toolchain.pins import SOLC_COMMIT, SOLC_VERSION
from toolkit.toolchain.tools import version_of

NATIVE_VARIABLE = "L2KIT_NATIVE_SOLC"
FULL_VERSION = f"{SOLC_VERSION}+commit.{SOLC_COMMIT}"
_HERE = Path(__file__).resolve().parent
_DOWNLOAD_TIMEOUT = 60  # seconds


def solc_path() -> Path:
    """The compiler's executable, which takes native solc's arguments; installed first where it is missing.

    Raises:
        ToolchainError: neither a native compiler nor npm's can be had.
    """
    launcher = home() / "solc" / f"solc-v{SOLC_VERSION}"
    return native_solc() or write_launcher(launcher, modules_path("solidity") / "solc")


def native_solc() -> Path | None:
    """A native compiler of the pinned version, downloaded where the user asked for that; None where there is none."""
    for candidate in _native_candidates():
        if _is_pinned(candidate):
            return candidate
    return _download() if os.environ.get(NATIVE_VARIABLE) == "1" else None


def write_launcher(path: Path, compiler: Path, default_settings: str = "{}") -> Path:
    """Write the script that gives ``compiler`` native solc's command line, unless it is there already; returns it.

    Args:
        path: of the script.
        compiler: the folder of npm's ``solc``, or a native executable.
        default_settings: standard-JSON settings (in JSON) for requests that leave them out.

    Raises:
        ToolchainError: the script cannot be written.
    """
    words = [str(node_path()), str(_HERE / "solc_launcher.js"), default_settings, str(compiler)]
    script = (_HERE / "solc_launcher.sh").read_text("utf-8")
    script = script.replace("@VERSION@", f"{FULL_VERSION}.Emscripten.clang").replace("@COMMAND@", shlex.join(words))
    if not (path.is_file() and path.read_text("utf-8") == script and os.access(path, os.X_OK)):
        write_atomically(path, script.encode(), mode=0o755)
    return path


def _native_candidates() -> Iterator[Path]:
    on_path = shutil.which("solc")
    if on_path:
        yield Path(on_path)
    name = f"solc-v{SOLC_VERSION}"
    folders = [os.environ.get("SOLCX_BINARY_PATH"), Path("~/.solcx").expanduser(), home() / "solc" / "native"]
    for folder in folders:
        if folder and (Path(folder) / name).is_file():
            yield Path(folder) / name


def _is_pinned(candidate: Path) -> bool:
    """Whether it is the pinned compiler, and not a launcher of ours (which may be of another environment)."""
    try:
        with candidate.open("rb") as file:
            if b"l2kit writes this script" in file.read(400):
                return False
        return version_of(candidate) == FULL_VERSION
    except (OSError, ToolchainError):
        return False


def _download() -> Path | None:
    """The native compiler by py-solc-x's download, in a process of its own: it has no timeout of its own."""
    say(f"downloading native solc {SOLC_VERSION} with py-solc-x ...")
    folder = make_folder(home() / "solc" / "native")
    program = f"import solcx; solcx.install_solc({SOLC_VERSION!r})"
    try:
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "SOLCX_BINARY_PATH": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DOWNLOAD_TIMEOUT,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        say(f"native solc {SOLC_VERSION} cannot be downloaded here: using npm's, which gives the same bytecode")
        return None
    path = folder / f"solc-v{SOLC_VERSION}"
    return path if _is_pinned(path) else None
