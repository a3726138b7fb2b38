"""Development nodes as ape's providers: a Hardhat of our own, and the L1 of a session that runs.

ape's own plugin for Hardhat knows Hardhat 2 only. Both nodes of l2kit answer Hardhat's methods (Anvil as aliases), so
one class serves both; a revert is told in one way, with what the contract returned.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeGuard

from ape.api.providers import TestProviderAPI
from ape.exceptions import (
    APINotImplementedError,
    ContractLogicError,
    ProviderError,
    TransactionError,
    VirtualMachineError,
)
from ape_ethereum.provider import Web3Provider
from ape_ethereum.trace import TraceApproach, TransactionTrace
from eth_abi.abi import decode
from eth_utils.conversions import to_hex
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from toolkit.devnet.nodes import HARDFORK, start_hardhat
from toolkit.devnet.process import RunFolder
from toolkit.devnet.running import find_devnet, running_sessions
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import BadInput, L2KitError
from toolkit.session import Session, attach

SESSION = "L2KIT_SESSION"
"""The variable that says which session is meant where several run."""
_NO_SUCH_METHOD = (-32601, -32004)
"""Anvil's code for a method that it has not, and Hardhat's."""
_ERROR_STRING = bytes.fromhex("08c379a0")
"""The selector of Error(string), with which ``require`` and ``revert`` say why."""


class _Refusal(ProviderError):
    """A node's answer that an execution reverted.

    Attributes:
        data: what the contract returned (0x-hex).
    """

    def __init__(self, message: str, data: str) -> None:
        super().__init__(message)
        self.data = data


class Trace(TransactionTrace):
    """A transaction's calls, as ``debug_traceTransaction`` tells them: Hardhat has no ``trace_transaction``."""

    call_trace_approach: TraceApproach = TraceApproach.GETH_CALL_TRACER


class DevelopmentNode(Web3Provider, TestProviderAPI):
    """A node for development that runs.

    Attributes:
        address: its JSON-RPC URL; None where it is not connected.
    """

    address: str | None = None

    @property
    def http_uri(self) -> str | None:
        return self.address

    @property
    def uri(self) -> str:
        if self.address is None:
            raise ProviderError(f"{self.name} is not connected")
        return self.address

    @property
    def connection_id(self) -> str:
        return f"{self.network_choice}:{self.address}"

    @property
    def max_gas(self) -> int:
        return min(super().max_gas, TX_GAS_CAP)

    def use(self, url: str) -> None:
        """Connect to the node there."""
        self.address = url
        self._web3 = Web3(HTTPProvider(url))

    def disconnect(self) -> None:
        self.address = None
        self._web3 = None

    def snapshot(self) -> str:
        return str(self.make_request("evm_snapshot"))

    def restore(self, snapshot_id: Any) -> bool:
        if self.make_request("evm_revert", [snapshot_id]) is not True:
            raise ProviderError(f"the node has no snapshot {snapshot_id}; each can be returned to once")
        return True

    def set_timestamp(self, new_timestamp: int) -> None:
        self.make_request("evm_setNextBlockTimestamp", [hex(new_timestamp)])

    def mine(self, num_blocks: int = 1) -> None:
        self.make_request("hardhat_mine", [hex(num_blocks)])

    @property
    def auto_mine(self) -> bool:
        return self.make_request("hardhat_getAutomine") is True

    @auto_mine.setter
    def auto_mine(self, value: bool) -> None:
        self.make_request("evm_setAutomine", [value])

    def set_balance(self, address: str, amount: Any) -> None:
        self.make_request("hardhat_setBalance", [address, hex(self.conversion_manager.convert(amount, int))])

    def set_code(self, address: str, code: Any) -> bool:
        sent = to_hex(code) if isinstance(code, bytes) else code
        self.make_request("hardhat_setCode", [address, sent])  # Hardhat says True, and Anvil nothing
        return True

    def set_storage(self, address: str, slot: int, value: bytes) -> None:
        self.make_request("hardhat_setStorageAt", [address, hex(slot), to_hex(bytes(value).rjust(32, b"\0"))])

    def unlock_account(self, address: str) -> bool:
        self.make_request("hardhat_impersonateAccount", [address])
        return True

    def relock_account(self, address: str) -> None:
        self.make_request("hardhat_stopImpersonatingAccount", [address])

    def get_transaction_trace(self, transaction_hash: str, **kwargs: Any) -> Trace:
        return Trace(transaction_hash=transaction_hash, **kwargs)

    def get_virtual_machine_error(self, exception: Exception, **kwargs: Any) -> VirtualMachineError:
        returned = _returned(exception)
        if returned is None:
            return super().get_virtual_machine_error(exception, **kwargs)
        error = ContractLogicError(base_err=exception, revert_message=_reason(returned), **kwargs)
        enriched: VirtualMachineError = self.compiler_manager.enrich_error(error)
        return enriched

    def _make_request(self, rpc: str, parameters: Any = None) -> Any:
        answer = self.web3.provider.make_request(RPCEndpoint(rpc), list(parameters or []))
        error = answer.get("error")
        if error is None:
            return answer.get("result")
        message, data = str(error["message"]), error.get("data")
        if error.get("code") in _NO_SUCH_METHOD:
            raise APINotImplementedError(f"the node has no {rpc}")  # so ape calls it, and goes another way then
        raise _Refusal(message, data) if _is_returned(data) else ProviderError(message)


