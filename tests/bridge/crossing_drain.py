"""How everybody leaves, and nobody twice."""

from __future__ import annotations

from toolkit.bridge.escape import Consumption, Final, consumption, escape_witness, escapes, final_of
from toolkit.rollup.codec import WHOLE_BALANCE, Header
from toolkit.rollup.merkle import list_proof

from . import crossing_faults as faults
from .crossing import Crossing
from .crossing_checks import check_all, unrecovered
from .crossing_model import ETH, PENDING, claim_of
from .crossing_people import CAROL, CHEAT, PROPOSER, SEQUENCER, STRANGER


def drain(world: Crossing, *, freeze: bool, refused: bytes | None) -> None:
    """Everybody leaves: by a withdrawal of everything that is confirmed; or, where it is frozen, without it.

    Args:
        refused: who cannot be paid until the very end.
    """
    world.close_wallet(refused == CAROL)
    world.ban(refused)
    if world.model.frozen is None and not freeze:
        _withdraw(world)
    else:
        _escape(world)
    _claim(world)
    check_all(world)
    world.close_wallet(False)
    world.ban(None)
    for who, token in list(+world.model.credits):
        if who == CAROL:
            assert world.claim_credit_again_meanwhile(token)
        else:
            assert world.claim_credit(who, token, who)
    _take_bonds_back(world)


def _withdraw(world: Crossing) -> None:
    while world.model.required or world.model.waiting:
        assert world.post_batch(SEQUENCER, world.next_batch, Header(), (), world.replica.history.required)
    ops = [
        world.operation(index, None, WHOLE_BALANCE, 0, account.nonce)
        for index, account in enumerate(world.model.accounts)
        if account.balance
    ]
    batch = world.next_batch
    assert world.post_batch(SEQUENCER, batch, Header(), ops, ())
    final = world.right_final(world.model.last.id, batch)
    assert world.assert_claim(PROPOSER, claim_of(final))
    world.advance(world.model.made[claim_of(final).id].deadline)
    assert world.confirm_final(STRANGER, final)


def _escape(world: Crossing) -> None:
    """Without the sequencer, the proposer, or anybody who has a role; what they left behind is never confirmed."""
    model, name = world.model, world.model.last.id
    left = world.right_final(name, world.next_batch - 1)
    if model.frozen is None:
        if left.batch > model.last.batch:
            world.assert_claim(PROPOSER, claim_of(left))
        if name not in model.alarms:
            assert world.raise_alarm(STRANGER, name)
        world.advance(model.alarms[name])
        assert world.freeze(STRANGER, name)
        assert not world.confirm_final(PROPOSER, left)
        assert not world.assert_claim(PROPOSER, claim_of(left))
    assert world.deposit(STRANGER, ETH, STRANGER, 7)
    while model.required or model.waiting:
        world.advance(model.late_from)
        messages = world.replica.history.required
        assert world.post_batch(STRANGER, world.next_batch, Header(), (), messages, world.last_batch())
    final, state = final_of(world.replica), world.final_state()
    _recover(world, final)
    for account in escapes(state):
        words = final, escape_witness(state, account), account.account
        for wrong in faults.of_escape(state, account.account):
            assert not world.escape(CHEAT, final, wrong, account.account, is_true=False)
        if account.account not in model.escaped:
            again = account.owner == CAROL and (ETH, CAROL) not in model.refuses
            assert (world.escape_again_meanwhile if again else world.escape)(STRANGER, *words)
        assert not world.escape(CHEAT, *words)


def _recover(world: Crossing, final: Final) -> None:
    """Each deposit after the final state; then some of whatever batches around it and since have consumed, in vain."""
    model = world.model
    for each in unrecovered(world):
        found, preimage = consumption(world.replica, each), each.message.preimage
        world.reach(found.batch)
        for wrong in faults.of_recovery(found, preimage, world.bridge.address_bytes):
            assert not world.recover_deposit(CHEAT, final, *wrong)
        assert world.recover_deposit(STRANGER, final, found, preimage)
    for number in range(max(1, final.batch - 1), world.next_batch):
        posted = model.batches[number]
        for place, message in enumerate(posted.messages[:8]):
            proof = list_proof(posted.message_leaves, place)
            found = Consumption(number, model.accumulators[number - 1], posted, place, message.account, proof)
            assert not world.recover_deposit(CHEAT, final, found, message.preimage)


def _claim(world: Crossing) -> None:
    """Every withdrawal of the last outbox."""
    model = world.model
    count = model.states[model.last.batch][1]
    for index in range(count):
        claim = world.withdrawal_proof(index, count)
        if index not in model.claimed:
            again = model.payee(claim.withdrawal) == CAROL and (ETH, CAROL) not in model.refuses
            assert (world.claim_withdrawal_again_meanwhile if again else world.claim_withdrawal)(STRANGER, claim)
        assert not world.claim_withdrawal(CHEAT, claim)


def _take_bonds_back(world: Crossing) -> None:
    world.advance(max(made.deadline for made in world.model.made.values()))
    for name in list(world.games):
        world.finish(name)
    for name in sorted(world.model.made, key=lambda each: world.claims[each][0].batch):
        if world.model.made[name].status == PENDING:
            assert world.reclaim_bond(STRANGER, world.claims[name][0])
