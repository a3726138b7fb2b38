"""What may happen to a provider on the way: reorganisations, refusals, restarts, others who are idle."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

import pytest
from rollup_services.l1_logs import HONEST, MALLORY, WRONG
from rollup_services.test_parts import CONTRACTS, RULES

from bridge.desk import Desk, opened, outcome
from bridge.lending import COIN, ETHER, PROVIDER, RIVAL, Lending
from toolkit.bridge.provider import DRAIN_SECONDS, NotNow
from toolkit.bridge.underwriting import Declined


@pytest.fixture
def lending() -> Lending:
    return Lending()


# --- what can happen on the way ---


def test_a_withdrawal_that_l1_forgets_before_it_is_paid_is_not_paid(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        desk.lending = Lending()  # L1 has changed its mind
        await desk.turn()
        assert desk.chain.paid() == []
        assert "there is no withdrawal 0 on L1 yet" in str(await outcome(request))
        assert desk.service.under_way == 0

    asyncio.run(work())


def test_one_that_is_another_withdrawal_after_a_reorganisation_is_not_paid(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        desk.lending = Lending()
        desk.lending.withdraw(2 * ETHER)
        await desk.turn()
        assert desk.chain.paid() == []
        assert "withdrawal 0 is 2000000000000000000 of" in str(await outcome(request))

    asyncio.run(work())


def test_a_payment_that_a_reorganisation_undoes_is_made_again_while_it_is_wanted(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.lands = False
        request = await desk.ask()
        await desk.turn()
        desk.chain.lands = True
        await desk.turn()
        await desk.turn()
        assert len(desk.chain.paid()) == 2
        assert isinstance(await outcome(request), bytes)

    asyncio.run(work())


def test_an_alarm_or_a_wrong_assertion_stops_what_is_not_on_its_way(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        wrong = lending.assert_state(lending.genesis, 2, WRONG, MALLORY)
        await desk.turn()
        assert "nobody disputes it" in str(await outcome(request))
        lending.open(wrong, HONEST)
        desk.see()
        request = await desk.ask()
        lending.alarm(lending.now + 100)
        await desk.turn()
        assert "an alarm was raised" in str(await outcome(request))
        assert desk.chain.paid() == []

    asyncio.run(work())


def test_what_is_not_paid_in_time_is_given_up_unless_it_is_on_its_way(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.lands = False
        request = await desk.ask()
        await desk.turn()
        desk.chain.waiting = frozenset({request.name})
        lending.now += 601
        await desk.turn()
        assert not request.outcome.done()
        desk.chain.waiting = frozenset()
        await desk.turn()
        assert "the terms have expired" in str(await outcome(request))
        assert desk.service.under_way == 0

    asyncio.run(work())


def test_what_l1_refuses_is_told_with_its_reason_and_can_be_asked_for_again(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        desk.chain.refused[request.name] = "the transaction was reverted: WrongHistory(0x01, 0x02)"
        await desk.turn()
        assert "L1 refuses to have withdrawal 0 paid: the transaction was reverted: WrongHistory" in str(
            await outcome(request)
        )
        desk.chain.refused.clear()
        again = await desk.ask()
        await desk.turn()
        await desk.turn()
        assert isinstance(await outcome(again), bytes)

    asyncio.run(work())


def test_somebody_else_may_be_faster(lending: Lending) -> None:
    withdrawal = lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        lending.fast_exit(withdrawal, provider=RIVAL)
        await desk.turn()
        assert "paid early by 0x7272" in str(await outcome(request))
        assert desk.chain.paid() == []

    asyncio.run(work())


# --- restarts ---


def test_after_a_restart_it_takes_nothing_while_something_older_is_on_its_way(lending: Lending) -> None:
    """It may be payments, which the limits would not know of."""
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = Desk(lending)
        desk.chain.nonces = 7, 9
        await desk.turn()
        with pytest.raises(NotNow, match="from before a restart"):
            await desk.service.offer(0)
        desk.chain.nonces = 9, 9
        await desk.turn()
        assert await desk.service.offer(0)

    asyncio.run(work())


def test_claims_and_disputes_do_not_wait_for_what_is_older_than_a_restart(lending: Lending) -> None:
    lending.fast_exit(lending.withdraw(ETHER))
    lending.settle(3)

    async def work() -> None:
        desk = Desk(lending)
        desk.chain.nonces = 7, 9
        await desk.turn()
        assert [move.name for move in desk.chain.played[-1]] == [("claim", 0)]

    asyncio.run(work())


def test_a_token_that_does_not_answer_holds_up_nothing_else(lending: Lending) -> None:
    lending.fast_exit(lending.withdraw(ETHER))
    lending.settle(3)
    coins = lending.withdraw(ETHER, COIN)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask(coins.index)
        desk.chain.is_broken = True
        await desk.turn()
        assert ("claim", 0) in [move.name for move in desk.chain.played[-1]]
        assert "does not tell what it allows" in str(await outcome(request))

    asyncio.run(work())


def test_who_asserts_often_does_not_keep_it_from_what_else_is_due(lending: Lending) -> None:
    """Its patience with a confirmation that nobody makes does not begin anew with each assertion."""
    lending.fast_exit(lending.withdraw(ETHER))
    name = lending.assert_state(lending.genesis, 3, who=RIVAL)
    lending.now = lending.replica.assertions[name].deadline

    async def work() -> None:
        desk = Desk(lending, patience_seconds=60.0)
        await desk.turn()
        desk.service._since = {key: since - 61 for key, since in desk.service._since.items()}
        lending.post()
        lending.assert_state(name, 4, who=RIVAL)
        desk.see()
        await desk.turn()
        assert ("confirm", name) in [move.name for move in desk.chain.played[-1]]

    asyncio.run(work())


def test_what_waits_for_too_long_since_before_a_restart_is_replaced_by_nothing(lending: Lending) -> None:
    async def work() -> None:
        desk = Desk(lending)
        desk.chain.nonces = 7, 9
        desk.service._drain_since = asyncio.get_running_loop().time() - DRAIN_SECONDS - 1
        await desk.turn()
        (moves,) = desk.chain.played
        assert [(move.name, move.to, move.data, move.value) for move in moves] == [
            (("drain", nonce), PROVIDER, b"", 0) for nonce in (7, 8)
        ]

    asyncio.run(work())


def test_what_it_paid_for_before_a_restart_counts_and_is_claimed(lending: Lending) -> None:
    first, second = lending.withdraw(10 * ETHER), lending.withdraw(10 * ETHER)
    lending.withdraw(10 * ETHER)
    for each in (first, second):
        lending.fast_exit(each)

    async def work() -> None:
        desk = await opened(lending)
        with pytest.raises(Declined, match=f"{20 * ETHER} are paid for others"):
            await desk.ask(2)
        lending.settle(5)
        desk.chain.played.clear()
        await desk.turn()
        assert [move.name for move in desk.chain.played[0]] == [("claim", 0), ("claim", 1)]

    asyncio.run(work())


def test_a_node_that_is_away_is_a_reason_to_ask_again(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.answers_ = False
        with pytest.raises(NotNow, match="the node is away"):
            await desk.service.offer(0)

    asyncio.run(work())


# --- what others should do ---


def test_what_others_may_do_is_left_to_them_for_a_while(lending: Lending) -> None:
    lending.fast_exit(lending.withdraw(ETHER))

    async def work() -> None:
        desk = await opened(lending, patience_seconds=3600.0)
        assert [move.name for moves in desk.chain.played for move in moves] == []
        desk.service._since = {key: since - 3601 for key, since in desk.service._since.items()}
        await desk.turn()
        assert [move.name for move in desk.chain.played[-1]] == ["assert"]
        lending.assert_state(lending.genesis, 2)  # somebody does something, if not enough
        await desk.turn()
        assert desk.chain.played[-1] == []

    asyncio.run(work())


def test_it_asserts_what_it_can_afford_to_defend_and_claims_all_the_same(lending: Lending) -> None:
    first = lending.withdraw(ETHER)
    lending.settle(3)
    lending.fast_exit(first)
    lending.fast_exit(lending.withdraw(ETHER))
    enough = CONTRACTS.bond + RULES.bond // 2

    async def work(balance: int) -> list[Hashable]:
        desk = Desk(lending)
        desk.chain.balance_ether = balance
        await desk.turn()
        return [move.name for move in desk.chain.played[-1]]

    assert asyncio.run(work(enough)) == [("claim", 0), "assert"]
    assert asyncio.run(work(enough - 1)) == [("claim", 0)]
