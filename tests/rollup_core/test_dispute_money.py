"""Games side by side, who gets what, and what is burned."""

from __future__ import annotations

import pytest

from toolkit.compile import artifact
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.dispute import game as g

from .arena import ANYONE, BOND, PENDING, REJECTED, RULES, WINDOW
from .evm import ETHER, refusal
from .table import CHALLENGER, DEFENDER, MADE_UP, OTHER, STEPS, THIEF, Table


@pytest.fixture
def table() -> Table:
    return Table()


def test_of_games_side_by_side_the_first_that_is_lost_ends_the_assertion(table: Table) -> None:
    claim = table.wrong(77)
    names = [table.open(each, claim) for each in (CHALLENGER, OTHER, THIEF)]
    table.defend(names[2], 2, MADE_UP)
    assert table.evm.call(table.rollup, "assertion", claim.id)[3] == 3
    for name in names:
        assert refusal("NotRejected", lambda name=name: table.refund(name)) == (claim.id,)
    assert table.win(names[0], 77).winner == CHALLENGER
    refusal("NotPending", lambda: table.open(CHALLENGER, claim))
    table.check()
    # The others have nothing left to decide: their moves lead to no end but the refund, also when a clock has run out.
    table.defend_as(names[1], 2, table.wrong_run(77))
    table.wait(RULES.clock + 1)
    for name in names[1:]:
        assert refusal("NotPending", lambda name=name: table.timeout(name)) == (claim.id,)
    before = [table.balance(each) for each in (OTHER, THIEF, DEFENDER)]
    for name in names[1:]:
        refund = g.encode_refund(table.games[name])
        table.refund(name)
        assert table.ended[-1] == g.Ended(name, claim.id, bytes(20), 0)
        refusal("WrongGame", lambda refund=refund: table.send(ANYONE, refund))
    after = [table.balance(each) for each in (OTHER, THIEF, DEFENDER)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [RULES.bond, RULES.bond, 0]
    table.check()


def test_a_proof_after_another_game_decided_decides_nothing(table: Table) -> None:
    claim = table.wrong()
    names = [table.open(each, claim) for each in (CHALLENGER, OTHER)]
    for name in names:
        table.defend_as(name, 2, table.wrong_run(1))
        table.challenge(name, 0)
        table.defend_as(name, 2, table.wrong_run(1))
    table.prove(names[0], 0, table.witness(0))
    assert refusal("NotPending", lambda: table.prove(names[1], 0, table.witness(0))) == (claim.id,)
    table.refund(names[1])
    table.check()


def test_a_lost_game_confirms_nothing_and_the_next_challenger_wins(table: Table) -> None:
    """A sham by the cheat against itself: it pays half a bond, and the assertion is as wrong as before."""
    claim = table.wrong(5, proposer=THIEF)
    sham, real = table.open(THIEF, claim), table.open(CHALLENGER, claim)
    table.wait(RULES.clock)
    table.defend(sham, 1, MADE_UP)
    table.defend_as(real, 2, table.wrong_run(5))
    table.wait(RULES.clock)
    table.challenge(real, 0)
    table.wait(1)
    table.timeout(sham)
    assert table.ended[-1].winner == THIEF
    assert table.burned == RULES.bond - RULES.bond // 2
    table.check()
    table.wait(WINDOW)
    # what is held is not confirmed, whatever its window says
    assert refusal("IsHeld", lambda: table.confirm_wrong(claim))[1] == 1
    table.timeout(real)
    assert table.ended[-1].winner == CHALLENGER
    assert table.status(claim.id) == REJECTED
    table.check()


def test_to_lose_to_oneself_costs_half_a_bond(table: Table) -> None:
    """A cheat that is found out cannot save its bond by a sham game; the honest challenger has its own back."""
    claim = table.wrong(1, proposer=THIEF)
    real, sham = table.open(CHALLENGER, claim), table.open(THIEF, claim)
    before = table.balance(THIEF)
    table.win(sham)
    assert table.balance(THIEF) == before + RULES.bond + BOND // 2
    before = table.balance(CHALLENGER)
    table.refund(real)
    assert table.balance(CHALLENGER) == before + RULES.bond
    assert table.burned == BOND - BOND // 2
    table.check()


def test_an_assertion_left_behind_is_still_played_for(table: Table) -> None:
    """A sibling is confirmed while two others are in dispute."""
    right, wrong = table.right(), table.wrong(9)
    longer = table.assert_state(OTHER, table.genesis, 3, table.alphabet.run(0, 3)(3 * STEPS))
    first, second = table.open(CHALLENGER, wrong), table.open(THIEF, longer)
    table.wait(WINDOW)
    table.confirm_right(right)
    for claim in (wrong, longer):
        refusal("IsHeld", lambda claim=claim: table.reclaim(claim))
    table.timeout(first)
    table.timeout(second)
    assert [each.winner for each in table.ended] == [CHALLENGER, THIEF]
    table.check()


def test_what_was_built_on_a_rejected_assertion_is_still_played_for(table: Table) -> None:
    parent = table.wrong()
    child = table.assert_state(OTHER, parent, 4, b"\x44" * 32)
    below, above = table.open(CHALLENGER, child), table.open(CHALLENGER, parent)
    table.wait(10)
    table.win(above)
    assert table.status(child.id) == PENDING
    refusal("NotRejected", lambda: table.refund(below))
    table.defend(below, 1, MADE_UP)
    table.wait(RULES.clock + 1)
    table.timeout(below)
    assert table.ended[-1].winner == OTHER
    table.wait(WINDOW)
    table.reclaim(child)
    table.check()


def test_winners_get_their_own_bond_and_half_of_the_loser_s(table: Table) -> None:
    name = table.open_wrong()
    before = table.balance(CHALLENGER)
    table.win(name)
    assert table.balance(CHALLENGER) == before + RULES.bond + BOND // 2
    assert table.balance(table.dispute.address_bytes) == BOND - BOND // 2
    assert table.balance(table.rollup.address_bytes) == 0
    claim = table.right()
    name = table.open(CHALLENGER, claim)
    before = table.balance(DEFENDER)
    table.lose(name)
    assert table.balance(DEFENDER) == before + RULES.bond // 2
    table.check()


def test_ether_comes_from_the_rollup_only(table: Table) -> None:
    for sender in (THIEF, DEFENDER):
        refused = refusal("NotRollup", lambda sender=sender: table.send(sender, b"", ETHER))
        assert refused == (checksum(sender).lower(),)


def test_a_winner_that_takes_no_ether_gets_a_credit_and_stops_nobody(table: Table) -> None:
    odd, proposer = table.odd_party(), table.odd_party()
    claim = table.wrong()
    name = table.open(odd, claim)
    table.win(name)
    assert table.status(claim.id) == REJECTED
    assert table.evm.call(table.dispute, "credits", checksum(odd)) == RULES.bond + BOND // 2
    table.check()
    right = table.right(proposer=proposer)
    lost = table.open(CHALLENGER, right)
    table.lose(lost)
    assert table.evm.call(table.dispute, "credits", checksum(proposer)) == RULES.bond // 2
    table.check()
    other = table.assert_state(DEFENDER, table.genesis, 3, b"\x33" * 32)
    mine, theirs = table.open(odd, other), table.open(CHALLENGER, other)
    table.wait(RULES.clock + 1)
    table.timeout(theirs)
    table.refund(mine)
    assert table.evm.call(table.dispute, "credits", checksum(odd)) == 2 * RULES.bond + BOND // 2
    table.check()
    table.tell(odd, "set", True)
    table.raw(odd, table.dispute, keccak256(b"claimCredit(address)")[:4] + CHALLENGER.rjust(32, b"\0"))
    assert table.evm.call(table.dispute, "credits", checksum(odd)) == 0
    table.check()


def test_a_winner_that_calls_back_finds_the_game_over(table: Table) -> None:
    odd = table.odd_party()
    claim = table.wrong()
    name = table.open(odd, claim)
    table.defend(name, 1, MADE_UP)
    state = table.games[name]
    table.tell(odd, "set", True)
    calls = [
        g.encode_prove(state, 0, table.witness(0)),
        g.encode_refund(state),
        g.encode_timeout(state),
        g.encode_open(table.genesis, claim),
        keccak256(b"claimCredit(address)")[:4] + odd.rjust(32, b"\0"),
    ]
    for call in calls:
        kept = table.evm.vm.snapshot()
        table.tell(odd, "answer", table.dispute.address, call)
        before = table.balance(odd)
        table.raw(odd, table.dispute, g.encode_prove(state, 0, table.witness(0)))
        assert table.balance(odd) == before + RULES.bond + BOND // 2
        assert (table.tell(odd, "answers"), table.tell(odd, "gotIn")) == (1, False)
        table.evm.vm.revert(kept)


@pytest.mark.parametrize("move", ["prove", "timeout", "refund"])
def test_whatever_gas_is_sent_a_game_ends_with_its_winner_paid_or_not_at_all(table: Table, move: str) -> None:
    """A payee may use 50,000 gas, and this one wants to see it; who sends too little turns no payout into a credit."""
    odd = table.odd_party()
    table.tell(odd, "set", True)
    table.tell(odd, "need", 45_000)
    table.tell(odd, "answer", table.dispute.address, bytes(4))  # to note a payment down takes a new slot
    claim = table.wrong()
    name, other = table.open(odd, claim), table.open(CHALLENGER, claim)
    if move == "timeout":
        table.wait(RULES.clock + 1)
    else:
        table.defend_as(name, 1, table.wrong_run(1))
    if move == "refund":
        table.win(other)
    state, before = table.games[name], table.balance(odd)
    calls = {
        "prove": (odd, g.encode_prove(state, 0, table.witness(0))),
        "timeout": (ANYONE, g.encode_timeout(state)),
        "refund": (ANYONE, g.encode_refund(state)),
    }
    reward = 0 if move == "refund" else BOND // 2
    refused = paid = 0
    for gas in range(20_000, 200_000, 1_500):
        kept = table.evm.vm.snapshot()
        try:
            table.raw(calls[move][0], table.dispute, calls[move][1], gas=gas)
        except Reverted:
            refused += 1
            assert table.commitment(name) == state.commitment
        else:
            paid += 1
            assert table.balance(odd) == before + RULES.bond + reward
            assert table.tell(odd, "answers") == 1
        table.evm.vm.revert(kept)
    assert refused and paid


@pytest.mark.parametrize(
    ("clock", "extension", "rounds"), [(0, 0, 4), (10, 11, 4), (2**32, 10, 4), (10, 5, 0), (10, 5, 16), (10, 5, 2**255)]
)
def test_a_dispute_refuses_parameters_that_cannot_be(table: Table, clock: int, extension: int, rounds: int) -> None:
    deploy = lambda: table.evm.deploy(artifact("Dispute"), table.rollup.address, clock, extension, rounds, 1)  # noqa: E731
    assert refusal("BadParameters", deploy) == (clock, extension, rounds)


def test_parameters_are_what_was_asked_for(table: Table) -> None:
    values = [table.evm.call(table.dispute, name) for name in ("CLOCK", "EXTENSION", "MAX_ROUNDS", "BOND")]
    assert values == [RULES.clock, RULES.extension, RULES.max_rounds, RULES.bond]
    assert table.evm.call(table.dispute, "ROLLUP") == table.rollup.address.lower()
    assert table.evm.call(table.dispute, "MACHINE") == table.machine.address.lower()


def test_a_dispute_that_the_rollup_does_not_know_opens_nothing(table: Table) -> None:
    claim = table.wrong()
    stranger = table.evm.deploy(artifact("Dispute"), table.rollup.address, 10, 5, 4, 7)
    data = g.encode_open(table.genesis, claim)
    refused = refusal("NotDispute", lambda: table.evm.raw(stranger.address, data, value=7))
    assert refused == (stranger.address.lower(), table.dispute.address.lower())
