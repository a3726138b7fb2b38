"""Where a deposit or a withdrawal is, what it waits for, and from when on it can be claimed; in plain words.

Pure: everything follows from the rollup as L1 holds it (`derive.Replica`), from L1's time, and, for what is not on L1
yet, from what the sequencer says of it. That is told as what it is: a promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from toolkit.bridge.amounts import Words, moment, span
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.rollup.codec import NO_ACCOUNT, WHOLE_BALANCE, decode_amount
from toolkit.rollup.derive import Arrival, Assertion, Replica
from toolkit.rollup.machine import Outcome, Withdrawal, is_deposit, is_forced
from toolkit.rollup.places import Place
from toolkit.rollup.sequencer import REASONS


class Stage(str, Enum):
    """How far it has come."""

    PROMISED = "promised"
    """The sequencer has it on disk; L1 knows nothing of it."""
    DROPPED = "dropped"
    """The sequencer had promised it, and L1's reorganisation made that impossible."""
    SENT = "sent"
    """It waits in the Inbox for the batch that must consume it."""
    REFUSED = "refused"
    """A batch holds it, and it is without effect."""
    CREDITED = "credited"
    """A deposit: it is on L2, and can be spent there."""
    POSTED = "posted"
    """A batch on L1 holds it; nobody has asserted the state after that batch."""
    ASSERTED = "asserted"
    """The state after it is asserted, and its challenge window is open."""
    DISPUTED = "disputed"
    """The same, and a game goes on about it, which must end first."""
    DUE = "due"
    """The window is over: anybody may confirm it."""
    CONFIRMED = "confirmed"
    """L1 has confirmed the state that holds it."""
    CLAIMABLE = "claimable"
    """A withdrawal that is confirmed: anybody may have it paid."""
    PAID_EARLY = "paid early"
    """A liquidity provider has paid it to the owner, less a fee, and gets it in its stead."""
    CLAIMED = "claimed"
    """It was paid on L1."""
    RECOVERABLE = "recoverable"
    """A deposit that the frozen state does not know: anybody may have it paid back."""
    RECOVERED = "recovered"
    """Such a deposit that was paid back."""
    FROZEN = "in the frozen state"
    """A deposit that is part of what an account holds in the frozen state, which the escape hatch pays."""
    VOID = "void"
    """The rollup was frozen before it could be confirmed: what it took away is still in the frozen account."""


@dataclass(frozen=True)
class Terms:
    """What the rollup was deployed with, in seconds.

    Attributes:
        sequencer_window: without a batch, after which anybody may post one.
        challenge_window: in which an assertion can be disputed.
        escape_delay: from an alarm until the rollup can be frozen.
        born: when the Inbox was deployed (L1's time).
    """

    sequencer_window: int
    challenge_window: int
    escape_delay: int
    born: int


@dataclass(frozen=True)
class Promise:
    """What the sequencer says of an operation (``l2_receipt``).

    Attributes:
        hash: of the operation (32 bytes).
        status: "confirmed", "posted" or "dropped".
        batch: that it says holds it, or will; None where it was dropped.
        reason: why it was dropped.
        account: the index of the account that signed it.
        token, amount: what is moved; ``codec.WHOLE_BALANCE`` is all that the account holds.
        is_withdrawal: or else it is a transfer.
    """

    hash: bytes
    status: str
    batch: int | None
    reason: str
    account: int
    token: bytes
    amount: int
    is_withdrawal: bool


