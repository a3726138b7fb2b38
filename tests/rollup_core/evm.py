"""An EVM in this process (pyrevm), for tests that need many calls and no node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple

from toolkit.compile import Artifact
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import Reverted

pyrevm = pytest.importorskip("pyrevm", reason="pyrevm has no wheel for this Python")

ETHER = 10**18


@dataclass
class Contract:
    """A contract in the EVM: its address (EIP-55 text) and functions by name."""

    address: str
    functions: Mapping[str, Mapping[str, Any]]

    @property
    def address_bytes(self) -> bytes:
        return bytes.fromhex(self.address[2:])


@dataclass
class Evm:
    """One EVM. A failed call raises `Reverted` with the error's name and arguments.

    Attributes:
        faucet: every account is given what it sends; else it sends what it has.
    """

    vm: Any = field(default_factory=lambda: pyrevm.EVM(spec_id="OSAKA"))
    errors: dict[bytes, tuple[str, list[str]]] = field(default_factory=dict)
    deployer: str = checksum(b"\xdd" * 20)
    faucet: bool = True

    def __post_init__(self) -> None:
        self.errors[keccak256(b"Panic(uint256)")[:4]] = ("Panic", ["uint256"])
        self.errors[keccak256(b"Error(string)")[:4]] = ("Error", ["string"])
        self.set_time(1_800_000_000)

    @property
    def now(self) -> int:
        return int(self.vm.env.block.timestamp)

    def set_time(self, timestamp: int) -> None:
        self.vm.set_block_env(pyrevm.BlockEnv(timestamp=timestamp, number=1))

    def deploy(self, artifact: Artifact, *arguments: Any) -> Contract:
        constructor = [entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"]
        inputs = constructor[0] if constructor else []
        data = artifact.bytecode + encode([_type(each) for each in inputs], arguments)
        for entry in artifact.abi:
            if entry["type"] == "error":
                types = [_type(each) for each in entry["inputs"]]
                self.errors[keccak256(f"{entry['name']}({','.join(types)})".encode())[:4]] = (entry["name"], types)
        try:
            address = self.vm.deploy(self.deployer, data)
        except RuntimeError as error:
            raise self._reverted(error) from None
        functions = {entry["name"]: entry for entry in artifact.abi if entry["type"] == "function"}
        return Contract(checksum(bytes.fromhex(address[2:])), functions)

    def call(
        self,
        contract: Contract,
        name: str,
        *arguments: Any,
        sender: str | None = None,
        value: int = 0,
        gas: int = TX_GAS_CAP,
        blobs: Sequence[bytes] = (),
    ) -> Any:
        """Call and keep what it changes; returns the decoded result (a tuple if there are several).

        ``blobs`` are the versioned hashes of those that the transaction carries.
        """
        self.vm.set_tx_env(pyrevm.TxEnv(blob_hashes=list(blobs)))
        output = self.raw(contract.address, calldata(contract, name, *arguments), sender=sender, value=value, gas=gas)
        results: Sequence[Any] = decode([_type(each) for each in contract.functions[name]["outputs"]], output)
        return results[0] if len(results) == 1 else tuple(results)

    def raw(self, to: str, data: bytes, *, sender: str | None = None, value: int = 0, gas: int = TX_GAS_CAP) -> bytes:
        caller = sender or self.deployer
        if value and self.faucet:
            self.vm.set_balance(caller, self.vm.get_balance(caller) + value)
        try:
            return bytes(self.vm.message_call(caller=caller, to=to, calldata=data, value=value, gas=gas))
        except RuntimeError as error:
            raise self._reverted(error) from None

    def _reverted(self, error: RuntimeError) -> Reverted:
        found = re.search(r"output: 0x([0-9a-f]*)", str(error))
        data = bytes.fromhex(found[1]) if found else b""
        name, types = self.errors.get(data[:4], ("", []))
        return Reverted(name, decode(types, data[4:]) if name else (), data, str(error)[:120])


def calldata(contract: Contract, name: str, *arguments: Any) -> bytes:
    """The calldata of a call of ``contract``'s function."""
    types = [_type(each) for each in contract.functions[name]["inputs"]]
    return keccak256(f"{name}({','.join(types)})".encode())[:4] + encode(types, arguments)


def refusal(error: str, call: Any) -> tuple[Any, ...]:
    """The arguments of the custom error that ``call`` must end in."""
    with pytest.raises(Reverted) as caught:
        call()
    assert caught.value.error == error, caught.value
    return caught.value.arguments


def _type(entry: Mapping[str, Any]) -> str:
    return collapse_if_tuple(dict(entry))
