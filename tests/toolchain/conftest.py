"""A toolchain's home of the test's own, which reuses what is installed already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit.compile
from toolkit.toolchain import home, solc_path


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it."""
    folder = tmp_path / "home of tools"
    folder.mkdir()
    monkeypatch.setenv("L2KIT_HOME", str(folder))
    return folder


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with the npm tools and no artifact."""
    solc_path()
    installed = home() / "npm"
    folder = tmp_path / "home of tools"
    folder.mkdir()
    (folder / "npm").symlink_to(installed)
    monkeypatch.setenv("L2KIT_HOME", str(folder))
    remembered = dict(toolkit.compile._compiled)
    toolkit.compile._compiled.clear()
    yield folder
    toolkit.compile._compiled.clear()
    toolkit.compile._compiled.update(remembered)


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three small contracts in the place of the project's: Both imports One, Other imports nothing."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "One.sol").write_text("pragma solidity 0.8.37; contract One { uint256 public one = 1; }")
    (folder / "Both.sol").write_text('pragma solidity 0.8.37; import {One} from "./One.sol"; contract Both is One {}')
    (folder / "Other.sol").write_text("pragma solidity 0.8.37; interface Other { function f() external; }")
    monkeypatch.setattr(toolkit.compile, "contracts_path", lambda: folder)
    return folder
