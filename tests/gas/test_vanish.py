"""What becomes of each technique's users when its operator is killed for good."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from toolkit import Devnet
from toolkit.channel.technique import CHALLENGE_PERIOD
from toolkit.channel.vanish import Aftermath, Flight, Leave
from toolkit.errors import BadInput
from toolkit.gas import vanish
from toolkit.gas.vanish import Vanish
from toolkit.scenario.outcome import Outcome
from toolkit.technique.workload import ETHER

LEAVE = Leave("alice", locks=0, transactions=2, gas=75_000, blocks=3, seconds=CHALLENGE_PERIOD + 2, missing=0)
FLIGHT = Flight("bob", "carol", ETHER, paid=False, arrived=True, proven=True)


def kept(found: Vanish) -> Vanish:
    """After a checkpoint."""
    return Vanish.from_json(json.loads(json.dumps(found.as_json())))


def test_who_stays_in_a_channel_gets_what_was_acknowledged(devnet: Devnet) -> None:
    found = vanish.channel(devnet)
    assert (found.technique, found.survives.value, found.survives.kind) == ("channel", True, "measured")
    assert (found.transactions.value, found.seconds.value) == (2, CHALLENGE_PERIOD)
    assert isinstance(found.gas.value, int)
    assert 60_000 < found.gas.value < 100_000, "close alone and settle"
    assert "kill -9" in found.survives.source
    assert kept(found) == found


def test_everybody_leaves_a_dead_hub_with_what_was_acknowledged(devnet: Devnet) -> None:
    found = vanish.hub(devnet)
    assert (found.technique, found.survives.value, found.survives.kind) == ("hub", True, "measured")
    assert "of 2 payments on their way 1 arrived and 2 went back to the payer" in found.lost
    assert "the hub has lost 0.012 ETH" in found.lost
    assert (found.transactions.value, found.seconds.value) == (2, CHALLENGE_PERIOD)
    assert kept(found) == found


def test_a_wei_that_is_missing_is_a_loss() -> None:
    assert vanish.of_channel(Aftermath(25, (LEAVE,))).survives.value is True
    short = vanish.of_channel(Aftermath(25, (replace(LEAVE, missing=1),)))
    assert (short.survives.value, short.lost) == (False, "0.000000000000000001 ETH of honest parties")


def test_one_who_has_more_makes_up_for_nobodys_loss() -> None:
    leaves = LEAVE, replace(LEAVE, name="bob", missing=5), replace(LEAVE, name="carol", missing=-5)
    assert vanish.of_hub(Aftermath(3, leaves)).survives.value is False


@pytest.mark.parametrize(
    ("flight", "survives"),
    [
        (FLIGHT, True),
        (replace(FLIGHT, paid=True), True),
        (replace(FLIGHT, paid=False, arrived=False, proven=False), True),
        (replace(FLIGHT, paid=True, arrived=False), False),
        (replace(FLIGHT, paid=False, arrived=False, proven=True), False),
    ],
)
def test_a_payment_on_its_way_arrives_or_goes_back(flight: Flight, survives: bool) -> None:
    assert vanish.of_hub(Aftermath(3, (LEAVE,), (flight,))).survives.value is survives


def outcome(*wrong: str, seconds: int = 30 * 24 * 3600 + 7) -> Outcome:
    played: Any = SimpleNamespace(
        ok=not wrong,
        wrong=lambda: list(wrong),
        reasons=["frank's payment is undone"],
        deeds=[SimpleNamespace(gas=70_000), SimpleNamespace(gas=30_000)],
        before=SimpleNamespace(timestamp=1_000),
        after=SimpleNamespace(timestamp=1_000 + seconds),
    )
    return cast(Outcome, played)


def test_a_rollup_comes_to_what_its_scenario_came_to() -> None:
    found = vanish.rollup("rollup-calldata", outcome())
    assert (found.survives.value, found.lost) == (True, "frank's payment is undone")
    assert (found.transactions.value, found.gas.value, found.seconds.value) == (2, None, 30 * 24 * 3600)
    assert found.timing == {"gas": 100_000, "seconds": 30 * 24 * 3600 + 7}
    assert kept(found) == found
    bad = vanish.rollup("rollup-calldata", outcome("vanish: alice has lost 1 ETH"))
    assert (bad.survives.value, bad.lost) == (False, "vanish: alice has lost 1 ETH; frank's payment is undone")


def test_blobs_that_are_gone_before_everybody_has_left_are_told_of() -> None:
    assert "keep blobs for 18 d 4 h only, and this takes 30 d:" in vanish.rollup("rollup-blobs", outcome()).lost
    assert "keep blobs" not in vanish.rollup("rollup-blobs", outcome(seconds=17 * 24 * 3600)).lost


def test_on_l1_nobody_can_vanish() -> None:
    for key in vanish.ON_L1:
        found = vanish.on_l1(key)
        assert (found.survives.value, found.survives.kind, found.gas.value) == (True, "derived", 0)
        assert kept(found) == found
    with pytest.raises(BadInput, match="there is no technique 'l3'"):
        vanish.on_l1("l3")
