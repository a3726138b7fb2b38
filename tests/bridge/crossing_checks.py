"""What always holds of both chains (INVARIANTS.md): L1's storage, its logs, what is derived and the model agree."""

from __future__ import annotations

from collections import Counter
from functools import partial

from rollup_core.arena import BOND

from toolkit.bridge.escape import Recovery, recoveries
from toolkit.bridge.ledger import Claimed, Escaped, Recovered
from toolkit.bridge.ledger import decode_event as decode_bridge_event
from toolkit.devnet.accounts import checksum
from toolkit.rollup.derive import Replica

from .crossing import RING, Crossing
from .crossing_model import ETH, PENDING, Worth
from .crossing_people import EVERYBODY


def check_all(world: Crossing) -> None:
    """All of what follows but the storage, which takes longer; and commitments and bonds."""
    check_escrow(world)
    check_worth(world)
    check_payments(world)
    check_derived(world)
    world.check()


def check_escrow(world: Crossing) -> None:
    """What the bridge holds is what it owes."""
    for token in world.tokens:
        assert world.held(token, world.bridge.address_bytes) == world.model.owed(token), token.hex()


def check_worth(world: Crossing) -> None:
    """Nobody has more than the model says, nor less."""
    found, worth = owned(world), world.model.worth
    assert {key: (found[key], worth[key]) for key in {*found, *worth} if found[key] != worth[key]} == {}


def owned(world: Crossing) -> Worth:
    """What everybody has, as L1 and what is derived from it say: balances, accounts, claims, bonds."""
    found: Worth = Counter()
    for who in EVERYBODY:
        found.update({(bytes(who), token): world.held(token, who) for token in world.tokens})
    replica, ledger = world.replica, world.replica.bridge
    if replica.frozen is None:
        state, left = replica.state, dict(enumerate(replica.state.accounts))
        waiting = [each for each in recoveries(replica) if each.consumed is None]
    else:
        state = world.final_state()
        left = {index: each for index, each in enumerate(state.accounts) if index not in ledger.escaped}
        waiting = unrecovered(world)
    for account in left.values():
        found[account.owner, account.token] += account.balance
    for deposit in waiting:
        found[deposit.owner, deposit.token] += deposit.amount
    for withdrawal in state.withdrawals:
        if withdrawal.index not in ledger.claimed:
            taken = ledger.provider_of(withdrawal)
            found[withdrawal.owner if taken is None else taken.provider, withdrawal.token] += withdrawal.amount
    for (token, owner), amount in ledger.credits.items():
        found[owner, token] += amount
    for assertion in replica.pending.values():
        found[assertion.proposer, ETH] += BOND
    for game in world.games.values():
        found[game.game.challenger, ETH] += world.rules.bond
    return found


def unrecovered(world: Crossing) -> list[Recovery]:
    """Deposits that the final state does not know, and that were not paid back."""
    recovered = world.replica.bridge.recovered
    return [
        each
        for each in recoveries(world.replica)
        if each.consumed is None or (each.consumed[0].number, each.consumed[1]) not in recovered
    ]


def check_payments(world: Crossing) -> None:
    """Nothing was paid twice, as L1's logs have it; and the contract's storage, the ledger and the model agree."""
    paid: Counter[tuple[object, ...]] = Counter()
    for log in world.logs:
        if log.address == world.bridge.address_bytes:
            event = decode_bridge_event(log.topics, log.data)
            if isinstance(event, Claimed):
                paid["claim", event.index] += 1
            elif isinstance(event, Escaped):
                paid["escape", event.account] += 1
            elif isinstance(event, Recovered):
                paid["recovery", event.batch, event.place] += 1
    assert all(times == 1 for times in paid.values()), paid
    model, ledger = world.model, world.replica.bridge
    assert ledger.claimed == model.claimed
    assert {leaf: each.provider for leaf, each in ledger.providers.items()} == model.taken
    assert set(ledger.escaped) == model.escaped
    assert set(ledger.recovered) == model.recovered
    assert {(who, token): amount for (token, who), amount in ledger.credits.items()} == +model.credits


def check_storage(world: Crossing) -> None:
    """The contract's storage is the model's, wherever anything could be."""
    model, call = world.model, partial(world.evm.call, world.bridge)
    for index in range(len(model.withdrawals) + 1):
        assert call("isClaimed", index) == (index in model.claimed)
    for withdrawal in model.withdrawals:
        assert call("providerOf", withdrawal.leaf()) == "0x" + model.taken.get(withdrawal.leaf(), ETH).hex()
    for leaf, provider in model.taken.items():
        assert call("providerOf", leaf) == "0x" + provider.hex()
    for who in EVERYBODY:
        for token in world.tokens:
            assert call("credits", checksum(token), checksum(who)) == model.credits[who, token]
    if model.frozen is not None:
        for account in range(len(model.accounts)):
            assert call("isEscaped", account) == (account in model.escaped)
        for batch in range(1, world.next_batch):
            for place in range(len(model.consumed[batch])):
                assert call("isRecovered", batch, place) == ((batch, place) in model.recovered)


def check_derived(world: Crossing) -> None:
    """What the specification makes of L1 is the model's, and the contracts'."""
    model, replica = world.model, world.replica
    assert replica.state.accounts == model.accounts
    assert replica.state.withdrawals == model.withdrawals
    assert [each.accumulator for each in replica.derived] == model.accumulators
    for batch in range(max(0, world.next_batch - RING), world.next_batch):
        assert world.accumulator(batch) == model.accumulators[batch]
    assert world.evm.call(world.inbox, "waitingMessages") == len(model.waiting)
    assert world.evm.call(world.inbox, "snapshot")[1] == replica.history.queue.since == model.since
    assert replica.confirmed == model.last.id
    assert set(replica.pending) == {name for name, made in model.made.items() if made.status == PENDING}
    assert replica.alarm == model.alarms.get(model.last.id)
    assert replica.frozen == (None if model.frozen is None else model.last.id)
    assert replica.checkpoints == model.checkpoints
    assert {name: game.state for name, game in replica.disputes.open.items()} == world.games
    assert world.burned == model.burned


def check_restart(world: Crossing) -> None:
    """Who derives everything anew from L1's logs knows all that was known, and goes on with it."""
    fresh = world.derived_anew()
    assert _summary(fresh) == _summary(world.replica)
    world.replica = fresh


def check_drained(world: Crossing) -> None:
    """Nothing is left in the contracts but what was burned, and everybody has got all that is his."""
    for token in world.tokens:
        assert world.held(token, world.bridge.address_bytes) == 0, token.hex()
        for who in EVERYBODY:
            assert world.held(token, who) == world.model.worth[who, token], (who, token.hex())
    assert world.balance(world.rollup.address_bytes) == 0
    assert world.balance(world.dispute.address_bytes) == world.model.burned


def _summary(replica: Replica) -> dict[str, object]:
    """All that a replica knows."""
    history, state = replica.history, replica.state
    return {
        "history": (history.posted, history.arrivals, history.accumulator),
        "queue": (history.required, history.arrived, history.queue.since),
        "state": (state.accounts, state.withdrawals, state.machine_hash),
        "derived": (replica.derived, replica.outcomes, replica.records, replica.refused),
        "assertions": (replica.assertions, list(replica.pending), replica.confirmed, replica.alarm, replica.frozen),
        "games": [(each.id, each.state, each.ended) for each in replica.disputes.all],
        "bridge": (replica.bridge, replica.checkpoints),
    }
