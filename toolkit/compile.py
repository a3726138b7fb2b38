"""Compile the Solidity contracts, once for each content.

    >>> from toolkit.compile import artifact
    >>> artifact("SimpleStorage").name
    'SimpleStorage'

Compiled through py-solc-x's standard JSON with one pinned compiler and one set of settings. The artifacts are kept in
the toolchain's home under the hash of everything that makes them (the file, what it imports, library lock, settings,
compiler version), so an unchanged tree costs a few milliseconds and imports neither py-solc-x nor web3. Each file is
compiled with what it imports and nothing else: its bytecode cannot depend on its neighbours, nor wait for them.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import BadInput, CompileError
from toolkit.toolchain.folders import contracts_path, home, lock, say, write_atomically
from toolkit.toolchain.pins import SOLC_VERSION, npm_lock

SETTINGS: dict[str, Any] = {
    "evmVersion": "prague",  # the oldest that a devnet runs; nothing here came out shorter or cheaper for osaka
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 1_000_000},
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "remappings": [
        "solady/=solady/src/",
        "solady/src/=solady/src/",
    ],  # as its documentation imports it; as it does itself
}
"""The compiler's settings (standard JSON). ``ape-config.yaml`` says the same, and a test holds them together."""

_FORMAT = "1"  # of the cache files: a new number forgets the old ones
_DECLARATION = re.compile(
    r"(?:^|[;}])\s*(?:abstract\s+)?(?:contract|interface|library)\s+(\w+)\s*(?:\{|is\b|layout\b)", re.MULTILINE
)
_IMPORT = re.compile(r"""(?:^|[;}])\s*import\b[^;"']*["']([^"']+)["']""", re.MULTILINE)
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
    """One of the project's contracts, compiled where it, or what it imports, changed.

    Raises:
        BadInput: there is no contract of that name.
        CompileError: the contract does not compile, or two have this name.
        ToolchainError: the compiler or the library is missing and cannot be installed.
    """
    sources = _project_sources()
    declared = _declared(sources)
    if name not in declared:
        raise BadInput(f"there is no contract named {name}; there are {', '.join(sorted(declared))}")
    return _artifacts(sources, [declared[name]])[name]


def compile_contracts() -> dict[str, Artifact]:
    """Every contract of the project by name; compiles only what changed.

    Raises:
        CompileError: a contract does not compile, or two have one name.
        ToolchainError: the compiler or the library is missing and cannot be installed.
    """
    sources = _project_sources()
    return _artifacts(sources, sources)


def compile_sources(sources: Mapping[str, str]) -> dict[str, Artifact]:
    """Compile further sources with the project's settings, for tests and experiments; cached by content as well.

    Args:
        sources: Solidity text by source unit name; it may import "contracts/..." and "solady/...".

    Returns:
        The contracts of these sources alone, by name.
    """
    return _artifacts({**_project_sources(), **sources}, sources)


def documentation() -> dict[str, dict[str, Any]]:
    """What the compiler tells about every contract of the project: its "abi", "userdoc" and "devdoc", by its name.

    Not cached: no code is generated, which makes it a second's work.

    Raises:
        CompileError: a contract does not compile.
        ToolchainError: the compiler or the library is missing and cannot be installed.
    """
    from toolkit.toolchain import include_path, solc_path

    sources, outputs = _project_sources(), ["abi", "userdoc", "devdoc"]
    answer = _ask("the project", sources, {unit: {"*": outputs} for unit in sources}, solc_path(), include_path())
    return {name: output for unit in sources for name, output in answer["contracts"].get(unit, {}).items()}


def _project_sources() -> dict[str, str]:
    folder = contracts_path()
    files = []
    for place, folders, names in os.walk(folder):
        # ape keeps libraries in .cache, and removes them while others look
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(place, name) for name in names if name.endswith(".sol")]
    return {f"contracts/{path.relative_to(folder).as_posix()}": path.read_text("utf-8") for path in sorted(files)}


def _declared(sources: Mapping[str, str]) -> dict[str, str]:
    """The source unit of each contract, interface and library."""
    declared: dict[str, str] = {}
    for unit, text in sources.items():
        for name in _DECLARATION.findall(text):
            if declared.setdefault(name, unit) != unit:
                raise CompileError(f"two contracts are named {name}, in {declared[name]} and in {unit}: rename one")
    return declared


