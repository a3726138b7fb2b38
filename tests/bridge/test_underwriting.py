"""What a provider pays for, and what it does for its money: decided without a node."""

from __future__ import annotations

from fractions import Fraction

import pytest
from eth_abi.abi import encode
from rollup_services.l1_logs import HONEST, MALLORY, WRONG, called
from rollup_services.test_parts import BRIDGE, RULES, declared

from bridge.lending import COIN, ETH, ETHER, OWNER, PROVIDER, RIVAL, Lending
from toolkit.bridge import calls
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.fee import Tariff
from toolkit.bridge.recovery import CLAIMS_AT_ONCE, claim_moves, common_moves, own_moves
from toolkit.bridge.terms import FastExit
from toolkit.bridge.underwriting import (
    Declined,
    Limits,
    check_limits,
    claimable_from,
    danger,
    examine,
    history_of,
    real,
    worth,
)
from toolkit.devnet.l1 import selector
from toolkit.rollup import contracts as c
from toolkit.rollup.dispute import game as g
from toolkit.rollup.life import QUIET_SECONDS
from toolkit.rollup.machine import Withdrawal

WINDOW = 10_000
LIMITS = Limits(per_exit=10 * ETHER, outstanding=20 * ETHER, confirmations=2)
ASSERT, CONFIRM, CLAIM, OPEN = (selector(each) for each in (c.ASSERT_STATE, c.CONFIRM, calls.CLAIM, g.OPEN))


@pytest.fixture
def l1() -> Lending:
    return Lending()


def looked_at(l1: Lending, index: int = 0, deeper: int = 1) -> Withdrawal:
    return examine(l1.replica, index, l1.head + deeper, l1.now, LIMITS)


# --- what it relies on ---


def test_a_withdrawal_that_is_on_l1_and_deep_enough_is_relied_on(l1: Lending) -> None:
    withdrawal = l1.withdraw(ETHER)
    assert looked_at(l1) == withdrawal == Withdrawal(0, OWNER, ETH, ETHER)
    with pytest.raises(Declined, match="is 1 blocks deep; it must be 2"):
        looked_at(l1, deeper=0)


def test_what_is_not_on_l1_is_not(l1: Lending) -> None:
    l1.withdraw(ETHER)
    with pytest.raises(Declined, match="there is no withdrawal 1 on L1 yet; there are 1"):
        looked_at(l1, 1)


def test_what_is_claimed_taken_or_confirmed_needs_nobody(l1: Lending) -> None:
    claimed, taken, _ = [l1.withdraw(ETHER) for _ in range(3)]
    l1.claim(claimed, OWNER)
    l1.fast_exit(taken, provider=RIVAL)
    with pytest.raises(Declined, match="withdrawal 0 was claimed"):
        looked_at(l1, 0)
    with pytest.raises(Declined, match="withdrawal 1 was paid early by 0x7272"):
        looked_at(l1, 1)
    l1.settle(5)
    with pytest.raises(Declined, match="withdrawal 2 is confirmed on L1: it can be claimed now, without any fee"):
        looked_at(l1, 2)


def test_a_fast_exit_of_something_else_with_the_same_index_is_not_that_of_the_withdrawal(l1: Lending) -> None:
    withdrawal = l1.withdraw(ETHER)
    l1.fast_exit(Withdrawal(0, OWNER, ETH, 1))
    assert looked_at(l1) == withdrawal


def test_nothing_is_relied_on_while_something_wrong_stands_undisputed(l1: Lending) -> None:
    l1.withdraw(ETHER)
    wrong = l1.assert_state(l1.genesis, 2, WRONG, MALLORY)
    with pytest.raises(Declined, match="says something wrong of batch 2, and nobody disputes it"):
        looked_at(l1)
    game = l1.open(wrong, HONEST)
    assert danger(l1.replica) is None
    assert looked_at(l1)
    l1.end(game, wrong, MALLORY)  # its challenger let it win
    assert "nobody disputes it" in str(danger(l1.replica))
    game = l1.open(wrong, HONEST)
    l1.defend(game, 1, [WRONG] * 15)
    l1.prove(game, WRONG, WRONG)
    l1.open(wrong, RIVAL)
    assert "L1 has found for it" in str(danger(l1.replica))
    l1.reject(wrong)
    assert danger(l1.replica) is None


def test_what_rests_on_something_wrong_is_no_danger_of_its_own(l1: Lending) -> None:
    wrong = l1.assert_state(l1.genesis, 1, WRONG, MALLORY)
    l1.assert_state(wrong, 2, WRONG, MALLORY)
    l1.open(wrong, HONEST)
    assert danger(l1.replica) is None


