"""Compile the Solidity contracts, once for each content.

    >>> from toolkit.compile import artifact
    >>> artifact("SimpleStorage").name
    'SimpleStorage'

Compiled through py-solc-x's standard JSON with one pinned compiler and one set of settings. The artifacts are kept in
the toolchain's home under the hash of everything that makes them (sources, library lock, settings, compiler version),
so an unchanged tree costs a few milliseconds and imports neither py-solc-x nor web3.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import BadInput, CompileError
from toolkit.toolchain.home import contracts_path, home, lock, say, write_atomically
from toolkit.toolchain.pins import SOLC_VERSION, library_lock

SETTINGS: dict[str, Any] = {
    "evmVersion": "osaka",
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 1_000_000},
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "remappings": ["solady/=solady/src/"],  # as solady's own documentation imports it
}
"""The compiler's settings (standard JSON). ``ape-config.yaml`` says the same, and a test holds them together."""

_FORMAT = "1"  # of the cache files: a new number forgets the old ones
_compiled: dict[str, dict[str, Artifact]] = {}


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: of the contract.
        abi: its JSON ABI.
        bytecode: creation bytecode, constructor arguments not included; empty for interfaces and abstract contracts.
        runtime: deployed bytecode, immutables zero.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes


def artifact(name: str) -> Artifact:
    """One of the project's contracts, compiled where its sources changed.

    Raises:
        BadInput: there is no contract of that name.
        CompileError: the contracts do not compile.
        ToolchainError: the compiler or the library is missing and cannot be installed.
    """
    artifacts = compile_contracts()
    try:
        return artifacts[name]
    except KeyError:
        raise BadInput(f"there is no contract named {name}; there are {', '.join(sorted(artifacts))}") from None


def compile_contracts() -> dict[str, Artifact]:
    """Every contract of the project by name; compiles only where a source, the library or the settings changed.

    Raises:
        CompileError: a contract does not compile, or two have one name.
        ToolchainError: the compiler or the library is missing and cannot be installed.
    """
    sources = _project_sources()
    return _cached(sources, sources)


def compile_sources(sources: Mapping[str, str]) -> dict[str, Artifact]:
    """Compile further sources with the project's settings, for tests and experiments; cached by content as well.

    Args:
        sources: Solidity text by source unit name; it may import "contracts/..." and "solady/...".

    Returns:
        The contracts of these sources alone, by name.
    """
    return _cached({**_project_sources(), **sources}, sources)


def _project_sources() -> dict[str, str]:
    folder = contracts_path()
    files = sorted(path for path in folder.rglob("*.sol") if ".cache" not in path.relative_to(folder).parts)
    return {f"contracts/{path.relative_to(folder).as_posix()}": path.read_text("utf-8") for path in files}


def _cached(sources: Mapping[str, str], wanted: Iterable[str]) -> dict[str, Artifact]:
    units = sorted(wanted)
    key = _key(sources, units)
    if key not in _compiled:
        path = home() / "artifacts" / f"{key}.json"
        artifacts = _load(path)
        if artifacts is None:
            with lock("compile", waiting_for="compiling"):
                artifacts = _load(path)  # another process may have compiled the same meanwhile
                if artifacts is None:
                    artifacts = _compile(sources, units)
                    _store(path, artifacts)
        _compiled[key] = artifacts
    return dict(_compiled[key])


def _key(sources: Mapping[str, str], units: list[str]) -> str:
    content = [_FORMAT, SOLC_VERSION, library_lock(), SETTINGS, sorted(sources.items()), units]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]


def _load(path: Path) -> dict[str, Artifact] | None:
    """The artifacts in a cache file, or None where it is missing or not what was written."""
    try:
        digest, body = path.read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    return {
        name: Artifact(name, abi, bytes.fromhex(bytecode), bytes.fromhex(runtime))
        for name, (abi, bytecode, runtime) in json.loads(body).items()
    }


def _store(path: Path, artifacts: Mapping[str, Artifact]) -> None:
    shape = {name: (a.abi, a.bytecode.hex(), a.runtime.hex()) for name, a in artifacts.items()}
    body = json.dumps(shape, separators=(",", ":")).encode()
    write_atomically(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _compile(sources: Mapping[str, str], units: list[str]) -> dict[str, Artifact]:
    say(f"compiling {len(units)} Solidity files with solc {SOLC_VERSION} ...")
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
    answer = solc_standard_json(
        {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in sources.items()},
            "settings": {**SETTINGS, "outputSelection": {unit: {"*": outputs} for unit in units}},
        }
    )
    problems = [error["formattedMessage"] for error in answer.get("errors", []) if error["severity"] == "error"]
    if problems:
        raise CompileError("the contracts do not compile:\n" + "\n".join(problems).rstrip())
    artifacts: dict[str, Artifact] = {}
    for unit in units:
        for name, output in answer.get("contracts", {}).get(unit, {}).items():
            if name in artifacts:
                raise CompileError(f"two contracts are named {name}; the second is in {unit}: rename one")
            code, runtime = (output["evm"][part]["object"] for part in ("bytecode", "deployedBytecode"))
            if "__$" in code:
                raise CompileError(f"{name} in {unit} calls an external library, which is not linked: make it internal")
            artifacts[name] = Artifact(name, output["abi"], bytes.fromhex(code), bytes.fromhex(runtime))
    return artifacts


def solc_standard_json(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run the pinned compiler on a standard JSON request and return its answer (errors are in it, not raised).

    Raises:
        ToolchainError: the compiler or the library is missing and cannot be installed.
        CompileError: the compiler itself failed.
    """
    from toolkit.toolchain import include_path, solc_path  # here: a cache hit needs none of this

    solc, library = solc_path(), include_path()
    from solcx.exceptions import SolcError
    from solcx.wrapper import solc_wrapper

    try:
        # compile_standard cannot pass an include path, so the call below it is used
        output, *_ = solc_wrapper(
            solc_binary=solc,
            stdin=json.dumps(request),
            standard_json=True,
            base_path=contracts_path().parent,
            include_path=library,
        )
        answer: dict[str, Any] = json.loads(output)
    except (SolcError, OSError, ValueError) as error:
        raise CompileError(f"solc {SOLC_VERSION} at {solc} failed: {_first_line(error)}") from error
    return answer


def _first_line(error: Exception) -> str:
    text = (getattr(error, "stderr_data", "") or str(error)).strip()
    return text.splitlines()[-1] if text else type(error).__name__
