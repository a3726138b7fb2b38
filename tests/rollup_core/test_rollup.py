"""The Rollup: which state L1 believes."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from toolkit.compile import artifact, compile_sources
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.rollup.contracts import encode_assert

from .evm import Contract, Evm, refusal

SEQUENCER, ALICE, BOB, DISPUTE, THIEF = (checksum(bytes([n]) * 20) for n in (0x5E, 0xA1, 0xB0, 0xD1, 0x7F))
WINDOW, BOND = 7 * 24 * 3600, 10**17
ESCAPE_DELAY = 30 * 24 * 3600
NONE, PENDING, CONFIRMED, REJECTED = range(4)

_PICKY = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
/// Does what it is told, and takes no ETH unless it is told so.
contract Picky {
    bool public open;
    function set(bool value) external { open = value; }
    function act(address to, bytes calldata data) external payable returns (bytes memory output) {
        bool success;
        (success, output) = to.call{value: msg.value}(data);
        if (!success) assembly { revert(add(output, 0x20), mload(output)) }
    }
    receive() external payable { require(open, "closed"); }
}
"""


class Claim:
    """An assertion's parts, and the halves of its machine hash."""

    def __init__(self, parent: bytes, batch: int, accumulator: bytes, outbox: bytes, inner: bytes) -> None:
        self.parent, self.batch, self.accumulator = parent, batch, accumulator
        self.outbox, self.inner = outbox, inner
        self.machine_hash = keccak256(outbox + inner)
        words = (parent, batch.to_bytes(32, "big"), accumulator.ljust(32, b"\0"), self.machine_hash)
        self.id = keccak256(b"".join(words))


class World:
    """A Rollup over an Inbox of five empty batches."""

    def __init__(self) -> None:
        self.evm = Evm()
        self.inbox = self.evm.deploy(artifact("Inbox"), SEQUENCER, 3600, 16, 76, 1638, 100)
        machine = self.evm.deploy(artifact("PaymentsMachine"), self.inbox.address, ALICE, 31, 32)
        self.rollup: Contract = self.evm.deploy(
            artifact("Rollup"), self.inbox.address, machine.address, DISPUTE, WINDOW, BOND, ESCAPE_DELAY
        )
        for number in range(1, 6):
            self.evm.call(self.inbox, "postBatch", number, bytes(32), b"", b"", sender=SEQUENCER)
        outbox, inner = self.evm.call(machine, "genesis")
        self.genesis = Claim(bytes(32), 0, self.evm.call(self.inbox, "accumulator", 0), outbox, inner)

    def call(self, name: str, *arguments: Any, sender: str = ALICE, value: int = 0) -> Any:
        return self.evm.call(self.rollup, name, *arguments, sender=sender, value=value)

    def claim(self, parent: Claim, batch: int, name: str = "right") -> Claim:
        accumulator = self.evm.call(self.inbox, "accumulator", batch)
        return Claim(parent.id, batch, accumulator, keccak256(name.encode() + b"outbox"), keccak256(b"inner"))

    def put(self, parent: Claim, batch: int, name: str = "right", *, sender: str = ALICE, value: int = BOND) -> Claim:
        claim = self.claim(parent, batch, name)
        assert self.assert_state(claim, sender=sender, value=value) == claim.id
        return claim

    def assert_state(self, claim: Claim, *, sender: str = ALICE, value: int = BOND) -> Any:
        args = (claim.parent, claim.batch, claim.accumulator, claim.machine_hash)
        return self.call("assertState", *args, sender=sender, value=value)

    def confirm(self, claim: Claim) -> None:
        self.call("confirm", claim.parent, claim.batch, claim.accumulator, claim.outbox, claim.inner, sender=BOB)

    def reclaim(self, claim: Claim) -> None:
        self.call("reclaim", claim.parent, claim.batch, claim.accumulator, claim.machine_hash, sender=BOB)

    def status(self, claim: Claim) -> int:
        return int(self.call("assertion", claim.id)[4])

    def wait(self, seconds: int = WINDOW) -> None:
        self.evm.set_time(self.evm.now + seconds)

    def balance(self, address: str) -> int:
        return int(self.evm.vm.get_balance(address))


@pytest.fixture
def world() -> World:
    return World()


def test_the_beginning_is_confirmed(world: World) -> None:
    assert world.call("GENESIS") == world.genesis.id
    assert world.status(world.genesis) == CONFIRMED
    assert world.call("confirmedOutbox", world.genesis.outbox)