class HardhatProvider(DevelopmentNode):
    """``--network ethereum:local:hardhat``: a Hardhat of our own, with the pinned version, which ends with ape."""

    NAME: ClassVar[str | None] = "hardhat"
    _folder: RunFolder | None = None

    def connect(self) -> None:
        self._folder = RunFolder()
        hardfork = getattr(self.settings, "evm_version", HARDFORK)
        try:
            with _told():
                self.use(start_hardhat(self._folder, hardfork=hardfork).url)
        except BaseException:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        super().disconnect()
        if self._folder is not None:
            self._folder.close()
        self._folder = None


def description() -> Path:
    """The file of the session that runs, or of the one that ``L2KIT_SESSION`` names.

    Raises:
        BadInput: there is none, or there are several and none is named.
    """
    name = os.environ.get(SESSION) or None
    found = running_sessions()
    if name is None and len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise BadInput(f"{len(found)} sessions run here, {names}: say which with {SESSION}=NAME")
    return find_devnet(None, name)


class SessionProvider(DevelopmentNode):
    """``--network ethereum:local:l2kit``: L1 of the session that runs, or of the one that ``L2KIT_SESSION`` names.

    Snapshots are the session's, of all chains and services: ``ape test`` leaves it as it was.
    """

    NAME: ClassVar[str | None] = "l2kit"
    _session: tuple[Path, Session] | None = None

    @property
    def session(self) -> tuple[Path, Session]:
        """The session, and the file that describes it."""
        if self._session is None:
            raise ProviderError(f"{self.name} is not connected")
        return self._session

    @property
    def devnet(self) -> Session:
        """The session."""
        return self.session[1]

    def connect(self) -> None:
        with _told():
            file = description()
            self._session = file, attach(file)
        self.use(self.devnet.local.source.l1_rpc)

    def snapshot(self) -> str:
        with _told():
            return self.devnet.snapshot().name

    def restore(self, snapshot_id: Any) -> bool:
        with _told():
            self.devnet.revert(str(snapshot_id))
        return True


@contextmanager
def _told() -> Iterator[None]:
    """Our errors as ape's, which it shows in a sentence."""
    try:
        yield
    except L2KitError as error:
        raise ProviderError(str(error)) from error


def _is_returned(data: object) -> TypeGuard[str]:
    return isinstance(data, str) and data.startswith("0x") and len(data) % 2 == 0


def _returned(error: Exception) -> bytes | None:
    """What the contract returned with which a node explains an error; None where it says nothing of the kind."""
    answer = getattr(error, "rpc_response", None) or {}
    for data in (getattr(error, "data", None), answer.get("error", {}).get("data")):
        if _is_returned(data):
            return bytes.fromhex(data[2:])
    return None


def _reason(returned: bytes) -> str:
    """The text of Error(string); what was returned as 0x-hex, by which ape finds an error of the contract's own."""
    if returned[:4] == _ERROR_STRING:
        return str(decode(["string"], returned[4:])[0])
    return to_hex(returned) if returned else TransactionError.DEFAULT_MESSAGE
