"""Two peers as processes over WebSockets: payments, interruptions, kill -9."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.channel.change import Pay
from toolkit.channel.state import NO_LOCKS, SignedState, Signing, State
from toolkit.channel.store import Store
from toolkit.channel.transition import Tip, Update
from toolkit.errors import BadInput, ServiceError

from .people import DEPOSITS, KEY_A, KEY_B, B, channel
from .rig import Process, wait_for


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for each in started:
        each.kill()


@pytest.fixture
def pair(tmp_path: Path, processes: list[Process]) -> tuple[Process, Process]:
    """Bob's process listens, Alice's connects."""
    bob = Process(tmp_path / "bob", KEY_B, channel())
    processes.append(bob)
    alice = Process(tmp_path / "alice", KEY_A, channel(), peer=bob.address)
    processes.append(alice)
    alice.connected()
    return alice, bob


def stored(process: Process) -> State:
    store = Store(process.folder / "channels.db")
    view = store.load(process.channel)
    store.close()
    assert view is not None
    return view.agreed


def test_a_thousand_payments_arrive_signed(pair: tuple[Process, Process]) -> None:
    alice, bob = pair
    assert alice.pay(*[3] * 1000) == 1000
    status = bob.status()
    assert (status["nonce"], status["net"], status["balance"]) == (1000, 3000, DEPOSITS.b + 3000)
    signed = SignedState(State(1000, 3000, NO_LOCKS), bytes.fromhex(status["signature"][2:]))
    assert Signing(31337, b"\xc0" * 20, channel().id).state_signer(signed) == channel().a
    assert alice.status()["nonce"] == 1000, "the acknowledgement gives the payer the newest state, too"
    assert alice.status()["pending"] == 0


def test_both_sides_pay_at_once(pair: tuple[Process, Process]) -> None:
    alice, bob = pair
    sides = [threading.Thread(target=side.pay, args=[amount] * 400) for side, amount in ((alice, 5), (bob, 2))]
    for _ in range(2):
        for side in sides:
            side.start()
        for side in sides:
            side.join()
        sides = [threading.Thread(target=side.pay, args=[amount] * 400) for side, amount in ((alice, 5), (bob, 2))]
    for each in pair:
        assert (each.status()["nonce"], each.status()["net"]) == (1600, 800 * 3)
        assert each.status()["refused"] == {}


def test_more_than_the_balance_is_not_paid(pair: tuple[Process, Process]) -> None:
    alice, _ = pair
    with pytest.raises(ServiceError, match=f"payment of {DEPOSITS.a + 1} units .* over balance"):
        alice.pay(DEPOSITS.a + 1)
    assert alice.pay(DEPOSITS.a) == 1


def test_both_agree_to_close_and_pay_no_more(pair: tuple[Process, Process]) -> None:
    alice, _ = pair
    alice.pay(7)
    net, signature = alice.control.agree_to_close(channel().id, 2_000_000_000)
    signing = Signing(31337, b"\xc0" * 20, channel().id)
    assert (net, signing.close_signer(net, 2_000_000_000, signature)) == (7, B)
    for each in pair:
        with pytest.raises(ServiceError, match="frozen"):
            each.pay(1)


@pytest.mark.parametrize("expiry", [-1, 1 << 40])
def test_no_slip_of_the_hand_freezes_a_channel(pair: tuple[Process, Process], expiry: int) -> None:
    alice, bob = pair
    alice.pay(7)
    for each in pair:  # whoever has the turn, and who has not
        with pytest.raises(ServiceError, match=rf"an expiry is 0 to \d+, not {expiry}"):
            each.control.agree_to_close(channel().id, expiry)
    assert alice.pay(1) == 2
    assert bob.pay(1) == 3


def test_whatever_goes_wrong_with_a_command_is_answered(pair: tuple[Process, Process]) -> None:
    alice, _ = pair
    with pytest.raises(ServiceError, match="invoice failed: OverflowError"):
        alice.control.ask("invoice", units=1, exponent=1 << 64)
    with pytest.raises(ServiceError, match="not a command"):
        alice.control.ask("invoice")
    assert alice.pay(1) == 1


def test_a_killed_receiver_has_every_acknowledged_payment_and_resumes(
    tmp_path: Path, processes: list[Process], pair: tuple[Process, Process]
) -> None:
    alice, bob = pair
    acknowledged = [0]
    stop = threading.Event()

    def pay_on() -> None:
        try:
            while not stop.is_set():
                acknowledged[0] = alice.pay(*[1] * 20)
        except ServiceError:
            pass

    payer = threading.Thread(target=pay_on)
    payer.start()
    for round_ in range(4):
        wait_for(lambda: acknowledged[0] > 0)
        bob.kill()
        payer.join()
        before = acknowledged[0]
        assert stored(bob).nonce >= before
        assert stored(bob).nonce == stored(bob).net
        bob = Process(tmp_path / "bob", KEY_B, channel(), port=bob.port)
        processes.append(bob)
        alice.connected()
        assert bob.status()["nonce"] >= before
        wait_for(lambda: alice.status()["pending"] == 0)
        acknowledged[0] = 0
        if round_ < 3:
            payer = threading.Thread(target=pay_on)
            payer.start()
    stop.set()
    last = alice.pay(1)
    assert bob.status()["net"] == last
    assert alice.status()["net"] == last
    assert bob.status()["refused"] == {}


def test_a_killed_payer_sends_again_what_was_on_the_way(
    tmp_path: Path, processes: list[Process], pair: tuple[Process, Process]
) -> None:
    alice, bob = pair
    bob.kill()
    wait_for(lambda: not alice.status()["connected"])
    alice.kill()
    store = Store(alice.folder / "channels.db")
    signing = Signing(31337, b"\xc0" * 20, channel().id)
    pending = [
        Update(Tip(State(nonce, net), ()), Pay(units), signing.sign_state(KEY_A, State(nonce, net)).signature)
        for nonce, net, units in ((1, 10, 10), (2, 30, 20))
    ]
    store.add_pending(channel(), pending)
    store.close()
    bob = Process(tmp_path / "bob", KEY_B, channel())
    processes.append(bob)
    alice = Process(tmp_path / "alice", KEY_A, channel(), peer=bob.address)
    processes.append(alice)
    wait_for(lambda: bob.status()["net"] == 30)
    assert bob.pay(1) == 3
    assert alice.status()["net"] == 29


def test_a_terminated_process_leaves_nothing_running_or_ready(pair: tuple[Process, Process]) -> None:
    alice, bob = pair
    for each in pair:
        assert each.stop() == 0
        assert not (each.folder / "ready.json").exists()
        assert not (each.folder / "control.sock").exists()
    assert stored(alice) == stored(bob)


def test_two_processes_cannot_share_a_store(pair: tuple[Process, Process]) -> None:
    alice, _ = pair
    with pytest.raises(BadInput, match="locked"):
        Store(alice.folder / "channels.db")
