"""States, ids and digests: the fast path against eth_account and against Solidity."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.channel.state import (
    MAX_NONCE,
    Channel,
    ChannelTerms,
    Deposits,
    Side,
    SignedState,
    Signing,
    State,
    balances,
)
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput

from .people import DAY, KEY_A, A, B, C, channel
from .world import CHAIN_ID, World, words

addresses = st.binary(min_size=20, max_size=20).filter(any)
hashes = st.binary(min_size=32, max_size=32)
nonces = st.integers(0, MAX_NONCE)
nets = st.integers(-(2**63), 2**63 - 1)
units = st.integers(0, 2**56 - 1)
expiries = st.integers(0, 2**40 - 1)
chain_ids = st.integers(1, 2**64)
terms = st.builds(ChannelTerms, addresses, st.integers(600, 90 * DAY), st.integers(0, 59), st.integers(0, 2**56 - 1))
states = st.builds(State, nonces, nets, hashes)

FIELDS = {
    "State": [("channel", "bytes32"), ("nonce", "uint48"), ("net", "int64"), ("locks", "bytes32")],
    "Close": [("channel", "bytes32"), ("net", "int64"), ("expiry", "uint40")],
}


def typed_data_digest(kind: str, chain_id: int, contract: bytes, message: dict[str, Any]) -> bytes:
    domain = {
        "name": "l2kit PaymentChannels", "version": "1", "chainId": chain_id, "verifyingContract": checksum(contract)
    }  # fmt: skip
    types = {kind: [{"name": name, "type": type_} for name, type_ in FIELDS[kind]]}
    return bytes(_hash_eip191_message(encode_typed_data(domain, types, message)))


@given(chain_ids, addresses, hashes, states)
def test_a_states_digest_is_the_typed_datas(chain_id: int, contract: bytes, id_: bytes, state: State) -> None:
    message = {"channel": id_, "nonce": state.nonce, "net": state.net, "locks": state.locks}
    expected = typed_data_digest("State", chain_id, contract, message)
    assert Signing(chain_id, contract, id_).state_digest(state) == expected


@given(chain_ids, addresses, hashes, nets, expiries)
def test_a_closes_digest_is_the_typed_datas(chain_id: int, contract: bytes, id_: bytes, net: int, expiry: int) -> None:
    message = {"channel": id_, "net": net, "expiry": expiry}
    expected = typed_data_digest("Close", chain_id, contract, message)
    assert Signing(chain_id, contract, id_).close_digest(net, expiry) == expected


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@settings(max_examples=200)
@given(terms=terms, token=addresses, block=st.integers(0, 2**96 - 1), state=states, net=nets, expiry=expiries)
def test_solidity_computes_the_same_hashes(
    world: World, terms: ChannelTerms, token: bytes, block: int, state: State, net: int, expiry: int
) -> None:
    opened = Channel(A, terms, token, block)
    types = ["bytes32", "bytes32", "address"]
    assert opened.encode() == encode(types, words(opened))
    assert world.call(A, "channelId", words(opened)) == opened.id
    signing = Signing(CHAIN_ID, world.channels.address_bytes, opened.id)
    assert world.call(A, "stateDigest", opened.id, state) == signing.state_digest(state)
    assert world.call(A, "closeDigest", opened.id, net, expiry) == signing.close_digest(net, expiry)


def test_the_contracts_domain_is_ours(world: World) -> None:
    _, name, version, chain_id, contract, _, _ = world.call(A, "eip712Domain")
    assert (name, version, chain_id, checksum(bytes.fromhex(contract[2:]))) == (
        "l2kit PaymentChannels", "1", CHAIN_ID, world.channels.address
    )  # fmt: skip


@given(terms, addresses, st.integers(0, 2**96 - 1))
def test_a_channel_survives_its_encoding(terms: ChannelTerms, token: bytes, block: int) -> None:
    opened = Channel(A, terms, token, block)
    assert Channel.decode(opened.encode()) == opened


@pytest.mark.parametrize("data", [bytes(95), bytes(97), channel().encode()[:64] + b"\1" * 32])
def test_other_bytes_are_no_channel(data: bytes) -> None:
    with pytest.raises(BadInput, match="96 bytes"):
        Channel.decode(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChannelTerms(bytes(20), DAY), "other than zero"),
        (lambda: ChannelTerms(B[:19], DAY), "20-byte"),
        (lambda: ChannelTerms(B, 599), "not 599"),
        (lambda: ChannelTerms(B, 90 * DAY + 1), "not 7776001"),
        (lambda: ChannelTerms(B, DAY, 60), "not 60"),
        (lambda: ChannelTerms(B, DAY, salt=2**56), "56 bits"),
        (lambda: Channel(B, ChannelTerms(B, DAY), C, 1), "two parties"),
        (lambda: Channel(A, ChannelTerms(B, DAY), C, -1), "96 bits"),
        (lambda: Channel(A, ChannelTerms(B, DAY), C[:5], 1), "token"),
        (lambda: Channel(A, ChannelTerms(B, DAY, 8), bytes(20), 1), "gwei"),
        (lambda: channel().to_units(10**9 + 1), "1000000001 is not a whole number"),
        (lambda: channel().side_of(C), "no party"),
    ],
)
def test_what_the_contract_would_refuse_is_refused_here(make: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def test_units_and_sides() -> None:
    assert channel().to_units(7 * 10**9) == 7
    assert (channel().side_of(A), channel().side_of(B)) == (Side.A, Side.B)
    assert (channel().party(Side.A), channel().party(Side.B)) == (A, B)


@given(st.integers(0, 2**55), st.integers(0, 2**55), nets)
def test_balances_are_shares_of_the_deposits(a: int, b: int, net: int) -> None:
    owed_a, owed_b = balances(Deposits(a, b), net)
    assert owed_a + owed_b == a + b
    assert owed_a >= 0
    assert owed_b >= 0
    if -b <= net <= a:
        assert (owed_a, owed_b) == (a - net, b + net)


def test_a_signature_names_its_signer() -> None:
    signing = Signing(1, C, keccak256(b"channel"))
    assert signing.state_signer(signing.sign_state(KEY_A, State(1, 2))) == A
    assert signing.close_signer(1, 2, signing.sign_close(KEY_A, 1, 2)) == A
    assert signing.close_signer(1, 3, signing.sign_close(KEY_A, 1, 2)) != A
    assert signing.state_signer(SignedState(State(1, 2), bytes(64))) is None
