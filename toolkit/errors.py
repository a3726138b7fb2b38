"""The errors a caller may expect.

    L2KitError
    ├── BadInput (also ValueError)   what the user gave cannot be used
    ├── ToolchainError               node, compiler or library missing or broken
    │   └── CompileError             the contracts do not compile
    ├── NodeError                    the Ethereum node did not start, answer or stay alive
    │   └── RpcError                 the node answered with a JSON-RPC error
    ├── Reverted                     a transaction or call was reverted by a contract
    ├── ServiceError                 a service of ours (sequencer, verifier, peer) did not start or answer
    └── ProtocolError                the other side of a protocol broke its rules

Every message is one sentence for people; the offending values are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class L2KitError(Exception):
    """Base of every error that l2kit raises on purpose."""


class BadInput(L2KitError, ValueError):
    """A value given by the user cannot be used; the message says which and why."""


class ToolchainError(L2KitError):
    """A tool that l2kit needs is missing or broken; the message names it and the mend."""


class CompileError(ToolchainError):
    """The Solidity compiler refused the contracts."""


class NodeError(L2KitError):
    """The Ethereum node did not start, did not answer, or ended."""


class RpcError(NodeError):
    """The node answered a JSON-RPC call with an error.

    Attributes:
        method: the JSON-RPC method.
        code: the error's code.
        data: the error's data, where the node sent any (for a revert: the revert data in hex).
        no_method: whether the node has no such method (JSON-RPC's code for that, or Hardhat's, which is EIP-1474's).
    """

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{method}: {message} (code {code})")
        self.method = method
        self.code = code
        self.data = data
        self.no_method = code in (-32601, -32004)


class Reverted(L2KitError):
    """A contract reverted.

    Attributes:
        error: the custom error's name, "Error" for a reason string, "Panic" for a panic, "" if unknown.
        arguments: the error's arguments, decoded.
        data: the raw revert data.
    """

    def __init__(self, error: str, arguments: Sequence[Any] = (), data: bytes = b"", call: str = "") -> None:
        shown = ", ".join(_show(argument) for argument in arguments)
        if error:
            what = f"{error}({shown})"
        elif data:
            what = f"unknown error data 0x{data.hex()}"
        else:
            what = "no reason given"
        super().__init__(f"{call or 'the transaction'} was reverted: {what}")
        self.error = error
        self.arguments = tuple(arguments)
        self.data = data


class ServiceError(L2KitError):
    """A service of l2kit (sequencer, proposer, verifier, channel peer) did not start or did not answer."""


class ProtocolError(L2KitError):
    """The other side of a protocol sent something its rules forbid."""


def _show(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
