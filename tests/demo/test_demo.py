"""Demonstrations check their balances themselves; here it is checked that they do, and what they tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import Devnet
from toolkit.demo import bridge, fraud
from toolkit.demo.program import run
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.story import Story
from toolkit.technique.workload import ETHER, read_csv


def quiet(_: str) -> None:
    """Nobody listens."""


def test_deposit_arrives_on_l2(devnet: Devnet) -> None:
    alice = devnet.accounts["alice"]
    before = devnet.access.sequencer.account(alice.address_bytes).balance
    bridge.deposit(devnet, Story())
    assert devnet.access.sequencer.account(alice.address_bytes).balance == before + bridge.DEPOSIT_ETH


def test_withdrawal_reaches_l1_after_the_window(devnet: Devnet) -> None:
    story, bob, carol = Story(), devnet.accounts["bob"], devnet.accounts["carol"]
    tokens = devnet.contracts["Token"].functions.balanceOf(bob.address).call()
    now, carols = devnet.l1.now(), devnet.l1.balance(carol.address)
    bridge.withdraw(devnet, story)
    assert bridge.HURRIED_ETH * 99 // 100 < devnet.l1.balance(carol.address) - carols < bridge.HURRIED_ETH
    assert devnet.contracts["Token"].functions.balanceOf(bob.address).call() == tokens + bridge.PAID_TOKENS
    assert devnet.l1.now() >= now + devnet.options.challenge_window
    claims = [event for event in story.events if "claims" in str(event.get("step"))]
    assert [str(event["step"]).split()[0] for event in claims] == ["alice", "alice", "bob", "bob", "the"]
    assert all(event["gas"] > 21_000 for event in claims)
    assert any("the provider pays carol" in str(event.get("step")) for event in story.events)


def test_fraud_costs_the_cheat_its_bond(devnet: Devnet) -> None:
    story, grace = Story(), devnet.accounts["grace"]
    bond, before = devnet.rollup.rollup.functions.BOND().call(), devnet.l1.balance(grace.address)
    fraud.fraud(devnet, story)
    assert before - bond - ETHER // 100 < devnet.l1.balance(grace.address) < before - bond  # and gas
    data = story.data
    assert data["winner"] == "verifier"
    assert [move["what"] for move in data["moves"][:3]] == ["assert", "open", "defend"]
    assert [move["what"] for move in data["moves"][-2:]] == ["prove", "end"]
    assert {move["who"] for move in data["moves"]} == {"grace", "verifier"}
    assert data["gas_total"] == sum(move["gas"] for move in data["moves"][1:]) < 1_000_000
    step = data["final_step"]
    assert step["operation"] == "alice pays bob 0.01 ETH"
    assert step["computed"] != step["claimed"]
    balances = {
        each["name"]: [int(each[when]) for when in ("before", "computed", "claimed")] for each in step["balances"]
    }
    assert balances["alice"][2] == 0
    assert balances["grace"][2] - balances["grace"][1] == balances["alice"][1] > 0
    assert balances["bob"][1] - balances["bob"][0] == fraud.PAID_EACH == balances["alice"][0] - balances["alice"][1]
    assert "grace" in str(next(event for event in story.events if event.get("table") == "ETH on L2"))


def test_stand_ins_are_told_of(devnet: Devnet, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(f"from,to,amount\ncarol,0x{'ab' * 20},1\n")
    story = Story()
    run("channel", devnet, read_csv(tmp_path / "payments.csv", devnet.accounts), story, quiet)
    told = [event.get("step") for event in story.events]
    assert "accounts of ours stand in for addresses whose keys are not here: 1" in told


def test_balance_that_is_not_right_is_found(devnet: Devnet) -> None:
    alice, bob = devnet.accounts["alice"], devnet.accounts["bob"]
    meter = Meter(devnet.l1)
    balances = Balances(meter, [alice, bob])
    meter.send(alice, to=bob.address, value=ETHER)
    assert len(balances.check({"alice": -ETHER, "bob": ETHER})) == 2
    with pytest.raises(CheckFailed, match=r"bob owns .* and must own"):
        balances.check({"alice": -ETHER, "bob": ETHER + 1})
