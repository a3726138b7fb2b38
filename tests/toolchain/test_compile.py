"""Contracts are compiled once for each content, alike by every process and compiler."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit.compile
from toolkit.compile import artifact, compile_contracts, compile_sources
from toolkit.errors import BadInput, CompileError
from toolkit.toolchain.solc import native_solc

# Bytecode of contracts/baseline/SimpleStorage.sol: whoever compiles, natively or not, must get this.
SIMPLE_STORAGE = "3b52df1292f7b3b1a381abac2dbc7c978763d3dccdfc788251213a0a08b26702"


def cached(home: Path) -> dict[str, float]:
    return {path.name: path.stat().st_mtime_ns for path in (home / "artifacts").iterdir()}


def test_bytecode_is_the_pinned_one() -> None:
    assert hashlib.sha256(artifact("SimpleStorage").bytecode).hexdigest() == SIMPLE_STORAGE


def test_bytecode_ends_in_no_metadata() -> None:
    # CBOR metadata would end in its own length, two bytes, after "solc" and the version
    assert b"solc" not in artifact("SimpleStorage").runtime


@pytest.mark.skipif(native_solc() is None, reason="no native solc 0.8.37 on this machine")
def test_native_and_npm_compilers_agree(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = compile_contracts()
    for path in (own_home / "artifacts").iterdir():
        path.unlink()
    toolkit.compile._compiled.clear()
    monkeypatch.setattr("toolkit.toolchain.solc.native_solc", lambda: None)
    assert compile_contracts() == native


def test_artifact_has_code_and_abi() -> None:
    token = artifact("Token")
    assert token.name == "Token"
    assert {"constructor", "function", "event", "error"} <= {entry["type"] for entry in token.abi}
    assert token.bytecode.endswith(token.runtime[-32:])


def test_interface_has_an_abi_and_no_code(own_home: Path, contracts: Path) -> None:
    other = artifact("Other")
    assert [entry["name"] for entry in other.abi] == ["f"]
    assert other.bytecode == other.runtime == b""


def test_unknown_contract_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"no contract named Tokn; there are .*Token"):
        artifact("Tokn")


def test_only_what_changed_is_compiled_again(own_home: Path, contracts: Path) -> None:
    before = compile_contracts()
    first = cached(own_home)
    assert len(first) == 3
    (contracts / "One.sol").write_text("pragma solidity 0.8.37; contract One { uint256 public one = 2; }")
    after = compile_contracts()
    assert len(cached(own_home)) == 5  # One and Both, which imports it; not Other
    assert first.items() <= cached(own_home).items()
    assert after["Both"].bytecode != before["Both"].bytecode
    assert after["Other"] == before["Other"]


def test_another_setting_is_another_artifact(own_home: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact("One")
    monkeypatch.setitem(toolkit.compile.SETTINGS, "evmVersion", "cancun")
    artifact("One")
    assert len(cached(own_home)) == 2


@pytest.mark.parametrize("damage", [b"", b"{}", b"0000\n{}"])
def test_broken_cache_file_is_made_again(own_home: Path, contracts: Path, damage: bytes) -> None:
    good = artifact("One")
    (path,) = (own_home / "artifacts").iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage or whole[:-1])
    toolkit.compile._compiled.clear()
    assert artifact("One") == good
    assert path.read_bytes() == whole


def test_error_is_the_compilers_own_and_blocks_nothing_else(own_home: Path, contracts: Path) -> None:
    (contracts / "Bad.sol").write_text("pragma solidity 0.8.37; contract Bad { uint256 x = y; }")
    with pytest.raises(
        CompileError, match=r"contracts/Bad.sol does not compile:\nDeclarationError: Undeclared"
    ) as raised:
        artifact("Bad")
    assert "Bad.sol:1:52" in str(raised.value)
    assert artifact("One").runtime


def test_two_contracts_of_one_name_are_refused(own_home: Path, contracts: Path) -> None:
    (contracts / "Again.sol").write_text("pragma solidity 0.8.37; contract One {}")
    with pytest.raises(CompileError, match=r"named One, in contracts/Again.sol and in contracts/One.sol"):
        artifact("Both")


def test_further_sources_import_ours_and_solady(own_home: Path, contracts: Path) -> None:
    text = """pragma solidity 0.8.37;
        import {One} from "contracts/One.sol";
        import {LibBit} from "solady/utils/LibBit.sol";
        contract More is One { function bits(uint256 x) external pure returns (uint256) { return LibBit.popCount(x); } }
    """
    assert list(compile_sources({"tests/More.sol": text})) == ["More"]


def test_warm_artifact_loads_no_compiler() -> None:
    artifact("Token")
    program = "import sys; from toolkit.compile import artifact; artifact('Token'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"solcx", "web3", "requests"} & set(done.stdout.split())
    assert done.stderr == ""


def test_two_processes_compile_once_between_them(own_home: Path) -> None:
    program = "from toolkit.compile import artifact; print(artifact('SimpleStorage').bytecode.hex())"
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate() for process in processes]
    assert {process.returncode for process in processes} == {0}
    assert len({output for output, _ in outputs}) == 1
    assert sum(progress.count("compiling one Solidity file with") for _, progress in outputs) == 1
    assert len(cached(own_home)) == 1