def test_an_undisputed_assertion_is_confirmed_after_its_window_and_the_bond_goes_back(world: World) -> None:
    claim = world.put(world.genesis, 2)
    assert world.call("assertion", claim.id) == (ALICE.lower(), world.evm.now + WINDOW, 2, 0, PENDING)
    assert not world.call("confirmedOutbox", claim.outbox)
    world.wait()
    before = world.balance(ALICE)
    world.confirm(claim)
    assert (world.status(claim), world.status(world.genesis)) == (CONFIRMED, NONE)
    assert world.call("confirmedOutbox", claim.outbox)
    assert world.balance(ALICE) == before + BOND
    assert world.balance(world.rollup.address) == 0


def test_confirming_a_second_too_early_is_refused(world: World) -> None:
    claim = world.put(world.genesis, 2)
    deadline = world.evm.now + WINDOW
    world.wait(WINDOW - 1)
    assert refusal("WindowOpen", lambda: world.confirm(claim)) == (deadline - 1, deadline)


def test_only_what_was_asserted_is_confirmed_and_only_once(world: World) -> None:
    claim = world.put(world.genesis, 2)
    world.wait()
    refusal("NotPending", lambda: world.confirm(world.claim(world.genesis, 2, "wrong")))
    world.confirm(claim)
    refusal("ParentNotConfirmed", lambda: world.confirm(claim))
    refusal("ParentNotConfirmed", lambda: world.confirm(world.genesis))


def test_a_child_waits_for_its_parent_but_not_for_its_window(world: World) -> None:
    parent = world.put(world.genesis, 2)
    child = world.put(parent, 3, sender=BOB)
    world.wait()
    assert refusal("ParentNotConfirmed", lambda: world.confirm(child)) == (parent.id,)
    world.confirm(parent)
    world.confirm(child)
    assert [world.status(each) for each in (world.genesis, parent, child)] == [NONE, NONE, CONFIRMED]
    assert world.call("confirmedOutbox", parent.outbox)


@pytest.mark.parametrize("value", [0, BOND - 1, BOND + 1])
def test_the_bond_is_exact(world: World, value: int) -> None:
    assert refusal("WrongBond", lambda: world.put(world.genesis, 2, value=value)) == (value, BOND)


def test_an_assertion_needs_a_parent_that_lives(world: World) -> None:
    stranger = world.claim(world.genesis, 2)
    assert refusal("UnknownParent", lambda: world.put(stranger, 3)) == (stranger.id,)
    claim = world.put(world.genesis, 2)
    world.wait()
    world.confirm(claim)
    refusal("UnknownParent", lambda: world.put(world.genesis, 3))


@pytest.mark.parametrize("batch", [1, 2])
def test_an_assertion_goes_further_than_its_parent(world: World, batch: int) -> None:
    parent = world.put(world.genesis, 2)
    assert refusal("NoProgress", lambda: world.put(parent, batch)) == (batch, 2)


def test_an_assertion_about_no_batch_is_refused(world: World) -> None:
    for batch in (6, 2**32 + 2):
        nothing = Claim(world.genesis.id, batch, bytes(28), bytes(32), bytes(32))
        assert refusal("UnknownAccumulator", lambda nothing=nothing: world.assert_state(nothing)) == (batch,)


def test_an_assertion_about_other_batches_than_the_inbox_holds_is_refused(world: World) -> None:
    """As one is that was made before a reorganisation, and is mined again after it."""
    claim = world.claim(world.genesis, 2)
    other = Claim(claim.parent, 2, b"\x0e" * 28, claim.outbox, claim.inner)
    assert refusal("WrongAccumulator", lambda: world.assert_state(other)) == (other.accumulator, claim.accumulator)
    assert world.balance(world.rollup.address) == 0


def test_the_same_assertion_stands_once(world: World) -> None:
    claim = world.put(world.genesis, 2)
    assert refusal("AlreadyAsserted", lambda: world.put(world.genesis, 2, sender=BOB)) == (claim.id,)


def test_one_sibling_is_confirmed_and_the_other_can_only_be_reclaimed(world: World) -> None:
    short, long = world.put(world.genesis, 2), world.put(world.genesis, 4, sender=BOB)
    grandchild = world.put(long, 5, sender=BOB)
    world.wait()
    assert refusal("NotLeftBehind", lambda: world.reclaim(long)) == (long.id,)
    world.confirm(short)
    refusal("ParentNotConfirmed", lambda: world.confirm(long))
    refusal("NotLeftBehind", lambda: world.reclaim(grandchild))
    before = world.balance(BOB)
    world.reclaim(long)
    world.reclaim(grandchild)
    assert world.balance(BOB) == before + 2 * BOND
    refusal("NotPending", lambda: world.reclaim(long))
    assert not world.call("confirmedOutbox", world.claim(long, 5, "never").outbox)


