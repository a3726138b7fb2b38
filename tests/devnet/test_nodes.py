"""Nodes behind one interface, and what is said when they fail."""

from __future__ import annotations

import socket

import pytest

from toolkit.compile import SETTINGS
from toolkit.devnet import Account, Chain, Node, RunFolder, attach, check_port, free_port, start_anvil, start_hardhat
from toolkit.devnet.nodes import GENESIS_TIMESTAMP, NODE_HARDFORKS
from toolkit.errors import BadInput, NodeError, Reverted, RpcError

HOUR = 3600


def test_snapshot_and_revert_undo_a_payment(node: Node, l1: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    before = l1.balance(bob.address)
    snapshot = node.snapshot()
    l1.send(alice, to=bob.address, value=7)
    assert l1.balance(bob.address) == before + 7
    node.revert(snapshot)
    assert l1.balance(bob.address) == before


def test_a_snapshot_can_be_reverted_to_once(node: Node) -> None:
    snapshot = node.snapshot()
    node.revert(snapshot)
    with pytest.raises(NodeError, match="has no snapshot"):
        node.revert(snapshot)


def test_travel_moves_the_clock_and_mines(node: Node, chain: Chain) -> None:
    now, block = chain.now(), chain.block_number()
    arrived = node.travel(HOUR)
    assert arrived == chain.now() >= now + HOUR
    assert chain.block_number() == block + 1


def test_travel_backward_is_refused(node: Node) -> None:
    with pytest.raises(BadInput, match="-1 s is backward"):
        node.travel(-1)


def test_transaction_gas_cap_is_on(chain: Chain, accounts: dict[str, Account]) -> None:
    with pytest.raises(RpcError, match=r"(?i)cap|limit|too high"):
        chain.send(accounts["alice"], to=accounts["bob"].address, gas=(1 << 24) + 1)


COUNTS_ZEROS = bytes.fromhex("60011e5f5ff3")
"""Initcode with CLZ, which Osaka brought (EIP-7939)."""


@pytest.mark.node
def test_prague_has_neither_osaka_s_cap_nor_its_instruction(accounts: dict[str, Account]) -> None:
    with RunFolder() as folder:
        chain = Chain(start_anvil(folder, hardfork="prague").url)
        assert chain.send(accounts["alice"], to=accounts["bob"].address, gas=(1 << 24) + 1)["status"] == 1
        with pytest.raises(Reverted):
            chain.send(accounts["alice"], data=COUNTS_ZEROS, gas=100_000)


def test_osaka_has_its_instruction(chain: Chain, accounts: dict[str, Account]) -> None:
    assert chain.send(accounts["alice"], data=COUNTS_ZEROS, gas=100_000)["status"] == 1


def test_a_hardfork_that_a_node_cannot_run_is_told(run_folder: RunFolder) -> None:
    running = len(run_folder.children)
    with pytest.raises(BadInput, match="anvil runs prague, osaka, not 'amsterdam'; hardhat does"):
        start_anvil(run_folder, hardfork="amsterdam")
    with pytest.raises(BadInput, match=r"hardhat runs prague, osaka, amsterdam, not .Osaka.$"):
        start_hardhat(run_folder, hardfork="Osaka")
    assert len(run_folder.children) == running


def test_our_code_runs_at_every_hardfork_of_a_node() -> None:
    oldest = {hardforks[0] for hardforks in NODE_HARDFORKS.values()}
    assert oldest == {SETTINGS["evmVersion"]}


def test_attach_checks_the_chain_id(node: Node) -> None:
    assert attach(node.url).chain_id == 31337
    with pytest.raises(BadInput, match="is on chain 31337, not on chain 5"):
        attach(node.url, chain_id=5)


def test_attach_refuses_what_is_not_a_url() -> None:
    with pytest.raises(BadInput, match="'localhost:8545' is not an http"):
        attach("localhost:8545")


def test_attach_to_nobody_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NodeError, match=f"no Ethereum node answers at {url}"):
        attach(url)


@pytest.mark.node
def test_public_chain_is_refused() -> None:
    with RunFolder() as folder:
        pretender = start_anvil(folder, chain_id=1)
        with pytest.raises(
            BadInput,
            match=r"is on Ethereum .chain 1., where money is real; l2kit works there with a key of your own only",
        ):
            attach(pretender.url)


def test_port_in_use_is_told(run_folder: RunFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port} cannot be used"):
            start_anvil(run_folder, port=port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_out_of_range_is_told(port: int) -> None:
    with pytest.raises(BadInput, match="is not between 1 and 65535"):
        check_port(port)


@pytest.mark.node
def test_killed_node_is_told() -> None:
    with RunFolder() as folder:
        node = start_anvil(folder)
        node.check_alive()
        folder.children[-1].kill()
        with pytest.raises(NodeError, match="anvil has ended"):
            node.check_alive()
        with pytest.raises(NodeError, match="no Ethereum node answers"):
            Chain(node.url)


@pytest.mark.node
def test_stopped_node_leaves_its_port_free() -> None:
    with RunFolder() as folder:
        node = start_anvil(folder)
        port = int(node.url.rsplit(":", 1)[1])
        node.stop()
        check_port(port)


def test_blocks_that_count_time_have_the_same_timestamps_each_time(
    run_folder: RunFolder, accounts: dict[str, Account]
) -> None:
    counted = start_anvil(run_folder, timestamp=GENESIS_TIMESTAMP, block_seconds=3)
    l1 = Chain(counted.url)
    l1.send(accounts["alice"], to=accounts["bob"].address, value=1)
    assert l1.now() == GENESIS_TIMESTAMP + 3
    snapshot = counted.snapshot()
    for _ in range(2):
        assert counted.travel(HOUR) == GENESIS_TIMESTAMP + 3 + HOUR
        l1.send(accounts["alice"], to=accounts["bob"].address, value=1)
        assert (l1.block_number(), l1.now()) == (3, GENESIS_TIMESTAMP + 6 + HOUR)
        counted.revert(snapshot)
        snapshot = counted.snapshot()
    counted.stop()
