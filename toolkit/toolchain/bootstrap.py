"""Make the environment that ``make`` runs in: ``.venv`` with the locked packages, and the npm tools.

    python3 toolkit/toolchain/bootstrap.py [--exact|--ready] demo|test

``demo`` is what the library and its command need; ``test`` adds ape, the test tools, forge and Hardhat. The second run
finds its stamp and ends at once. With ``--exact`` a venv of another Python version is made anew; ``--ready`` makes
nothing and only says by its exit code whether all is there.

Standard library only, and readable by Python 3.6, so that an old interpreter ends in a sentence.
"""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "l2kit-installed"  # what a whole environment was made from
UNFINISHED = VENV / "l2kit-unfinished"  # there while we work; a kill leaves it behind
UV = "uv==0.13.8"
OLDEST, NEWEST = (3, 10), (3, 13)
REQUIREMENTS = {"demo": "requirements.txt", "test": "requirements-dev.txt"}
BUILD_REQUIREMENTS = "requirements-build.txt"

CAUSES = (
    (("No space left", "Disk quota exceeded", "os error 28"), "the disk is full: free some space and run it again"),
    (
        ("ensurepip is not", "No module named ensurepip", "No module named venv", "No module named 'ensurepip'"),
        "Python's venv module is missing: install it (Debian and Ubuntu: apt install python3-venv) and run it again",
    ),
    (("Read-only file system", "Permission denied"), "{root} is not writable: make it so, or clone to a place that is"),
    (
        (
            "Temporary failure in name resolution",
            "Name or service not known",
            "nodename nor servname",
            "NewConnectionError",
            "Network is unreachable",
            "Connection refused",
            "dns error",
            "tcp connect error",
            "timed out",
            "Could not connect",
        ),
        "the Python package registry cannot be reached: check the network, the proxy, and pip's index-url",
    ),
    (
        ("No matching distribution", "not found in the package registry", "was not found"),
        "the Python package registry lacks a pinned package: check pip's index-url",
    ),
    (
        ("Failed to build", "Failed building wheel", "subprocess-exited-with-error"),
        "a package has no wheel for this platform and does not build: glibc Linux and macOS have all (x86-64, arm64)",
    ),
)


class Failed(Exception):
    """The one sentence to end with."""


def main(arguments: List[str]) -> int:
    """Make the environment; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        level = arguments[-1] if arguments else ""
        if level not in REQUIREMENTS:
            raise Failed("usage: bootstrap.py [--exact|--ready] demo|test")
        if "--ready" in arguments:
            return 0 if is_ready(level, False) else 1
        check_python(sys.version_info[:2], platform.python_implementation(), sys.platform)
        if not is_ready(level, "--exact" in arguments):
            prepare(level, "--exact" in arguments)
        return 0
    except Failed as failure:
        say("l2kit: {}".format(failure))
        return 1
    except OSError as error:
        say("l2kit: {}".format(cause_of("{}: {}".format(error.filename or ROOT, error.strerror or error))))
        return 1
    except KeyboardInterrupt:
        say("l2kit: interrupted; run the same again to go on")
        return 130


def check_python(version: Any, implementation: str, system: str) -> None:
    """Refuse interpreters and systems that cannot work.

    Raises:
        Failed: with what is needed.
    """
    needed = "l2kit needs CPython {}.{} to {}.{}".format(*(OLDEST + NEWEST))
    if system not in ("darwin", "linux"):
        raise Failed("l2kit runs on Linux and macOS, and this is {}: on Windows use WSL 2".format(system))
    if not OLDEST <= tuple(version) <= NEWEST or implementation != "CPython":
        raise Failed(
            "{}, and {} is {} {}.{}: install one, or say make PYTHON=/path/to/python3".format(
                needed, sys.executable, implementation, version[0], version[1]
            )
        )


def stamp_of(level: str) -> str:
    """What an environment of this level is made from: locks, project metadata, this program, and the place."""
    digest = hashlib.sha256(str(ROOT).encode())
    files = [HERE / REQUIREMENTS[level], HERE / BUILD_REQUIREMENTS, ROOT / "pyproject.toml", Path(__file__).resolve()]
    for file in files + sorted(HERE.glob("npm/*/package-lock.json")):
        digest.update(file.read_bytes())
    return "{} {}".format(level, digest.hexdigest())


def is_ready(level: str, exact: bool) -> bool:
    """Whether ``.venv`` is whole, current, and of this level or a larger one."""
    if UNFINISHED.exists() or not works(PYTHON) or (exact and version_of_venv() != sys.version_info[:2]):
        return False
    try:
        found = STAMP.read_text().splitlines()
    except OSError:
        return False
    return stamp_of(level) in found or stamp_of("test") in found


def works(python: Path) -> bool:
    """Whether an interpreter is there (a venv's is a link, which breaks when the system's Python goes)."""
    return os.access(str(python), os.X_OK)


def version_of_venv() -> Any:
    """(major, minor) of the venv's Python, or None."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() in ("version", "version_info"):
            return tuple(int(part) for part in value.strip().split(".")[:2])
    return None


def prepare(level: str, exact: bool) -> None:
    """Make the environment under the lock; another make may have made it while we waited."""
    home = Path(os.environ.get("L2KIT_HOME") or str(ROOT / ".l2kit")).expanduser()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "bootstrap.lock").open("a") as lock:
        take(lock)
        if is_ready(level, exact):
            return
        log = home / "bootstrap.log"
        log.write_text("")
        environment = environment_for(home)
        make_venv(exact, log, environment)
        kept = [stamp_of("demo")] if level == "test" else []
        if STAMP.exists():
            STAMP.unlink()
        install_packages(level, log, environment)
        if level == "test":
            write_ape()
        install_tools(level, environment)
        STAMP.write_text("\n".join([stamp_of(level), *kept]) + "\n")
        UNFINISHED.unlink()


