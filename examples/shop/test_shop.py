"""The shop on a whole devnet. Every test begins with nothing on L2 and no channel, whatever those before have done."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop import NotPaid, Shop

from toolkit.rollup.client import OperationRefused
from toolkit.session import Session
from toolkit.session.channels import Channels

ETHER = 10**18
COFFEE, BOOK = ETHER // 1000, ETHER // 50


@pytest.fixture
def alice(devnet: Session) -> str:
    """Has come with 1 ETH on L2."""
    devnet.deposit("alice", ETHER)
    return "alice"


@pytest.fixture
def shop(devnet: Session, alice: str) -> Shop:
    """Bob's, with alice at the door."""
    return Shop(devnet, "bob")


def test_a_book_is_paid_on_l2(devnet: Session, shop: Shop) -> None:
    order = shop.order(BOOK)
    devnet.transfer("alice", order.till, BOOK)
    assert shop.deliver(order) == BOOK
    assert (devnet.balance("bob"), devnet.balance("alice")) == (BOOK, ETHER - BOOK)


def test_half_the_price_is_not_the_price(devnet: Session, shop: Shop) -> None:
    assert devnet.balance("bob") == 0  # what the test before sold is undone
    order = shop.order(BOOK)
    devnet.transfer("alice", order.till, BOOK // 2)
    with pytest.raises(NotPaid, match=f"{BOOK // 2} wei of {BOOK} wei are paid"):
        shop.deliver(order)


def test_coffee_is_paid_over_a_channel_at_once_and_without_gas(devnet: Session, channels: Channels) -> None:
    shop, owned = Shop(devnet, "bob"), devnet.balance("bob", layer="l1")
    channels.open("alice", "bob", ETHER)
    channels.pay("alice", "bob", COFFEE, count=20)
    for _ in range(20):
        shop.serve("alice", COFFEE)
    with pytest.raises(NotPaid, match="alice has a credit of 0 wei"):
        shop.serve("alice", COFFEE)
    channels.close("alice", "bob")
    assert devnet.balance("bob", layer="l1") == owned + 20 * COFFEE


def test_a_customer_who_vanishes_does_not_keep_the_takings(devnet: Session, channels: Channels) -> None:
    owned = devnet.balance("bob", layer="l1")
    channels.open("alice", "bob", ETHER)
    channels.pay("alice", "bob", ETHER // 4)
    channels.close("bob", "alice", alone=True)
    devnet.travel(hours=25)  # for 24 alice may answer; then bob's peer settles by itself
    channels.wait_settled("bob", "alice")
    assert owned < devnet.balance("bob", layer="l1") < owned + ETHER // 4, "less the gas"


def test_the_takings_are_on_l1_after_the_challenge_window(devnet: Session, shop: Shop) -> None:
    order, owned = shop.order(ETHER // 2), devnet.balance("bob", layer="l1")
    devnet.transfer("alice", order.till, ETHER // 2)
    shop.deliver(order)
    began = devnet.status()["l1"]["time"]
    devnet.withdraw("bob", ETHER // 2, travel=True)
    assert devnet.status()["l1"]["time"] - began >= 7 * 24 * 3600
    assert devnet.balance("bob", layer="l1") > owned


def test_a_sequencer_that_censors_the_shop_does_not_keep_its_takings(devnet: Session, shop: Shop) -> None:
    order = shop.order(ETHER // 2)
    devnet.transfer("alice", order.till, ETHER // 2)
    shop.deliver(order, wait=True)
    devnet.fault("tx", "censor", "bob")
    with pytest.raises(OperationRefused):
        devnet.withdraw("bob", ETHER // 2)
    owned = devnet.balance("bob", layer="l1")
    devnet.withdraw("bob", ETHER // 2, forced=True, travel=True)  # through L1, past the sequencer
    assert devnet.balance("bob", layer="l1") > owned


@pytest.mark.usefixtures("alice")
@settings(max_examples=8)
@given(parts=st.lists(st.integers(1, 10), min_size=1, max_size=4))
def test_whatever_is_paid_in_parts_arrives_whole(devnet: Session, parts: list[int]) -> None:
    shop = Shop(devnet, "bob")
    order = shop.order(sum(parts) * COFFEE)
    for part in parts:
        devnet.transfer("alice", order.till, part * COFFEE)
    assert shop.deliver(order) == order.price == devnet.balance("bob")
    assert devnet.balance("alice") == ETHER - order.price


@pytest.mark.l2kit_node("hardhat")
def test_it_is_the_same_on_hardhat(devnet: Session, shop: Shop) -> None:
    order = shop.order(BOOK)
    devnet.transfer("alice", order.till, BOOK)
    assert shop.deliver(order) == BOOK
