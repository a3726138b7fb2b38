"""What the owner orders of a session over real sockets: many changes at once, withdrawals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.channel import change as changes
from toolkit.channel import wire
from toolkit.channel.change import Cancel, Change, Offer, Pay, Settle
from toolkit.channel.peer import Refused
from toolkit.channel.state import State, Withdrawal, locks_root
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, Tip, Update
from toolkit.errors import ServiceError

from .people import DEPOSITS, KEY_B
from .talk import LOCK, Hostile, Rig, ack, change


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for store in made.stores:
        store.close()


def test_a_lock_goes_back_and_forth(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        alice = await Hostile.resumed(rig)
        offered = State(1, 0, locks_root([LOCK]))
        await alice.send(change(1, Offer(LOCK, b"onward"), offered))
        assert await alice.receive() == ack(1, 0, KEY_B, offered.locks)
        assert rig.heard == [(Offer(LOCK, b"onward"),)]
        await alice.send(wire.secret(b"s" * 32))
        await alice.send(change(2, Settle(b"s" * 32), State(2, 7)))
        assert await alice.receive() == ack(2, 7, KEY_B)
        await alice.send(change(3, Cancel(LOCK.hash, 1), State(3, 7)))
        assert await alice.refusal() == (3, Refusal.BAD_LOCK)

    rig.play(scene)


def test_changes_of_all_kinds_arrive_in_their_order(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            assert await session.change([Pay(1), Pay(2), Offer(LOCK), Pay(3), Settle(b"s" * 32), Pay(4)]) == 6
            assert rig.bob.view.agreed_tip == session.peer.view.agreed_tip
            assert session.peer.view.agreed == State(6, 17)

    rig.play(scene)


def test_changes_that_are_ordered_at_the_same_time_share_a_message(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            orders: list[list[Change]] = [[Offer(LOCK)], [Settle(b"s" * 32)], [Offer(LOCK), Settle(b"s" * 32)]]
            assert await asyncio.gather(*(session.change(each) for each in orders)) == [1, 2, 4]
            assert rig.heard == [(Offer(LOCK), Settle(b"s" * 32), Offer(LOCK), Settle(b"s" * 32))]

    rig.play(scene)


def test_what_is_refused_keeps_nothing_back_that_is_ordered_at_the_same_time(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            orders = [1], [DEPOSITS.a], [2, DEPOSITS.a], [3] * wire.MAX_PAYMENTS, [4]
            made = await asyncio.gather(*map(session.pay, orders), return_exceptions=True)
            assert [type(each) for each in made] == [int, Refused, Refused, int, int]
            assert rig.bob.view.agreed == State(wire.MAX_PAYMENTS + 2, 5 + 3 * wire.MAX_PAYMENTS)

    rig.play(scene)


def test_a_disk_that_fails_fails_what_was_ordered_and_makes_none_of_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            with monkeypatch.context() as patch:
                patch.setattr(Store, "add_pending", lambda *_: (_ for _ in ()).throw(OSError("full")))
                made = await asyncio.gather(session.pay([1]), session.pay([2]), return_exceptions=True)
            assert [type(each) for each in made] == [OSError, OSError]
            assert await session.pay([4]) == 1
            assert rig.bob.view.agreed == State(1, 4)

    rig.play(scene)


def test_an_order_is_not_carried_out_where_the_other_party_has_connected_anew(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            ordered = asyncio.ensure_future(session.pay([1]))
            await asyncio.sleep(0)
            session.peer.connections += 1
            with pytest.raises(ServiceError, match="the connection ended"):
                await ordered
            assert session.peer.view.pending == ()

    rig.play(scene)


def test_long_changes_are_spread_over_messages() -> None:
    tip = Tip(State(1, 0), ())
    made = [Update(tip, Offer(LOCK, bytes(changes.MAX_ROUTE)), bytes(64)) for _ in range(wire.MAX_PAYMENTS)]
    messages = wire.updates(made)
    assert all(len(message.encode()) <= wire.MAX_MESSAGE for message in messages)
    read = [signed for message in messages for signed in wire.read_changes(message.body)]
    assert [signed.change for signed in read] == [update.change for update in made]
    assert len(messages) == 5
    many = [Update(tip, Settle(bytes(32)), bytes(64)) for _ in range(wire.MAX_PAYMENTS + 1)]
    assert [len(wire.read_changes(message.body)) for message in wire.updates(many)] == [wire.MAX_PAYMENTS, 1]


def test_of_the_changes_that_go_together_all_are_made_or_none(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            with pytest.raises(Refused, match=f"payment of {DEPOSITS.a} units .* over balance"):
                await session.pay([1, DEPOSITS.a, 1])
            assert session.peer.view.tip.state == State(0, 0)
            with pytest.raises(Refused, match="over balance"):
                await session.pay([1] * wire.MAX_PAYMENTS + [1, DEPOSITS.a])
            assert session.peer.view.tip.state == State(wire.MAX_PAYMENTS, wire.MAX_PAYMENTS)

    rig.play(scene)


def test_both_agree_to_withdraw_and_go_on_paying(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            withdrawal = Withdrawal(0, 10, 0, 2_000_000_000)
            assert session.peer.check_withdraw(withdrawal, await session.agree_to_withdraw(withdrawal))
            await session.pay([DEPOSITS.a - 10])
            with pytest.raises(Refused, match="over balance"):
                await session.pay([1])

    rig.play(scene)


def test_a_withdrawal_that_was_refused_takes_nothing(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        rig.bob.agree_to_withdraw(Withdrawal(0, 1, 0, 2_000_000_000))
        async with rig.alice() as session:
            with pytest.raises(Refused, match="does not sign: withdrawing"):
                await session.agree_to_withdraw(Withdrawal(0, 10, 0, 2_000_000_000))
            assert session.peer.balance == DEPOSITS.a

    rig.play(scene)


def test_asking_to_withdraw_in_vain_frees_nothing_that_the_other_may_withdraw(rig: Rig) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.alice() as session:
            theirs = Withdrawal(0, 0, 100, 2_000_000_000)
            session.peer.agree_to_withdraw(theirs)  # Bob has her signature
            for ours in (Withdrawal(0, 10, 0, 2_000_000_000), theirs):
                with pytest.raises(Refused, match="withdrawing"):
                    await session.agree_to_withdraw(ours)
                assert session.peer.view.leaving == theirs

    rig.play(scene)
