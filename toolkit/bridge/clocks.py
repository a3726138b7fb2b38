"""How far a devnet's clock may be moved without running over somebody honest who has to act before; pure."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.bridge.amounts import moment
from toolkit.bridge.underwriting import wrong_assertions
from toolkit.bridge.view import View
from toolkit.rollup.dispute.game import Player
from toolkit.rollup.dispute.moves import is_sound


@dataclass(frozen=True)
class Reach:
    """How far the clock may be moved.

    Attributes:
        until: so far at once (seconds of L1's time).
        is_quiet: whether nobody has anything to dispute or to answer; else those who have need time of their own.
        refusal: why it must not be moved at all, where somebody honest does not act in the time given; "" where it may.
    """

    until: int
    is_quiet: bool = True
    refusal: str = ""


def reach(view: View, until: int) -> Reach:
    """How far the clock may be moved on the way to ``until``.

    Not past the end of the window of a wrong assertion that nobody disputes, nor over the clock of who is right in a
    dispute. That of who is wrong may run out, and then the others must have time to say so.
    """
    replica, words = view.replica, view.words
    if replica.frozen is not None:
        return Reach(until)  # nothing becomes final any more
    quiet, refusal = True, ""
    for each in wrong_assertions(replica):
        if each.deadline <= view.now or replica.disputes.holds(each.id):
            continue
        quiet = False
        if each.deadline <= until:
            refusal = (
                f"{words.who(each.proposer)} asserts a wrong state after batch {each.batch}, and nobody disputes it: "
                f"the clock is not moved past {moment(each.deadline, view.now)}, when L1 would confirm it"
            )
    for game in replica.disputes.open.values():
        state = game.state
        assertion = replica.pending.get(state.game.assertion)
        if assertion is None or state.deadline < view.now or not is_sound(replica, assertion.parent):
            continue
        quiet = False
        right = Player.DEFENDER if assertion.agree else Player.CHALLENGER
        if state.turn is not right:
            until = min(until, state.deadline + 1)
        elif state.deadline < until:
            who = state.game.defender if assertion.agree else state.game.challenger
            refusal = (
                f"{words.who(who)} is right in the dispute about the state after batch {assertion.batch} and does not "
                f"move: the clock is not moved past {moment(state.deadline, view.now)}, when that would be lost"
            )
    return Reach(until, quiet, refusal)
