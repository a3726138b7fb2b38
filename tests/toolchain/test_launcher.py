"""npm's solc behind native solc's command line: what py-solc-x, ape and forge rely on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import solcx
from solcx.exceptions import SolcError, UnknownOption
from solcx.wrapper import solc_wrapper

from toolkit.toolchain.folders import home
from toolkit.toolchain.npm import modules_path
from toolkit.toolchain.solc import write_launcher

CODE = """pragma solidity ^0.8.0; import "lib/B.sol";
contract A is B { function f() external pure returns (uint256) { return g(); } }"""
LIBRARY = "pragma solidity ^0.8.0; contract B { function g() internal pure returns (uint256) { return 7; } }"


@pytest.fixture(scope="module")
def solc() -> Path:
    return write_launcher(home() / "solc" / "solc-v0.8.37", modules_path("solidity") / "solc")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "packages" / "lib").mkdir(parents=True)
    (tmp_path / "project" / "A.sol").write_text(CODE)
    (tmp_path / "packages" / "lib" / "B.sol").write_text(LIBRARY)
    return tmp_path


def run(solc: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(solc), *arguments], input=stdin, capture_output=True, text=True, check=False)


def request(content: str = CODE, **settings: Any) -> str:
    outputs = {"*": {"*": ["abi", "evm.bytecode.object"], "": ["ast"]}}
    sources = {"A.sol": {"content": content}, "lib/B.sol": {"content": LIBRARY}}
    return json.dumps(
        {"language": "Solidity", "sources": sources, "settings": {"outputSelection": outputs, **settings}}
    )


def test_version_reads_as_the_native_ones(solc: Path) -> None:
    version = solcx.wrapper.get_solc_version(solc, with_commit_hash=True)
    assert str(version) == "0.8.37+commit.f401782d"


def test_version_is_answered_without_node(solc: Path, tmp_path: Path) -> None:
    script = tmp_path / "solc"
    script.write_text(solc.read_text().replace("/node ", "/no-node "))
    script.chmod(0o755)
    assert "0.8.37" in run(script, "--version").stdout
    assert run(script, "--help").returncode != 0


def test_standard_json_imports_from_base_and_include_paths(solc: Path, sources: Path) -> None:
    content = json.loads(request())
    del content["sources"]["lib/B.sol"]
    paths = ["--base-path", str(sources / "project"), f"--include-path={sources / 'packages'}", "--allow-paths", "/"]
    answer = json.loads(run(solc, "--standard-json", *paths, stdin=json.dumps(content)).stdout)
    assert answer["contracts"]["A.sol"]["A"]["evm"]["bytecode"]["object"]
    missing = json.loads(run(solc, "--standard-json", *paths[:2], stdin=json.dumps(content)).stdout)
    assert "File not found" in missing["errors"][-1]["message"]


def test_file_found_twice_is_ambiguous(solc: Path, sources: Path) -> None:
    (sources / "project" / "lib").mkdir()
    (sources / "project" / "lib" / "B.sol").write_text(LIBRARY)
    paths = ["--base-path", str(sources / "project"), "--include-path", str(sources / "packages")]
    done = run(solc, *paths, "--combined-json", "abi", str(sources / "project" / "A.sol"))
    assert done.returncode == 1
    assert "Ambiguous import" in done.stderr


def test_long_output_is_whole_through_a_pipe(solc: Path) -> None:
    functions = "".join(
        f"function f{i}(uint256 x) external pure returns (uint256) {{ return x + {i}; }}" for i in range(400)
    )
    done = run(solc, "--standard-json", stdin=request(f"pragma solidity ^0.8.0; contract A {{ {functions} }}"))
    assert len(done.stdout) > 4 * 65536
    assert len(json.loads(done.stdout)["contracts"]["A.sol"]["A"]["abi"]) == 400


def test_built_in_declarations_have_native_ids(solc: Path) -> None:
    content = (
        "pragma solidity ^0.8.0; contract A { function f() external view returns (uint256) { return block.number; } }"
    )
    text = run(solc, "--standard-json", stdin=request(content)).stdout
    assert '"referencedDeclaration":-4' in text
    assert "429496" not in text


def test_default_settings_complete_a_request_and_no_more(tmp_path: Path) -> None:
    modules = modules_path("solidity")
    plain = write_launcher(tmp_path / "plain", modules / "solc")
    bare = write_launcher(tmp_path / "bare", modules / "solc", '{"metadata": {"appendCBOR": false}}')

    def code(solc: Path, **settings: Any) -> str:
        answer = json.loads(run(solc, "--standard-json", stdin=request(**settings)).stdout)
        bytecode: str = answer["contracts"]["A.sol"]["A"]["evm"]["bytecode"]["object"]
        return bytecode

    assert code(bare) == code(plain, metadata={"appendCBOR": False}) != code(plain)
    assert code(bare, metadata={"appendCBOR": True}) == code(plain)


def test_native_compiler_gets_the_default_settings(tmp_path: Path) -> None:
    native = tmp_path / "native"
    native.write_text('#!/bin/sh\necho "$@"\ncat\n')
    native.chmod(0o755)
    solc = write_launcher(tmp_path / "solc", native, '{"viaIR": true}')
    arguments, body = run(solc, "--standard-json", "--base-path", "/x", stdin='{"settings": {}}').stdout.splitlines()
    assert arguments == "--standard-json --base-path /x"
    assert json.loads(body) == {"settings": {"viaIR": True}}


def test_py_solc_x_compiles_a_source(solc: Path, sources: Path) -> None:
    output = solcx.compile_source(
        CODE,
        solc_binary=solc,
        base_path=sources,
        import_remappings={"lib": "packages/lib"},
        optimize=True,
        optimize_runs=1,
        evm_version="cancun",
    )
    assert output["<stdin>:A"]["abi"][0]["name"] == "f"
    assert output["<stdin>:A"]["bin"]


def test_via_ir_and_optimizer_flags_change_the_code(solc: Path, sources: Path) -> None:
    def code(*flags: str) -> str:
        paths = ["--include-path", str(sources / "packages"), "--base-path", str(sources / "project")]
        done = run(solc, *paths, *flags, "--no-cbor-metadata", "--combined-json", "bin", str(sources / "project/A.sol"))
        bytecode: str = json.loads(done.stdout)["contracts"]["A.sol:A"]["bin"]
        return bytecode

    assert len({code(), code("--optimize"), code("--optimize", "--via-ir")}) == 3


def test_compile_error_is_on_stderr(solc: Path) -> None:
    with pytest.raises(SolcError) as raised:
        solcx.compile_source("pragma solidity ^0.8.0; contract A { uint x = y; }", solc_binary=solc)
    assert "Undeclared identifier" in (raised.value.stderr_data or "")


def test_unknown_flag_is_named(solc: Path) -> None:
    with pytest.raises(UnknownOption, match="'--frobnicate'"):
        solc_wrapper(solc_binary=solc, stdin="", frobnicate=True)


def test_output_folder_is_overwritten_on_demand_alone(solc: Path, tmp_path: Path) -> None:
    arguments = ["--combined-json", "abi", "-o", str(tmp_path / "out"), "-"]
    assert run(solc, *arguments, stdin=LIBRARY).returncode == 0
    file = tmp_path / "out" / "combined.json"
    file.write_text("mine")
    refused = run(solc, *arguments, stdin=LIBRARY)
    assert (refused.returncode, file.read_text()) == (1, "mine")
    assert "--overwrite" in refused.stderr
    assert run(solc, *arguments, "--overwrite", stdin=LIBRARY).returncode == 0
    assert json.loads(file.read_text())["contracts"]
