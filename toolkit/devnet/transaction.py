"""L1 transactions, signed with our own keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from toolkit.crypto import keccak256, sign

if TYPE_CHECKING:
    from collections.abc import Callable

TX_GAS_CAP = 1 << 24
"""The most gas a transaction may ask for, 16,777,216 (EIP-7825)."""

_TYPE = b"\x02"


@dataclass(frozen=True)
class Transaction:
    """A transaction of EIP-1559, without an access list.

    Attributes:
        chain_id: of the chain it is for (EIP-155).
        nonce: of its sender.
        to: the called 20-byte address; None creates a contract.
        value: wei sent along.
        data: calldata, or the code that creates.
        gas: its gas limit.
        max_fee: wei a gas at most.
        priority_fee: wei a gas for the block's proposer.
    """

    chain_id: int
    nonce: int
    to: bytes | None
    value: int
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int

    def signed(self, key: bytes) -> bytes:
        """The raw transaction for eth_sendRawTransaction (EIP-2718 type 2); its hash is its `keccak256`."""
        encode = _rlp()
        fields = [
            *(self.chain_id, self.nonce, self.priority_fee, self.max_fee, self.gas),
            *(self.to or b"", self.value, self.data, []),
        ]
        signature = sign(key, keccak256(_TYPE + encode(fields)))
        r, vs = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return _TYPE + encode([*fields, vs >> 255, r, vs & ((1 << 255) - 1)])


@cache
def _rlp() -> Callable[[Any], bytes]:
    from rlp import encode  # type: ignore[import-untyped]  # 0.5 s, for those who send

    return encode  # type: ignore[no-any-return]
