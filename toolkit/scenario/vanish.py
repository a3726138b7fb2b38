"""Vanish: sequencer, proposer and verifier are gone for good, and nobody takes their place."""

from __future__ import annotations

from functools import partial

from toolkit.bridge import client
from toolkit.bridge.escape import consumption, escape_witness, escapes, final_of, final_state, recoveries
from toolkit.devnet.accounts import Account
from toolkit.errors import Reverted
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed
from toolkit.technique.workload import ETHER
from toolkit.world import DAY


def play(stage: Stage) -> None:
    """Everybody gets out what the last confirmed state gives, and deposits that it does not know come back."""
    story, token = stage.story, stage.token
    alice, bob, carol, dave, erin, frank, grace, heidi = stage.people(
        "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"
    )
    story.section("A rollup at work")
    stage.start("sequencer", "proposer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.deposit(alice, 100 * ETHER, token)
    stage.deposit(carol, 40 * ETHER, token)
    stage.deposit(grace, 2 * ETHER)
    stage.arrive((alice, 10 * ETHER, ETH), (alice, 100 * ETHER, token))
    stage.arrive((carol, 40 * ETHER, token), (grace, 2 * ETHER, ETH))
    stage.pay(alice, bob, 2 * ETHER)
    stage.finalise(stage.posted(stage.withdraw(carol, 25 * ETHER, token)))
    stage.begin()

    story.section("The operator vanishes")
    stage.kill("proposer")
    story.step("the proposer is killed (kill -9); the sequencer goes on for a while")
    stage.deposit(dave, 4 * ETHER)
    stage.arrive((dave, 4 * ETHER, ETH))
    story.step("dave has his deposit on L2, by a batch that nobody will assert")
    paid = stage.pay(alice, frank, ETHER)
    stage.ledger.promise(alice.address_bytes, frank.address_bytes, ETH, ETHER)
    stage.posted(paid)
    stage.posted(stage.withdraw(grace, ETHER))
    stage.expect(stage.on_l2(frank), ETHER, "what frank has on L2")
    stage.kill("sequencer", "verifier")
    story.step("sequencer and verifier are killed (kill -9)")
    stage.deposit(erin, 30 * ETHER, token)

    story.section("The users freeze it")
    rollup, chain = stage.devnet.contracts["Rollup"], stage.chain
    last = stage.replica().confirmed
    stage.send(heidi, "raises the alarm", lambda: client.alarm(chain, rollup, heidi, last))
    delay = int(rollup.functions.ESCAPE_DELAY().call())
    stage.travel(delay - DAY, "nothing is confirmed; anybody could still assert and confirm")
    _too_early(stage, heidi, last)
    stage.travel(DAY, "the alarm stands, the rollup may be frozen")
    stage.send(heidi, "freezes the rollup", lambda: client.freeze(chain, rollup, heidi, last))

    story.section("Everybody leaves")
    for who in (alice, carol, grace):
        _escape(stage, who)
    _escape(stage, bob, by=heidi)
    stage.claim(carol)
    stage.post_late(erin)
    stage.travel(stage.sequencer_window, "nobody has posted")
    stage.post_late(erin)
    for who in (dave, erin):
        _recover(stage, who)
    _nothing_left(stage)
    stage.expect(stage.chain.balance(frank.address), stage.wallet_before(frank), "what frank has")
    stage.checked("the bridge holds nothing any more, and owes nobody anything")
    stage.because("frank was paid after the last confirmed state: that is undone, and alice has it back")
    stage.because("a merchant who delivered before the confirmation has lost the goods")
    stage.expect(len(stage.replica().bridge.claimed), 1, "the number of claims")
    stage.because("grace withdrew after it, too: she escaped with her balance instead")


def _too_early(stage: Stage, who: Account, last: bytes) -> None:
    try:
        client.freeze(stage.chain, stage.devnet.contracts["Rollup"], who, last)
    except Reverted as refused:
        stage.expect(refused.error, "FreezeTooEarly", "the reason why the rollup cannot be frozen yet")
        stage.story.step("to freeze it a day too early is refused")
    else:
        raise CheckFailed("the rollup was frozen before its time")


def _escape(stage: Stage, who: Account, by: Account | None = None) -> None:
    """Get out what somebody has in the frozen state; anybody may do it for anybody."""
    replica, bridge = stage.replica(), stage.devnet.contracts["Bridge"]
    final, state = final_of(replica), final_state(replica)
    for each in escapes(state):
        if each.owner == who.address_bytes:
            witness, sender = escape_witness(state, each), by or who
            what = f"lets {who.name} escape" if by else "escapes"
            what = f"{what} with {stage.amount(each.amount, each.token)}"
            stage.send(sender, what, partial(client.escape, stage.chain, bridge, sender, final, witness))


def _recover(stage: Stage, who: Account) -> None:
    """Get back a deposit that the frozen state does not know."""
    replica, bridge = stage.replica(), stage.devnet.contracts["Bridge"]
    final = final_of(replica)
    for each in recoveries(replica):
        if each.owner == who.address_bytes:
            consumed, what = consumption(replica, each), f"gets {stage.amount(each.amount, each.token)} deposited back"
            stage.send(who, what, partial(client.recover_deposit, stage.chain, bridge, who, final, each, consumed))


def _nothing_left(stage: Stage) -> None:
    bridge, token = stage.devnet.contracts["Bridge"], stage.devnet.contracts["Token"]
    stage.expect(stage.chain.balance(bridge.address), 0, "what the bridge holds of ETH")
    stage.expect(token.functions.balanceOf(bridge.address).call(), 0, "what the bridge holds of DEV")