def test_a_sibling_is_not_reclaimed_inside_its_window(world: World) -> None:
    """Whoever asserted something false must stay exposed as long as anybody else."""
    first = world.put(world.genesis, 2)
    world.wait()
    second = world.put(world.genesis, 3, sender=BOB)
    world.confirm(first)
    refusal("WindowOpen", lambda: world.reclaim(second))


def test_a_held_assertion_waits_for_every_dispute(world: World) -> None:
    claim = world.put(world.genesis, 2)
    world.call("hold", claim.id, sender=DISPUTE)
    world.call("hold", claim.id, sender=DISPUTE)
    world.wait()
    assert refusal("IsHeld", lambda: world.confirm(claim)) == (claim.id, 2)
    world.call("release", claim.id, sender=DISPUTE)
    refusal("IsHeld", lambda: world.confirm(claim))
    world.call("release", claim.id, sender=DISPUTE)
    refusal("NotHeld", lambda: world.call("release", claim.id, sender=DISPUTE))
    world.confirm(claim)


def test_a_rejected_assertion_pays_the_winner_and_takes_its_children_with_it(world: World) -> None:
    wrong = world.put(world.genesis, 2, "wrong", sender=THIEF)
    child = world.put(wrong, 3, "wronger", sender=THIEF)
    right = world.put(world.genesis, 2)
    world.call("hold", wrong.id, sender=DISPUTE)
    before = world.balance(BOB)
    world.call("reject", wrong.id, BOB, sender=DISPUTE)
    assert world.balance(BOB) == before + BOND
    assert world.status(wrong) == REJECTED
    world.wait()
    refusal("NotPending", lambda: world.confirm(wrong))
    refusal("UnknownParent", lambda: world.put(wrong, 4))
    refusal("AlreadyAsserted", lambda: world.put(world.genesis, 2, "wrong"))
    refusal("ParentNotConfirmed", lambda: world.confirm(child))
    world.confirm(right)
    refusal("NotPending", lambda: world.reclaim(wrong))
    assert world.call("confirmedOutbox", right.outbox) and not world.call("confirmedOutbox", wrong.outbox)


def test_what_was_built_on_a_rejected_assertion_gets_its_bonds_back_and_nothing_else(world: World) -> None:
    """Nobody had to dispute it: once its parent is rejected it can never be confirmed."""
    wrong = world.put(world.genesis, 2, "wrong", sender=THIEF)
    child = world.put(wrong, 3, sender=BOB)
    disputed = world.put(wrong, 4, sender=BOB)
    grandchild = world.put(child, 4, sender=BOB)
    for held in (wrong, disputed):
        world.call("hold", held.id, sender=DISPUTE)
    world.call("reject", wrong.id, ALICE, sender=DISPUTE)
    assert refusal("WindowOpen", lambda: world.reclaim(child))[0] == world.evm.now
    world.wait()
    assert refusal("IsHeld", lambda: world.reclaim(disputed)) == (disputed.id, 1)
    assert refusal("NotLeftBehind", lambda: world.reclaim(grandchild)) == (grandchild.id,)
    world.call("release", disputed.id, sender=DISPUTE)
    before = world.balance(BOB)
    for left in (child, grandchild, disputed):
        world.reclaim(left)
        refusal("NotPending", lambda left=left: world.reclaim(left))
        refusal("ParentNotConfirmed", lambda left=left: world.confirm(left))
        refusal("UnknownParent", lambda left=left: world.put(left, 5))
    assert world.balance(BOB) == before + 3 * BOND
    assert world.balance(world.rollup.address) == 0
    refusal("UnknownParent", lambda: world.put(wrong, 3, sender=BOB))


def test_of_two_disputes_the_first_to_reject_decides(world: World) -> None:
    wrong = world.put(world.genesis, 2, "wrong", sender=THIEF)
    for _ in range(2):
        world.call("hold", wrong.id, sender=DISPUTE)
    before = world.balance(BOB)
    world.call("reject", wrong.id, BOB, sender=DISPUTE)
    for name, arguments in (("release", ()), ("reject", (THIEF,)), ("hold", ())):
        call = lambda name=name, arguments=arguments: world.call(name, wrong.id, *arguments, sender=DISPUTE)  # noqa: E731
        assert refusal("NotPending", call) == (wrong.id,)
    assert world.balance(BOB) == before + BOND  # one bond, once
    assert world.balance(world.rollup.address) == 0


