"""The provider's service by itself: requests at once, wrong signatures, limits, reorganisations, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rollup_services.test_moves import HONEST, MALLORY, WRONG
from rollup_services.test_parts import CONTRACTS, RULES

from bridge.lending import COIN, ETH, ETHER, KEY, OTHER_KEY, OWNER, PROVIDER, RIVAL, Lending
from toolkit.bridge import calls
from toolkit.bridge.provider import DRAIN_SECONDS, KEPT_GAS, NotNow, Offer, ProviderService, Request
from toolkit.bridge.provider_api import ProviderApi
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.bridge.underwriting import Declined
from toolkit.devnet.l1 import L1, hex_of, selector
from toolkit.errors import BadInput, NodeError, RpcError
from toolkit.rollup import jsonrpc
from toolkit.rollup.config import Config
from toolkit.rollup.dispute.moves import Move
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.rogue import Careless
from toolkit.rollup.watcher import Watcher

GWEI = 10**9


class Chain:
    """What the provider sees of L1 beside the logs; and its player, whose payments land at once."""

    address = PROVIDER

    def __init__(self, lending: Lending) -> None:
        self.lending = lending
        self.gas_price, self.balance_ether = GWEI, 1_000 * ETHER
        self.coins, self.allowance = 1_000 * ETHER, 2**256 - 1
        self.ahead = 0  # of the next block's time before the last one's
        self.nonces = 7, 7
        self.is_broken = False  # the token
        self.answers_, self.lands = True, True
        self.waiting: frozenset[Hashable] = frozenset()
        self.refused: dict[Hashable, str] = {}
        self.played: list[list[Move]] = []

    # --- as the node ---

    async def batch(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        if not self.answers_:
            raise NodeError("the node is away")
        return [self._answer(method, params) for method, params in asked]

    answers = batch

    async def read(self, to: bytes, data: bytes) -> bytes:
        assert (to, data[:4]) == (COIN, selector(calls.ALLOWANCE))
        if self.is_broken:
            raise RpcError("eth_call", 3, "execution reverted")
        return self.allowance.to_bytes(32, "big")

    def _answer(self, method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            time = self.lending.now + (self.ahead if params[0] == "pending" else 0)
            return {"number": hex(self.lending.head), "timestamp": hex(time)}
        if method == "eth_getTransactionCount":
            return hex(self.nonces[params[1] == "pending"])
        if method == "eth_call":
            assert params[0]["data"] == hex_of(calls.encode_balance_of(PROVIDER))
            return hex(self.coins)
        return hex({"eth_gasPrice": self.gas_price, "eth_getBalance": self.balance_ether}[method])

    # --- as the player ---

    def refusal(self, name: Hashable) -> str | None:
        return self.refused.get(name)

    async def balance(self) -> int:
        return self.balance_ether

    async def play(self, moves: Sequence[Move]) -> Sequence[Move]:
        self.played.append(list(moves))
        landed = [move for move in moves if self.lands and move.name not in self.refused]
        for move in landed:
            if move.data[:4] == selector(calls.FAST_EXIT):
                index, owner, token, amount, fee = (move.data[4 + 32 * i : 36 + 32 * i] for i in range(5))
                number = int.from_bytes(index, "big"), int.from_bytes(amount, "big"), int.from_bytes(fee, "big")
                withdrawal = Withdrawal(number[0], owner[12:], token[12:], number[1])
                self.lending.fast_exit(withdrawal, number[2], PROVIDER)
            if move.data[:4] == selector(calls.APPROVE):
                self.allowance = int.from_bytes(move.data[36:68], "big")
        return landed

    def paid(self) -> list[Move]:
        """The payments that it was told to make."""
        return [move for moves in self.played for move in moves if move.data[:4] == selector(calls.FAST_EXIT)]


class Desk:
    """A provider with its chain."""

    def __init__(self, lending: Lending, kind: type[ProviderService] = ProviderService, **told: Any) -> None:
        self.lending, self.chain = lending, Chain(lending)
        entries: dict[str, Any] = {
            "confirmations": 1, "quote_seconds": 600, "patience_seconds": 0.0, "prices": {hex_of(COIN): "1"},
            "most_per_exit": 10 * ETHER, "most_outstanding": 25 * ETHER, **told,
        }  # fmt: skip
        at = (CONTRACTS.inbox, CONTRACTS.dispute, CONTRACTS.rollup, CONTRACTS.bridge, CONTRACTS.dispute)
        config = Config("http://127.0.0.1:1", 31337, *at, Path(), **entries)
        self.watcher = SimpleNamespace(lock=asyncio.Lock(), replica=lending.replica)
        self.service = kind(cast(Watcher, self.watcher), cast(Player, self.chain), cast(L1, self.chain), config)
        self.domain = bridge_domain(31337, CONTRACTS.bridge)
        self.see()

    def see(self) -> None:
        """The watcher looks at L1."""
        self.watcher.replica = self.lending.replica
        self.watcher.head, self.watcher.timestamp = self.lending.head, self.lending.now

    async def turn(self) -> None:
        """Once around the service's loop."""
        self.see()
        await self.service._act()
        self.see()

    def sign(self, offer: Offer, key: bytes = KEY) -> bytes:
        terms = FastExit(PROVIDER, offer.fee, offer.expiry, 0, bytes(28))
        return terms.sign(self.domain, offer.withdrawal, key)

    async def ask(self, index: int = 0) -> Request:
        """Ask for a quote, and accept it."""
        offer = await self.service.offer(index)
        return await self.service.accept(index, offer.fee, offer.expiry, self.sign(offer))


