"""Keccak, secp256k1 and EIP-712, fast and without importing web3.

Signatures are the 64 bytes of EIP-2098: ``r`` (32 bytes), then ``yParity << 255 | s`` (32 bytes), with ``s`` in the
lower half of the group order (EIP-2).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TypeVar

import sha3
from coincurve import PrivateKey, PublicKey

SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_Y_PARITY = 1 << 255
_CORES = os.cpu_count() or 1
_WORTH_THREADS = 64
_PARTS_A_CORE = 2  # so that nobody waits long for the slowest

Item = TypeVar("Item")
Result = TypeVar("Result")


def keccak256(data: bytes) -> bytes:
    """The Keccak-256 hash of the Yellow Paper (32 bytes)."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def address_of(key: bytes) -> bytes:
    """The 20-byte address of a 32-byte private key."""
    return keccak256(PrivateKey(key).public_key.format(compressed=False)[1:])[12:]


@lru_cache(maxsize=256)
def _private_key(key: bytes) -> PrivateKey:
    return PrivateKey(key)


def sign(key: bytes, digest: bytes) -> bytes:
    """Sign a 32-byte digest; returns the 64-byte compact signature of EIP-2098 (RFC 6979 nonce, low s)."""
    signature = _private_key(key).sign_recoverable(digest, hasher=None)
    if signature[64] & 1:
        return signature[:32] + bytes([signature[32] | 0x80]) + signature[33:64]
    return signature[:64]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that signed ``digest``, or None where the signature is not a valid one.

    Exactly as L1 accepts them: 64 bytes, r and s in range, s in the lower half of the order (EIP-2).
    """
    if len(signature) != 64:
        return None
    packed = int.from_bytes(signature[32:], "big")
    s = packed & (_Y_PARITY - 1)
    if not 0 < s <= SECP256K1_N // 2:
        return None
    recoverable = signature[:32] + s.to_bytes(32, "big") + bytes([packed >> 255])
    try:
        public = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception:  # coincurve raises a bare Exception where no key can be recovered
        return None
    return keccak256(public.format(compressed=False)[1:])[12:]


def recover_all(digests: Sequence[bytes], signatures: Sequence[bytes]) -> list[bytes | None]:
    """`recover` of each digest and signature, in order, on all cores."""

    def recover_part(part: Sequence[tuple[bytes, bytes]]) -> list[bytes | None]:
        return [recover(digest, signature) for digest, signature in part]

    done = on_all_cores(recover_part, list(zip(digests, signatures, strict=True)))
    return [found for _, part in done for found in part]


def on_all_cores(
    function: Callable[[Sequence[Item]], Result], items: Sequence[Item]
) -> list[tuple[Sequence[Item], Result]]:
    """What ``function`` makes of parts of ``items``: the parts in order, each with its result.

    For signatures, which libsecp256k1 makes and recovers outside of Python's lock; few of them are one part.
    """
    if len(items) <= _WORTH_THREADS or _CORES == 1:
        return [(items, function(items))] if items else []
    size = max(-(-len(items) // (_CORES * _PARTS_A_CORE)), _WORTH_THREADS // 2)
    parts = [items[at : at + size] for at in range(0, len(items), size)]
    return list(zip(parts, _threads().map(function, parts), strict=True))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_CORES, "signatures")


@dataclass(frozen=True)
class Domain:
    """An EIP-712 domain, with its separator computed once.

    Attributes:
        name, version: of the signing domain.
        chain_id: the chain whose contract verifies the signature (EIP-155).
        verifying_contract: that contract's 20-byte address.
    """

    name: str
    version: str
    chain_id: int
    verifying_contract: bytes

    @cached_property
    def separator(self) -> bytes:
        """The 32-byte domain separator."""
        return keccak256(
            keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
            + keccak256(self.name.encode())
            + keccak256(self.version.encode())
            + self.chain_id.to_bytes(32, "big")
            + self.verifying_contract.rjust(32, b"\0")
        )

    def digest(self, struct_hash: bytes) -> bytes:
        """The 32-byte digest to sign for a struct's hash."""
        return keccak256(b"\x19\x01" + self.separator + struct_hash)
