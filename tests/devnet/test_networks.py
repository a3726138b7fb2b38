"""Which networks are let in with what was said, and what a session needs and gives back there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devnet.foreign import CHAIN_ID, ETHER, Foreign, foreign, plain
from devnet.gateway import Reply, gateway
from toolkit import session
from toolkit.devnet import Account, Chain, Node, RunFolder, Transaction, attach
from toolkit.devnet.flights import Flight, Flights
from toolkit.devnet.funding import budget, fund, sweep
from toolkit.devnet.keys import Payer, Whereabouts
from toolkit.devnet.networks import MAINNETS, TESTNETS, Consent
from toolkit.devnet.purse import Left, Purse
from toolkit.errors import BadInput, NodeError
from toolkit.world import Devnet, Options, survey

pytestmark = pytest.mark.node

KEYED = Consent(keyed=True)


@pytest.fixture(scope="module")
def network() -> Iterator[Foreign]:
    with RunFolder() as folder, foreign(folder) as running:
        yield running


def test_no_network_is_both() -> None:
    assert not MAINNETS.keys() & TESTNETS.keys()


def test_development_accounts_are_for_development_nodes(node: Node, network: Foreign) -> None:
    assert not attach(node.url).is_public
    assert not attach(network.rpc.url).is_public
    with (
        gateway(network.rpc.url, plain) as proxy,
        pytest.raises(BadInput, match=rf"chain {CHAIN_ID}, and that is not known to be a development chain; .* sto"),
    ):
        attach(proxy.url)
    for chain_id, name in ((1, "Ethereum"), (8453, "Base"), (11155111, "Sepolia"), (560048, "Hoodi")):
        with (
            network.on_chain(chain_id),
            pytest.raises(BadInput, match=rf"is on {name} .chain {chain_id}.*key of your own"),
        ):
            attach(network.rpc.url, consent=Consent(public=True, real_money=True))


def test_a_testnet_must_be_told_once(network: Foreign) -> None:
    with network.on_chain(11155111):
        with pytest.raises(BadInput, match=r"Sepolia .chain 11155111., a public network; .* say so with --public$"):
            attach(network.rpc.url, consent=KEYED)
        assert attach(network.rpc.url, consent=Consent(keyed=True, public=True)).is_public


def test_a_chain_that_nobody_knows_must_be_told_once(network: Foreign) -> None:
    with gateway(network.rpc.url, plain) as proxy:
        with pytest.raises(BadInput, match=r"not known to be a development chain; .* say so with --public$"):
            attach(proxy.url, consent=KEYED)
        assert attach(proxy.url, consent=Consent(keyed=True, public=True)).is_public
    assert not attach(network.rpc.url, consent=KEYED).is_public


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (KEYED, "--public and --real-money"),
        (Consent(keyed=True, public=True), "--real-money"),
        (Consent(keyed=True, real_money=True), "--public"),
    ],
)
def test_a_mainnet_must_be_told_twice_and_says_what_it_costs(network: Foreign, said: Consent, missing: str) -> None:
    options = Options(
        l1_rpc=network.rpc.url, payer=network.owner(), public=said.public, real_money=said.real_money, session="x"
    )
    with network.on_chain(1):
        with pytest.raises(
            BadInput, match=r"is on Ethereum .chain 1., where money is real; at .* gwei a gas"
        ) as caught:
            survey(options)
        assert str(caught.value).endswith(f"if that is meant, say so with {missing}")
        devnet = Devnet(options)
        with pytest.raises(BadInput, match="where money is real"), devnet:
            pass
    assert network.balance(network.payer.address) == 10 * ETHER


def test_who_answers_everything_with_nothing_is_no_development_node(network: Foreign) -> None:
    def shrugs(body: Any) -> Reply | None:
        unknown = plain(body)
        return unknown and Reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": None})

    with gateway(network.rpc.url, shrugs) as proxy, pytest.raises(BadInput, match="not known to be a development"):
        attach(proxy.url)


def test_who_has_a_fork_is_told_what_it_needs(network: Foreign) -> None:
    for said in (Consent(), KEYED):
        with network.on_chain(1), pytest.raises(BadInput, match="a fork needs a chain id of its own"):
            attach(network.rpc.url, consent=said)
    with gateway(network.rpc.url, plain) as proxy, network.on_chain(1), pytest.raises(BadInput) as caught:
        attach(proxy.url)
    assert "fork" not in str(caught.value)


def test_a_node_that_is_on_another_chain_once_it_was_let_in_gets_nothing(network: Foreign) -> None:
    asked: list[str] = []

    def changes(body: Any) -> Reply | None:
        if isinstance(body, dict) and body["method"] == "eth_chainId":
            asked.append(body["method"])
            return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": hex(CHAIN_ID if len(asked) % 2 else 1)})
        return None

    told = rf"was on chain {CHAIN_ID}, and says 1 now"
    with gateway(network.rpc.url, changes) as proxy:
        options = Options(l1_rpc=proxy.url, payer=network.owner())
        for do in (
            Devnet(options).__enter__,
            partial(survey, options),
            partial(session.sweep, proxy.url, network.owner()),
        ):
            with pytest.raises(NodeError, match=told):
                do()
        assert not {"batch", "eth_sendRawTransaction"} & set(proxy.methods())


def test_a_mainnet_that_was_told_twice_is_let_in(network: Foreign) -> None:
    options = Options(l1_rpc=network.rpc.url, payer=network.owner(), public=True, real_money=True)
    with network.on_chain(1):
        node, found = survey(options)
    assert (node.chain_id, node.is_public) == (1, True)
    assert found.total > sum(found.needs.values())
    assert network.balance(network.payer.address) == 10 * ETHER, "a survey sends nothing"


def test_options_that_do_not_fit_are_told(network: Foreign) -> None:
    for options, told in (
        (Options(payer=network.owner()), "name it with --l1-rpc"),
        (Options(challenge_window=30 * 24 * 3600), "a challenge window of 2592000 s is not between 0 and 30 days"),
        (Options(challenge_window=0), "a challenge window of 0 s"),
    ):
        devnet = Devnet(options)
        with pytest.raises(BadInput, match=told), devnet:
            pass


def test_who_cannot_pay_is_told_how_much_it_takes(network: Foreign) -> None:
    poor = Payer(Account("payer", b"\x07" * 32), Whereabouts(Path("poor.json")))
    devnet = Devnet(Options(l1_rpc=network.rpc.url, payer=poor))
    told = rf"{poor.account.address} owns 0 ETH, and the session needs 0\.\d+ ETH of it at [\d.]+ gwei a gas"
    with pytest.raises(BadInput, match=told), devnet:
        pass


def test_no_more_is_taken_than_was_agreed_to(network: Foreign) -> None:
    options = Options(l1_rpc=network.rpc.url, payer=network.owner(), most=10**15)
    told = r"needs [\d.]+ ETH by now, at [\d.]+ gwei a gas, and 0\.001 ETH at most was agreed to; nothing was sent"
    with pytest.raises(BadInput, match=told):
        Devnet(options).__enter__()


def test_a_node_that_lies_of_prices_does_not_have_an_account_burnt(network: Foreign) -> None:
    payer = network.owner()
    alice = payer.accounts(CHAIN_ID, "")["alice"]
    Chain(network.rpc.url).send(payer.account, to=alice.address, value=ETHER)

    def dear(body: Any) -> Reply | None:
        if isinstance(body, dict) and body["method"] == "eth_getBlockByNumber":
            block = network.rpc.call("eth_getBlockByNumber", "latest", False)
            lie = {**block, "baseFeePerGas": hex(ETHER // 2 // 21_000)}
            return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": lie})
        return None

    with gateway(network.rpc.url, dear) as proxy:
        assert session.sweep(proxy.url, payer, "").left == {"alice": ETHER}
    assert session.sweep(network.rpc.url, payer, "").moved == {"alice": ETHER}


def test_who_ends_a_session_is_told_what_did_not_come_back(network: Foreign) -> None:
    left = Left("0xpayer", 5 * ETHER, ETHER // 10).told()
    assert left.startswith("0.1 ETH is left with its accounts") and "sweep" in left
    assert Left("0xpayer", 5 * ETHER, 0).told().startswith("nothing is left")
    with gateway(
        network.rpc.url, lambda body: Reply(200, [{"id": each["id"], "result": None} for each in body])
    ) as vague:
        assert Purse(vague.url, "0xpayer", ["0x1"]).look() == Left("0xpayer", None, None)


def test_what_was_funded_is_not_funded_twice_and_comes_back(network: Foreign) -> None:
    payer, chain = network.owner(), Chain(network.rpc.url)
    accounts, began = payer.accounts(CHAIN_ID, "twice"), chain.balance(payer.account.address)
    asked = budget(chain, accounts, payer.account, (2_000_000, 800_000), 3 * ETHER // 100)
    assert asked.missing == asked.needs
    assert asked.needs["proposer"] > 6 * asked.bond and asked.needs["verifier"] > 2 * asked.challenge_bond
    assert 3 * ETHER // 100 < asked.needs["alice"] < 4 * ETHER // 100
    # A run that was killed in the middle of it: some have all, one has a part.
    for name in ("alice", "deployer"):
        chain.send(payer.account, to=accounts[name].address, value=asked.needs[name])
    chain.send(payer.account, to=accounts["bob"].address, value=asked.needs["bob"] - 5)
    sent = fund(chain, accounts, payer.account, asked)
    assert sent == sum(asked.needs.values()) - asked.needs["alice"] - asked.needs["deployer"] - asked.needs["bob"] + 5
    assert {name: chain.balance(each.address) for name, each in accounts.items()} == asked.needs
    assert fund(chain, accounts, payer.account, asked) == 0
    # What was left waiting, at too low a fee, is in nobody's way.
    chain.rpc.call("evm_setAutomine", False)
    chain.rpc.call("anvil_setBalance", accounts["carol"].address, hex(1000))
    chain.rpc.call("evm_setAutomine", True)
    swept = sweep(chain, accounts, payer.account.address)
    assert set(swept.left) == {"carol"} and not swept.on_the_way
    assert {chain.balance(each.address) for name, each in accounts.items() if name != "carol"} == {0}
    gone = began - chain.balance(payer.account.address)
    assert asked.needs["carol"] < gone < asked.needs["carol"] + ETHER // 100, "what was taken away, and fees"
    assert "1e-15 ETH is left with carol" in swept.told(payer.account.address)


def test_who_is_interrupted_while_it_gives_has_all_back(network: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    devnet = Devnet(Options(l1_rpc=network.rpc.url, payer=network.owner(), session="cut"))
    devnet.say = said.append
    await_nonces, began = Flights.await_nonces, network.balance(network.payer.address)

    def interrupted(self: Flights, flights: Sequence[Flight], seconds: float) -> list[Flight]:
        child = devnet.folder.start("spender", [sys.executable, "-c", "input()"])
        devnet.say = lambda text: said.append(text if child.alive is False else "somebody still spends")
        monkeypatch.setattr(Flights, "await_nonces", await_nonces)
        threading.Timer(0.3, lambda: (network.rpc.call("evm_mine"), network.rpc.call("evm_setAutomine", True))).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(Flights, "await_nonces", interrupted)
    network.rpc.call("evm_setAutomine", False)
    with pytest.raises(KeyboardInterrupt), devnet:
        pass
    assert len(said) == 2 and "went back to" in said[-1] and "left" not in said[-1]
    assert began - ETHER // 1000 < network.balance(network.payer.address) < began
    accounts = network.owner().accounts(CHAIN_ID, "cut")
    assert {network.balance(each.address) for each in accounts.values()} == {0}


def test_a_sweep_replaces_what_is_stuck(network: Foreign) -> None:
    payer, chain = network.owner(), Chain(network.rpc.url, patience_seconds=0.2)
    accounts = {"alice": payer.accounts(CHAIN_ID, "stuck")["alice"]}
    chain.send(payer.account, to=accounts["alice"].address, value=ETHER)
    chain.rpc.call("evm_setAutomine", False)
    try:
        alice = accounts["alice"]
        old = Transaction(CHAIN_ID, 0, b"\x11" * 20, ETHER // 2, b"", 21_000, 2 * 10**9, 1).signed(alice.key)
        chain.rpc.call("eth_sendRawTransaction", "0x" + old.hex())
        waiting = sweep(chain, accounts, payer.account.address, seconds=0.3)
        assert set(waiting.on_the_way) == {"alice"}
        assert "was sent and is in no block yet" in waiting.told(payer.account.address)
    finally:
        chain.rpc.call("evm_mine")
        chain.rpc.call("evm_setAutomine", True)
    assert chain.balance(alice.address) == 0
    assert chain.balance("0x" + 20 * "11") == 0
