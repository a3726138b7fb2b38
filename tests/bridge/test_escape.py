"""Out when nobody helps: everybody leaves a frozen rollup with proofs from L1 alone, once, and nothing is left."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from toolkit.bridge import client
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.escape import (
    Consumption,
    Final,
    Recovery,
    consumption,
    escape_witness,
    escapes,
    final_of,
    final_state,
    recoveries,
)
from toolkit.devnet import Account, Chain, Node
from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput, Reverted
from toolkit.rollup.codec import RegisterRecord
from toolkit.rollup.deploy import DAY
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.moves import checkpoint_moves
from toolkit.rollup.late import late_from, post_late_batch
from toolkit.rollup.rebuild import Source, fetch
from toolkit.rollup.witness import HOLDING, holding_witness

from .driver import ETH, ETHER, Driver


class Wreck:
    """A rollup that nobody brings forward any more.

    Alice owns tokens and 2 ETH in the confirmed state, bob 1 ETH, of which 0.25 are withdrawn and not claimed. A batch
    after that has a transfer, a withdrawal and carol's deposit; dave's and erin's wait in the Inbox.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver, self.chain, self.contracts = driver, driver.chain, driver.contracts
        people = ("alice", "bob", "carol", "dave", "erin")
        self.alice, self.bob, self.carol, self.dave, self.erin = (driver.accounts[name] for name in people)
        self.heidi = driver.accounts["heidi"]
        self.token, _ = self.chain.deploy(self.alice, "Token", "Coin", "COIN", 10**24)
        self.coin = bytes.fromhex(self.token.address[2:])
        self.chain.send(self.alice, self.token.functions.approve(self.contracts.bridge.address, 2**256 - 1))
        driver.deposit(self.alice, 3 * ETHER)
        driver.deposit(self.alice, 1_000, self.token.address)
        driver.post()
        driver.post([])
        driver.post([RegisterRecord(self.bob.address_bytes, ETH).encode()])
        driver.post([driver.transfer(self.alice, self.bob, ETHER, 0)])
        driver.post([driver.withdraw(self.bob, ETHER // 4, 0)])
        driver.settle()
        driver.deposit(self.carol, ETHER)
        driver.post()
        driver.post([driver.transfer(self.alice, self.bob, ETHER, 1), driver.withdraw(self.bob, ETHER // 2, 1)])
        driver.deposit(self.dave, 2 * ETHER)
        driver.post()
        driver.deposit(self.erin, 3 * ETHER)

    def replica(self) -> Replica:
        return fetch(Source.of(self.contracts, self.driver.node.url, self.chain.chain_id)).replica()

    def freeze(self) -> None:
        last = self.replica().confirmed
        client.alarm(self.chain, self.contracts.rollup, self.heidi, last)
        self.driver.node.travel(30 * DAY)
        client.freeze(self.chain, self.contracts.rollup, self.heidi, last)

    def escape(self, final: Final, witness: bytes) -> None:
        client.escape(self.chain, self.contracts.bridge, self.heidi, final, witness)

    def recover(self, final: Final, recovery: Recovery, consumed: Consumption) -> None:
        client.recover_deposit(self.chain, self.contracts.bridge, self.heidi, final, recovery, consumed)

    def post_late(self) -> None:
        window = self.contracts.inbox.functions.SEQUENCER_WINDOW().call()
        replica, now = self.replica(), self.chain.w3.eth.get_block("latest")["timestamp"]
        self.driver.node.travel(max(0, late_from(replica, window, born=0) - now))
        post_late_batch(self.chain, self.contracts.inbox, self.heidi, replica)

    def held(self, who: Account | str) -> tuple[int, int]:
        address = who if isinstance(who, str) else who.address
        return self.chain.balance(address), self.chain.call(self.token.functions.balanceOf(address))


@pytest.fixture
def wreck(chain: Chain, node: Node, accounts: dict[str, Account]) -> Wreck:
    return Wreck(Driver(node, chain, accounts))


def test_everybody_leaves_and_nothing_is_left(wreck: Wreck) -> None:
    people = (wreck.alice, wreck.bob, wreck.carol, wreck.dave, wreck.erin)
    before = {each.name: wreck.held(each) for each in people}
    wreck.freeze()
    client.deposit_eth(wreck.chain, wreck.contracts.bridge, wreck.heidi, 7, wreck.dave.address)  # too late: comes back
    assert [each.consumed is None for each in recoveries(wreck.replica())] == [False, True, True, True]
    for _ in range(2):
        wreck.post_late()
    replica = wreck.replica()
    final, state = final_of(replica), final_state(replica)
    for escape in escapes(state):
        wreck.escape(final, escape_witness(state, escape))
    for recovery in recoveries(replica):
        wreck.recover(final, recovery, consumption(replica, recovery))
    client.claim(wreck.chain, wreck.contracts.bridge, wreck.heidi, withdrawal_claim(state.withdrawals, 0))
    gained = {
        each.name: tuple(now - then for now, then in zip(wreck.held(each), before[each.name], strict=True))
        for each in people
    }
    assert gained == {
        "alice": (2 * ETHER, 1_000),
        "bob": (ETHER, 0),
        "carol": (ETHER, 0),
        "dave": (2 * ETHER + 7, 0),
        "erin": (3 * ETHER, 0),
    }
    assert wreck.held(wreck.contracts.bridge.address) == (0, 0)
    ledger = wreck.replica().bridge
    assert (len(ledger.escaped), len(ledger.recovered), list(ledger.claimed)) == (3, 4, [0])


def test_nobody_leaves_twice(wreck: Wreck) -> None:
    wreck.freeze()
    replica = wreck.replica()
    final, state = final_of(replica), final_state(replica)
    first = escapes(state)[0]
    recovery = recoveries(replica)[0]
    wreck.escape(final, escape_witness(state, first))
    wreck.recover(final, recovery, consumption(replica, recovery))
    refused(wreck, "AlreadyEscaped", lambda: wreck.escape(final, escape_witness(state, first)))
    refused(wreck, "AlreadyRecovered", lambda: wreck.recover(final, recovery, consumption(replica, recovery)))


def test_nobody_leaves_a_rollup_that_lives(wreck: Wreck) -> None:
    replica = wreck.replica()
    final, state, recovery = final_of(replica), final_state(replica), recoveries(replica)[0]
    client.alarm(wreck.chain, wreck.contracts.rollup, wreck.heidi, replica.confirmed)
    refused(wreck, "NotFrozen", lambda: wreck.escape(final, escape_witness(state, escapes(state)[0])))
    refused(wreck, "NotFrozen", lambda: wreck.recover(final, recovery, consumption(replica, recovery)))


def test_what_the_last_state_does_not_say_is_not_paid(wreck: Wreck) -> None:
    wreck.freeze()
    replica = wreck.replica()
    final, state, later = final_of(replica), final_state(replica), replica.state
    bob = later.index_of(wreck.bob.address_bytes, ETH)
    assert bob is not None
    refused(wreck, "WrongWitness", lambda: wreck.escape(final, holding_witness(later, bob)))
    words, index, account, proof = decode([HOLDING], holding_witness(state, bob))[0]
    for lie in [
        (words, index, (*account[:2], 9 * ETHER, account[3]), proof),
        (words, index, ("0x" + wreck.erin.address_bytes.hex(), *account[1:]), proof),
        (words, index ^ 1, account, proof),
        ((words[0], words[1] + 1, *words[2:]), index, account, proof),
    ]:
        refused(wreck, "WrongWitness", lambda lie=lie: wreck.escape(final, encode([HOLDING], [lie])))
    others = [replace(final, batch=final.batch + 1), replace(final, inner_hash=later.inner_hash)]
    for other in [*others, replace(final, outbox_root=later.outbox_root), replace(final, parent=bytes(32))]:
        refused(wreck, "NotFrozen", lambda other=other: wreck.escape(other, holding_witness(state, bob)))


def test_an_account_that_holds_nothing_is_not_marked(wreck: Wreck) -> None:
    """It could not be told from one that was paid out."""
    empty = wreck.driver.post([RegisterRecord(wreck.erin.address_bytes, wreck.coin).encode()])
    assert empty
    wreck.driver.settle()
    wreck.freeze()
    replica = wreck.replica()
    state = final_state(replica)
    index = state.index_of(wreck.erin.address_bytes, wreck.coin)
    assert index is not None and state.accounts[index].balance == 0
    refused(wreck, "NothingToPay", lambda: wreck.escape(final_of(replica), holding_witness(state, index)))


def test_a_deposit_that_is_in_the_last_state_does_not_come_back(wreck: Wreck) -> None:
    wreck.freeze()
    replica = wreck.replica()
    final = final_of(replica)
    posted = next(each for each in replica.history.posted if each.batch.messages)
    assert posted.number <= final.batch
    message = posted.batch.messages[0]
    known = Recovery(wreck.alice.address_bytes, ETH, 3 * ETHER, message, (posted, 0))
    refused(wreck, "InFrozenState", lambda: wreck.recover(final, known, consumption(replica, known)))
    lie = replace(final, batch=posted.number - 1)
    refused(wreck, "NotFrozen", lambda: wreck.recover(lie, known, consumption(replica, known)))


def test_what_was_not_consumed_there_does_not_come_back(wreck: Wreck) -> None:
    wreck.chain.send(wreck.heidi, wreck.contracts.inbox.functions.send(b"\x01" + bytes(20) + b"\x11" * 20 + bytes(16)))
    wreck.freeze()
    for _ in range(2):
        wreck.post_late()
    replica = wreck.replica()
    final, recovery = final_of(replica), recoveries(replica)[0]
    right = consumption(replica, recovery)
    posted, _ = recovery.consumed or (None, 0)
    assert posted is not None
    more = replace(recovery.message, data=recovery.message.data[:-1] + b"\xff")
    refused(wreck, "NotConsumed", lambda: wreck.recover(final, replace(recovery, message=more), right))
    refused(wreck, "NotConsumed", lambda: wreck.recover(final, recovery, replace(right, hint=7)))
    refused(wreck, "BadProof", lambda: wreck.recover(final, recovery, replace(right, place=1)))
    refused(wreck, "WrongHistory", lambda: wreck.recover(final, recovery, replace(right, batch=right.batch + 1)))
    refused(wreck, "WrongHistory", lambda: wreck.recover(final, recovery, replace(right, before=bytes(28))))
    other = replace(right.posted, timestamp=1)
    refused(wreck, "WrongHistory", lambda: wreck.recover(final, recovery, replace(right, posted=other)))
    # A message like a deposit, but from somebody else than the bridge.
    last = replica.history.posted[-1]
    place = next(i for i, each in enumerate(last.batch.messages) if each.sender == wreck.heidi.address_bytes)
    sham = Recovery(b"\x11" * 20, ETH, 0, last.batch.messages[place], (last, place))
    refused(wreck, "NotADeposit", lambda: wreck.recover(final, sham, consumption(replica, sham)))


def test_a_deposit_comes_back_also_when_the_inbox_has_forgotten_its_batch(wreck: Wreck) -> None:
    for _ in range(12):  # the ring has 8 places
        wreck.driver.post()
    wreck.freeze()
    replica = wreck.replica()
    final, recovery = final_of(replica), recoveries(replica)[0]
    consumed = consumption(replica, recovery)
    refused(wreck, "UnknownAccumulator", lambda: wreck.recover(final, recovery, consumed))
    for move in checkpoint_moves(replica, consumed.batch):
        wreck.chain.send(wreck.heidi, to=checksum(move.to), data=move.data)
    before = wreck.held(wreck.carol)
    wreck.recover(final, recovery, consumed)
    assert wreck.held(wreck.carol)[0] - before[0] == ETHER


def test_a_witness_with_any_bit_changed_shows_nothing_else(wreck: Wreck) -> None:
    wreck.freeze()
    replica = wreck.replica()
    final, state = final_of(replica), final_state(replica)
    alice = next(each for each in escapes(state) if each.owner == wreck.alice.address_bytes)
    right, machine = escape_witness(state, alice), wreck.contracts.machine.functions
    rng = random.Random(1)
    for _ in range(150):
        lie = bytearray(right)
        lie[rng.randrange(len(lie))] ^= 1 << rng.randrange(8)
        with contextlib.suppress(Reverted):
            shown = wreck.chain.call(machine.holding(final.inner_hash, bytes(lie)))
            assert list(shown) == [alice.account, wreck.alice.address, checksum(alice.token), alice.amount]


def test_a_deposit_that_waits_must_be_consumed_first(wreck: Wreck) -> None:
    wreck.freeze()
    replica = wreck.replica()
    waiting = next(each for each in recoveries(replica) if each.consumed is None)
    with pytest.raises(BadInput, match="no batch has consumed"):
        consumption(replica, waiting)


def test_a_rollup_that_never_confirmed_anything_gives_all_deposits_back(
    chain: Chain, node: Node, accounts: dict[str, Account]
) -> None:
    driver = Driver(node, chain, accounts)
    alice, heidi, rollup = accounts["alice"], accounts["heidi"], driver.contracts.rollup
    driver.deposit(alice, ETHER)
    source = Source.of(driver.contracts, node.url, chain.chain_id)
    client.alarm(chain, rollup, heidi, fetch(source).replica().confirmed)
    node.travel(30 * DAY)
    client.freeze(chain, rollup, heidi, fetch(source).replica().confirmed)
    before = chain.balance(alice.address)
    for _ in range(2):
        node.travel(DAY)
        post_late_batch(chain, driver.contracts.inbox, heidi, fetch(source).replica())
    replica = fetch(source).replica()
    assert escapes(final_state(replica)) == []
    (recovery,) = recoveries(replica)
    final = final_of(replica)
    client.recover_deposit(chain, driver.contracts.bridge, heidi, final, recovery, consumption(replica, recovery))
    assert chain.balance(alice.address) - before == ETHER
    assert chain.balance(driver.contracts.bridge.address) == 0


def refused(wreck: Wreck, error: str, call: Any) -> None:
    escrow = wreck.held(wreck.contracts.bridge.address)
    with pytest.raises(Reverted) as caught:
        call()
    assert caught.value.error == error, caught.value
    assert wreck.held(wreck.contracts.bridge.address) == escrow