def test_an_assertion_left_behind_is_still_in_its_disputes_hands(world: World) -> None:
    """The winner of a dispute gets the bond even if a sibling was confirmed meanwhile."""
    right = world.put(world.genesis, 2)
    wrong, slow = (world.put(world.genesis, 3, name, sender=THIEF) for name in ("wrong", "slow"))
    for held in (wrong, slow):
        world.call("hold", held.id, sender=DISPUTE)
    world.wait()
    world.confirm(right)
    refusal("IsHeld", lambda: world.reclaim(wrong))
    world.call("reject", wrong.id, BOB, sender=DISPUTE)
    refusal("NotPending", lambda: world.reclaim(wrong))
    world.call("release", slow.id, sender=DISPUTE)
    before = world.balance(THIEF)
    world.reclaim(slow)
    assert world.balance(THIEF) == before + BOND
    assert world.balance(world.rollup.address) == 0


def test_nothing_left_behind_comes_back(world: World) -> None:
    """Neither what was confirmed nor what was reclaimed has a parent that lives, so it is not asserted again."""
    first, other = world.put(world.genesis, 2), world.put(world.genesis, 3)
    world.wait()
    world.confirm(first)
    world.reclaim(other)
    second = world.put(first, 4)
    world.wait()
    world.confirm(second)
    for gone, parent in ((first, world.genesis), (other, world.genesis)):
        assert world.status(gone) == NONE
        refusal("UnknownParent", lambda gone=gone, parent=parent: world.put(parent, gone.batch))
        refusal("NotPending", lambda gone=gone: world.reclaim(gone))


def test_an_outbox_may_be_confirmed_again(world: World) -> None:
    """Batches without withdrawals do not change it."""
    first = world.put(world.genesis, 2)
    second = world.put(first, 3)
    assert first.outbox == second.outbox
    world.wait()
    for claim in (first, second):
        world.confirm(claim)
        assert world.call("confirmedOutbox", claim.outbox)


def test_disputes_begin_inside_the_window_only(world: World) -> None:
    claim = world.put(world.genesis, 2)
    deadline = world.evm.now + WINDOW
    world.wait(WINDOW - 1)
    world.call("hold", claim.id, sender=DISPUTE)
    world.wait(1)
    assert refusal("WindowClosed", lambda: world.call("hold", claim.id, sender=DISPUTE)) == (deadline, deadline)


def test_only_the_dispute_contract_holds_releases_and_rejects(world: World) -> None:
    claim = world.put(world.genesis, 2)
    for name, arguments in (("hold", ()), ("release", ()), ("reject", (THIEF,))):
        call = lambda name=name, arguments=arguments: world.call(name, claim.id, *arguments, sender=THIEF)  # noqa: E731
        assert refusal("NotDispute", call) == (THIEF.lower(), DISPUTE.lower())
    refusal("NotHeld", lambda: world.call("reject", claim.id, THIEF, sender=DISPUTE))
    refusal("NotPending", lambda: world.call("hold", world.genesis.id, sender=DISPUTE))


def test_a_proposer_that_takes_no_ether_gets_a_credit_and_blocks_nobody(world: World) -> None:
    picky = world.evm.deploy(compile_sources({"Picky.sol": _PICKY})["Picky"])
    claim = world.claim(world.genesis, 2)
    data = encode_assert(claim.parent, claim.batch, claim.accumulator, claim.machine_hash)
    world.evm.call(picky, "act", world.rollup.address, data, value=BOND)
    world.wait()
    world.confirm(claim)
    assert world.status(claim) == CONFIRMED
    assert world.call("credits", picky.address) == BOND

    def claim_credit(to: str) -> None:
        data = keccak256(b"claimCredit(address)")[:4] + encode(["address"], [to])
        world.evm.call(picky, "act", world.rollup.address, data)

    assert refusal("PayoutFailed", lambda: claim_credit(picky.address)) == (picky.address.lower(), BOND)
    before = world.balance(BOB)
    claim_credit(BOB)
    assert world.balance(BOB) == before + BOND
    assert refusal("NoCredit", lambda: claim_credit(BOB)) == (picky.address.lower(),)
