"""web3.py, pointed at the sequencer and at the verifier of a devnet, finds a chain that it knows how to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from eth_account import Account as EthAccount
from waiting import eventually
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3RPCError

from toolkit import Devnet
from toolkit.bridge.client import deposit_erc20_with_permit, deposit_eth
from toolkit.crypto import keccak256
from toolkit.description import describe
from toolkit.devnet import Account
from toolkit.errors import RpcError
from toolkit.rollup.client import Receipt, RollupClient

ETHER = 10**18
WEI, FEE, LEFT, TOKENS = 10**15, 10**12, ETHER // 4, 7 * ETHER


@dataclass
class World:
    """A payer with ETH and tokens on L2, who has sent two transfers and withdrawn, all of it in batches on L1."""

    devnet: Devnet
    client: RollupClient
    w3: Any  # web3's types want its own kinds of text and bytes
    payer: Account
    payee: Account
    transfer: Receipt
    tokens: Receipt
    withdrawal: Receipt

    @property
    def url(self) -> str:
        return self.client.url


@pytest.fixture(scope="module")
def world(devnet: Devnet) -> Iterator[World]:
    payer, payee = (Account(name, keccak256(name.encode())) for name in ("ethereum payer", "ethereum payee"))
    client, deployer = devnet.access.sequencer, devnet.accounts["deployer"]
    token, bridge = devnet.contracts["Token"], devnet.contracts["Bridge"]
    coin = bytes.fromhex(token.address[2:])
    deposit_eth(devnet.l1, bridge, deployer, ETHER, payer.address)
    deposit_erc20_with_permit(devnet.l1, bridge, deployer, token, TOKENS, payer.address)
    client.wait_for_balance(payer.address_bytes, ETHER)
    client.wait_for_balance(payer.address_bytes, TOKENS, coin)
    sent = (
        client.transfer(payer, payee.address_bytes, WEI, fee=FEE),
        client.transfer(payer, payee.address_bytes, ETHER, coin),
        client.withdraw(payer, LEFT),
    )
    w3 = Web3(HTTPProvider(client.url))
    transfer, tokens, withdrawal = (client.wait_for_post(each.hash) for each in sent)
    yield World(devnet, client, w3, payer, payee, transfer, tokens, withdrawal)


def test_web3_is_connected_to_a_chain_of_its_own(world: World) -> None:
    w3, eth = world.w3, world.w3.eth
    assert w3.is_connected(show_traceback=True)
    assert w3.client_version.startswith("l2kit/v") and w3.client_version.endswith("/sequencer")
    assert eth.chain_id == describe(world.devnet)["l2"]["chain_id"] == world.client.status()["chainId"]
    assert eth.chain_id == world.devnet.access.verifier.status()["chainId"] != world.devnet.l1.chain_id
    assert w3.net.version == str(eth.chain_id)
    assert w3.net.listening and w3.net.peer_count == 0 and not eth.syncing and not eth.accounts
    assert (eth.gas_price, eth.max_priority_fee) == (0, 0)
    assert eth.get_logs({"fromBlock": 0, "toBlock": "latest"}) == []
    assert w3.provider.make_request("web3_sha3", ["0x"])["result"] == "0x" + keccak256(b"").hex()


def test_web3_reads_balances_and_nonces(world: World) -> None:
    eth, payer, payee = world.w3.eth, world.payer.address, world.payee.address
    assert eth.get_balance(payer) == ETHER - WEI - FEE - LEFT
    assert eth.get_balance(payee, "pending") == eth.get_balance(payee) == WEI
    assert (eth.get_transaction_count(payer), eth.get_transaction_count(payee)) == (2, 0)
    assert eth.get_balance("0x" + "11" * 20) == 0
    assert (eth.get_code(payer), bytes(eth.get_storage_at(payer, 0))) == (b"", bytes(32))


def test_web3_reads_a_tokens_balances_and_no_other_call(world: World) -> None:
    l1_token, eth = world.devnet.contracts["Token"], world.w3.eth
    balance_of = eth.contract(address=l1_token.address, abi=l1_token.abi).functions.balanceOf
    assert balance_of(world.payer.address).call() == TOKENS - ETHER
    assert balance_of(world.payee.address).call() == ETHER
    assert balance_of("0x" + "11" * 20).call() == 0
    call = {"to": l1_token.address, "data": "0x313ce567"}
    assert eth.call(call) == b""  # decimals(): no account here knows them
    assert eth.call({**call, "to": world.payer.address}) == b""


def test_web3_reads_blocks_with_their_transactions(world: World) -> None:
    eth, number = world.w3.eth, world.transfer.batch
    assert number is not None and eth.block_number >= number
    block = eth.get_block(number, full_transactions=True)
    posted = world.client.call("l2_batch", number)
    assert (
        block["number"] == number and block["timestamp"] == posted["timestamp"] and block["miner"] == posted["poster"]
    )
    assert block["hash"] == bytes.fromhex(posted["accumulator"][2:]).ljust(32, b"\0")
    assert eth.get_block(block["hash"], full_transactions=True) == block
    assert eth.get_block(block["parentHash"])["number"] == number - 1
    assert eth.get_block_transaction_count(number) == len(block["transactions"]) == block["gasUsed"]
    index = next(i for i, each in enumerate(block["transactions"]) if each["hash"] == world.transfer.hash)
    assert eth.get_transaction_by_block(number, index) == block["transactions"][index]
    assert eth.get_transaction_by_block(block["hash"], index)["hash"] == world.transfer.hash
    receipts = eth.get_block_receipts(number)
    assert [each["transactionHash"] for each in receipts] == [each["hash"] for each in block["transactions"]]
    with pytest.raises(BlockNotFound):
        eth.get_block(10**9)
    with pytest.raises(BlockNotFound):
        eth.get_block(b"\x01" * 32)


def test_web3_reads_transactions_and_their_receipts(world: World) -> None:
    eth, payer = world.w3.eth, world.payer.address
    found = eth.get_transaction(world.transfer.hash)
    assert (found["from"], found["to"], found["value"]) == (payer, world.payee.address, WEI)
    assert (found["nonce"], found["gas"] * found["gasPrice"], found["input"]) == (0, FEE, b"")
    signature = found["v"], int(found["r"].hex(), 16), int(found["s"].hex(), 16)
    assert EthAccount._recover_hash(world.transfer.hash, vrs=signature) == payer
    receipt = eth.get_transaction_receipt(world.transfer.hash)
    assert (receipt["status"], receipt["gasUsed"] * receipt["effectiveGasPrice"]) == (1, FEE)
    assert (receipt["blockNumber"], receipt["blockHash"]) == (found["blockNumber"], found["blockHash"])
    assert eth.wait_for_transaction_receipt(world.transfer.hash, timeout=1) == receipt
    moved = eth.get_transaction(world.tokens.hash)
    token = world.devnet.contracts["Token"]
    assert (moved["to"], moved["value"]) == (token.address, 0)
    function, arguments = token.decode_function_input(moved["input"])
    assert function.fn_name == "transfer" and list(arguments.values()) == [world.payee.address, ETHER]
    left = eth.get_transaction(world.withdrawal.hash)
    assert (left["to"], left["value"]) == (world.devnet.contracts["Bridge"].address, LEFT)
    for read in (eth.get_transaction, eth.get_transaction_receipt):
        with pytest.raises(TransactionNotFound):
            read(b"\x01" * 32)


def test_web3_reads_fees(world: World) -> None:
    number = world.transfer.batch
    assert number is not None
    told = world.w3.eth.fee_history(2, number, [0, 100])
    assert (told["oldestBlock"], set(told["baseFeePerGas"]), len(told["baseFeePerGas"])) == (number - 1, {0}, 3)
    assert told["reward"][1][1] == FEE and told["gasUsedRatio"][1] > 0


def test_sequencer_and_verifier_tell_of_the_same_blocks(world: World) -> None:
    """The one recovers every signer from L1's data, the other knows already what the machine made of it."""
    other: Any = Web3(HTTPProvider(world.devnet.access.verifier.url)).eth
    last = world.withdrawal.batch
    assert last is not None
    eventually(lambda: other.block_number >= last)
    for number in range(last + 1):
        assert other.get_block(number, True) == world.w3.eth.get_block(number, True)
    machine = world.devnet.access.verifier.call("l2_batch", last)["machineHash"]
    assert other.get_block(last)["stateRoot"] == bytes.fromhex(machine[2:])
    assert other.get_balance(world.payee.address) == WEI
    assert other.get_transaction_receipt(world.transfer.hash)["from"] == world.payer.address