def test_nothing_is_relied_on_where_l1_believes_something_wrong(l1: Lending) -> None:
    l1.withdraw(ETHER)
    l1.confirm(l1.assert_state(l1.genesis, 2, WRONG, MALLORY))
    with pytest.raises(Declined, match="L1 has confirmed a wrong state for batch 2"):
        looked_at(l1)


def test_nothing_is_relied_on_in_a_frozen_rollup(l1: Lending) -> None:
    l1.withdraw(ETHER)
    l1.alarm(l1.now + 100 * WINDOW)
    l1.freeze()
    with pytest.raises(Declined, match="the rollup is frozen"):
        looked_at(l1)


def test_an_alarm_counts_where_it_may_end_before_the_withdrawal_is_confirmed(l1: Lending) -> None:
    """Anybody may raise it at any time, for hardly anything: it must not stop who can still be confirmed, twice."""
    l1.withdraw(ETHER)
    l1.alarm(l1.now + 2 * WINDOW + 1)
    assert looked_at(l1)
    l1.now += 1
    with pytest.raises(Declined, match=r"an alarm was raised: the rollup can be frozen from \d+ "):
        looked_at(l1)
    l1.assert_state(l1.genesis, 3)
    l1.now += 2
    with pytest.raises(Declined, match="an alarm was raised"):
        looked_at(l1)


def test_how_much_is_at_stake_is_limited_for_one_and_for_all() -> None:
    check_limits(10 * ETHER, 10 * ETHER, LIMITS)
    with pytest.raises(Declined, match=f"more than {10 * ETHER} are not paid for one"):
        check_limits(10 * ETHER + 1, 0, LIMITS)
    with pytest.raises(Declined, match=f"{10 * ETHER + 1} are paid for others"):
        check_limits(10 * ETHER, 10 * ETHER + 1, LIMITS)


def test_what_is_at_stake_is_counted_in_wei(l1: Lending) -> None:
    l1.fast_exit(l1.withdraw(ETHER))
    l1.fast_exit(l1.withdraw(1_000, COIN))
    l1.fast_exit(l1.withdraw(ETHER), provider=RIVAL)
    exits = l1.replica.bridge.taken_by(PROVIDER)
    assert worth(Tariff(Fraction(0), Fraction(0), {COIN: Fraction(1, 3)}), exits) == ETHER + 334
    assert worth(Tariff(Fraction(0), Fraction(0)), exits) == ETHER


# --- when it gets its money ---


def test_what_nobody_has_asserted_takes_a_whole_window(l1: Lending) -> None:
    l1.withdraw(ETHER)
    l1.assert_state(l1.genesis, 2)
    assert claimable_from(l1.replica, 0, l1.now + 5) == l1.now + 5 + WINDOW


def test_what_is_asserted_takes_what_is_left_of_the_window(l1: Lending) -> None:
    l1.withdraw(ETHER)
    name = l1.assert_state(l1.genesis, 3)
    asserted = l1.now
    assert claimable_from(l1.replica, 0, asserted + 400) == asserted + WINDOW
    assert claimable_from(l1.replica, 0, asserted + WINDOW + 3) == asserted + WINDOW + 3  # somebody must confirm it
    l1.confirm(name)
    assert claimable_from(l1.replica, 0, asserted + 5) == asserted + 5


def test_what_is_asserted_on_something_pending_takes_as_long_as_both(l1: Lending) -> None:
    first = l1.assert_state(l1.genesis, 2)
    l1.now += 300
    l1.withdraw(ETHER)
    l1.assert_state(first, 3)
    assert claimable_from(l1.replica, 0, l1.now) == l1.now + WINDOW


def test_a_dispute_takes_until_both_clocks_have_run_out(l1: Lending) -> None:
    l1.withdraw(ETHER)
    name = l1.assert_state(l1.genesis, 3)
    game = l1.open(name, MALLORY)
    at = l1.now + WINDOW - 1
    assert claimable_from(l1.replica, 0, at) == at + 2 * RULES.clock
    l1.end(game, name, HONEST)
    assert claimable_from(l1.replica, 0, at) == l1.now + WINDOW


def test_wrong_assertions_do_not_make_it_sooner(l1: Lending) -> None:
    l1.withdraw(ETHER)
    l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    assert claimable_from(l1.replica, 0, l1.now + 5) == l1.now + 5 + WINDOW


