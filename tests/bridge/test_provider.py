"""The provider's service by itself: requests at once, wrong signatures, limits, the careless, JSON-RPC."""

from __future__ import annotations

import asyncio

import pytest
from rollup_services.test_parts import CONTRACTS, RULES

from bridge.desk import GWEI, Desk, opened, outcome
from bridge.lending import COIN, ETH, ETHER, KEY, OTHER_KEY, OWNER, PROVIDER, RIVAL, Lending
from toolkit.bridge import calls
from toolkit.bridge.provider import KEPT_GAS, Request
from toolkit.bridge.provider_api import ProviderApi
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.bridge.underwriting import Declined
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup import jsonrpc
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.rogue import Careless


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
