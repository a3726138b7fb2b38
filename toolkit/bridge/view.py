"""Finds out where deposits and withdrawals are, in plain words.

Pure: everything follows from the rollup as L1 holds it (`derive.Replica`), from L1's time, and, for what is not on L1
yet, from what the sequencer says of it. That is told as what it is: a promise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from toolkit.bridge.amounts import Words, moment, span
from toolkit.bridge.escape import escapes, final_state
from toolkit.bridge.standing import Promise, Stage, Standing, Subject, Windows
from toolkit.bridge.underwriting import last_right
from toolkit.devnet.l1 import hex_of
from toolkit.rollup.codec import WHOLE_BALANCE, RegisterRecord, TransferRecord, decode_record
from toolkit.rollup.derive import Arrival, Assertion, Replica
from toolkit.rollup.dispute.moves import is_sound
from toolkit.rollup.late import late_from
from toolkit.rollup.machine import Outcome, deposit_of, is_forced
from toolkit.rollup.places import Place
from toolkit.rollup.sequencer import REASONS


@dataclass(frozen=True)
class View:
    """The rollup at one moment of L1.

    Attributes:
        replica: derived from L1.
        windows: of the rollup.
        now: L1's time (seconds).
        words: how addresses and amounts are told.
    """

    replica: Replica
    windows: Windows
    now: int
    words: Words

    # --- what is asked for ---

    def of_transaction(self, transaction: bytes) -> list[Standing]:
        """Everything that an L1 transaction has to do with: messages that it sent, withdrawals that it paid."""
        found = [self.of_message(arrival) for arrival in self.replica.places.arrivals(transaction)]
        bridge = self.replica.bridge
        paid = [index for index, by in bridge.claims.items() if by == transaction]
        paid += [bridge.providers[leaf].index for leaf, by in bridge.exits.items() if by == transaction]
        known = self.replica.derived[-1].withdrawals
        return found + [self.of_withdrawal(index) for index in dict.fromkeys(paid) if index < known]

    def of_message(self, arrival: Arrival) -> Standing:
        """A message to the Inbox: a deposit, or an operation that came through L1."""
        message, name = arrival.message, hex_of(arrival.transaction)
        deposit = deposit_of(self.replica.contracts.genesis, message)
        place = self.replica.places.message(arrival.number)
        if deposit is not None:
            token, owner, amount = deposit
            return self._deposit(Subject("deposit", name, owner, token, amount), arrival, place)
        if not is_forced(message):
            return self._through_l1(Subject("message", name), arrival, place, "is nothing that the rollup knows")
        record = decode_record(message.data[1:])
        if isinstance(record, RegisterRecord):
            return self._through_l1(Subject("message", name), arrival, place, "opens an account")
        if isinstance(record, TransferRecord):
            return self._through_l1(Subject("transfer", name), arrival, place, "goes through L1")
        if place is not None and place.withdrawal is not None:
            return self.of_withdrawal(place.withdrawal, name)
        subject = self._signed("withdrawal", name, record.sender, record.amount)
        return self._through_l1(subject, arrival, place, "goes through L1")

    def of_operation(self, name: bytes, promise: Promise | None) -> Standing | None:
        """An L2 operation by its hash; ``promise`` is what the sequencer says of it, if it does.

        None where neither L1 nor the sequencer knows it.
        """
        place = self.replica.places.operation(name)
        if place is None:
            return None if promise is None else self._promised(promise)
        if place.withdrawal is not None:
            return self.of_withdrawal(place.withdrawal, hex_of(name))
        return self._without_claim(Subject("transfer", hex_of(name)), place, [])

    def of_withdrawal(self, index: int, name: str | None = None) -> Standing:
        """A withdrawal by its index. Raises BadInput where L1 has no such withdrawal."""
        replica, words = self.replica, self.words
        place = replica.places.withdrawal(index)
        withdrawal = replica.state.withdrawals[index]
        owner, token, amount = withdrawal.owner, withdrawal.token, withdrawal.amount
        subject = Subject("withdrawal", name or str(index), owner, token, amount, place.batch, index)
        happened = [f"{self._in_batch(place)} as withdrawal {index}"]
        taken, payee = replica.bridge.provider_of(withdrawal), replica.bridge.claimed.get(index)
        if taken is not None:
            provider, exit_ = words.who(taken.provider), hex_of(replica.bridge.exits[withdrawal.leaf()])
            due, fee = words.amount(token, amount - taken.fee), words.amount(token, taken.fee)
            happened.append(
                f"{provider} has paid {words.who(owner)} {due} for it, early and less a fee of {fee} ({exit_})"
            )
            if payee is not None:
                happened.append(f"{provider} was paid in its stead ({self._claim(index)})")
            return subject.at(Stage.PAID_EARLY, [*happened, *self._owed(owner, token)])
        if payee is not None:
            happened.append(f"{words.who(payee)} was paid {words.amount(token, amount)} on L1 ({self._claim(index)})")
            return subject.at(Stage.CLAIMED, [*happened, *self._owed(payee, token)])
        return self._on_its_way(subject, index, happened)

    def owed_said(self, standing: Standing) -> str:
        """What the bridge keeps for who was to be paid for a withdrawal, because it did not take it; "" if nothing."""
        subject, claimed = standing.subject, self.replica.bridge.claimed
        payee = subject.owner if subject.withdrawal is None else claimed.get(subject.withdrawal, subject.owner)
        if payee is None or subject.token is None:
            return ""
        return "".join(self._owed(payee, subject.token))

    # --- through the Inbox ---

    def _deposit(self, subject: Subject, arrival: Arrival, place: Place | None) -> Standing:
        owner, token = cast(bytes, subject.owner), cast(bytes, subject.token)
        who, escape = self.words.who(owner), f"l2kit escape --for {self.words.who(owner)}"
        happened = [f"the bridge took it in L1 block {arrival.block:,}, {self._at(arrival.message.timestamp)}"]
        frozen = self._frozen_batch
        if place is None:
            batch, waits_for, late_from = self._wait_in_inbox(arrival)
            subject = replace(subject, batch=batch)
            if frozen is None:
                return subject.at(Stage.SENT, happened, waits_for, until=late_from)
            happened.append(self._frozen_said())
            waits_for += "; then it can be paid back"
            return subject.at(Stage.SENT, happened, waits_for, until=late_from, then=escape)
        subject = replace(subject, batch=place.batch)
        if place.outcome is not Outcome.APPLIED:
            return self._refused(subject, place, happened)
        credited = f"{self._in_batch(place)} and credits it to {who} on L2"
        happened.append(credited)
        if frozen is None:
            stage, said, waits_for, until = self._finality(place.batch)
            happened += said
            if stage is Stage.CONFIRMED:
                return subject.at(stage, happened)
            waits_for = f"nothing to be spent on L2; to be final, for {waits_for}" if waits_for else ""
            happened += self._alarm_said()
            return subject.at(Stage.CREDITED, happened, waits_for, until=until, news=credited)
        if place.batch <= frozen:
            left, escaped = self._left(owner, token), self._escaped(owner, token)
            happened += [f"{self._frozen_said()}, which knows it", *escaped]
            if not left:
                happened += [] if escaped else [f"{who} holds nothing of it there: it was spent before"]
                return subject.at(Stage.FROZEN, happened)
            happened.append(f"{who} holds {self.words.amount(token, left)} there")
            return subject.at(Stage.FROZEN, happened, f"somebody to have {who} paid out; anybody may", then=escape)
        happened.append(f"{self._frozen_said()}, which does not hold it")
        if (place.batch, place.position - self._records(place.batch)) in self.replica.bridge.recovered:
            happened += [f"it was paid back to {who} on L1", *self._owed(owner, token)]
            return subject.at(Stage.RECOVERED, happened)
        return subject.at(
            Stage.RECOVERABLE, happened, f"somebody to have it paid back to {who}; anybody may", then=escape
        )

    def _through_l1(self, subject: Subject, arrival: Arrival, place: Place | None, what: str) -> Standing:
        """A message that is no deposit, and has not made a withdrawal, or not yet."""
        time = self._at(arrival.message.timestamp)
        happened = [f"it {what}, and was sent to the Inbox in L1 block {arrival.block:,}, {time}"]
        if place is not None:
            return self._without_claim(subject, place, happened)
        batch, waits_for, until = self._wait_in_inbox(arrival)
        subject = replace(subject, batch=batch)
        if self._frozen_batch is not None:
            return self._void(subject, happened)
        return subject.at(Stage.SENT, [*happened, *self._alarm_said()], waits_for, until=until)

    def _without_claim(self, subject: Subject, place: Place, happened: list[str]) -> Standing:
        """What a batch holds that L1 owes nobody anything for."""
        subject = replace(subject, batch=place.batch)
        if place.outcome is not Outcome.APPLIED:
            return self._refused(subject, place, happened)
        happened.append(self._in_batch(place))
        if self._frozen_batch is not None and place.batch > self._frozen_batch:
            return self._void(subject, happened)
        stage, said, waits_for, until = self._finality(place.batch)
        waits_for = f"nothing on L2; to be final, for {waits_for}" if waits_for else ""
        return subject.at(stage, [*happened, *said, *self._alarm_said()], waits_for, until=until)

    def _refused(self, subject: Subject, place: Place, happened: list[str]) -> Standing:
        reason = REASONS.get(place.outcome) or place.outcome.name.replace("_", " ").lower()
        happened.append(f"{self._in_batch(place)}, but it is without effect: {reason}")
        return subject.at(Stage.REFUSED, happened, failed=True)

    def _wait_in_inbox(self, arrival: Arrival) -> tuple[int, str, int]:
        """The batch that must consume a message, what that waits for, and from when on anybody may post."""
        history, window = self.replica.history, self.windows.sequencer
        posted, first = len(history.posted), self.late_from
        waiting = len(history.required) + len(history.arrived)
        ahead = history.queue.batches_to(arrival.number - (len(history.arrivals) - waiting))
        batch, which = (
            posted + ahead,
            {1: "the next one", 2: "the next but one"}.get(ahead, f"{ahead} batches from now"),
        )
        if self.now < first:
            may = f"without the sequencer anybody may post batch {posted + 1} from {self._at(first)}"
        else:
            may = f"batch {posted + 1} is late since {self._at(first)}, so anybody may post it"
        again = f", and batch {batch} {span(window * (ahead - 1))} later" if ahead > 1 else ""
        return batch, f"batch {batch}, {which}, which must consume it; {may}{again}", first

    # --- withdrawals ---

    def _on_its_way(self, subject: Subject, index: int, happened: list[str]) -> Standing:
        """A withdrawal that a batch holds, and that nobody was paid for."""
        batch, claim = cast(int, subject.batch), f"l2kit claim {index}"
        if index < self.claimable:
            happened.append(f"the state after batch {self._good_batch}, which holds it, is confirmed on L1 for good")
            who = self.words.who(cast(bytes, subject.owner))
            waits_for = f"somebody to claim it; anybody may, and {who} is paid"
            return subject.at(Stage.CLAIMABLE, happened, waits_for, claimable_from=self.now, then=claim)
        if self._frozen_batch is not None:
            return self._void(subject, happened)
        stage, said, waits_for, until = self._finality(batch)
        happened += [*said, *self._alarm_said()]
        path = self._covering(batch)
        if not path:
            waits_for += f"; {span(self.windows.challenge)} after that it can be claimed" if waits_for else ""
            return subject.at(stage, happened, waits_for, until=until)
        claimable = max(each.deadline for each in path)
        then = claim if stage is Stage.DUE else ""
        return subject.at(stage, happened, waits_for, until=until, claimable_from=claimable, then=then)

    def _promised(self, promise: Promise) -> Standing:
        kind = "withdrawal" if promise.is_withdrawal else "transfer"
        subject = self._signed(kind, hex_of(promise.hash), promise.account, promise.amount)
        subject = replace(subject, token=promise.token, batch=promise.batch)
        if promise.status == "dropped":
            happened = [f"the sequencer had it on disk, and has dropped it: {promise.reason}"]
            return subject.at(Stage.DROPPED, happened, failed=True)
        if promise.status == "posted":
            happened = [f"the sequencer says that batch {promise.batch} holds it, but L1 does not show it there"]
        else:
            happened = ["the sequencer has it on disk: its promise, of which L1 knows nothing yet"]
        if self._frozen_batch is not None:
            return self._void(subject, happened)
        waits_for = f"the sequencer to post batch {promise.batch}"
        if promise.is_withdrawal:
            waits_for += "; should it never do that, nothing has moved, and 'l2kit withdraw --forced' goes through L1"
        return subject.at(Stage.PROMISED, [*happened, *self._alarm_said()], waits_for)

    def _void(self, subject: Subject, happened: list[str]) -> Standing:
        """The rollup was frozen in a state before it."""
        happened.append(f"{self._frozen_said()}, which knows nothing of it: what it was to move is where it was")
        then = ""
        if subject.owner is not None and subject.token is not None:
            happened += self._escaped(subject.owner, subject.token)
            then = f"l2kit escape --for {self.words.who(subject.owner)}"
        return subject.at(Stage.VOID, happened, then=then, failed=True)

    def _signed(self, kind: str, name: str, account: int, amount: int) -> Subject:
        """What somebody has signed; whose account it is, is known from what L1 holds."""
        accounts = self.replica.state.accounts
        owner, token = accounts[account][:2] if account < len(accounts) else (None, None)
        return Subject(kind, name, owner, token, None if amount == WHOLE_BALANCE else amount)

    # --- what L1 believes ---

    @property
    def claimable(self) -> int:
        """Withdrawals that can be claimed, or were: those in the last right state that L1 has confirmed."""
        return last_right(self.replica).withdrawals

    @property
    def late_from(self) -> int:
        """From when on (seconds of L1's time) anybody may post the next batch."""
        return late_from(self.replica, self.windows.sequencer, self.windows.born)

    @property
    def due(self) -> int | None:
        """The batch up to which is confirmed next; None where nothing is asserted that is right."""
        following = self.replica.chosen().get(self.replica.confirmed)
        return None if following is None else following.batch

    @property
    def _good_batch(self) -> int:
        return last_right(self.replica).batch

    @property
    def _frozen_batch(self) -> int | None:
        """Batches that the frozen state has applied; None while the rollup lives."""
        return None if self.replica.frozen is None else self.replica.batch_of(self.replica.frozen)

    @property
    def _sound(self) -> bool:
        """Whether what L1 has confirmed last is right."""
        return is_sound(self.replica, self.replica.confirmed)

    def _finality(self, batch: int) -> tuple[Stage, list[str], str, int | None]:
        """How far L1 is with the state after a batch: the stage, what happened, what it waits for, and until when."""
        words = self.words
        if batch <= self._good_batch:
            return Stage.CONFIRMED, [f"the state after batch {self._good_batch} is confirmed on L1"], "", None
        said = self._wrong_said(batch)
        if not self._sound:
            return Stage.POSTED, said, "", None
        path = self._covering(batch)
        if not path:
            return Stage.POSTED, said, f"somebody to assert the state after batch {batch}", None
        last, deadline = path[-1], max(each.deadline for each in path)
        said.insert(
            0, f"{words.who(last.proposer)} has asserted the state after batch {last.batch}, as L1's data gives it"
        )
        names = {each.id for each in path}
        games = [each.state for each in self.replica.disputes.open.values() if each.state.game.assertion in names]
        if games:
            challengers = dict.fromkeys(words.who(each.game.challenger) for each in games)
            soonest = min(each.deadline for each in games)
            said.append(f"{', '.join(challengers)} {'dispute' if len(challengers) > 1 else 'disputes'} it")
            waits_for = f"the dispute to end, in which the next move is due by {self._at(soonest)}"
            if self.now < deadline:
                waits_for += f", and for the challenge window, open until {self._at(deadline)}"
            return Stage.DISPUTED, said, waits_for, max(deadline, soonest + 1)
        if self.now < deadline:
            waits_for = f"the end of the challenge window, {self._at(deadline)}; nobody disputes it"
            return Stage.ASSERTED, said, waits_for, deadline
        said.append(f"its challenge window is over since {self._at(deadline)}")
        return Stage.DUE, said, "somebody to confirm it; anybody may", deadline

    def _covering(self, batch: int) -> list[Assertion]:
        """The assertions that, confirmed in turn, confirm the state after a batch; none where there are not enough."""
        at, chosen, path = self.replica.confirmed, self.replica.chosen(), list[Assertion]()
        while (child := chosen.get(at)) is not None:
            path.append(child)
            if child.batch >= batch:
                return path
            at = child.id
        return []

    def _wrong_said(self, batch: int) -> list[str]:
        """What L1 holds that is wrong about the state after a batch."""
        replica, words = self.replica, self.words
        if not self._sound:
            return [
                f"L1 HAS CONFIRMED A WRONG STATE after batch {replica.batch_of(replica.confirmed)}, since nobody "
                f"disputed it in time: nothing that came after batch {self._good_batch} is safe"
            ]
        said = []
        for each in replica.pending.values():
            if each.agree or each.batch < batch or replica.batch_of(each.parent) >= batch:
                continue
            games = [game for game in replica.disputes.against(each.id) if game.ended is None]
            by = ", ".join(words.who(game.state.game.challenger) for game in games)
            how = f"which {by} disputes" if games else f"which somebody must dispute before {self._at(each.deadline)}"
            said.append(f"{words.who(each.proposer)} asserts a wrong state after batch {each.batch}, {how}")
        return said

    # --- words ---

    def _at(self, timestamp: int) -> str:
        return moment(timestamp, self.now)

    def _in_batch(self, place: Place) -> str:
        posted = self.replica.history.posted[place.batch - 1].batch
        return f"batch {place.batch}, posted {self._at(posted.timestamp)}, holds it"

    def _records(self, batch: int) -> int:
        return len(self.replica.history.posted[batch - 1].batch.records)

    def _claim(self, index: int) -> str:
        return hex_of(self.replica.bridge.claims[index])

    def _owed(self, owner: bytes, token: bytes) -> list[str]:
        owed, who = self.replica.bridge.credits.get((token, owner), 0), self.words.who(owner)
        if not owed:
            return []
        amount = self.words.amount(token, owed)
        return [f"{who} has not taken a payment, so the bridge owes it {amount}: 'l2kit claim --credit --from {who}'"]

    def _escaped(self, owner: bytes, token: bytes) -> list[str]:
        escaped = [each for each in self.replica.bridge.escaped.values() if (each.owner, each.token) == (owner, token)]
        if not escaped:
            return []
        amount = self.words.amount(token, sum(each.amount for each in escaped))
        return [f"{self.words.who(owner)} has escaped with {amount}", *self._owed(owner, token)]

    def _left(self, owner: bytes, token: bytes) -> int:
        """What the escape hatch still owes an owner of a token."""
        paid = self.replica.bridge.escaped
        held = (each for each in escapes(final_state(self.replica)) if (each.owner, each.token) == (owner, token))
        return sum(each.amount for each in held if each.account not in paid)

    def _frozen_said(self) -> str:
        return f"the rollup is frozen in the state after batch {self._frozen_batch}"

    def _alarm_said(self) -> list[str]:
        """What an alarm means for what is not confirmed."""
        if self.replica.alarm is None or self.replica.frozen is not None:
            return []
        last = self.replica.batch_of(self.replica.confirmed)
        return [
            f"an alarm was raised: unless L1 confirms something before, the rollup can be frozen in the state after "
            f"batch {last} from {self._at(self.replica.alarm)}"
        ]