def _closure(sources: Mapping[str, str], unit: str) -> dict[str, str]:
    """A source unit and all of ours that it imports; the library's are pinned by its lock."""
    closure: dict[str, str] = {}
    waiting = [unit]
    while waiting:
        name = waiting.pop()
        if name in closure or name not in sources:
            continue
        closure[name] = sources[name]
        for path in _IMPORT.findall(sources[name]):
            relative = path.startswith(("./", "../"))
            waiting.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if relative else path)
    return dict(sorted(closure.items()))


def _artifacts(sources: Mapping[str, str], units: Iterable[str]) -> dict[str, Artifact]:
    """The artifacts of some source units: from memory, from the cache, or compiled."""
    closures = {unit: _closure(sources, unit) for unit in units}
    keys = {unit: _key(unit, closure) for unit, closure in closures.items()}
    if _load_all(keys):
        with lock("compile", waiting_for="compiling"):
            missing = _load_all(keys)  # another process may have compiled them meanwhile
            if missing:
                files = "one Solidity file" if len(missing) == 1 else f"{len(missing)} Solidity files"
                say(f"compiling {files} with solc {SOLC_VERSION} ...")
                _compile_all({unit: closures[unit] for unit in missing}, keys)
    artifacts: dict[str, Artifact] = {}
    for key in keys.values():
        artifacts.update(_compiled[key])
    if len(artifacts) != sum(len(_compiled[key]) for key in keys.values()):
        _declared({unit: sources[unit] for unit in keys})  # says which name is there twice
    return artifacts


def _key(unit: str, closure: Mapping[str, str]) -> str:
    content = [_FORMAT, SOLC_VERSION, npm_lock("solidity").decode(), SETTINGS, unit, closure]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]


def _file(key: str) -> Path:
    return home() / "artifacts" / f"{key}.json"


def _load_all(keys: Mapping[str, str]) -> list[str]:
    """Load what the cache has; returns the source units it has not."""
    for key in keys.values():
        if key not in _compiled:
            artifacts = _load(_file(key))
            if artifacts is not None:
                _compiled[key] = artifacts
    return [unit for unit, key in keys.items() if key not in _compiled]


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


def _compile_all(closures: Mapping[str, Mapping[str, str]], keys: Mapping[str, str]) -> None:
    from toolkit.toolchain import include_path, solc_path  # here: a cache hit needs none of this

    solc, library = solc_path(), include_path()

    def compile_unit(unit: str) -> None:
        artifacts = _compile(unit, closures[unit], solc, library)
        _store(_file(keys[unit]), artifacts)
        _compiled[keys[unit]] = artifacts

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for _ in pool.map(compile_unit, closures):
            pass


def _compile(unit: str, closure: Mapping[str, str], solc: Path, library: Path) -> dict[str, Artifact]:
    outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
    answer = _ask(unit, closure, {unit: {"*": outputs}}, solc, library)
    artifacts = {}
    for name, output in answer.get("contracts", {}).get(unit, {}).items():
        code, runtime = (output["evm"][part]["object"] for part in ("bytecode", "deployedBytecode"))
        if "__$" in code:
            raise CompileError(f"{name} in {unit} calls an external library, which is not linked: make it internal")
        artifacts[name] = Artifact(name, output["abi"], bytes.fromhex(code), bytes.fromhex(runtime))
    return artifacts


def _ask(
    what: str, sources: Mapping[str, str], selection: Mapping[str, Any], solc: Path, library: Path
) -> dict[str, Any]:
    """The compiler's answer (standard JSON)."""
    from solcx import compile_standard
    from solcx.exceptions import SolcError

    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {**SETTINGS, "outputSelection": selection},
    }
    try:
        answer: dict[str, Any] = compile_standard(request, base_path=library, solc_binary=solc, allow_empty=True)
    except SolcError as error:
        if error.error_dict:
            message = f"{what} does not compile:\n{error.message.rstrip()}"
        else:
            message = f"solc {SOLC_VERSION} at {solc} failed on {what}: {_last_line(error.stderr_data)}"
        raise CompileError(message) from None  # SolcError's text is the whole dialogue, often megabytes
    except (OSError, ValueError) as error:
        raise CompileError(f"solc {SOLC_VERSION} at {solc} failed on {what}: {error}") from error
    return answer


def _last_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
