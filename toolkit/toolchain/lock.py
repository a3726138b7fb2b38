"""Regenerate the locks (``make lock``): what npm and pip resolve today becomes what everybody installs.

npm leaves out native packages that the registry in use does not serve, and the user's registry may; they are added with
their exact version and no hash. No lock holds an address, so each works with whichever registry its user has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from toolkit.toolchain.folders import home, say
from toolkit.toolchain.npm import GROUPS, node_path
from toolkit.toolchain.pins import npm_folder

_SYSTEMS = {"linux", "darwin", "win32", "freebsd", "openbsd", "android"}
_CPUS = {"x64": "x64", "amd64": "x64", "arm64": "arm64", "arm": "arm", "ia32": "ia32"}
_LIBCS = {"gnu": "glibc", "musl": "musl"}


def main() -> None:
    """Regenerate every lock from ``pyproject.toml`` and the ``package.json`` files."""
    for group in GROUPS:
        say(f"locking {group} ...")
        lock_npm(group)
    say("locking the Python packages ...")
    lock_python()


def lock_npm(group: str) -> None:
    """Write the ``package-lock.json`` of one group."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copy(npm_folder(group) / "package.json", folder)
        cli = node_path().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run(
            [
                *(str(node_path()), str(cli), "install", "--package-lock-only", "--omit-lockfile-registry-resolved"),
                *("--no-audit", "--no-fund", "--loglevel=error"),
                *("--userconfig", os.devnull, "--cache", str(home() / "npm" / "cache")),
            ],
            cwd=folder,
            check=True,
        )
        lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    add_unserved(lock)
    text = json.dumps(lock, indent=2) + "\n"
    (npm_folder(group) / "package-lock.json").write_text(text, "utf-8")


def add_unserved(lock: dict[str, Any]) -> None:
    """Add the native packages that some package wants and the lock has not: ``npm ci`` refuses a lock without them."""
    packages: dict[str, dict[str, Any]] = lock["packages"]
    for package in list(packages.values()):
        for name, version in {**package.get("dependencies", {}), **package.get("optionalDependencies", {})}.items():
            at = f"node_modules/{name}"
            where = platform_of(name)
            if at not in packages and where and re.fullmatch(r"\d+\.\d+\.\d+", version):
                tool = name.rpartition("/")[2].partition("-")[0]
                packages[at] = {"version": version, **where, "optional": True}
                if name.startswith("@foundry-rs/"):
                    packages[at]["bin"] = {tool: f"bin/{tool}"}
    lock["packages"] = dict(sorted(packages.items()))


def platform_of(name: str) -> dict[str, list[str]]:
    """npm's ``os``, ``cpu`` and ``libc`` of a native package named for its platform; empty for all others."""
    words = name.rpartition("/")[2].split("-")
    systems = [word for word in words if word in _SYSTEMS]
    cpus = [_CPUS[word] for word in words if word in _CPUS]
    libcs = [_LIBCS[word] for word in words if word in _LIBCS]
    if not systems or not cpus:
        return {}
    return {"os": systems, "cpu": cpus, **({"libc": libcs} if libcs else {})}


def lock_python() -> None:
    """Write the requirements files (run in the root of a checkout, in an environment that has uv)."""
    here = Path(__file__).parent
    backend = re.search(
        r'^requires = \["(hatchling==[^"]+)"\]', Path("pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    if backend is None:
        raise SystemExit('pyproject.toml does not pin its build backend as requires = ["hatchling==..."]')
    # editables is what hatchling asks for when it builds an editable installation
    _compile_requirements(here / "requirements-build.txt", ["-"], f"{backend[1]}\neditables\n")
    # the demo's packages are a part of the tests': make test adds to what make demo made
    dev = here / "requirements-dev.txt"
    _compile_requirements(dev, ["pyproject.toml", "--extra", "dev"])
    _compile_requirements(here / "requirements.txt", ["pyproject.toml", "--constraint", str(dev)])


def _compile_requirements(output: Path, arguments: list[str], stdin: str = "") -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10"),
            *("--upgrade", "--no-header", "--no-annotate", "--no-emit-index-url"),
            *(*arguments, "--output-file", str(output)),
        ],
        input=stdin,
        text=True,
        check=True,
    )


if __name__ == "__main__":
    main()
