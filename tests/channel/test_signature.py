"""contracts/lib/Signature.sol against its plain version, and at its edges."""

from __future__ import annotations

import pytest
from coincurve import PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.evm import Contract

from toolkit.crypto import SECP256K1_N, address_of, keccak256, recover, sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .hands import refused
from .people import A
from .world import World, halves

PARITY = 1 << 255
words = st.binary(min_size=32, max_size=32)
keys = st.integers(1, SECP256K1_N - 1).map(lambda number: number.to_bytes(32, "big"))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def verifier(world: World) -> Contract:
    return world.deploy_odd("Verifier")


def accepts(world: World, verifier: Contract, signature: bytes, signer: bytes, digest: bytes) -> bool:
    """What all three say, and Python: the same."""
    arguments = halves(signature), checksum(signer), digest
    is_by = bool(world.evm.call(verifier, "isBy", *arguments, 100_000))
    try:
        world.evm.call(verifier, "requireBy", *arguments)
        required = True
    except Reverted as error:
        assert (error.error, error.arguments) == ("BadSignature", (checksum(signer).lower(),))
        required = False
    assert is_by == required == world.evm.call(verifier, "plainIsBy", *arguments)
    assert is_by == (recover(digest, signature) == signer)
    return is_by


@settings(max_examples=150)
@given(key=keys, digest=words, byte=st.integers(0, 63), change=st.integers(0, 255))
def test_a_signature_is_good_as_it_is(
    world: World, verifier: Contract, key: bytes, digest: bytes, byte: int, change: int
) -> None:
    signature = sign(key, digest)
    changed = bytes(each ^ change if index == byte else each for index, each in enumerate(signature))
    assert accepts(world, verifier, changed, address_of(key), digest) == (change == 0)
    assert not accepts(world, verifier, signature, address_of(key), keccak256(digest))
    v, r, s = world.evm.call(verifier, "split", halves(signature))
    assert r + (int.from_bytes(s, "big") | (v - 27) * PARITY).to_bytes(32, "big") == signature


@settings(max_examples=150)
@given(r=words, vs=words, digest=words, signer=st.binary(min_size=20, max_size=20))
def test_random_bytes_are_nobodys_signature(
    world: World, verifier: Contract, r: bytes, vs: bytes, digest: bytes, signer: bytes
) -> None:
    for other in (signer, bytes(20), b"\xff" * 20):
        assert not accepts(world, verifier, r + vs, other, digest)


EDGES = [0, 1, SECP256K1_N // 2 - 1, SECP256K1_N // 2, SECP256K1_N // 2 + 1, PARITY - 1]


@pytest.mark.parametrize("s", EDGES)
@pytest.mark.parametrize("parity", [0, 1])
def test_the_lower_half_of_s_counts(world: World, verifier: Contract, s: int, parity: int) -> None:
    digest, r = keccak256(b"digest"), sign(keccak256(b"key"), keccak256(b"digest"))[:32]
    signature = r + (s | parity * PARITY).to_bytes(32, "big")
    signer = bytes(20)
    if s:
        public = PublicKey.from_signature_and_message(r + s.to_bytes(32, "big") + bytes([parity]), digest, hasher=None)
        signer = keccak256(public.format(compressed=False)[1:])[12:]
    assert accepts(world, verifier, signature, signer, digest) == (0 < s <= SECP256K1_N // 2)


@pytest.mark.parametrize("r", [0, SECP256K1_N - 1, SECP256K1_N, 2**256 - 1])
def test_an_r_that_is_none_recovers_nobody(world: World, verifier: Contract, r: int) -> None:
    """Whatever lay in memory before is not taken for the answer."""
    signature = r.to_bytes(32, "big") + (1).to_bytes(32, "big")
    digest = keccak256(b"digest")
    for signer in (bytes(20), b"\xff" * 20, A, bytes(19) + b"\1"):
        if recover(digest, signature) != signer:
            assert not accepts(world, verifier, signature, signer, digest)


def test_the_plain_answer_needs_no_gas_for_wallets(world: World, verifier: Contract) -> None:
    """An ordinary account's bad signature is one, however little gas is left."""
    digest = keccak256(b"digest")
    arguments = halves(sign(keccak256(b"key"), digest)), checksum(A), digest
    assert world.evm.call(verifier, "isBy", *arguments, 10**7, gas=60_000) is False
    wallet = world.deploy_odd("OddWallet")
    with refused("SignatureOutOfGas"):
        world.evm.call(verifier, "isBy", arguments[0], wallet.address, digest, 10**7, gas=60_000)