async def opened(lending: Lending, kind: type[ProviderService] = ProviderService, **told: Any) -> Desk:
    """A provider that has looked at L1 once."""
    desk = Desk(lending, kind, **told)
    await desk.turn()
    return desk


async def outcome(request: Request) -> bytes | Declined:
    assert request.outcome.done(), "nobody would wait for it any more"
    return await request.outcome


@pytest.fixture
def lending() -> Lending:
    return Lending()


# --- requests ---


def test_what_was_quoted_and_signed_is_paid_once(lending: Lending) -> None:
    withdrawal = lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        request = await desk.ask()
        await desk.turn()
        await desk.turn()
        (move,) = desk.chain.paid()
        terms = FastExit(PROVIDER, request.fee, request.expiry, 3, lending.replica.derived[3].accumulator)
        assert move.data[:-64] == calls.encode_fast_exit(withdrawal, terms, b"")
        assert (move.to, move.value) == (CONTRACTS.bridge, ETHER - request.fee)
        assert await outcome(request) == lending.replica.bridge.exits[withdrawal.leaf()]
        assert desk.service.under_way == 0
        with pytest.raises(Declined, match="withdrawal 0 was paid early by 0x7171"):
            await desk.service.offer(0)

    asyncio.run(work())


def test_two_requests_at_once_for_one_withdrawal_are_one_payment(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        offer = await desk.service.offer(0)
        signature = desk.sign(offer)
        asked = [desk.service.accept(0, offer.fee, offer.expiry, signature) for _ in range(5)]
        requests = await asyncio.gather(*asked)
        assert len({id(each) for each in requests}) == 1
        other = FastExit(PROVIDER, offer.fee + 1, offer.expiry, 0, bytes(28))
        with pytest.raises(Declined, match="being paid on other terms"):
            await desk.service.accept(0, offer.fee + 1, offer.expiry, other.sign(desk.domain, offer.withdrawal, KEY))
        for _ in range(3):
            await desk.turn()
        assert len(desk.chain.paid()) == 1

    asyncio.run(work())


def test_limits_hold_for_many_requests_at_once(lending: Lending) -> None:
    for _ in range(6):
        lending.withdraw(10 * ETHER)

    async def work() -> None:
        desk = await opened(lending)
        answers = await asyncio.gather(*(desk.ask(index) for index in range(6)), return_exceptions=True)
        taken = [each for each in answers if isinstance(each, Request)]
        declined = [str(each) for each in answers if isinstance(each, Declined)]
        assert (len(taken), len(declined)) == (2, 4)
        assert all(f"{20 * ETHER} are paid for others" in each for each in declined)
        await desk.turn()
        with pytest.raises(Declined, match=f"{20 * ETHER} are paid for others"):
            await desk.ask(5)
        await desk.turn()
        with pytest.raises(Declined, match=f"{20 * ETHER} are paid for others"):
            await desk.ask(5)
        lending.claim(taken[0].withdrawal, PROVIDER)
        desk.see()
        assert await desk.ask(5)

    asyncio.run(work())


def test_one_that_is_too_large_is_declined(lending: Lending) -> None:
    lending.withdraw(11 * ETHER)

    async def work() -> None:
        desk = await opened(lending)
        with pytest.raises(Declined, match="not paid for one"):
            await desk.service.offer(0)

    asyncio.run(work())


def test_only_the_owner_s_signature_over_these_very_terms_is_taken(lending: Lending) -> None:
    lending.withdraw(ETHER)
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        first, second = [await desk.service.offer(index) for index in range(2)]
        terms = 0, first.fee, first.expiry
        elsewhere = bridge_domain(31337, b"\x99" * 20)
        for wrong in (
            desk.sign(first, OTHER_KEY),
            desk.sign(second),
            FastExit(RIVAL, first.fee, first.expiry, 0, bytes(28)).sign(desk.domain, first.withdrawal, KEY),
            FastExit(PROVIDER, first.fee - 1, first.expiry, 0, bytes(28)).sign(desk.domain, first.withdrawal, KEY),
            FastExit(PROVIDER, first.fee, first.expiry, 0, bytes(28)).sign(elsewhere, first.withdrawal, KEY),
            bytes(64),
        ):
            with pytest.raises(Declined, match="the signature is not that of"):
                await desk.service.accept(*terms, wrong)
        assert desk.service.under_way == 0

    asyncio.run(work())


def test_a_quote_is_good_until_it_expires_whatever_gas_costs_meanwhile(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        offer = await desk.service.offer(0)
        desk.chain.gas_price *= 3
        with pytest.raises(Declined, match=f"the fee of {offer.fee} is below the "):
            await desk.service.accept(0, offer.fee, offer.expiry - 1, bytes(64))
        desk.chain.ahead = 600
        with pytest.raises(Declined, match="the quote has expired"):
            await desk.service.accept(0, offer.fee, offer.expiry, desk.sign(offer))
        desk.chain.ahead = 599
        assert await desk.service.accept(0, offer.fee, offer.expiry, desk.sign(offer))

    asyncio.run(work())


def test_terms_without_a_quote_must_be_as_good_as_one(lending: Lending) -> None:
    """As after a restart, which forgets quotes."""
    withdrawal = lending.withdraw(ETHER)

    async def work() -> None:
        before, desk = await opened(lending), await opened(lending)
        offer = await before.service.offer(0)
        for fee, expiry, why in (
            (offer.fee - 1, offer.expiry, "is below the"),
            (offer.fee, offer.expiry + 1, "later than the"),
            (withdrawal.amount, offer.expiry, "would leave nothing"),
        ):
            with pytest.raises(Declined, match=why):
                await desk.service.accept(0, fee, expiry, bytes(64))
        assert await desk.service.accept(0, offer.fee, offer.expiry, desk.sign(offer))

    asyncio.run(work())


def test_the_price_is_of_the_next_block_s_time(lending: Lending) -> None:
    """The last block may be hours old where nothing happens: terms from its time on would be over already."""
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.ahead = 5_000
        assert (await desk.service.offer(0)).expiry == lending.now + 5_000 + 600

    asyncio.run(work())


def test_what_somebody_tells_of_a_withdrawal_must_be_so(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        assert await desk.service.offer(0, Withdrawal(0, OWNER, ETH, ETHER))
        with pytest.raises(Declined, match="withdrawal 0 is "):
            await desk.service.offer(0, Withdrawal(0, OWNER, ETH, 2 * ETHER))
        with pytest.raises(Declined, match="there is no withdrawal 1"):
            await desk.service.offer(1, Withdrawal(1, OWNER, ETH, ETHER))

    asyncio.run(work())


# --- means ---


def test_bonds_and_gas_are_kept_and_what_is_promised_is_not_promised_again(lending: Lending) -> None:
    for _ in range(2):
        lending.withdraw(ETHER)
    kept = CONTRACTS.bond + RULES.bond + KEPT_GAS * GWEI

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.lands = False
        desk.chain.balance_ether = kept + ETHER // 2
        with pytest.raises(Declined, match=f"and must keep {kept} for bonds and gas"):
            await desk.ask(0)
        desk.chain.balance_ether = kept + ETHER
        assert await desk.ask(0)
        with pytest.raises(Declined, match="must keep"):
            await desk.ask(1)
        await desk.turn()
        with pytest.raises(Declined, match="must keep"):
            await desk.ask(1)

    asyncio.run(work())


def test_a_token_is_paid_from_what_there_is_of_it_and_gas_from_ether(lending: Lending) -> None:
    for _ in range(2):
        lending.withdraw(ETHER, COIN)

    async def work() -> None:
        desk = await opened(lending)
        desk.chain.coins = ETHER
        assert await desk.ask(0)
        with pytest.raises(Declined, match=r"the provider has \d+ of 0x7070\w+ left, too little to pay"):
            await desk.ask(1)
        desk.chain.coins, desk.chain.balance_ether = 2 * ETHER, ETHER // 10
        with pytest.raises(Declined, match="for bonds and gas"):
            await desk.ask(1)

    asyncio.run(work())


def test_the_bridge_is_allowed_a_token_before_the_first_payment(lending: Lending) -> None:
    lending.withdraw(ETHER, COIN)

    async def work(allowance: int) -> list[bytes]:
        desk = await opened(lending)
        desk.chain.allowance = allowance
        request = await desk.ask()
        for _ in range(4):
            await desk.turn()
        assert isinstance(await outcome(request), bytes)
        assert [move.value for move in desk.chain.paid()] == [0]
        return [move.data for moves in desk.chain.played for move in moves]

    unlimited = calls.encode_approve(CONTRACTS.bridge, 2**256 - 1)
    assert asyncio.run(work(0))[0] == unlimited
    lending.__init__()  # type: ignore[misc]
    lending.withdraw(ETHER, COIN)
    assert asyncio.run(work(5))[:2] == [calls.encode_approve(CONTRACTS.bridge, 0), unlimited]


def test_a_token_without_a_price_is_not_served(lending: Lending) -> None:
    lending.withdraw(ETHER, COIN)

    async def work() -> None:
        desk = await opened(lending, prices={})
        with pytest.raises(BadInput, match="does not serve the token"):
            await desk.service.offer(0)

    asyncio.run(work())


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


# --- the careless ---


def test_a_careless_one_pays_for_what_is_not_there(lending: Lending) -> None:
    made_up = Withdrawal(4, OWNER, ETH, ETHER)

    async def work() -> None:
        desk = await opened(lending, Careless)
        with pytest.raises(Declined, match="nobody has said what withdrawal 4 is"):
            await desk.service.offer(4)
        offer = await desk.service.offer(4, made_up)
        request = await desk.service.accept(4, offer.fee, offer.expiry, desk.sign(offer), made_up)
        await desk.turn()
        await desk.turn()
        assert isinstance(await outcome(request), bytes)
        status = await ProviderApi(desk.service)._paid_before(4, offer.fee, made_up)
        assert status is not None and status["status"] == "paid"
        desk.chain.played.clear()
        lending.settle(2)
        await desk.turn()
        assert desk.chain.played[-1] == []

    asyncio.run(work())


# --- over JSON-RPC ---


def test_who_asks_again_is_told_what_became_of_it(lending: Lending) -> None:
    lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        api = ProviderApi(desk.service)
        offer = await desk.service.offer(0)
        terms = (0, str(offer.fee), offer.expiry, hex_of(desk.sign(offer)))
        asked = asyncio.create_task(api.exit(*terms))
        for _ in range(3):
            await asyncio.sleep(0)
            await desk.turn()
        answer = await asked
        assert (answer["status"], answer["paid"]) == ("paid", str(ETHER - offer.fee))
        assert await api.exit(*terms) == answer
        with pytest.raises(jsonrpc.ApiError, match="was paid early by") as caught:
            await api.exit(0, str(offer.fee + 1), *terms[2:])
        assert caught.value.code == jsonrpc.REJECTED

    asyncio.run(work())


def test_refusals_are_told_from_what_is_wrong_with_the_call(lending: Lending) -> None:
    async def work() -> None:
        desk = Desk(lending)
        desk.chain.nonces = 7, 9
        await desk.turn()
        api = ProviderApi(desk.service)
        with pytest.raises(jsonrpc.ApiError, match="busy") as caught:
            await api.quote(0)
        assert caught.value.code == jsonrpc.BUSY
        desk.chain.nonces = 9, 9
        await desk.turn()
        with pytest.raises(jsonrpc.ApiError, match="there is no withdrawal 0") as caught:
            await api.quote(0)
        assert caught.value.code == jsonrpc.REJECTED
        for wrong in ([-1], ["x"], [0, "told"], [0, {"owner": "0x12"}], [0, {"owner": hex_of(OWNER)}]):
            with pytest.raises(BadInput):
                await api.quote(*wrong)

    asyncio.run(work())


def test_quotes_are_forgotten_when_they_are_over_and_when_there_are_too_many(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.bridge.provider.KEPT_QUOTES", 3)
    for _ in range(5):
        lending.withdraw(ETHER)

    async def work() -> None:
        desk = await opened(lending)
        offers = [await desk.service.offer(index) for index in range(5)]
        assert [quote[0] for quote in desk.service._quotes] == [each.withdrawal.leaf() for each in offers[2:]]
        lending.now += 700
        desk.see()
        assert (await desk.service.offer(0)).expiry > offers[0].expiry
        assert [quote[0] for quote in desk.service._quotes] == [offers[0].withdrawal.leaf()]

    asyncio.run(work())
