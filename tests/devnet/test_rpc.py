"""Whatever answers at a URL, it is told what is wrong with it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from eth_account import Account as EthAccount

from toolkit.devnet import Account, Chain, Rpc, Transaction, attach
from toolkit.devnet.rpc import without_secrets
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError

Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that gives one answer to everything; returns its URL."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"hello", "does not speak JSON-RPC"),
        (b"[]", "to eth_chainId is not JSON-RPC"),
        (b"null", "to eth_chainId is not JSON-RPC"),
        (b"{}", "to eth_chainId is not JSON-RPC"),
        (b'{"error": "no", "result": "0x1"}', "to eth_chainId is not JSON-RPC"),
        (b'{"result": null}', "to eth_chainId is not a number: None"),
        (b'{"result": "zz"}', "to eth_chainId is not a number: 'zz'"),
        (b'{"error": {}, "result": 1}', "to eth_chainId is not a number: 1"),
    ],
)
def test_what_is_no_node_is_told(serve: Serve, answer: bytes, words: str) -> None:
    with pytest.raises(NodeError, match=words):
        attach(serve(answer))


@pytest.mark.parametrize("answer", [b"[]", b"[7]", b'[{"id": 99, "result": 1}]'])
def test_answers_that_are_missing_from_a_batch_are_told(serve: Serve, answer: bytes) -> None:
    with pytest.raises(NodeError, match="to eth_chainId is not JSON-RPC"):
        Rpc(serve(answer)).batch([("eth_chainId", [])])


def test_error_of_the_node_is_told(serve: Serve) -> None:
    with pytest.raises(RpcError, match=r"eth_chainId: go away .code -1."):
        attach(serve(b'{"error": {"code": -1, "message": "go away"}}'))


def test_silent_node_is_told() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        rpc = Rpc(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with pytest.raises(NodeError, match=r"no Ethereum node answers at .* within 0.05 s"):
            rpc.call("eth_chainId")


@pytest.mark.parametrize("url", ["http://", "http://[bad", "http://127.0.0.1:99999", "ws://127.0.0.1:1", "http://x:y"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(BadInput, match="is not an http:// or https:// URL"):
        attach(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://user:secret@host:1/path", "http://***@host:1/path"),
        ("https://user:sec@ret@host", "https://***@host"),
        ("https://host/rpc?key=secret", "https://host/rpc?***"),
        ("http://user:sec/ret@host", "http://***@host"),
        ("user:secret@host", "***@host"),
        ("https://host/v3/0123456789abcdef0123456789abcdef", "https://host/v3/***"),
        ("https://host/AbCdEf-0_9/sepolia/", "https://host/***/sepolia/"),
        ("https://host/ext/bc/C/rpc", "https://host/ext/bc/C/rpc"),
        ("https://a1b2c3d4e5f6a7b8c9d0e1f2.example.org/x", "https://***.example.org/x"),
        ("https://host/rpc#secret", "https://host/rpc#***"),
    ],
)
def test_messages_show_no_password(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_password_is_in_no_message(serve: Serve) -> None:
    url = serve(b"hello").replace("://", "://user:secret@") + "?key=secret"
    for call in (lambda: attach(url), lambda: Rpc(url).quantity("eth_chainId"), lambda: attach(f"ftp{url}")):
        with pytest.raises(L2KitError) as caught:
            call()
        assert "***@" in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("to", [None, b"\x11" * 20])
@pytest.mark.parametrize("data", [b"", b"\x00\x01"])
def test_transactions_are_signed_as_eth_account_signs_them(
    accounts: dict[str, Account], to: bytes | None, data: bytes
) -> None:
    alice = accounts["alice"]
    fields = {"type": 2, "chainId": 31337, "nonce": 0, "value": 7, "data": data, "gas": TX_GAS_CAP}
    fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    theirs = EthAccount.sign_transaction({**fields, **fees, **({"to": to} if to else {})}, alice.key)
    ours = Transaction(31337, 0, to, 7, data, TX_GAS_CAP, 10**10, 10**9).signed(alice.key)
    assert ours == bytes(theirs.raw_transaction)


@pytest.mark.node
def test_receipts_are_waited_for_and_come_in_order(chain: Chain, accounts: dict[str, Account]) -> None:
    chain.rpc.call("evm_setAutomine", False)
    try:
        before = chain.block_number()
        nonces = {name: chain.nonce(accounts[name]) for name in ("alice", "bob")}
        hashes = []
        for name in ("bob", "alice", "bob", "alice"):
            to = accounts["carol"].address_bytes
            raw = Transaction(chain.chain_id, nonces[name], to, 1, b"", 21_000, 10**11, 10**9).signed(
                accounts[name].key
            )
            nonces[name] += 1
            hashes.append(bytes.fromhex(chain.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())[2:]))
        found: list[bytes] = []
        waiting = threading.Thread(
            target=lambda: found.extend(bytes(r["transactionHash"]) for r in chain.receipts(hashes))
        )
        waiting.start()
        Rpc(chain.rpc.url).call("evm_mine")
        waiting.join(30)
        assert found == hashes
        assert chain.block_number() == before + 1
    finally:
        chain.rpc.call("evm_setAutomine", True)
