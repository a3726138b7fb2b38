"""Whose move it is in a dispute, and what must be shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.dispute import game as g

from .arena import ANYONE, BOND, RULES, WINDOW
from .evm import refusal
from .table import CHALLENGER, DEFENDER, MADE_UP, NO_WITNESS, OTHER, THIEF, Table


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_challenge_is_one_at_a_time_for_each_challenger(table: Table) -> None:
    claim = table.wrong()
    name = table.open(CHALLENGER, claim)
    assert refusal("AlreadyOpen", lambda: table.open(CHALLENGER, claim)) == (name,)
    table.open(OTHER, claim)
    table.open(DEFENDER, claim)
    assert len(table.games) == 3
    table.check()


@pytest.mark.parametrize("value", [0, RULES.bond - 1, RULES.bond + 1, BOND])
def test_the_challenger_s_bond_is_exact(table: Table, value: int) -> None:
    data = g.encode_open(table.genesis, table.wrong())
    assert refusal("WrongBond", lambda: table.send(CHALLENGER, data, value)) == (value, RULES.bond)


def test_only_what_stands_and_is_inside_its_window_is_disputed(table: Table) -> None:
    stranger = table.claim(table.genesis, 2, b"\x77" * 32)
    assert refusal("NotPending", lambda: table.open(CHALLENGER, stranger)) == (stranger.id,)
    refusal(
        "NotPending", lambda: table.send(CHALLENGER, g.encode_open(replace(table.genesis), table.genesis), RULES.bond)
    )
    claim = table.right()
    table.wait(WINDOW - 1)
    table.open(CHALLENGER, claim)
    table.wait(1)
    assert refusal("WindowClosed", lambda: table.open(OTHER, claim)) == (table.now, table.now)
    table.check()


def test_the_assertion_that_is_shown_must_be_the_one_disputed_in_every_part(table: Table) -> None:
    """Also in what lies above 32 bits, or above 28 bytes."""
    parent, claim = table.genesis, table.wrong()
    changed = [
        (replace(parent, batch=1), claim),
        (replace(parent, batch=2**32), claim),
        (replace(parent, machine_hash=b"\1" * 32), claim),
        (replace(parent, parent=claim.id), claim),
        (parent, replace(claim, batch=claim.batch + 2**32)),
        (parent, replace(claim, batch=claim.batch + 2**255)),
        (parent, replace(claim, accumulator=parent.accumulator)),
        (parent, replace(claim, machine_hash=b"\1" * 32)),
    ]
    for shown in changed:
        refusal("NotPending", lambda shown=shown: table.send(CHALLENGER, g.encode_open(*shown), RULES.bond))
    data = bytearray(g.encode_open(parent, claim))
    data[4 + 6 * 32 - 1] = 1  # the last byte of the accumulator's word
    refusal("", lambda: table.send(CHALLENGER, bytes(data), RULES.bond))
    assert not table.games
    table.check()


def test_no_move_is_anybody_s_but_the_player_s_whose_turn_it_is(table: Table) -> None:
    name = table.open_wrong()
    run = table.wrong_run(1)
    for thief in (CHALLENGER, THIEF):
        found = refusal("NotPlayer", lambda thief=thief: table.defend(name, 2, MADE_UP, sender=thief))
        assert found == (checksum(thief).lower(), checksum(DEFENDER).lower())
    state = table.games[name]
    early = replace(state, game=replace(state.game, rounds=2), hashes=(b"\1" * 32,) * 15)
    refusal("WrongGame", lambda: table.send(CHALLENGER, g.encode_challenge(early, 0)))
    refusal("WrongGame", lambda: table.send(CHALLENGER, g.encode_prove(early, 0, NO_WITNESS)))
    table.defend_as(name, 2, run)
    refusal("WrongGame", lambda: table.defend_as(name, 2, run))
    for thief in (DEFENDER, THIEF):
        refusal("NotPlayer", lambda thief=thief: table.challenge(name, 0, sender=thief))
        refusal("NotPlayer", lambda thief=thief: table.prove(name, g.LAST_STEP, NO_WITNESS, sender=thief))
    table.challenge(name, 0)
    table.defend_as(name, 2, run)
    for thief in (DEFENDER, THIEF):
        refusal("NotPlayer", lambda thief=thief: table.prove(name, 0, table.witness(0), sender=thief))
    table.check()


def test_what_is_shown_must_be_the_game_in_every_word(table: Table) -> None:
    """Each word that is hashed, in its first and its last bit; and each of the hashes that the defender named."""
    name = table.open_wrong()

    def tampered(data: bytes, words: range) -> list[bytes]:
        places = [4 + 32 * word + end for word in words for end in (0, 31)]
        return [data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] for place in places]

    def refused(sender: bytes, data: bytes, words: range) -> None:
        for wrong in tampered(data, words):
            with pytest.raises(Reverted) as caught:
                table.send(sender, wrong)
            # what does not fit its type has no error of its own
            assert caught.value.error in ("WrongGame", ""), caught.value

    state = table.games[name]
    refused(DEFENDER, g.encode_defend(state, 2, MADE_UP), range(11))
    table.defend_as(name, 2, table.wrong_run(1))
    state = table.games[name]
    refused(CHALLENGER, g.encode_challenge(state, 0), range(26))
    refused(CHALLENGER, g.encode_prove(state, 16, NO_WITNESS), range(26))
    table.wait(RULES.clock + 1)
    refused(ANYONE, g.encode_timeout(state), range(12))
    refused(ANYONE, g.encode_refund(state), range(12))
    # to say that it is the other's turn
    silent = replace(state, hashes=())
    refusal("WrongGame", lambda: table.send(ANYONE, g.encode_timeout(silent)))
    refusal("WrongGame", lambda: table.send(ANYONE, g.encode_timeout(replace(state, hashes=(b"\2" * 32,) * 15))))
    assert table.games[name] == state
    table.timeout(name)
    table.check()


def test_a_move_is_good_once(table: Table) -> None:
    """Not in the same game, nor in the next of the same players, nor after a reorganisation at another time."""
    claim = table.right()
    name = table.open(CHALLENGER, claim)
    first = table.games[name]
    defended = g.encode_defend(first, 2, [table.run(16 * k) for k in range(1, 16)])
    table.send(DEFENDER, defended)
    refusal("WrongGame", lambda: table.send(DEFENDER, defended))
    picked = g.encode_challenge(table.games[name], 3)
    table.send(CHALLENGER, picked)
    refusal("WrongGame", lambda: table.send(CHALLENGER, picked))
    table.defend_as(name, 2, table.run)
    proved = g.encode_prove(table.games[name], 5, table.witness(48 + 5))
    table.send(CHALLENGER, proved)
    assert table.ended[-1].winner == DEFENDER
    for sender, data in ((DEFENDER, defended), (CHALLENGER, picked), (CHALLENGER, proved)):
        refusal("WrongGame", lambda sender=sender, data=data: table.send(sender, data))
    refusal("WrongGame", lambda: table.send(ANYONE, g.encode_timeout(first)))
    refusal("WrongGame", lambda: table.send(ANYONE, g.encode_refund(first)))
    table.wait(1)
    assert table.open(CHALLENGER, claim) == name  # it may try again, with another bond
    for sender, data in ((DEFENDER, defended), (CHALLENGER, picked), (CHALLENGER, proved)):
        refusal("WrongGame", lambda sender=sender, data=data: table.send(sender, data))
    table.check()


@pytest.mark.parametrize("rounds", [0, RULES.max_rounds + 1, 256 + 2, 2**255])
def test_rounds_are_one_to_the_most(table: Table, rounds: int) -> None:
    name = table.open_wrong()
    state = table.games[name]
    data = g.encode_defend(state, 1, MADE_UP)
    data = data[: 4 + 11 * 32] + rounds.to_bytes(32, "big") + data[4 + 12 * 32 :]
    assert refusal("WrongRounds", lambda: table.send(DEFENDER, data)) == (rounds, 0)


def test_rounds_are_chosen_once(table: Table) -> None:
    name = table.open_wrong()
    table.defend_as(name, 2, table.wrong_run(1))
    table.challenge(name, 0)
    hashes = MADE_UP
    for rounds in (1, 3, 256 + 2):
        refused = refusal("WrongRounds", lambda rounds=rounds: table.defend(name, rounds, hashes))
        assert refused == (rounds, 2)
    table.defend(name, 2, hashes)


def test_segments_are_sixteen_and_single_steps_are_proved_not_picked(table: Table) -> None:
    name = table.open_wrong()
    table.defend_as(name, 2, table.wrong_run(1))
    for index in (16, 17, 2**255):
        assert refusal("WrongSegment", lambda index=index: table.challenge(name, index)) == (index, 2, 0)
    for index in (0, 15, 17, 2**255):
        refused = refusal("WrongSegment", lambda index=index: table.prove(name, index, table.witness(0)))
        assert refused == (index, 2, 0)
    table.challenge(name, 0)
    table.defend_as(name, 2, table.wrong_run(1))
    for index in (0, 15, 16):
        assert refusal("WrongSegment", lambda index=index: table.challenge(name, index)) == (index, 2, 1)
    for index in (16, 17, 2**255):
        refused = refusal("WrongSegment", lambda index=index: table.prove(name, index, table.witness(0)))
        assert refused == (index, 2, 1)
    table.prove(name, 0, table.witness(0))
