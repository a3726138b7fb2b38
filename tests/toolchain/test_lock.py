"""The locks: exact, without addresses, for every supported platform."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from toolkit.toolchain import pins
from toolkit.toolchain.lock import add_unserved, platform_of
from toolkit.toolchain.npm import GROUPS

FOLDER = Path(pins.__file__).parent
PLATFORMS = [("linux", "x64"), ("linux", "arm64"), ("darwin", "x64"), ("darwin", "arm64")]


def packages(group: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(pins.npm_lock(group))["packages"]
    return found


def requirements(name: str) -> set[str]:
    return set((FOLDER / name).read_text().splitlines())


@pytest.mark.parametrize("group", GROUPS)
def test_npm_lock_has_exact_versions_and_no_address(group: str) -> None:
    for name, package in packages(group).items():
        assert "resolved" not in package
        assert not name or re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", package["version"])


@pytest.mark.parametrize(
    ("group", "name", "version"),
    [
        ("solidity", "solc", pins.SOLC_VERSION),
        ("solidity", "solady", pins.SOLADY_VERSION),
        ("hardhat", "hardhat", pins.HARDHAT_VERSION),
        ("anvil", "@foundry-rs/anvil-linux-amd64", pins.ANVIL_VERSION),
        ("forge", "@foundry-rs/forge-linux-amd64", pins.FORGE_VERSION),
    ],
)
def test_pins_are_the_locks(group: str, name: str, version: str) -> None:
    package = packages(group)[f"node_modules/{name}"]
    assert package["version"] == version
    assert package["integrity"].startswith("sha512-")


@pytest.mark.parametrize("group", ["anvil", "forge"])
@pytest.mark.parametrize("place", PLATFORMS)
def test_every_platform_has_one_native_package(group: str, place: tuple[str, str]) -> None:
    fitting = [p for p in packages(group).values() if p.get("os") == [place[0]] and p.get("cpu") == [place[1]]]
    assert [(package["bin"], package["optional"]) for package in fitting] == [({group: f"bin/{group}"}, True)]


@pytest.mark.parametrize("place", PLATFORMS)
def test_hardhat_has_its_engine_on_every_platform(place: tuple[str, str]) -> None:
    engines = [
        package
        for name, package in packages("hardhat").items()
        if "/edr-" in name and package.get("os") == [place[0]] and package.get("cpu") == [place[1]]
    ]
    assert engines


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("@foundry-rs/anvil-linux-amd64", {"os": ["linux"], "cpu": ["x64"]}),
        ("@nomicfoundation/edr-linux-arm64-musl", {"os": ["linux"], "cpu": ["arm64"], "libc": ["musl"]}),
        ("@nomicfoundation/edr-win32-x64-msvc", {"os": ["win32"], "cpu": ["x64"]}),
        ("solady", {}),
        ("linux-tools", {}),
    ],
)
def test_platform_is_read_from_the_name(name: str, place: dict[str, list[str]]) -> None:
    assert platform_of(name) == place


def test_package_that_the_registry_lacks_is_added_without_a_hash() -> None:
    wanted = {"@foundry-rs/anvil-darwin-arm64": "1.7.1", "@foundry-rs/anvil-linux-amd64": "1.7.1", "left-pad": "1.0.0"}
    served = {"version": "1.7.1", "integrity": "sha512-x"}
    lock = {"packages": {"": {"optionalDependencies": wanted}, "node_modules/@foundry-rs/anvil-linux-amd64": served}}
    add_unserved(lock)
    assert lock["packages"]["node_modules/@foundry-rs/anvil-linux-amd64"] is served
    assert lock["packages"]["node_modules/@foundry-rs/anvil-darwin-arm64"] == {
        "version": "1.7.1",
        "os": ["darwin"],
        "cpu": ["arm64"],
        "optional": True,
        "bin": {"anvil": "bin/anvil"},
    }
    assert "node_modules/left-pad" not in lock["packages"]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-build.txt"])
def test_python_locks_are_exact_and_without_address(name: str) -> None:
    for line in requirements(name):
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; .+)?", line), line


def test_demos_packages_are_part_of_the_tests() -> None:
    assert requirements("requirements.txt") < requirements("requirements-dev.txt")


def test_demo_does_not_wait_for_ape() -> None:
    names = {line.partition("==")[0] for line in requirements("requirements.txt")}
    assert not names & {"eth-ape", "ape-foundry", "pandas", "ipython", "pytest", "mypy", "ruff"}
