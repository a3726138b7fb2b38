"""JSON-RPC values and errors, shared by the services and their clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput, L2KitError

if TYPE_CHECKING:
    from toolkit.rollup.machine import State

ETH = "0x" + "00" * 20
"""The token that is no token."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_FOUND = -32001
UNAVAILABLE = -32002
REJECTED = -32003
UNSUPPORTED = -32004
BUSY = -32005


class ApiError(L2KitError):
    """A refusal that the caller is told about.

    Attributes:
        code: of EIP-1474.
        data: more for programs, where there is any.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data

    def as_json(self) -> dict[str, Any]:
        """The error member of a JSON-RPC answer."""
        shown = {"code": self.code, "message": str(self)}
        return shown if self.data is None else {**shown, "data": self.data}


def account(state: State, owner: bytes, token: bytes) -> dict[str, Any]:
    """What l2_account answers of an owner's account of a token (20 bytes each)."""
    index = state.index_of(owner, token)
    balance, nonce = (0, 0) if index is None else state.accounts[index][2:]
    named = {"owner": checksum(owner), "token": checksum(token)}
    return {"account": index, **named, "balance": str(balance), "nonce": nonce}


def quantity(value: Any, what: str, bits: int) -> int:
    """An unsigned integer of at most ``bits`` bits from a JSON number, decimal text or 0x-hex text.

    Raises:
        BadInput: it is none of these, or too large.
    """
    if isinstance(value, str) and len(value) <= 80:
        try:
            value = int(value, 16) if value[:2] == "0x" else int(value)
        except ValueError:
            value = None
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{what} is not a whole number")
    if not 0 <= value < 1 << bits:
        raise BadInput(f"{what} {value if value < 1 << 256 else 'given'} is not from 0 to 2^{bits} - 1")
    return value


def data(value: Any, what: str, size: int) -> bytes:
    """``size`` bytes from 0x-hex text.

    Raises:
        BadInput: it is something else.
    """
    if isinstance(value, str) and len(value) == 2 + 2 * size and value[:2] == "0x":
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise BadInput(f"{what} is not {size} bytes of 0x-hex")
