"""Out when nobody helps: from the alarm to the last coin, from L1 alone, by whoever has a key to pay for gas.

It can be stopped at any time, and goes on where it was: what was done is on L1.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from toolkit.bridge.amounts import moment
from toolkit.bridge.escape import (
    Escape,
    Recovery,
    consumption,
    escape_witness,
    escapes,
    final_of,
    final_state,
    recoveries,
)
from toolkit.bridge.passage import GRACE_SECONDS, Passage
from toolkit.bridge.underwriting import wrong_assertions
from toolkit.bridge.view import View
from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup.dispute.moves import checkpoint_moves
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.proposer import confirm_moves

ASSERT_SECONDS = 10.0
"""How long a proposer that answers may take to assert what an alarm asks for, before the clock is moved past it."""

ESCAPES_AT_ONCE = 50
"""Accounts that are paid between two looks at L1."""


@dataclass(frozen=True)
class Owed:
    """What somebody gets out of the last confirmed state, as far as it was not paid yet.

    Attributes:
        claims: confirmed withdrawals.
        escapes: accounts.
        recoveries: deposits that the state does not know, some of which no batch may have consumed yet.
    """

    claims: tuple[Withdrawal, ...]
    escapes: tuple[Escape, ...]
    recoveries: tuple[Recovery, ...]


@dataclass(frozen=True)
class Payment:
    """What somebody was paid.

    Attributes:
        by: "claim", "escape" or "recover"; "credit" where it was not taken and is owed.
        owner: who was paid (20 bytes): for a claim that a provider has taken over, the provider.
        token: 20 bytes.
        amount: base units.
    """

    by: str
    owner: bytes
    token: bytes
    amount: int

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        owner, token = checksum(self.owner), checksum(self.token)
        return {"by": self.by, "owner": owner, "token": token, "amount": str(self.amount)}


@dataclass(frozen=True)
class Left:
    """What came of it.

    Attributes:
        paid: everything that was paid this time.
        waits_until: from when on (seconds of L1's time) it can go on; None where all is done.
        waits_for: what must happen until then.
        credits: what the bridge owes to who has not taken a payment, this time or before.
    """

    paid: tuple[Payment, ...]
    waits_until: int | None = None
    waits_for: str = ""
    credits: tuple[Payment, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "paid": [each.as_json() for each in self.paid],
            "waits_until": self.waits_until,
            "waits_for": self.waits_for or None,
            "over": self.waits_until is None,
            "credits": [each.as_json() for each in self.credits],
        }


class RollupLives(L2KitError):
    """L1 has confirmed something since the alarm: the rollup is not dead, and to withdraw is the way out."""


def owed(view: View, whom: bytes | None) -> Owed:
    """What ``whom`` (20 bytes; None: everybody) gets. Raises BadInput where L1 has confirmed a wrong state."""
    replica = view.replica
    final_of(replica)
    state, ledger = final_state(replica), replica.bridge

    def theirs(owner: bytes) -> bool:
        return whom is None or owner == whom

    claims = (
        each
        for each in state.withdrawals
        if theirs(each.owner) and each.index not in ledger.claimed and (whom is None or not ledger.provider_of(each))
    )
    left = (each for each in escapes(state) if theirs(each.owner) and each.account not in ledger.escaped)
    back = (
        each
        for each in recoveries(replica)
        if theirs(each.owner)
        and (each.consumed is None or (each.consumed[0].number, each.consumed[1]) not in ledger.recovered)
    )
    return Owed(tuple(claims), tuple(left), tuple(back))


def wrong_said(view: View) -> tuple[bytes, str] | None:
    """A wrong assertion (its id) at which the rollup could be frozen, since nobody disputes it; and how to say so.

    The challenge window is shorter than the escape delay: who leaves must see to it that somebody disputes.
    """
    for each in wrong_assertions(view.replica):
        if each.deadline > view.now and not view.replica.disputes.holds(each.id):
            who, until = view.words.who(each.proposer), moment(each.deadline, view.now)
            return each.id, (
                f"{who} asserts a wrong state after batch {each.batch}, and nobody disputes it: unless a verifier does "
                f"before {until}, L1 confirms it, and nobody can leave with what is theirs"
            )
    return None


@dataclass(frozen=True)
class Pause:
    """Nothing can be done now.

    Attributes:
        until: from when on (seconds of L1's time) it goes on; None: never, all is done.
        why: what it waits for.
    """

    until: int | None = None
    why: str = ""


class Leaving:
    """Brings the last confirmed state to those whom it owes something: the alarm, the freeze, the payments."""

    def __init__(self, passage: Passage, whom: bytes | None) -> None:
        """
        Args:
            passage: with an account that pays for the transactions.
            whom: to be paid (20 bytes); None: everybody.
        """
        self._passage, self._whom = passage, whom
        self._paid: list[Payment] = []
        self._alarmed: bytes | None = None
        self._warned: set[bytes] = set()
        self._since = time.monotonic()

    def go(self, *, wait: bool) -> Left:
        """Do what can be done, again and again.

        Args:
            wait: for the alarm's delay and for late batches; with ``passage.travel`` the clock is moved instead.

        Returns:
            What was paid; and where it has to wait, and is not to, what for.

        Raises:
            BadInput: there is nothing to leave with, or L1 has confirmed a wrong state.
            RollupLives: the rollup does.
            ServiceError: the clock is to be moved past what somebody honest should do, and does not.
        """
        while True:
            view = self._passage.look()
            pause = self._step(view, owed(view, self._whom))
            if pause is None:
                self._since = time.monotonic()
            elif pause.until is None or not (wait or self._passage.travel):
                return Left(tuple(self._paid), pause.until, pause.why)
            elif self._passage.travel and view.now < pause.until:
                if self._passage.travel_to(view, pause.until):
                    self._since = time.monotonic()
                else:
                    self._passage.pause(self._since)
            else:
                self._passage.pause(self._since)

    def _step(self, view: View, due: Owed) -> Pause | None:
        """Do the next thing; None where something was done."""
        consumed = [each for each in due.recoveries if each.consumed is not None]
        if due.claims:
            self._claim(view, due.claims[0])
        elif not (due.escapes or due.recoveries):
            if view.replica.frozen is None and not self._paid:
                raise BadInput(self._nothing(view))
            return Pause()
        elif view.replica.frozen is None:
            return self._freeze(view)
        elif due.escapes:
            self._escape(view, due.escapes[:ESCAPES_AT_ONCE])
        elif consumed:
            self._recover(view, consumed[0])
        else:
            return self._post_late(view, len(due.recoveries))
        return None

    # --- to the freeze ---

    def _freeze(self, view: View) -> Pause | None:
        from toolkit.bridge.client import alarm, freeze

        passage, replica, last = self._passage, view.replica, view.replica.confirmed
        chain, rollup, batch = passage.local.chain, passage.local.contract("rollup"), replica.batch_of(last)
        if self._alarmed not in (None, last):
            raise RollupLives(
                f"the rollup lives: L1 has confirmed the state after batch {batch}, so the alarm is void; "
                "'l2kit withdraw' is the way out"
            )
        if confirm_moves(replica, view.now) and not self._is_their_turn(GRACE_SECONDS):
            passage.confirm(view)  # what L1 can still confirm is more than what it has confirmed
            self._alarmed = None
            return None
        danger = None if passage.travel else wrong_said(view)  # a clock that is moved stops before that
        if danger is not None and danger[0] not in self._warned:
            self._warned.add(danger[0])
            passage.teller.note(f"WARNING: {danger[1]}")
        if replica.alarm is None:
            said = f"raised the alarm about the last confirmed state, that after batch {batch}"
            if passage.do(said, lambda payer: alarm(chain, rollup, payer, last)) and passage.answers("proposer"):
                passage.teller.note(
                    "a proposer answers: the next state that L1 confirms makes the alarm void, and 'l2kit withdraw' is "
                    "the way out"
                )
            return None
        self._alarmed = last
        if view.now >= replica.alarm and not confirm_moves(replica, view.now):
            said = f"froze the rollup in the state after batch {batch}, for ever"
            passage.do(said, lambda payer: freeze(chain, rollup, payer, last))
            return None
        return self._until_something_happens(view, replica.alarm)

    def _until_something_happens(self, view: View, freezable: int) -> Pause:
        """Wait for the next L1 time at which somebody may act, which a clock that is moved must not pass over."""
        following = view.replica.chosen().get(view.replica.confirmed)
        if following is None or view.replica.disputes.holds(following.id):
            until = view.now if self._passage.travel and self._is_their_turn(ASSERT_SECONDS) else freezable
            return Pause(until, f"the time in which L1 could confirm something, {moment(freezable, view.now)}")
        until = min(max(view.now, following.deadline), max(view.now, freezable))
        why = f"the state after batch {following.batch}, which is asserted, to be confirmed: {moment(until, view.now)}"
        return Pause(until, why)

    def _is_their_turn(self, seconds: float) -> bool:
        """Whether a proposer answers, and had less time than this to do what is due, since something last happened."""
        return time.monotonic() - self._since < seconds and self._passage.answers("proposer")

    # --- payments ---

    def _claim(self, view: View, withdrawal: Withdrawal) -> None:
        taken = view.replica.bridge.provider_of(withdrawal)
        if self._passage.claim(view, withdrawal.index):
            payee = withdrawal.owner if taken is None else taken.provider
            self._paid.append(Payment("claim", payee, withdrawal.token, withdrawal.amount))

    def _escape(self, view: View, accounts: Sequence[Escape]) -> None:
        from toolkit.bridge.client import escape

        local, words, final, state = self._passage.local, view.words, final_of(view.replica), final_state(view.replica)
        bridge = local.contract("bridge")
        for account in accounts:
            witness, amount = escape_witness(state, account), words.amount(account.token, account.amount)
            send = partial(escape, local.chain, bridge, final=final, witness=witness)
            if self._passage.do(f"had {amount} of the frozen state paid to {words.who(account.owner)}", send):
                self._paid.append(Payment("escape", account.owner, account.token, account.amount))

    def _recover(self, view: View, back: Recovery) -> None:
        from toolkit.bridge.client import recover_deposit

        local, words, replica = self._passage.local, view.words, view.replica
        at, final = consumption(replica, back), final_of(replica)
        reminders = list(checkpoint_moves(replica, at.batch))
        for move in reminders:
            self._passage.play(move.said.replace("reminds", "reminded"), move)
        if reminders:
            return
        said = f"had a deposit of {words.amount(back.token, back.amount)} paid back to {words.who(back.owner)}"
        bridge = local.contract("bridge")
        if self._passage.do(said, lambda payer: recover_deposit(local.chain, bridge, payer, final, back, at)):
            self._paid.append(Payment("recover", back.owner, back.token, back.amount))

    def _post_late(self, view: View, waiting: int) -> Pause | None:
        """Bring in the deposits that wait in the Inbox."""
        if view.now >= view.late_from and self._passage.post_late(view):
            return None
        what, may = f"{waiting} deposit{'s' if waiting > 1 else ''} in the Inbox", moment(view.late_from, view.now)
        return Pause(view.late_from, f"a batch to consume {what}, which anybody may post from {may}")

    def _nothing(self, view: View) -> str:
        batch = view.replica.batch_of(view.replica.confirmed)
        whose = "anybody's" if self._whom is None else f"{view.words.who(self._whom)}'s"
        return f"nothing of {whose} is in the last state that L1 has confirmed (batch {batch}), nor deposited since"
