"""What counts as lost, and when a scenario has failed; no node."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from toolkit.cli.scenario import SomebodyLost, scenario
from toolkit.scenario import SCENARIOS, program
from toolkit.scenario.ledger import ETH, Funds, Holding, Ledger, Line, losses
from toolkit.scenario.outcome import Deed, Outcome, exact

ETHER = 10**18
DEV = b"\xdd" * 20
ALICE, BOB, EVE, NOBODY = (bytes([number]) * 20 for number in range(1, 5))
NAMES = {ALICE: "alice", BOB: "bob", EVE: "eve"}


def funds(escrow: int = 10 * ETHER, **holdings: Holding) -> Funds:
    """ETH of alice, bob and eve, and what the bridge holds."""
    owners = {name: owner for owner, name in NAMES.items()}
    found = {(owners[name], ETH): holding for name, holding in holdings.items()}
    return Funds(7, 1_000, found, {ETH: escrow, DEV: 0})


BEFORE = funds(alice=Holding(wallet=5, accounts=10 * ETHER), bob=Holding(wallet=7), eve=Holding(bonds=ETHER))


def outcome(lines: list[Line], after: Funds) -> Outcome:
    deeds = [Deed("alice", "claims", 50_000, 8, "0x01"), Deed("alice", "sends", 30_000, 9, "0x02")]
    told = [{"step": "something", "gas": None}]
    units = {ETH: "ETH", DEV: "DEV"}
    return Outcome("censor", "a test", lines, units, BEFORE, after, deeds, [], [], [], 1.0, told, {}, 1)


def played(after: Funds, ledger: Ledger | None = None, gas: dict[bytes, int] | None = None) -> Outcome:
    return outcome((ledger or Ledger(NAMES)).lines(BEFORE, after, gas or {}), after)


def test_what_only_moves_between_places_is_not_lost() -> None:
    after = funds(0, alice=Holding(wallet=5 + 10 * ETHER), bob=Holding(wallet=3, deposits=4), eve=Holding(wallet=ETHER))
    lines = Ledger(NAMES).lines(BEFORE, after, {})
    assert [line.lost for line in lines] == [0, 0, 0]
    assert all(line.moved for line in lines)


def test_one_wei_less_is_lost_and_gas_and_agreed_fees_are_not() -> None:
    ledger = Ledger(NAMES)
    ledger.cost(ALICE, BOB, ETH, 100, "fee of a fast exit")
    after = funds(
        alice=Holding(wallet=5 - 4 - 1, accounts=10 * ETHER - 100), bob=Holding(wallet=107), eve=Holding(bonds=ETHER)
    )
    alice, bob, eve = ledger.lines(BEFORE, after, {ALICE: 4})
    assert (alice.gas, alice.costs, alice.lost) == (4, 100, 1)
    assert (bob.costs, bob.lost, eve.lost) == (-100, 0, 0)
    assert losses([alice, bob, eve]) == [alice]


def test_a_payment_that_became_final_is_owed_and_one_that_did_not_is_no_loss() -> None:
    ledger = Ledger(NAMES)
    ledger.pay(ALICE, BOB, ETH, 3)
    ledger.promise(ALICE, BOB, ETH, 2)
    alice, bob, _ = ledger.lines(BEFORE, BEFORE, {})
    assert (alice.paid, alice.promised, alice.lost) == (-3, -2, -3)
    assert (bob.paid, bob.promised, bob.lost) == (3, 2, 3)  # bob was to have three, and has not


def test_what_a_cheat_loses_is_its_own_affair() -> None:
    after = funds(alice=BEFORE.of(ALICE, ETH), bob=Holding(wallet=7), eve=Holding())
    ledger = Ledger(NAMES)
    assert played(after, ledger).wrong() == ["censor: eve has lost 1 ETH"]
    ledger.cheats = {EVE}
    assert not played(after, ledger).ok  # for where is it?
    assert played(replace(after, burned=ETHER), ledger).ok


def test_an_owner_without_a_name_counts_too() -> None:
    before = replace(BEFORE, holdings={**BEFORE.holdings, (NOBODY, DEV): Holding(accounts=1)})
    (lost,) = losses(Ledger(NAMES).lines(before, BEFORE, {}))
    assert (lost.name, lost.lost) == ("0x" + "04" * 20, 1)


def test_a_bridge_that_cannot_pay_is_a_failure_though_nobody_has_lost_yet() -> None:
    found = played(replace(BEFORE, escrow={ETH: 10 * ETHER - 1, DEV: 0}))
    assert not found.losses and not found.ok
    assert found.wrong() == ["censor: the bridge holds 0.000000000000000001 ETH less than it owes"]


@pytest.mark.parametrize("words", [["censor"], ["censor", "--json"], ["all", "--json"]])
def test_the_command_fails_where_somebody_honest_has_lost(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    after = funds(alice=Holding(accounts=10 * ETHER), bob=Holding(wallet=7), eve=Holding(bonds=ETHER))
    monkeypatch.setattr(program, "run", lambda *_, **__: played(after, gas={ALICE: 4}))
    result = CliRunner().invoke(scenario, words, standalone_mode=False)
    assert isinstance(result.exception, SomebodyLost)  # `l2kit` makes a sentence and the exit status 1 of it
    assert "censor: alice has lost 0.000000000000000001 ETH" in str(result.exception)
    if "--json" in words:
        found = json.loads(result.stdout)
        assert found["ok"] is False
        one = found["scenarios"][0] if "all" in words else found
        assert one["lost"] == [{"name": "alice", "unit": "ETH", "amount": "1"}]
        assert (one["gas"], len(one["transactions"])) == (80_000, 2)
    else:
        assert "nobody honest has lost anything" not in result.stdout
        assert "alice" in result.stdout


def test_the_command_succeeds_where_nobody_has_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "run", lambda *_, **__: played(BEFORE))
    result = CliRunner().invoke(scenario, ["censor"], standalone_mode=False)
    assert result.exception is None
    assert "ok  nobody honest has lost anything" in result.stdout


def test_funds_from_nowhere_are_a_failure_too() -> None:
    found = played(funds(alice=BEFORE.of(ALICE, ETH), bob=Holding(wallet=8), eve=Holding(bonds=ETHER)))
    assert not found.losses and not found.short and not found.ok
    assert found.wrong() == ["censor: -0.000000000000000001 ETH are neither anybody's nor burned: the books are wrong"]


def test_help_names_every_scenario() -> None:
    text = CliRunner().invoke(scenario, ["--help"]).stdout
    for name, what in SCENARIOS.items():
        assert f"{name}  " in text and what in text


def test_amounts_are_told_whole() -> None:
    assert [exact(each) for each in (0, 1, -ETHER, 1_234 * ETHER + ETHER // 2)] == [
        *("0", "0.000000000000000001", "-1", "1,234.5")
    ]
    assert exact(ETHER, "+") == "+1"
