"""A workload through a hub: who pays what, how many payments are on their way at a time, and what is on L1 after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import Devnet
from toolkit.channel.hub import HubTechnique, waves
from toolkit.crypto import keccak256
from toolkit.devnet import Account
from toolkit.errors import BadInput
from toolkit.technique.meter import CheckFailed, Meter
from toolkit.technique.protocol import run
from toolkit.technique.workload import ETHER, GWEI, Payment, Workload

NAMES = "alice", "bob", "carol"


@pytest.fixture(scope="module")
def hub(devnet: Devnet) -> Account:
    account = Account("hub", keccak256(b"hub of the tests"))
    devnet.l1.send(devnet.accounts["deployer"], to=account.address, value=50 * ETHER)
    return account


def workload(devnet: Devnet, *payments: Payment) -> Workload:
    return Workload(payments, {name: devnet.accounts[name] for name in NAMES})


@pytest.fixture
def technique(devnet: Devnet, hub: Account) -> HubTechnique:
    """Alice pays Bob and Carol so that both can pay more than they had."""
    amounts = [("alice", "bob", 3), ("bob", "carol", 2), ("alice", "carol", 1), ("carol", "alice", 2)]
    payments = [Payment(payer, payee, each * ETHER // 10) for payer, payee, each in amounts for _ in range(20)]
    contract = devnet.contracts["PaymentChannels"].address
    return HubTechnique(Meter(devnet.l1), workload(devnet, *payments), contract, devnet.folder, hub)


def test_everybody_ends_with_what_the_workload_says_to_the_wei(technique: HubTechnique) -> None:
    done = run(technique, 80)
    assert [(each.what, each.transactions) for each in done.costs["open"]] == [
        ("channels opened", 3),
        ("top-ups by the hub", 2),
    ]
    assert done.costs["pay"] == done.costs["exit"] == []
    assert [(each.what, each.transactions) for each in done.costs["settle"]] == [("channels closed", 3)]
    assert done.facts == [
        "alice -4.0000 ETH less fees", "bob +2.0000 ETH less fees", "carol +2.0000 ETH less fees",
        "hub +0.0000 ETH less fees",
    ]  # fmt: skip
    technique._meter.fees[technique._hub.address] += 1
    with pytest.raises(CheckFailed, match="hub owns"):
        technique.check()


def test_every_payment_is_locked_to_the_hub_and_from_the_hub(technique: HubTechnique) -> None:
    technique.open()
    technique.pay()
    network = technique._network
    # A lock that is offered and settled makes two states, in the payer's channel and in the payee's.
    assert {name: network.status(name)["nonce"] for name in NAMES} == {"alice": 120, "bob": 80, "carol": 120}
    assert not any(network.status(name)["locks"] for name in NAMES)
    assert {each["net"] for each in network.hub.control.channels()} == {4 * GWEI, -2 * GWEI}

    hop, bob = network.hub.account.address_bytes, network.parties["bob"].account.address_bytes
    units = [100 * GWEI, 3 * GWEI, 2 * GWEI, 1]
    hashes = network.parties["bob"].control.invoices(units)
    orders = [(hash_, each, [hop, bob]) for hash_, each in zip(hashes, units, strict=True)]
    too_much, arrived = network.parties["alice"].control.send_all(orders[:2])
    assert "through which 100000000000 units could be paid" in str(too_much)
    assert isinstance(arrived, bytes), "whatever becomes of the other one"
    assert keccak256(arrived) == hashes[1]
    more_than_the_hub_has, arrived = network.parties["carol"].control.send_all(orders[2:])
    assert "no channel" in str(more_than_the_hub_has)
    assert isinstance(arrived, bytes)
    assert keccak256(arrived) == hashes[3]
    network.stop()


def test_a_party_cannot_be_its_own_hub(devnet: Devnet) -> None:
    contract = devnet.contracts["PaymentChannels"].address
    one = workload(devnet, Payment("alice", "bob", ETHER))
    with pytest.raises(BadInput, match="the hub alice is a party"):
        HubTechnique(Meter(devnet.l1), one, contract, devnet.folder, devnet.accounts["alice"])


def played(payments: list[tuple[int, int, int]]) -> Workload:
    found = [Payment(NAMES[a], NAMES[(a + 1 + b) % 3], units * GWEI) for a, b, units in payments]
    return Workload(tuple(found), {name: Account(name, keccak256(name.encode())) for name in NAMES})


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(1, 9)), min_size=1, max_size=60),
    st.integers(0, 20),
    st.integers(1, 8),
)
def test_no_wave_spends_what_comes_in_with_it(payments: list[tuple[int, int, int]], margin: int, locks: int) -> None:
    given_ = played(payments)
    turned = replace(given_, payments=tuple(Payment(to, by, amount) for by, to, amount in map(parts, given_.payments)))
    own = {name: given_.need(name) + margin * GWEI for name in NAMES}
    hubs = {name: turned.need(name) for name in NAMES}
    found = list(waves(given_, margin * GWEI, locks))
    assert [each for wave in found for each in wave] == list(given_.payments)
    for wave in found:
        assert wave
        pending = Counter(name for each in wave for name in (each.payer, each.payee))
        assert max(pending.values()) <= locks
        for each in wave:
            own[each.payer] -= each.amount
            hubs[each.payee] -= each.amount
        assert min(*own.values(), *hubs.values()) >= 0
        for each in wave:
            own[each.payee] += each.amount
            hubs[each.payer] += each.amount


def test_a_wave_is_as_long_as_the_locks_allow() -> None:
    assert [len(wave) for wave in waves(played([(0, 0, 1)] * 200))] == [64, 64, 64, 8]


def parts(payment: Payment) -> tuple[str, str, int]:
    return payment.payer, payment.payee, payment.amount
