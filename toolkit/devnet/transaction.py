"""L1 transactions, signed with our own keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from toolkit.crypto import keccak256, sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.devnet.blobs import Sidecar

TX_GAS_CAP = 1 << 24
"""The most gas a transaction may ask for, 16,777,216 (EIP-7825)."""

_TYPE = b"\x02"
_BLOB_TYPE = b"\x03"
_SIDECAR_VERSION = b"\x01"


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
        return _TYPE + encode([*fields, *_signature(key, _TYPE + encode(fields))])


@dataclass(frozen=True)
class BlobTransaction:
    """A transaction of EIP-4844 that carries blobs, with the sidecar of EIP-7594; without an access list.

    Attributes:
        chain_id, nonce, to, value, data, gas, max_fee, priority_fee: as of `Transaction`; it creates no contract.
        max_blob_fee: wei a blob gas at most; a blob takes 131,072 of it.
        sidecar: the blobs, with all that shows what they are.
    """

    chain_id: int
    nonce: int
    to: bytes
    value: int
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int
    max_blob_fee: int
    sidecar: Sidecar

    def signed(self, key: bytes) -> tuple[bytes, bytes]:
        """The raw transaction for eth_sendRawTransaction (EIP-2718 type 3, in its network form), and its hash."""
        encode, sidecar = _rlp(), self.sidecar
        fields = [
            *(self.chain_id, self.nonce, self.priority_fee, self.max_fee, self.gas, self.to, self.value, self.data),
            *([], self.max_blob_fee, list(sidecar.versioned_hashes)),
        ]
        body = [*fields, *_signature(key, _BLOB_TYPE + encode(fields))]
        wrapped = [body, _SIDECAR_VERSION, list(sidecar.blobs), list(sidecar.commitments), list(sidecar.proofs)]
        return _BLOB_TYPE + encode(wrapped), keccak256(_BLOB_TYPE + encode(body))


def _signature(key: bytes, unsigned: bytes) -> tuple[int, int, int]:
    """yParity, r and s."""
    signature = sign(key, keccak256(unsigned))
    r, vs = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return vs >> 255, r, vs & ((1 << 255) - 1)


@cache
def _rlp() -> Callable[[Any], bytes]:
    from rlp import encode  # 0.5 s, for those who send

    found: Callable[[Any], bytes] = encode
    return found