@pytest.mark.parametrize(
    ("method", "params", "code", "words"),
    [
        ("eth_sendRawTransaction", ["0x02"], -32004, "l2kit transfer"),
        ("eth_sendTransaction", [{}], -32004, "l2_sendTransfer"),
        ("eth_estimateGas", [{}, "latest"], -32004, "EIP-712"),
        ("eth_getBalance", ["0x" + "11" * 20, "0x0"], -32002, "block 0 is before the latest"),
        ("eth_getTransactionCount", ["0x" + "11" * 20, "earliest"], -32002, "only the present balances and nonces"),
        ("eth_getBalance", ["0x" + "11" * 20, "0xffffffff"], -32001, "there is no block 4294967295"),
        ("eth_getBalance", ["0x" + "11" * 20, {"blockHash": "0x" + "22" * 32}], -32002, "is not the latest"),
        ("eth_getBalance", ["0x" + "11" * 19], -32602, "address is not 20 bytes"),
        ("eth_getBlockByNumber", ["newest", False], -32602, "nor a tag"),
        ("eth_getBlockByNumber", ["12", False], -32602, "0x-hex"),
        ("eth_getBlockByNumber", ["0x1", "yes"], -32602, "true or false"),
        ("eth_getBlockByHash", ["0x1", False], -32602, "hash is not 32 bytes"),
        ("eth_feeHistory", ["0x1", "latest", [50, 10]], -32602, "percentiles"),
        ("eth_call", ["0x"], -32602, "a call is an object"),
        ("eth_protocolVersion", [], -32601, "there is no method"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_code_and_a_reason(
    world: World, method: str, params: list[Any], code: int, words: str
) -> None:
    with pytest.raises(RpcError, match=words) as refused:
        world.client.call(method, *params)
    assert refused.value.code == code


def test_web3_tells_the_reason_of_a_refusal(world: World) -> None:
    with pytest.raises(Web3RPCError, match="send one with 'l2kit transfer'"):
        world.w3.eth.send_raw_transaction(b"\x02")


def test_calls_of_both_versions_and_in_batches_are_answered(world: World) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": "text", "method": "eth_chainId", "params": []},
        {"id": 7, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2**53, "method": "eth_getBalance", "params": [world.payer.address]},
        {"jsonrpc": "2.0", "id": None, "method": "eth_nothing", "params": []},
    ]
    answers = requests.post(world.url, json=calls, timeout=10).json()
    assert [each["id"] for each in answers] == ["text", 7, 2**53, None]
    assert answers[0]["result"] == answers[1]["result"] == hex(world.w3.eth.chain_id)
    assert answers[3]["error"]["code"] == -32601
    with world.w3.batch_requests() as batch:
        batch.add(world.w3.eth.get_balance(world.payee.address))
        batch.add(world.w3.eth.get_block("latest"))
        balance, block = batch.execute()
    assert balance == WEI and block["number"] >= (world.transfer.batch or 0)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:5173", True),
        ("https://example.org", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_only_a_page_of_this_machine_may_ask_in_a_browser(world: World, origin: str, allowed: bool) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    before = requests.options(world.url, headers=asks, timeout=10)
    call = json.dumps({"id": 1, "method": "eth_chainId"})
    after = requests.post(
        world.url, data=call, headers={"Origin": origin, "Content-Type": "application/json"}, timeout=10
    )
    for each in (before, after):
        assert each.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    assert (
        before.status_code == 204
        and ("Content-Type" in before.headers.get("Access-Control-Allow-Headers", "")) == allowed
    )