def take(lock: Any) -> None:
    """Wait for the lock; the system drops it when a process dies."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("waiting for another make that is setting up ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def environment_for(home: Path) -> Dict[str, str]:
    """The environment of pip, uv and npm: their caches in our folder, and no settings of another venv."""
    environment = dict(os.environ)
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET"):
        environment.pop(name, None)
    environment.update(
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_CACHE_DIR=str(home / "cache" / "pip"),
        UV_CACHE_DIR=str(home / "cache" / "uv"),
        UV_NO_CONFIG="1",
        UV_PYTHON_DOWNLOADS="never",
        PIP_BUILD_CONSTRAINT=str(HERE / BUILD_REQUIREMENTS),
        PIP_CONSTRAINT=str(HERE / BUILD_REQUIREMENTS),
    )
    return environment


def make_venv(exact: bool, log: Path, environment: Dict[str, str]) -> None:
    """Make ``.venv``, or keep the one that is there where it is whole."""
    ours_and_broken = UNFINISHED.exists() or not works(PYTHON)
    other_python = exact and version_of_venv() != sys.version_info[:2]
    unsupported = not OLDEST <= (version_of_venv() or (0, 0)) <= NEWEST
    if VENV.exists() and (ours_and_broken or other_python or unsupported):
        shutil.rmtree(str(VENV))
    VENV.mkdir(exist_ok=True)
    fresh = not PYTHON.exists()
    UNFINISHED.write_text("")
    if fresh:
        what = "making .venv with Python {}".format(platform.python_version())
        run([sys.executable, "-m", "venv", str(VENV)], what, log, environment)


def install_packages(level: str, log: Path, environment: Dict[str, str]) -> None:
    """Install the locked packages, with uv where it can be had and with pip otherwise, and the project itself."""
    requirements = HERE / REQUIREMENTS[level]
    count = sum(1 for line in requirements.read_text().splitlines() if "==" in line)
    what = "installing the {} locked Python packages".format(count)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-deps"]
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps"]
    arguments = ["-r", str(requirements)]
    try:
        run([*pip, UV], "installing " + UV, log, without_constraints(environment))
        run([*uv, *arguments], what, log, environment)
        run([*uv, "--build-constraint", str(HERE / BUILD_REQUIREMENTS), "-e", str(ROOT)], "", log, environment)
    except Failed as failure:
        if "disk is full" in str(failure) or "not writable" in str(failure):
            raise
        say("uv did not do it; with pip this takes about a minute more")
        run([*pip, *arguments], what, log, without_constraints(environment))
        run([*pip, "-e", str(ROOT)], "installing l2kit itself", log, environment)


def without_constraints(environment: Dict[str, str]) -> Dict[str, str]:
    """The constraints are the build backend's; they must not touch the locked packages."""
    return {
        name: value for name, value in environment.items() if name not in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
    }


def write_ape() -> None:
    """Put our ``ape`` in the place of ape's own: the same command, which finds the pinned Anvil and compiler."""
    script = '#!/bin/sh\nexec "$(dirname "$0")/python" -m toolkit.toolchain.ape "$@"\n'
    path = VENV / "bin" / "ape"
    path.unlink()
    path.write_text(script)
    path.chmod(0o755)


def install_tools(level: str, environment: Dict[str, str]) -> None:
    """Install the npm tools; it shows its own progress and ends in its own sentence."""
    command = [str(PYTHON), "-m", "toolkit.toolchain", "install", level]
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment)
    try:
        code = process.wait()
    except BaseException:
        stop(process)
        raise
    if code:
        raise Failed("the set-up is not complete: mend that and run the same again")


def run(command: List[str], what: str, log: Path, environment: Dict[str, str]) -> None:
    """Run one step, showing that it goes on.

    Raises:
        Failed: with its cause in one sentence; the whole output is in the log.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=str(ROOT), env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait(process, what)
        except BaseException:
            stop(process)
            raise
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    with log.open("a") as file:
        file.write("$ {}\n{}\n".format(" ".join(command), text))
    if process.returncode:
        raise Failed("{} failed: {}".format(what or command[-1], cause_of(text, log)))


def wait(process: Any, what: str) -> None:
    """Wait for a step; in a terminal the seconds count up."""
    began = time.monotonic()
    terminal = sys.stderr.isatty()
    if what and not terminal:
        say(what + " ...")
    while True:
        if what and terminal:
            sys.stderr.write("\r{} ... {:.0f} s".format(what, time.monotonic() - began))
            sys.stderr.flush()
        try:
            process.wait(1)
            break
        except subprocess.TimeoutExpired:
            continue
    if what and terminal:
        say("")


def stop(process: Any) -> None:
    """End a step that we no longer wait for, and wait until it is gone."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cause_of(text: str, log: Optional[Path] = None) -> str:
    """The cause and the mend, in one sentence, of what a tool said when it failed."""
    for signs, cause in CAUSES:
        if any(sign in text for sign in signs):
            return cause.format(root=ROOT)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[-1] if lines else "it said nothing"
    return "{}{}".format(said, "; the whole is in {}".format(log) if log else "")


def say(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _terminated(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
