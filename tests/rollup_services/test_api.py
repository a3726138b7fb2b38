"""Whatever arrives at the sequencer, the answer is JSON-RPC with a reason, and nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from aiohttp import ClientSession

from rollup_services.rig import ETHER, Rig, Service
from toolkit.errors import RpcError
from toolkit.rollup.api import MAX_ANSWER_BYTES, MAX_BODY_BYTES, Server
from toolkit.rollup.client import ETH
from toolkit.rollup.jsonrpc import BUSY
from toolkit.rollup.operations import Transfer, Withdraw

JSON = {"Content-Type": "application/json"}
GOOD = Transfer(account=0, to=b"\x22" * 20, token=ETH, amount=10**15, fee=0, nonce=0)


@pytest.fixture(scope="module")
def sequencer(shared_rig: Rig) -> Iterator[Service]:
    service = shared_rig.start("sequencer", queue=100)
    shared_rig.running.remove(service)
    shared_rig.deposit("alice", ETHER)
    service.client.wait_for_balance(shared_rig.accounts["alice"].address_bytes, ETHER)
    yield service
    service.stop()


@pytest.fixture
def alice(shared_rig: Rig, sequencer: Service) -> Iterator[dict[str, Any]]:
    """A good transfer of alice's as JSON; what a test makes of it must not change her account."""
    alice = shared_rig.accounts["alice"]
    before = sequencer.client.account(alice.address_bytes)
    yield sequencer.client.signed(GOOD, alice)
    assert sequencer.client.account(alice.address_bytes) == before
    assert "Traceback" not in sequencer.log()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nonce": 5}, "nonce 5 is not the next one of account 0, 0"),
        ({"account": 77}, "there is no account 77"),
        ({"amount": str(2 * ETHER)}, "less than amount"),
        ({"amount": "123456789012345678"}, "too many digits"),
        ({"amount": -1}, "amount -1 is not from 0"),
        ({"amount": 1.5}, "amount is not a whole number"),
        ({"amount": None}, "amount is not a whole number"),
        ({"amount": "9" * 79}, "is not from 0 to 2^128 - 1"),
        ({"fee": "0x10000"}, "too many digits"),
        ({"token": "0x" + "33" * 20}, "holds the token"),
        ({"to": "0x" + "44" * 20}, "the signature is not the account owner's"),
        ({"to": "0x" + "00" * 20}, "the signature is not the account owner's"),
        ({"to": "bob"}, "to is not 20 bytes"),
        ({"signature": "0x" + "00" * 64}, "the signature is not the account owner's"),
        ({"signature": "0x" + "ff" * 64}, "the signature is not the account owner's"),
        ({"signature": "0x12"}, "signature is not 64 bytes"),
        ({"signature": "0x" + "zz" * 64}, "signature is not 64 bytes"),
        ({"account": True}, "account is not a whole number"),
    ],
)
def test_wrong_transfer_is_refused_with_its_reason(
    sequencer: Service, alice: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RpcError, match=reason.replace("^", r"\^")):
        sequencer.client.call("l2_sendTransfer", {**alice, **change})
    (answer,) = sequencer.client.call("l2_sendTransfers", [{**alice, **change}])
    assert reason in answer["error"]["message"]


def test_recipient_nobody_can_be_is_refused_though_signed(shared_rig: Rig, sequencer: Service, alice: Any) -> None:
    signed = sequencer.client.signed(replace(GOOD, to=bytes(20)), shared_rig.accounts["alice"])
    with pytest.raises(RpcError, match="zero address"):
        sequencer.client.call("l2_sendTransfer", signed)


def test_signature_for_another_chain_or_operation_is_refused(shared_rig: Rig, sequencer: Service, alice: Any) -> None:
    withdrawal = sequencer.client.signed(Withdraw(0, ETH, 10**15, 0, 0), shared_rig.accounts["alice"])
    with pytest.raises(RpcError, match="signature"):
        sequencer.client.call("l2_sendTransfer", {**withdrawal, "to": alice["to"]})
    with pytest.raises(RpcError, match="signature"):
        sequencer.client.call("l2_sendWithdrawal", alice)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", -32700, "not JSON"),
        (b"\xff\xfe", -32700, "not JSON"),
        (b"[" * 100_000, -32700, "not JSON"),
        (b"[]", -32600, "1 to 100 calls"),
        (b"[" + b"1," * 200 + b"1]", -32600, "1 to 100 calls"),
        (b"7", -32600, "a call is an object"),
        (b'{"method": 7}', -32600, "a call is an object"),
        (b'{"method": "l2_nothing"}', -32601, "there is no method l2_nothing"),
        (b'{"method": "l2_account"}', -32602, "l2_account"),
        (b'{"method": "l2_account", "params": {"who": 1}}', -32602, "l2_account"),
        (b'{"method": "l2_account", "params": 5}', -32602, "l2_account"),
        (b'{"method": "l2_account", "params": ["0x12"]}', -32602, "owner is not 20 bytes"),
        (b'{"method": "l2_sendTransfers", "params": [5]}', -32602, "not a list"),
        (b'{"method": "l2_sendTransfer", "params": [5]}', -32003, "a transfer is an object"),
        (b'{"method": "l2_batch", "params": [-1]}', -32602, "batch -1"),
        (b'{"method": "l2_batch", "params": [123456]}', -32001, "there is no batch 123456"),
        (b'{"method": "l2_receipt", "params": ["0x' + b"00" * 32 + b'"]}', -32001, "there is no operation"),
    ],
)
def test_malformed_call_gets_an_error_object(
    sequencer: Service, alice: dict[str, Any], body: bytes, code: int, words: str
) -> None:
    response = requests.post(sequencer.client.url, data=body, headers=JSON, timeout=10)
    assert response.status_code == 200
    error = response.json()["error"]
    assert error["code"] == code
    assert words in error["message"]