@pytest.mark.parametrize(("batches", "named"), [(3, 3), (8, 3), (9, 4), (30, 25)])
def test_the_history_named_is_old_but_not_older_than_the_inbox_remembers(batches: int, named: int) -> None:
    l1 = Lending(ring_size=8)
    l1.withdraw(ETHER)
    while len(l1.replica.history.posted) < batches:
        l1.post()
    number, accumulator = history_of(l1.replica, 3)
    assert number == named
    assert accumulator == l1.replica.history.posted[named - 1].accumulator


# --- what it does ---


def test_what_is_confirmed_is_claimed_with_its_proof_and_nothing_else(l1: Lending) -> None:
    first, second, third = [l1.withdraw(ETHER) for _ in range(3)]
    for each in (first, second, third, Withdrawal(0, OWNER, ETH, 5)):
        l1.fast_exit(each)
    assert claim_moves(l1.replica, l1.replica.bridge.taken_by(PROVIDER)) == []
    l1.settle(4)
    moves = own_moves(l1.replica, PROVIDER, l1.now)
    withdrawals = l1.replica.state.withdrawals[:2]
    assert [move.data for move in moves] == [calls.encode_claim(withdrawal_claim(withdrawals, i)) for i in range(2)]
    assert {move.to for move in moves} == {BRIDGE}
    l1.claim(first, PROVIDER)
    assert [move.name for move in own_moves(l1.replica, PROVIDER, l1.now)] == [("claim", 1)]
    assert own_moves(l1.replica, RIVAL, l1.now) == []


def test_what_was_confirmed_before_something_wrong_is_claimed_all_the_same(l1: Lending) -> None:
    l1.fast_exit(l1.withdraw(ETHER))
    l1.fast_exit(l1.withdraw(ETHER))
    right = l1.settle(3)
    l1.confirm(l1.assert_state(right, 4, WRONG, MALLORY))
    (move,) = own_moves(l1.replica, PROVIDER, l1.now)
    assert move.data == calls.encode_claim(withdrawal_claim(l1.replica.state.withdrawals[:1], 0))
    l1.fast_exit(l1.withdraw(ETHER))
    assert common_moves(l1.replica, PROVIDER, l1.now) == []


