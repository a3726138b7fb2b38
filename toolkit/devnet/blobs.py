"""Blobs (EIP-4844): commitments, proofs of single elements, and the sidecar that a transaction carries.

A blob is 4,096 field elements of 32 bytes, big-endian and below the modulus of BLS12-381's scalar field. Everywhere
here its trailing zeros may be left out. The trusted setup is the one that eth-account brings along, the KZG ceremony's;
it is loaded once, which takes two seconds, when it is first needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from toolkit.errors import BadInput, ToolchainError

if TYPE_CHECKING:
    from types import ModuleType

FIELD_ELEMENTS = 4096
"""Field elements of a blob."""
BLOB_SIZE = 32 * FIELD_ELEMENTS
"""Bytes of a blob, and gas that it costs on the blob market (EIP-4844)."""
MAX_BLOBS = 6
"""Blobs that one transaction carries at most (EIP-7594)."""
MODULUS = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001

_VERSION = b"\x01"
_ROOT_OF_UNITY = pow(7, (MODULUS - 1) // FIELD_ELEMENTS, MODULUS)
_INDEX_BITS = FIELD_ELEMENTS.bit_length() - 1
_SETUP = Path("typed_transactions", "blob_transactions", "kzg_trusted_setup.txt")
_loading = Lock()


@dataclass(frozen=True)
class Sidecar:
    """What goes with a blob transaction beside its body (EIP-7594's version 1).

    Attributes:
        blobs: 131,072 bytes each.
        commitments: 48 bytes for each blob.
        proofs: 128 cell proofs of 48 bytes for each blob.
        versioned_hashes: by which the body names the blobs, 32 bytes each.
    """

    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    proofs: tuple[bytes, ...]
    versioned_hashes: tuple[bytes, ...]


def commit(blob: bytes) -> bytes:
    """The KZG commitment to a blob (48 bytes). Raises BadInput where it is none."""
    ckzg, setup = _kzg()
    return _bytes(ckzg.blob_to_kzg_commitment, _full(blob), setup)


def versioned_hash(commitment: bytes) -> bytes:
    """The hash by which L1 knows a blob, from the commitment to it."""
    return _VERSION + hashlib.sha256(commitment).digest()[1:]


def element_at(blob: bytes, place: int) -> bytes:
    """The field element at a place from 0 to 4,095 (32 bytes)."""
    return blob[32 * place : 32 * place + 32].ljust(32, b"\0")


def prove_element(blob: bytes, place: int) -> bytes:
    """The proof for the point evaluation precompile that the element at a place is what it is (48 bytes).

    Takes some 60 ms. Raises BadInput where the blob is none.
    """
    ckzg, setup = _kzg()
    proof, _ = _call(ckzg.compute_kzg_proof, _full(blob), _point(place).to_bytes(32, "big"), setup)
    return bytes(proof)


def make_sidecar(blobs: Sequence[bytes]) -> Sidecar:
    """The sidecar of a transaction with these blobs; takes a third of a second for each.

    Raises:
        BadInput: they are too many, or no blobs.
    """
    if not 0 < len(blobs) <= MAX_BLOBS:
        raise BadInput(f"a transaction carries 1 to {MAX_BLOBS} blobs, not {len(blobs)}")
    ckzg, setup = _kzg()
    full = tuple(_full(blob) for blob in blobs)
    commitments = tuple(commit(blob) for blob in full)
    proofs: list[bytes] = []
    for blob in full:
        proofs += map(bytes, _call(ckzg.compute_cells_and_kzg_proofs, blob, setup)[1])
    return Sidecar(full, commitments, tuple(proofs), tuple(map(versioned_hash, commitments)))


def _full(blob: bytes) -> bytes:
    if len(blob) > BLOB_SIZE:
        raise BadInput(f"a blob has {BLOB_SIZE} bytes, not {len(blob)}")
    return blob.ljust(BLOB_SIZE, b"\0")


def _point(place: int) -> int:
    """Where the blob's polynomial takes the element's value: the roots of unity in bit-reversed order."""
    exponent = int(f"{place:0{_INDEX_BITS}b}"[::-1], 2)
    return pow(_ROOT_OF_UNITY, exponent, MODULUS)


def _bytes(function: Any, *arguments: Any) -> bytes:
    return bytes(_call(function, *arguments))


def _call(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"not a blob: an element is not below the field's modulus ({error})") from error


def _kzg() -> tuple[ModuleType, Any]:
    with _loading:  # several threads may ask at the same time
        return _load()


@cache
def _load() -> tuple[ModuleType, Any]:
    import ckzg

    spec = find_spec("eth_account")  # does not import it: that takes a second
    path = Path(spec.origin).parent / _SETUP if spec is not None and spec.origin is not None else _SETUP
    if not path.is_file():
        raise ToolchainError(f"the KZG trusted setup is missing: eth-account has no {_SETUP}")
    return ckzg, ckzg.load_trusted_setup(str(path), 0)