def test_too_large_body_is_refused(sequencer: Service, alice: dict[str, Any]) -> None:
    response = requests.post(sequencer.client.url, data=b" " * (MAX_BODY_BYTES + 1), headers=JSON, timeout=10)
    assert response.status_code == 413
    assert "larger than" in response.json()["error"]["message"]


def test_calls_of_a_batch_are_made_until_their_answers_are_too_long() -> None:
    made = list[int]()

    async def say(number: int) -> str:
        made.append(number)
        return "x" * (MAX_ANSWER_BYTES // 3)

    async def ask() -> list[dict[str, Any]]:
        server = Server({"say": say}, "127.0.0.1", 0)
        await server.start()
        calls = [{"jsonrpc": "2.0", "id": number, "method": "say", "params": [number]} for number in range(5)]
        try:
            async with (
                ClientSession() as session,
                session.post(f"http://127.0.0.1:{server.port}", json=calls) as answer,
            ):
                found: list[dict[str, Any]] = await answer.json()
                return found
        finally:
            await server.stop()

    answers = asyncio.run(ask())
    assert made == [0, 1, 2], "the third goes beyond"
    assert [each["id"] for each in answers] == list(range(5))
    assert [len(each["result"]) for each in answers[:3]] == [MAX_ANSWER_BYTES // 3] * 3
    assert {each["error"]["code"] for each in answers[3:]} == {BUSY}
    assert f"the answers before this are more than {MAX_ANSWER_BYTES} bytes" in answers[3]["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"Content-Type": "text/plain"}, 415, "text/plain"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "urlencoded"),
        ({**JSON, "Host": "rebound.example"}, 403, "rebound.example"),
        ({**JSON, "Host": "127.0.0.1.rebound.example:80"}, 403, "rebound.example"),
        ({**JSON, "Host": "[::1"}, 403, "Host"),
        ({**JSON, "Host": "localhost:1"}, 200, None),
    ],
)
def test_what_a_web_page_may_have_sent_is_refused(
    sequencer: Service, headers: dict[str, str], status: int, words: str | None
) -> None:
    body = b'{"id": 1, "method": "l2_status"}'
    response = requests.post(sequencer.client.url, data=body, headers=headers, timeout=10)
    assert response.status_code == status
    assert ("result" in response.json()) if words is None else (words in response.json()["error"]["message"])


def test_more_than_the_queue_holds_is_refused_as_busy(sequencer: Service, alice: dict[str, Any]) -> None:
    with pytest.raises(RpcError, match="busy") as refused:
        sequencer.client.call("l2_sendTransfers", [{**alice, "nonce": 9}] * 101)
    assert refused.value.code == BUSY


def test_one_wrong_operation_does_not_stop_the_others(shared_rig: Rig, sequencer: Service) -> None:
    alice = shared_rig.accounts["alice"]
    start = sequencer.client.account(alice.address_bytes).nonce
    first, second = (sequencer.client.signed(replace(GOOD, nonce=start + i), alice) for i in range(2))
    answers = sequencer.client.call(
        "l2_sendTransfers", [first, {"account": "x"}, {**first, "nonce": 99}, second, first]
    )
    assert ["error" in answer for answer in answers] == [False, True, True, False, True]
    assert sequencer.client.account(alice.address_bytes).nonce == start + 2


def test_each_of_many_operations_gets_its_own_answer(shared_rig: Rig, sequencer: Service) -> None:
    """So many that their signers are recovered together, on all cores, and some of them are nobody's."""
    alice, bob = shared_rig.accounts["alice"], shared_rig.accounts["bob"]
    nonce = sequencer.client.account(alice.address_bytes).nonce
    good = [sequencer.client.signed(replace(GOOD, nonce=nonce + i, amount=10**12), alice) for i in range(70)]
    forged = sequencer.client.signed(replace(GOOD, nonce=nonce + 30, amount=10**12), bob)
    new = sequencer.client.signed(replace(GOOD, nonce=nonce + 70, amount=10**12, to=b"\x29" * 20), alice)
    nobody = {**new, "account": 10**6}
    answers = sequencer.client.call("l2_sendTransfers", [*good[:30], forged, *good[30:], good[3], nobody, new])
    errors = {number: answer["error"]["message"] for number, answer in enumerate(answers) if "error" in answer}
    assert {number: message[:34] for number, message in errors.items()} == {
        30: "the signature is not the account o",
        71: f"nonce {nonce + 3} is not the next one of account"[:34],
        72: "there is no account 1000000; the l",
    }
    sequences = [answer["sequence"] for answer in answers if "sequence" in answer]
    assert sequences == list(range(sequences[0], sequences[0] + 71))
    assert sequencer.client.account(alice.address_bytes).nonce == nonce + 71
    assert sequencer.client.account(b"\x29" * 20).balance == 10**12


def test_batches_of_calls_are_answered_in_order(sequencer: Service) -> None:
    calls = [{"id": i, "method": "l2_status" if i % 2 else "l2_nothing"} for i in range(4)]
    answers = requests.post(sequencer.client.url, json=calls, timeout=10).json()
    assert [(answer["id"], "result" in answer) for answer in answers] == [(0, False), (1, True), (2, False), (3, True)]