def test_many_claims_are_made_some_at_a_time(l1: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CLAIMS_AT_ONCE > 2
    monkeypatch.setattr("toolkit.bridge.recovery.CLAIMS_AT_ONCE", 2)
    for _ in range(3):
        l1.fast_exit(l1.withdraw(ETHER))
    l1.settle(5)
    assert len(own_moves(l1.replica, PROVIDER, l1.now)) == 2


def test_it_asserts_and_confirms_while_its_money_is_out_and_only_then(l1: Lending) -> None:
    withdrawal = l1.withdraw(ETHER)
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.fast_exit(Withdrawal(0, OWNER, ETH, 7))
    assert common_moves(l1.replica, PROVIDER, l1.now) == [], "what is not there can be claimed by no assertion"
    l1.fast_exit(withdrawal)
    assert called(common_moves(l1.replica, PROVIDER, l1.now)) == [ASSERT]
    l1.assert_state(l1.genesis, 2)
    assert called(common_moves(l1.replica, PROVIDER, l1.now)) == [ASSERT], "that does not speak of the withdrawal"
    name = l1.assert_state(next(iter(l1.replica.pending)), 3)
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.now += WINDOW
    assert called(common_moves(l1.replica, PROVIDER, l1.now)) == [CONFIRM]
    l1.confirm(next(iter(l1.replica.pending)))
    assert called(common_moves(l1.replica, PROVIDER, l1.now)) == [CONFIRM]
    l1.confirm(name)
    l1.claim(withdrawal, PROVIDER)
    l1.withdraw(ETHER)
    assert common_moves(l1.replica, PROVIDER, l1.now) == []


def test_beside_what_is_disputed_it_asserts_something_of_its_own(l1: Lending) -> None:
    """Whose it is may let it die."""
    l1.fast_exit(l1.withdraw(ETHER))
    name = l1.assert_state(l1.genesis, 3)
    l1.post()
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.open(name, MALLORY)
    (move,) = common_moves(l1.replica, PROVIDER, l1.now)
    assert move.data[4:68] == l1.genesis + (4).to_bytes(32, "big")
    assert move.value == l1.replica.contracts.bond


def test_under_an_alarm_it_sees_to_it_that_something_of_its_own_can_be_confirmed(l1: Lending) -> None:
    """Who asserts what is right before all others, and lets it die, would else have a quiet rollup frozen."""
    l1.fast_exit(l1.withdraw(ETHER))
    name = l1.assert_state(l1.genesis, 3, who=MALLORY)
    l1.open(name, RIVAL)
    for batch in (1, 2):
        l1.assert_state(l1.genesis, batch, who=MALLORY)
    l1.alarm(l1.now + 100 * WINDOW)
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.now += QUIET_SECONDS
    (late,) = common_moves(l1.replica, PROVIDER, l1.now)
    assert late.data[:4] == selector(c.POST_LATE_BATCH)
    l1.post()
    (beside,) = common_moves(l1.replica, PROVIDER, l1.now)
    assert beside.data[4:68] == l1.genesis + (4).to_bytes(32, "big")
    l1.assert_state(l1.genesis, 4, who=PROVIDER)
    l1.now += QUIET_SECONDS
    assert late.data[:4] not in called(common_moves(l1.replica, PROVIDER, l1.now))


def test_it_disputes_what_is_wrong_while_its_money_is_out_also_beside_others(l1: Lending) -> None:
    withdrawal = l1.withdraw(ETHER)
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    l1.open(wrong, HONEST)
    assert own_moves(l1.replica, PROVIDER, l1.now) == common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.fast_exit(withdrawal)
    assert called(own_moves(l1.replica, PROVIDER, l1.now)) == [OPEN]


def test_without_money_out_it_disputes_what_nobody_else_does_and_plays_its_games_to_the_end(l1: Lending) -> None:
    wrong = l1.assert_state(l1.genesis, 2, WRONG, MALLORY)
    assert own_moves(l1.replica, PROVIDER, l1.now) == []
    assert called(common_moves(l1.replica, PROVIDER, l1.now)) == [OPEN]
    l1.open(wrong, PROVIDER)
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    l1.now += RULES.clock + 1
    assert called(own_moves(l1.replica, PROVIDER, l1.now)) == [selector(g.TIMEOUT)]


def test_after_a_freeze_it_only_claims_what_was_confirmed_and_takes_its_bonds_back(l1: Lending) -> None:
    l1.fast_exit(l1.withdraw(ETHER))
    l1.fast_exit(l1.withdraw(ETHER))
    l1.settle(3)
    l1.assert_state(l1.replica.confirmed, 4, who=PROVIDER)
    l1.now += 2 * WINDOW
    l1.freeze()
    assert common_moves(l1.replica, PROVIDER, l1.now) == []
    assert called(own_moves(l1.replica, PROVIDER, l1.now)) == [CLAIM, selector(c.RECLAIM)]


def test_only_what_is_there_is_real(l1: Lending) -> None:
    withdrawal = l1.withdraw(ETHER)
    for each in (withdrawal, Withdrawal(0, OWNER, COIN, ETHER), Withdrawal(1, OWNER, ETH, ETHER)):
        l1.fast_exit(each)
    assert [each.withdrawal for each in real(l1.replica, l1.replica.bridge.providers.values())] == [withdrawal]


# --- bytes ---


def test_names_are_those_of_the_contracts() -> None:
    assert {calls.FAST_EXIT, calls.CLAIM} <= declared("Bridge", "function")
    assert {calls.APPROVE, calls.ALLOWANCE, calls.BALANCE_OF} <= declared("Token", "function")
    of_the_token_library = {"TransferFromFailed()"}
    assert set(calls.ERRORS) - of_the_token_library <= declared("Bridge", "error")


def test_calls_are_what_the_abi_makes_of_them() -> None:
    owner, token, to = b"\x0a" * 20, b"\x0b" * 20, b"\x0c" * 20
    withdrawal, r, vs = Withdrawal(3, owner, token, 10**20), b"\x01" * 32, b"\x02" * 32
    terms = FastExit(to, 7, 10**10, 12, b"\x0d" * 28)
    one = ["(uint256,address,address,uint256)", "(uint256,uint256,uint256,bytes28)", "(bytes32,bytes32)"]
    words = [(3, owner, token, 10**20), (7, 10**10, 12, b"\x0d" * 28), (r, vs)]
    assert calls.encode_fast_exit(withdrawal, terms, r + vs)[4:] == encode(one, words)
    claim = withdrawal_claim([Withdrawal(i, owner, token, i) for i in range(5)], 3)
    types = ["bytes32", "uint256", "address", "address", "uint256", "bytes32[]"]
    assert calls.encode_claim(claim)[4:] == encode(types, [claim.outbox_root, 3, owner, token, 3, list(claim.proof)])
    assert calls.encode_approve(to, 5)[4:] == encode(["address", "uint256"], [to, 5])
    assert calls.encode_allowance(owner, to)[4:] == encode(["address", "address"], [owner, to])
    assert calls.encode_balance_of(owner)[4:] == encode(["address"], [owner])
