"""A node that is busy or ill is asked again where that does no harm, and told of at once where it cannot help."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from devnet.gateway import Reply, first, gateway
from toolkit.devnet import Account, Chain, Node, Rpc, free_port, replacement, retry, rpc
from toolkit.devnet.l1 import L1
from toolkit.devnet.retry import Backoff, is_here, is_rate_limit, may_repeat, retry_after
from toolkit.errors import BadInput, NodeError, RpcError

LIMITED = {"jsonrpc": "2.0", "error": {"code": -32005, "message": "daily request count exceeded, request rate limited"}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as they are, but of milliseconds."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.005)


def test_what_may_be_asked_twice() -> None:
    for method in (
        "eth_call",
        "eth_getLogs",
        "eth_sendRawTransaction",
        "net_version",
        "anvil_getBlobsByTransactionHash",
    ):
        assert may_repeat(method), method
    for method in (
        *("evm_mine", "evm_snapshot", "evm_revert", "evm_increaseTime", "anvil_reorg", "hardhat_setBalance"),
        *("eth_sendTransaction", "eth_newFilter", "l2_sendTransfer", "l2_seal", "personal_unlockAccount"),
    ):
        assert not may_repeat(method), method


def test_pauses_double_up_to_a_most_and_end() -> None:
    backoff = Backoff(100, chance=lambda: 0.0)
    pauses = [backoff.pause() for _ in range(14)]
    known = [pause for pause in pauses if pause is not None]
    assert known[:3] == [0.005, 0.01, 0.02]
    assert all(pause <= retry.MOST_SECONDS for pause in known)
    assert Backoff(0.004, chance=lambda: 0.0).pause() is None, "not longer than it has patience"
    assert Backoff(1, chance=lambda: 1.0).pause() == 0.0025, "less by a half at most"


def test_a_node_that_says_when_to_come_back_is_taken_at_its_word_within_reason() -> None:
    assert Backoff(30).pause(7.0) == 7.0
    assert Backoff(30).pause(3600.0) is None
    assert retry_after("12") == 12.0
    assert retry_after(formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=5)
    assert retry_after(formatdate(time.time() - 100, usegmt=True)) == 0
    assert retry_after(None) is None and retry_after("soon") is None


@pytest.mark.parametrize(
    ("message", "code", "limited"),
    [
        ("rate limit exceeded", -32005, True),
        ("Too Many Requests", 429, True),
        ("Your app has exceeded its compute units per second capacity", 429, True),
        ("query returned more than 10000 results", -32005, False),
        ("exceed maximum block range: 5000", -32000, False),
        ("execution reverted", 3, False),
    ],
)
def test_too_often_is_told_from_too_much(message: str, code: int, limited: bool) -> None:
    assert is_rate_limit({"code": code, "message": message}) == limited


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8545", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("https://rpc.example.org", False),
        ("http://10.0.0.1", False),
    ],
)
def test_which_machine_is_this_one(url: str, here: bool) -> None:
    assert is_here(url) == here


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status, b"<html>") for status in (429, 502, 503, 504)),
        Reply(429, LIMITED, {"Retry-After": "0"}),
        Reply(200, LIMITED),
        Reply(0),
    ],
)
def test_a_busy_node_is_asked_again(node: Node, reply: Reply) -> None:
    with gateway(node.url, first(3, reply)) as proxy:
        rpc = Rpc(proxy.url)
        assert rpc.quantity("eth_chainId") == node.chain_id
        assert len(proxy.asked) == 4
        assert rpc.batch([("eth_chainId", [])]) == [hex(node.chain_id)]


def test_a_batch_of_which_some_is_too_much_is_asked_for_the_rest(node: Node) -> None:
    def rule(body: object) -> Reply | None:
        if isinstance(body, list):
            return Reply(200, [{**LIMITED, "id": body[0]["id"]}, {"id": body[1]["id"], "result": "0x7"}])
        return None

    with gateway(node.url, rule) as proxy:
        assert Rpc(proxy.url).batch([("eth_chainId", []), ("eth_blockNumber", [])]) == [hex(node.chain_id), "0x7"]
        assert proxy.methods() == ["batch", "eth_chainId"]


@pytest.mark.parametrize("reply", [Reply(503, b""), Reply(0), Reply(200, LIMITED)])
def test_what_moves_the_node_is_asked_once(node: Node, reply: Reply) -> None:
    with gateway(node.url, first(1, reply)) as proxy:
        rpc = Rpc(proxy.url)
        for method in ("evm_snapshot", "evm_mine", "eth_sendTransaction"):
            proxy.asked.clear()
            proxy.rule = first(1, reply)
            with pytest.raises((NodeError, RpcError)):
                rpc.call(method)
            assert len(proxy.asked) == 1
        proxy.rule = first(1, reply)
        proxy.asked.clear()
        if reply.status != 200:  # one error for all of a batch says that nothing of it was done
            with pytest.raises(NodeError):
                rpc.batch([("eth_chainId", []), ("evm_mine", [])])
            assert proxy.methods() == ["batch"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(
            200, {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch requests are not allowed"}}
        ),
        Reply(400, b"no batches"),
        Reply(413, b""),
    ],
)
def test_a_node_without_batches_is_asked_one_by_one(
    node: Node, chain: Chain, accounts: dict[str, Account], reply: Reply
) -> None:
    with gateway(node.url, lambda body: reply if isinstance(body, list) else None) as proxy:
        rpc = Rpc(proxy.url)
        calls: list[tuple[str, list[object]]] = [("eth_chainId", []), ("net_version", [])]
        assert rpc.batch(calls) == rpc.batch(calls) == [hex(node.chain_id), str(node.chain_id)]
        assert proxy.methods() == ["batch", *(method for method, _ in calls * 2)]
        receipt = Chain(proxy.url).send(accounts["alice"], to=accounts["bob"].address, value=1)
        assert receipt["status"] == 1


def test_a_transaction_whose_answer_is_lost_is_sent_once(
    node: Node, chain: Chain, accounts: dict[str, Account]
) -> None:
    lost = first(1, Reply(0, after=True), "eth_sendRawTransaction")
    before, nonce = chain.balance(accounts["bob"].address), chain.nonce(accounts["alice"])
    with gateway(node.url, lost) as proxy:
        receipt = Chain(proxy.url).send(accounts["alice"], to=accounts["bob"].address, value=7)
        assert proxy.methods().count("eth_sendRawTransaction") == 2
    assert receipt["status"] == 1
    assert chain.balance(accounts["bob"].address) == before + 7
    assert chain.nonce(accounts["alice"]) == nonce + 1


def test_patience_ends(node: Node) -> None:
    with gateway(node.url, lambda _: Reply(503, b"")) as proxy:
        with pytest.raises(NodeError, match=r"has no time for us .HTTP 503."):
            Rpc(proxy.url, patience=0.05).call("eth_chainId")
        assert len(proxy.asked) > 2
        proxy.asked.clear()
        proxy.rule = lambda _: Reply(429, b"", {"Retry-After": "3600"})
        with pytest.raises(NodeError, match="HTTP 429"):
            Rpc(proxy.url).call("eth_chainId")
        assert len(proxy.asked) == 1, "an hour is too long"


def test_nobody_on_this_machine_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"it waits {seconds} s"))
    with pytest.raises(NodeError, match="no Ethereum node answers at"):
        Rpc(f"http://127.0.0.1:{free_port()}").call("eth_chainId")


def test_a_key_in_a_header_goes_to_others_alone_and_is_in_no_message(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2KIT_RPC_HEADER", "X-Api-Key: hush-hush")
    with gateway(node.url, lambda _: None, "0.0.0.0") as proxy:
        Rpc(proxy.url).call("eth_chainId")
        assert proxy.headers["X-Api-Key"] == "hush-hush"
        Rpc(proxy.url.replace("0.0.0.0", "127.0.0.1")).call("eth_chainId")
        assert "X-Api-Key" not in proxy.headers
        proxy.rule = lambda _: Reply(401, b"who are you?")
        with pytest.raises(NodeError, match=r"HTTP 401.: it wants another key") as caught:
            Rpc(proxy.url).call("eth_chainId")
        assert "hush" not in str(caught.value)
    monkeypatch.setenv("L2KIT_RPC_HEADER", "hush-hush")
    with pytest.raises(BadInput, match="L2KIT_RPC_HEADER does not hold a header") as refused:
        Rpc("https://rpc.example.org")
    assert "hush" not in str(refused.value)


def test_nobody_sends_us_to_another_node(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2KIT_RPC_HEADER", "X-Api-Key: hush-hush")
    with gateway(node.url, lambda _: None) as thief, gateway(node.url, lambda _: None, "0.0.0.0") as proxy:
        proxy.rule = lambda _: Reply(307, b"", {"Location": f"{thief.url}/0123456789abcdef?key=1"})
        with pytest.raises(NodeError, match=r"sends us to http://127.0.0.1:\d+/\*\*\*\?\*\*\* .HTTP 307.") as caught:
            Rpc(proxy.url).call("eth_chainId")
        assert "hush" not in str(caught.value)
        assert thief.asked == []


def test_an_answer_without_an_end_is_not_read(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "MOST_BYTES", 100)
    with gateway(node.url, lambda _: None, "0.0.0.0") as proxy:
        assert Rpc(proxy.url).call("eth_chainId")
        with pytest.raises(NodeError, match="is longer than 100 bytes"):
            Rpc(proxy.url).call("eth_getBlockByNumber", "latest", False)


def test_a_receipt_that_comes_late_elsewhere_is_not_taken_for_none(
    node: Node, chain: Chain, accounts: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacement, "LATE_SECONDS", 0.01)
    late = [6]

    def behind(body: Any) -> Reply | None:
        """Counts a transaction some time before it has its receipt, as one of many nodes behind a URL may."""
        if isinstance(body, list) and body[0]["method"] == "eth_getTransactionReceipt" and late[0]:
            late[0] -= 1
            return Reply(200, [{"jsonrpc": "2.0", "id": each["id"], "result": None} for each in body])
        return None

    alice, before = accounts["alice"], chain.nonce(accounts["alice"])
    with gateway(node.url, behind, "0.0.0.0") as proxy:
        Chain(proxy.url).send(alice, to=accounts["bob"].address, value=1)
    assert (chain.nonce(alice), late) == (before + 1, [0]), "it was paid once"


def test_nothing_of_a_url_s_secrets_is_left_in_a_chain_of_errors(tmp_path: Path) -> None:
    url = f"http://user:pass@127.0.0.1:{free_port()}/v3/0123456789abcdef0123?key=more"
    with pytest.raises(NodeError) as caught:
        Rpc(url).call("eth_chainId")
    error: BaseException | None = caught.value
    while error is not None:
        assert not any(secret in str(error) for secret in ("pass", "0123456789abcdef", "more"))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_logs_come_in_parts_where_a_node_limits_how_many_blocks(
    node: Node, chain: Chain, accounts: dict[str, Account]
) -> None:
    token, _ = chain.deploy(accounts["alice"], "Token", "Devnet Token", "DEV", 10**18)
    first = chain.block_number()
    for _ in range(8):
        chain.send(accounts["alice"], token.functions.transfer(accounts["bob"].address, 1))

    def at_most_three(body: Any) -> Reply | None:
        query = body["params"][0] if isinstance(body, dict) and body["method"] == "eth_getLogs" else {}
        last = int(query["toBlock"], 16) if "toBlock" in query else 10**9
        if query and last - int(query["fromBlock"], 16) >= 3:
            error = {"code": -32005, "message": "query exceeds max block range 3"}
            return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "error": error})
        return None

    async def ask(url: str) -> list[dict[str, Any]]:
        l1 = L1(url)
        try:
            return await l1.logs({"address": token.address}, first)
        finally:
            l1.close()

    with gateway(node.url, at_most_three) as proxy:
        assert asyncio.run(ask(proxy.url)) == asyncio.run(ask(node.url))
        assert len(proxy.asked) > 4