@dataclass(frozen=True)
class Standing:
    """Where something is.

    Attributes:
        kind: "deposit", "withdrawal", "transfer" or "message" (to the Inbox, neither of these).
        id: by which it was asked for.
        stage: how far it has come.
        owner, token, amount: whose it is (20 bytes), and what (base units); None where that is not known yet.
        batch: that holds it, or must.
        withdrawal: its index, where it is a withdrawal on L1.
        happened: what happened so far, in sentences.
        waits_for: what must happen next; "" where nothing has to.
        until: from when on (seconds of L1's time) what it waits for is no longer a matter of time; None where it is none.
        claimable_from: from when on (seconds of L1's time) a withdrawal can be claimed, if nobody disputes; None where
            nobody can say yet, or nothing will be.
        then: the command that brings it on.
        failed: whether it will not happen; then nothing was lost by that, and ``happened`` says why.
    """

    kind: str
    id: str
    stage: Stage
    owner: bytes | None
    token: bytes | None
    amount: int | None
    batch: int | None
    withdrawal: int | None
    happened: tuple[str, ...]
    waits_for: str = ""
    until: int | None = None
    claimable_from: int | None = None
    then: str = ""
    failed: bool = False

    @property
    def over(self) -> bool:
        """Whether it is where it was to go, or will never get there."""
        done = {Stage.CONFIRMED, Stage.CLAIMED, Stage.PAID_EARLY, Stage.RECOVERED}
        return self.failed or self.stage in done

    def title(self, words: Words) -> str:
        """What it is, in one line."""
        what = self.kind if self.withdrawal is None else f"{self.kind} {self.withdrawal}"
        if self.token is None or self.owner is None:
            return what
        amount = "all that it held" if self.amount is None else words.amount(self.token, self.amount)
        return f"{what}: {amount} {'to' if self.kind == 'deposit' else 'of'} {words.who(self.owner)}"

    def as_json(self) -> dict[str, Any]:
        """The same for programs: amounts as text in base units, times in seconds."""
        return {
            "kind": self.kind,
            "id": self.id,
            "stage": self.stage.value,
            "owner": None if self.owner is None else checksum(self.owner),
            "token": None if self.token is None else checksum(self.token),
            "amount": None if self.amount is None else str(self.amount),
            "batch": self.batch,
            "withdrawal": self.withdrawal,
            "happened": list(self.happened),
            "waits_for": self.waits_for or None,
            "until": self.until,
            "claimable_from": self.claimable_from,
            "then": self.then or None,
            "over": self.over,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class View:
    """The rollup at one moment of L1.

    Attributes:
        replica: derived from L1.
        terms: of the rollup.
        now: L1's time (seconds).
        words: how addresses and amounts are told.
    """

    replica: Replica
    terms: Terms
    now: int
    words: Words

    # --- what is asked for ---

    def of_transaction(self, transaction: bytes) -> list[Standing]:
        """Everything that an L1 transaction has to do with: messages that it sent, a withdrawal that it paid."""
        found = [self.of_message(arrival) for arrival in self.replica.places.arrivals(transaction)]
        bridge = self.replica.bridge
        paid = [index for index, by in bridge.claims.items() if by == transaction]
        paid += [bridge.providers[leaf].index for leaf, by in bridge.exits.items() if by == transaction]
        known = self.replica.derived[-1].withdrawals
        return found + [self.of_withdrawal(index) for index in dict.fromkeys(paid) if index < known]

    def of_message(self, arrival: Arrival) -> Standing:
        """A message to the Inbox: a deposit, or an operation that came through L1."""
        message, bridge = arrival.message, self.replica.contracts.bridge
        name = hex_of(arrival.transaction)
        if is_deposit(message, bridge):
            return self._deposit(name, arrival)
        place = self.replica.places.message(arrival.number)
        if is_forced(message):
            record = message.data[1:]
            sender, recipient = (int.from_bytes(record[i : i + 4], "big") for i in (0, 4))
            if sender != NO_ACCOUNT and recipient == NO_ACCOUNT:
                if place is not None and place.withdrawal is not None:
                    return self.of_withdrawal(place.withdrawal, name)
                return self._forced(name, arrival, place, sender, decode_amount(record[8:11]))
            what = "opens an account" if sender == NO_ACCOUNT else "is a transfer through L1"
        else:
            what = "is nothing that the rollup knows"
        return self._other(name, arrival, place, what)

    def of_operation(self, name: bytes, promise: Promise | None) -> Standing | None:
        """An L2 operation by its hash; ``promise`` is what the sequencer says of it, if it does.

        None where neither L1 nor the sequencer knows it.
        """
        place = self.replica.places.operation(name)
        if place is not None and place.withdrawal is not None:
            return self.of_withdrawal(place.withdrawal, hex_of(name))
        if place is not None:
            return self._transfer(hex_of(name), place)
        return None if promise is None else self._promised(promise)

    def of_withdrawal(self, index: int, name: str | None = None) -> Standing:
        """A withdrawal by its index. Raises BadInput where L1 has no such withdrawal."""
        replica, words = self.replica, self.words
        place = replica.places.withdrawal(index)
        withdrawal = replica.state.withdrawals[index]
        happened = [self._in_batch(place, f"as withdrawal {index}")]
        of = (name or str(index), withdrawal, place)
        taken, paid = replica.bridge.provider_of(withdrawal), replica.bridge.claimed.get(index)
        if taken is not None:
            due = words.amount(taken.token, taken.amount - taken.fee)
            fee = words.amount(taken.token, taken.fee)
            happened.append(
                f"{words.who(taken.provider)} has paid it early: {due}, which is less a fee of {fee}"
                f" ({hex_of(replica.bridge.exits[withdrawal.leaf()])})"
            )
            if paid is not None:
                happened.append(f"{words.who(taken.provider)} was paid in its stead ({self._claim(index)})")
            return self._withdrawal(of, Stage.PAID_EARLY, [*happened, *self._owed(withdrawal.owner, withdrawal.token)])
        if paid is not None:
            happened.append(f"{words.who(paid)} was paid {self._amount(withdrawal)} on L1 ({self._claim(index)})")
            return self._withdrawal(of, Stage.CLAIMED, [*happened, *self._owed(paid, withdrawal.token)])
        return self._on_its_way(of, happened)

    # --- deposits and messages ---

    def _deposit(self, name: str, arrival: Arrival) -> Standing:
        data, words, replica = arrival.message.data, self.words, self.replica
        token, owner, amount = data[1:21], data[21:41], int.from_bytes(data[41:], "big")
        place = replica.places.message(arrival.number)
        what = ("deposit", name)
        whose = (owner, token, amount)
        happened = [f"the bridge took it in L1 block {arrival.block:,}, {moment(arrival.message.timestamp, self.now)}"]
        frozen = self._frozen_batch
        escape = f"l2kit escape --for {words.who(owner)}"
        if place is None:
            batch, waits_for, until = self._wait_in_inbox(arrival)
            if frozen is not None:
                happened.append(self._frozen_said())
                waits_for += "; it can be paid back after that"
            then = escape if frozen is not None else ""
            return Standing(*what, Stage.SENT, *whose, batch, None, tuple(happened), waits_for, until, None, then)
        batch = place.batch
        if place.outcome is not Outcome.APPLIED:
            happened.append(f"{self._in_batch(place)}, without effect: {_reason(place.outcome)}")
            return Standing(*what, Stage.REFUSED, *whose, batch, None, tuple(happened), failed=True)
        happened.append(f"{self._in_batch(place)} and credits it to {words.who(owner)} on L2")
        if frozen is not None and batch > frozen:
            happened.append(self._frozen_said())
            back = replica.bridge.recovered.get((batch, place.position - self._records(batch)))
            if back is None:
                waits_for = f"somebody to have it paid back to {words.who(owner)}; anybody may"
                return Standing(
                    *what, Stage.RECOVERABLE, *whose, batch, None, tuple(happened), waits_for, None, None, escape
                )
            happened += [f"it was paid back to {words.who(owner)} on L1", *self._owed(owner, token)]
            return Standing(*what, Stage.RECOVERED, *whose, batch, None, tuple(happened))
        if frozen is not None:
            happened += [f"{self._frozen_said()}, which holds it", *self._escaped(owner, token)]
            waits_for = "" if len(self._escaped(owner, token)) else "somebody to have the account paid out; anybody may"
            then = escape if waits_for else ""
            return Standing(
                *what, Stage.FROZEN, *whose, batch, None, tuple(happened), waits_for, None, None, then,
            )  # fmt: skip
        stage, said, waits_for, until = self._finality(batch)
        happened += said
        if stage is Stage.CONFIRMED:
            return Standing(*what, stage, *whose, batch, None, tuple(happened))
        waits_for = f"nothing to be used on L2; to be final it waits for {waits_for}"
        return Standing(*what, Stage.CREDITED, *whose, batch, None, tuple(happened), waits_for, until)

    def _forced(self, name: str, arrival: Arrival, place: Place | None, account: int, amount: int) -> Standing:
        """A withdrawal through L1 that has not made a withdrawal, or not yet."""
        accounts = self.replica.state.accounts
        known = accounts[account] if account < len(accounts) else None
        whose = (
            None if known is None else known.owner,
            None if known is None else known.token,
            None if amount == WHOLE_BALANCE else amount,
        )
        time = moment(arrival.message.timestamp, self.now)
        happened = [f"it went into the Inbox in L1 block {arrival.block:,}, {time}"]
        if place is None:
            batch, waits_for, until = self._wait_in_inbox(arrival)
            if self._frozen_batch is not None:
                return self._void("withdrawal", name, whose, batch, happened)
            happened += self._alarm_said()
            return Standing(
                "withdrawal", name, Stage.SENT, *whose, batch, None, tuple(happened), waits_for, until
            )  # fmt: skip
        happened.append(f"{self._in_batch(place)}, without effect: {_reason(place.outcome)}")
        return Standing(
            "withdrawal", name, Stage.REFUSED, *whose, place.batch, None, tuple(happened), failed=True
        )  # fmt: skip

    def _other(self, name: str, arrival: Arrival, place: Place | None, what: str) -> Standing:
        whose = (None, None, None)
        happened = [f"it {what}, and went into the Inbox in L1 block {arrival.block:,}"]
        if place is None:
            batch, waits_for, until = self._wait_in_inbox(arrival)
            return Standing("message", name, Stage.SENT, *whose, batch, None, tuple(happened), waits_for, until)
        return self._consumed("message", name, place, happened)

    def _transfer(self, name: str, place: Place) -> Standing:
        return self._consumed("transfer", name, place, [])

    def _consumed(self, kind: str, name: str, place: Place, happened: list[str]) -> Standing:
        whose = (None, None, None)
        if place.outcome is not Outcome.APPLIED:
            happened.append(f"{self._in_batch(place)}, without effect: {_reason(place.outcome)}")
            return Standing(kind, name, Stage.REFUSED, *whose, place.batch, None, tuple(happened), failed=True)
        happened.append(self._in_batch(place))
        if self._frozen_batch is not None and place.batch > self._frozen_batch:
            return self._void(kind, name, whose, place.batch, happened)
        stage, said, waits_for, until = self._finality(place.batch)
        waits_for = f"nothing on L2; to be final it waits for {waits_for}" if waits_for else ""
        return Standing(kind, name, stage, *whose, place.batch, None, (*happened, *said), waits_for, until)

    def _wait_in_inbox(self, arrival: Arrival) -> tuple[int, str, int]:
        """The batch that must consume a message, what that waits for, and from when on anybody may post it."""
        history = self.replica.history
        posted = len(history.posted)
        is_required = arrival.number < len(history.arrivals) - len(history.arrived)
        batch = posted + (1 if is_required else 2)
        which = "the next batch" if is_required else "the next batch but one"
        last = history.posted[-1].batch.timestamp if posted else self.terms.born
        first = last + self.terms.sequencer_window
        waits_for = f"{which}, {batch}, which must consume it; "
        if self.now < first:
            waits_for += f"if the sequencer posts nothing, anybody may post batch {posted + 1} from {self._from(first)}"
        else:
            waits_for += f"the sequencer has posted nothing for {span(self.now - last)}, so anybody may post it now"
        if not is_required:
            waits_for += f", and batch {batch} {span(self.terms.sequencer_window)} after that"
        return batch, waits_for, max(first, self.now)

    # --- withdrawals ---

    def _on_its_way(self, of: tuple[str, Withdrawal, Place], happened: list[str]) -> Standing:
        """A withdrawal that a batch holds, and that nobody was paid for."""
        name, withdrawal, place = of
        whose, index = (withdrawal.owner, withdrawal.token, withdrawal.amount), withdrawal.index
        owner = self.words.who(withdrawal.owner)
        if index < self.claimable:
            happened.append(f"the state after batch {self._good_batch} is confirmed on L1, and holds it for good")
            waits_for = f"somebody to claim it; anybody may, and it is paid to {owner}"
            return self._withdrawal(
                of, Stage.CLAIMABLE, happened, waits_for, claimable_from=self.now, then=f"l2kit claim {index}"
            )
        if self._frozen_batch is not None:
            return self._void("withdrawal", name, whose, place.batch, happened, index)
        stage, said, waits_for, until = self._finality(place.batch)
        happened += [*said, *self._alarm_said()]
        if stage is Stage.POSTED and waits_for:
            waits_for += f"; {span(self.terms.challenge_window)} after that it can be claimed"
        then = f"l2kit claim {index}" if stage is Stage.DUE else ""
        claimable = until if stage in {Stage.ASSERTED, Stage.DISPUTED, Stage.DUE} else None
        covering = self._covering(place.batch)
        if covering:
            claimable = max(each.deadline for each in covering)
        return self._withdrawal(of, stage, happened, waits_for, until, claimable, then)

    def _promised(self, promise: Promise) -> Standing:
        accounts = self.replica.state.accounts
        owner = accounts[promise.account].owner if promise.account < len(accounts) else None
        amount = None if promise.amount == WHOLE_BALANCE else promise.amount
        whose, kind = (owner, promise.token, amount), "withdrawal" if promise.is_withdrawal else "transfer"
        name = hex_of(promise.hash)
        if promise.status == "dropped":
            happened = [f"the sequencer had it on disk, and has dropped it: {promise.reason}"]
            return Standing(kind, name, Stage.DROPPED, *whose, None, None, tuple(happened), failed=True)
        happened = ["the sequencer has it on disk: that is its promise, and L1 knows nothing of it yet"]
        if promise.status == "posted":
            happened = [f"the sequencer says that batch {promise.batch} holds it, but L1 does not show that (yet)"]
        if self._frozen_batch is not None:
            return self._void(kind, name, whose, promise.batch, happened)
        waits_for = f"the sequencer to post batch {promise.batch}; if it never does, "
        waits_for += "the money is where it was, and can leave with 'l2kit withdraw --forced'"
        return Standing(kind, name, Stage.PROMISED, *whose, promise.batch, None, tuple(happened), waits_for)

    def _withdrawal(
        self,
        of: tuple[str, Withdrawal, Place],
        stage: Stage,
        happened: Sequence[str],
        waits_for: str = "",
        until: int | None = None,
        claimable_from: int | None = None,
        then: str = "",
    ) -> Standing:
        name, withdrawal, place = of
        whose = (withdrawal.owner, withdrawal.token, withdrawal.amount)
        where = (place.batch, withdrawal.index, tuple(happened))
        return Standing("withdrawal", name, stage, *whose, *where, waits_for, until, claimable_from, then)

    def _void(
        self,
        kind: str,
        name: str,
        whose: tuple[bytes | None, bytes | None, int | None],
        batch: int | None,
        happened: list[str],
        index: int | None = None,
    ) -> Standing:
        """The rollup was frozen in a state before it."""
        owner, token, _ = whose
        happened.append(f"{self._frozen_said()}, which knows nothing of it: what it moved is where it was before")
        then = ""
        if owner is not None and token is not None:
            happened += self._escaped(owner, token)
            then = f"l2kit escape --for {self.words.who(owner)}"
        told = (tuple(happened), "", None, None, then)
        return Standing(kind, name, Stage.VOID, *whose, batch, index, *told, failed=True)

    # --- what L1 believes ---

    @property
    def claimable(self) -> int:
        """Withdrawals that can be claimed, or were: those in the outbox of the last right state that L1 confirmed."""
        return self.replica.derived[self._good_batch].withdrawals

    @property
    def _good_batch(self) -> int:
        assertions = self.replica.assertions.values()
        return max((each.batch for each in assertions if each.status == "confirmed" and each.agree), default=0)

    @property
    def _frozen_batch(self) -> int | None:
        """Batches that the frozen state has applied; None while the rollup lives."""
        return None if self.replica.frozen is None else self.replica.batch_of(self.replica.frozen)

    def _finality(self, batch: int) -> tuple[Stage, list[str], str, int | None]:
        """How far L1 is with the state after a batch: the stage, what happened, what it waits for, and until when."""
        replica, words = self.replica, self.words
        if batch <= self._good_batch:
            return Stage.CONFIRMED, [f"the state after batch {self._good_batch} is confirmed on L1"], "", None
        said = self._wrong_said(batch)
        if not self._sound:
            return Stage.POSTED, said, "", None
        path = self._covering(batch)
        if not path:
            waits_for = f"somebody to assert the state after batch {batch}"
            return Stage.POSTED, said, waits_for, None
        last = path[-1]
        said.insert(0, f"{words.who(last.proposer)} has asserted the state after batch {last.batch}, which is right")
        deadline = max(each.deadline for each in path)
        games = [game for game in replica.disputes.open.values() if game.state.game.assertion in {e.id for e in path}]
        if games:
            challengers = ", ".join(dict.fromkeys(words.who(game.state.game.challenger) for game in games))
            said.append(f"{challengers} {'disputes' if len(games) == 1 else 'dispute'} it")
            soonest = min(game.state.deadline for game in games)
            waits_for = f"{len(games)} dispute{'s' if len(games) > 1 else ''} to end"
            waits_for += f" (the next move is due by {self._from(soonest)})"
            if self.now < deadline:
                waits_for += f", and its challenge window, which is open until {self._from(deadline)}"
            return Stage.DISPUTED, said, waits_for, max(deadline, soonest + 1)
        if self.now < deadline:
            waits_for = f"the end of the challenge window, {self._from(deadline)}; nobody disputes it"
            return Stage.ASSERTED, said, waits_for, deadline
        waits_for = f"somebody to confirm it, which anybody may since {self._from(deadline)}"
        return Stage.DUE, said, waits_for, deadline

    def _covering(self, batch: int) -> list[Assertion]:
        """The assertions that, confirmed one after the other, confirm the state after a batch; none where it takes more."""
        replica, chosen, path = self.replica, self.replica.chosen(), list[Assertion]()
        at = replica.confirmed
        while (child := chosen.get(at)) is not None:
            path.append(child)
            if child.batch >= batch:
                return path
            at = child.id
        return []

    @property
    def _sound(self) -> bool:
        """Whether what L1 has confirmed last is right."""
        confirmed = self.replica.assertions.get(self.replica.confirmed)
        return confirmed is None or confirmed.agree

    def _wrong_said(self, batch: int) -> list[str]:
        """What is wrong on L1 about the state after a batch."""
        replica, words = self.replica, self.words
        if not self._sound:
            wrong = replica.batch_of(replica.confirmed)
            return [
                f"L1 HAS CONFIRMED A WRONG STATE after batch {wrong}: nobody disputed it in time, and nothing that came "
                f"after batch {self._good_batch} is safe"
            ]
        said = []
        for each in replica.pending.values():
            if not each.agree and each.batch >= batch and replica.batch_of(each.parent) < batch:
                games = [game for game in replica.disputes.against(each.id) if game.ended is None]
                until = f"which must be disputed before {self._from(each.deadline)}"
                by = ", ".join(words.who(game.state.game.challenger) for game in games)
                what = f"disputed by {by}" if games else until
                said.append(f"{words.who(each.proposer)} asserts a wrong state after batch {each.batch}, {what}")
        return said

    # --- words ---

    def _in_batch(self, place: Place, how: str = "") -> str:
        posted = self.replica.history.posted[place.batch - 1].batch
        time = moment(posted.timestamp, self.now)
        return f"batch {place.batch}, posted {time}, holds it{' ' if how else ''}{how}"

    def _records(self, batch: int) -> int:
        return len(self.replica.history.posted[batch - 1].batch.records)

    def _amount(self, withdrawal: Withdrawal) -> str:
        return self.words.amount(withdrawal.token, withdrawal.amount)

    def _claim(self, index: int) -> str:
        return hex_of(self.replica.bridge.claims[index])

    def _from(self, timestamp: int) -> str:
        return moment(timestamp, self.now)

    def _owed(self, owner: bytes, token: bytes) -> list[str]:
        owed, words = self.replica.bridge.credits.get((token, owner), 0), self.words
        if not owed:
            return []
        return [
            f"{words.who(owner)} did not take a payment, and the bridge owes it {words.amount(token, owed)}: "
            f"'l2kit claim --credit --from {words.who(owner)}'"
        ]

    def _escaped(self, owner: bytes, token: bytes) -> list[str]:
        escaped = [e for e in self.replica.bridge.escaped.values() if (e.owner, e.token) == (owner, token)]
        if not escaped:
            return []
        amount = self.words.amount(token, sum(each.amount for each in escaped))
        return [f"{self.words.who(owner)} has escaped with {amount}", *self._owed(owner, token)]

    def _frozen_said(self) -> str:
        return f"the rollup is frozen in the state after batch {self._frozen_batch}"

    def _alarm_said(self) -> list[str]:
        """What an alarm means for what is not confirmed."""
        alarm = self.replica.alarm
        if alarm is None or self.replica.frozen is not None:
            return []
        last = self.replica.batch_of(self.replica.confirmed)
        return [
            f"an alarm was raised: unless L1 confirms something before, the rollup can be frozen in the state after "
            f"batch {last} from {self._from(alarm)}, and this would be void"
        ]


def _reason(outcome: Outcome) -> str:
    return REASONS.get(outcome) or outcome.name.replace("_", " ").lower()
