"""ape compiles the same contracts with the same compiler, and its own tests pass."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import is_address

from toolkit.compile import SETTINGS, compile_contracts
from toolkit.toolchain import checkout
from toolkit.toolchain.folders import lock
from toolkit.toolchain.solidity import fmt, lint

pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
pytestmark = pytest.mark.node

ROOT = checkout() or Path()


def ape(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with lock("ape-tests", waiting_for="testing ape"):  # it writes its manifest into the checkout
        return subprocess.run(
            [sys.executable, "-m", "toolkit.toolchain.ape", *arguments],
            cwd=ROOT,
            env={**variables, "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )


def _codes(manifest: dict[str, Any]) -> dict[str, str]:
    return {name: entry["deploymentBytecode"]["bytecode"] for name, entry in manifest["contractTypes"].items()}


def test_ape_compiles_to_our_bytecode(tmp_path: Path) -> None:
    ours = compile_contracts()
    done = ape(tmp_path, "compile")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((ROOT / ".build" / "__local__.json").read_text())
    theirs = {name: bytes.fromhex(code[2:]) for name, code in _codes(manifest).items() if name in ours}
    assert theirs.keys() == ours.keys()
    others = [name for name, contract in ours.items() if theirs[name] != contract.bytecode]
    # solc's IR optimizer breaks ties by the ids of syntax nodes, and those depend on the paths of all sources: a large
    # contract may come out some bytes longer or shorter.
    assert len(others) <= 2, others
    for name in others:
        assert len(theirs[name]) == pytest.approx(len(ours[name].bytecode), rel=0.005), name
    settings = manifest["compilers"][0]["settings"]
    assert {key: settings[key] for key in ("evmVersion", "viaIR", "optimizer")} == {
        key: SETTINGS[key] for key in ("evmVersion", "viaIR", "optimizer")
    }
    assert list(tmp_path.iterdir()) == []  # nothing in the user's home folder


@pytest.mark.parametrize("node", ["foundry", "hardhat"])
def test_ape_runs_its_tests_and_not_ours(tmp_path: Path, node: str) -> None:
    done = ape(tmp_path, "test", "--network", f"ethereum:local:{node}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
    assert "tests/toolchain" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_ape_deploys_everything_with_one_script(tmp_path: Path) -> None:
    done = ape(tmp_path, "run", "deploy", "--network", "ethereum:local:hardhat")
    assert done.returncode == 0, done.stdout + done.stderr
    addresses = json.loads(done.stdout[done.stdout.index("{") : done.stdout.index("}") + 1])
    assert set(addresses) >= {"Token", "PaymentChannels", "Inbox", "PaymentsMachine", "Rollup", "Bridge"}
    assert all(is_address(address) for address in addresses.values())
    assert list(tmp_path.iterdir()) == []


def test_what_ape_leaves_behind_is_neither_formatted_nor_linted() -> None:
    left = ROOT / "contracts" / ".cache" / "left"
    with lock("ape-tests", waiting_for="testing ape"):
        left.mkdir(parents=True)
        try:
            (left / "Left.sol").write_text("contract   Left {uint x=1;}")
            assert (fmt(["--check"]), lint()) == (0, 0)
        finally:
            shutil.rmtree(left.parent)


def test_nothing_else_imports_ape() -> None:
    toolkit = ROOT / "toolkit"
    above = re.compile(r"^\s*(from|import) (ape|ape_\w+|toolkit\.ape)\b", re.MULTILINE)
    found = [file for file in toolkit.rglob("*.py") if above.search(file.read_text())]
    assert {file.relative_to(toolkit).parts[0] for file in found} == {"ape"}


def test_config_names_no_place_of_this_machine() -> None:
    text = (ROOT / "ape-config.yaml").read_text()
    assert str(ROOT) not in text
    assert str(Path.home()) + "/" not in text
