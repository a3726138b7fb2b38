"""Calldata written by hand against the ABI of the compiled contract."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.channel import calls
from toolkit.channel.state import MAX_NET, Lock, SignedState, State, Withdrawal
from toolkit.compile import artifact
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput, NodeError

from .people import channel

words = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=64, max_size=64)
nets = st.integers(-MAX_NET, MAX_NET)
expiries = st.integers(0, 2**40 - 1)
states = st.builds(State, st.integers(1, 2**48 - 1), nets, words)
locks = st.builds(Lock, words, nets, expiries)
shown = st.lists(st.tuples(locks, words), max_size=4)
channels = st.builds(channel, st.integers(0, 2**56 - 1), st.just(bytes(20)))


@cache
def types_of(contract: str, name: str) -> list[str]:
    (entry,) = (each for each in artifact(contract).abi if each.get("name") == name)
    return [collapse_if_tuple(dict(each)) for each in entry["inputs"]]


def abi(name: str, *arguments: Any, contract: str = "PaymentChannels") -> bytes:
    types = types_of(contract, name)
    return keccak256(f"{name}({','.join(types)})".encode())[:4] + encode(types, arguments)


def halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]


@settings(deadline=None)
@given(channels, states, signatures, signatures, shown, words, nets, expiries)
def test_calls_are_those_of_the_abi(
    channel: Any, state: State, signature: bytes, other: bytes, shown: list[tuple[Lock, bytes]], word: bytes,
    net: int, expiry: int,
) -> None:  # fmt: skip
    signed, one, two = SignedState(state, signature), halves(signature), halves(other)
    some, secrets = tuple(lock for lock, _ in shown), tuple(secret for _, secret in shown)
    withdrawal = Withdrawal(state.nonce, 3, 2**56 - 1, expiry)
    descriptor = channel.opening, channel.terms.pack(), checksum(channel.token)
    a, b = checksum(channel.a), checksum(channel.b)
    with_locks = descriptor, state, one, some, secrets
    for name, calldata, arguments in (
        ("closeAlone", calls.close_alone(channel, signed), (descriptor, state, one)),
        ("closeAloneAndUnlock", calls.close_alone_and_unlock(channel, signed, some, secrets), with_locks),
        ("challenge", calls.challenge(channel, signed), (descriptor, state, one)),
        ("challengeAndUnlock", calls.challenge_and_unlock(channel, signed, some, secrets), with_locks),
        ("challengeSigned", calls.challenge_signed(channel, state, signature, other), (descriptor, state, one, two)),
        ("unlockNow", calls.unlock_now(channel, some, secrets), (descriptor, some, secrets)),
        ("reveal", calls.reveal(word), (word,)),
        ("settleAndPay", calls.settle_and_pay(channel), (descriptor,)),
        ("settleAndUnlock", calls.settle_and_unlock(channel, some, secrets), (descriptor, some, secrets)),
        ("closeNow", calls.close_now(channel, net, expiry, signature), (descriptor, net, expiry, one)),
        ("withdraw", calls.withdraw(channel, withdrawal, signature), (descriptor, withdrawal, one)),
        ("openInETH", calls.open_in_eth(channel.terms), (channel.terms.pack(),)),
        ("openInTokens", calls.open_in_tokens(channel.terms, channel.b, 7), (channel.terms.pack(), b, 7)),
        ("topUpETH", calls.top_up_eth(word, net > 0), (word, net > 0)),
        ("topUpTokens", calls.top_up_tokens(channel, net > 0, 7), (descriptor, net > 0, 7)),
        ("position", calls.position(word), (word,)),
        ("pendingLocks", calls.pending_locks(word), (word,)),
        ("revealedAt", calls.revealed_at(word), (word,)),
    ):
        assert calldata == abi(name, *arguments), name
    assert calls.approve(channel.b, expiry) == abi("approve", b, expiry, contract="Token")
    assert calls.allowance(channel.a, channel.b) == abi("allowance", a, b, contract="Token")


@given(st.lists(locks))
def test_the_list_in_an_event_is_read(some: list[Lock]) -> None:
    assert calls.read_locks_pending(encode(["(bytes32,int64,uint40)[]"], [some])) == tuple(some)


def test_what_is_no_list_of_locks_is_refused() -> None:
    whole = encode(["(bytes32,int64,uint40)[]"], [[Lock(bytes(32), 1, 2)]])
    for data in (b"", whole[:-1], whole + bytes(32), whole[:-32] + b"\xff" * 32):
        with pytest.raises(NodeError, match="LocksPending event"):
            calls.read_locks_pending(data)


def test_events_and_errors_have_the_contracts_names() -> None:
    named: dict[str, set[str]] = {"event": set(), "error": set()}
    for each in artifact("PaymentChannels").abi:
        if each["type"] in named:
            types = ",".join(collapse_if_tuple(dict(part)) for part in each["inputs"])
            named[each["type"]].add(f"{each['name']}({types})")
    assert {calls.SECRET_SHOWN, calls.LOCKS_PENDING} <= {keccak256(name.encode()) for name in named["event"]}
    assert set(calls.ERRORS) <= named["error"]


def test_what_cannot_be_called_is_refused() -> None:
    first = SignedState(State(0, 0), b"")
    assert calls.close_alone(channel(), first)[-64:] == bytes(64), "the first state needs no signature"
    with pytest.raises(BadInput, match="a signature is 64 bytes"):
        calls.challenge(channel(), SignedState(State(1, 0), b"short"))
    with pytest.raises(BadInput, match="1 locks and 0"):
        calls.unlock_now(channel(), [Lock(bytes(32), 1, 2)], [])
    with pytest.raises(BadInput, match="32 bytes"):
        calls.reveal(b"short")
