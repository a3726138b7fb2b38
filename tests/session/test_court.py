"""What is asserted and disputed, and whose move it is. Pure: L1's logs are made by hand."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from bridge.test_standing import L1, WORDS
from rollup_services.l1_logs import ME, WINDOW, WRONG
from rollup_services.test_parts import PAYEE

from toolkit.cli import dispute as command
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup.dispute.game import Player
from toolkit.session import Court

HASHES = [bytes([number]) * 32 for number in range(15)]


@pytest.fixture
def l1() -> L1:
    chain = L1()
    chain.fund()
    return chain


def court(l1: L1) -> Court:
    return Court.of(l1.replica, l1.now)


def said(court: Court, *, one: bool = False) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        command.tell(court, WORDS, moves=one)
    return out.getvalue()


def test_an_assertion_is_told_with_what_it_is_worth_and_its_window(l1: L1) -> None:
    assert said(court(l1)) == "nothing has been asserted on L1\n"
    right = l1.assert_state(l1.genesis, 2)
    wrong = l1.assert_state(l1.genesis, 1, wrong=WRONG, who=PAYEE)
    l1.now += WINDOW - 3600
    title, _, first, second, end = said(court(l1)).splitlines()
    assert title == "Assertions"
    assert first.split(maxsplit=3) == [
        hex_of(right)[:10], "2", "proposer", "what is right  pending, 1 h left to dispute it"
    ]  # fmt: skip
    assert second.split(maxsplit=3)[2:] == ["bob", "what is wrong  pending, 1 h left to dispute it"]
    assert second.split()[0] == hex_of(wrong)[:10]
    assert end == "nothing has been disputed"
    l1.now += 3600
    assert "pending, due to be confirmed" in said(court(l1))
    l1.confirm(right)
    assert "what is right  confirmed" in said(court(l1))


def test_the_clock_of_whose_move_it_is_runs_and_the_other_stands(l1: L1) -> None:
    name = l1.open(l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE))
    game = l1.replica.disputes.open[name]
    whole = game.state.game.defender_time
    l1.now += 600
    assert court(l1).clocks(game) == {Player.DEFENDER: whole - 600, Player.CHALLENGER: whole}
    assert "verifier    bob       1      bob's move, " in said(court(l1))
    l1.defend(name, 2, HASHES)
    l1.now += 60
    assert court(l1).clocks(game) == {Player.DEFENDER: whole - 600, Player.CHALLENGER: whole - 60}
    assert "verifier's move, " in said(court(l1)) and "  disputed\n" in said(court(l1))
    l1.now += whole
    assert court(l1).clocks(game)[Player.CHALLENGER] == 0
    assert "verifier's move, and its time is up" in said(court(l1))
    told = json.loads(json.dumps(court(l1).as_json()))["games"][0]
    assert (told["turn"], told["clocks"]["challenger"], told["clocks"]["defender"]) == ("challenger", 0, whole - 600)


def test_one_game_is_told_move_by_move(l1: L1) -> None:
    assertion = l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE)
    name = l1.open(assertion)
    l1.now += 90
    l1.defend(name, 2, HASHES)
    about = court(l1).about(hex_of(name))
    lines = said(about, one=True).splitlines()
    assert f"Dispute {hex_of(name)}" in lines
    first, second = lines[-2:]
    assert "  1:00:00 / 1:00:00  " in first and "challenges what" in first
    assert "  1:00:00 / 0:58:30  " in second and "splits the steps 0 to 256 into 16 of 16" in second
    l1.end(name, assertion, ME)
    assert "over, verifier has won" in said(court(l1).about(hex_of(name)), one=True)


def test_a_game_is_found_by_its_id_its_beginning_or_its_assertion(l1: L1) -> None:
    assertion = l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE)
    other = l1.assert_state(l1.genesis, 1)
    game = l1.open(assertion)
    for name in (hex_of(game), hex_of(game)[:10].upper().replace("X", "x"), hex_of(assertion)):
        found = court(l1).about(name)
        assert [each.id for each in found.games] == [game]
        assert [each.id for each in found.assertions] == [assertion]
    assert court(l1).about(hex_of(other)).games == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("0x" + "ab" * 32, "L1 shows no game 0xabab"),
        ("0x12", "give 0x and its hex digits, 4 or more"),
        ("1234abcd", "is no id of a game or an assertion"),
        ("0xghijkl", "is no id of a game or an assertion"),
        ("0x" + "ab" * 33, "is no id of a game or an assertion"),
    ],
)
def test_what_names_no_game_is_refused(l1: L1, name: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        court(l1).about(name)


def test_a_beginning_that_several_share_is_refused(l1: L1) -> None:
    one = l1.assert_state(l1.genesis, 2)
    twice = Court(l1.now, (l1.replica.assertions[one],) * 2, ())
    with pytest.raises(BadInput, match="L1 shows 2 games and assertions 0x"):
        twice.about(hex_of(one))
