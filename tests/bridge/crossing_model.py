"""Who owns what on both chains: what every transaction must come to, and what it moves from whom to whom.

For each kind of transaction a method of `Model` says which error it must end in ("" where it goes through) and, where
there is none, does what it does. The model is small because it knows who signed what, and needs no witness; its hashes
are those of the specification. Amounts are in base units, addresses 20 bytes, times seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rollup_core.arena import BOND, ESCAPE_DELAY, SEQUENCER_WINDOW, WINDOW

from toolkit.bridge.claims import Claim as WithdrawalClaim
from toolkit.bridge.escape import Consumption, Final
from toolkit.bridge.terms import FastExit
from toolkit.crypto import keccak256
from toolkit.rollup.codec import NO_ACCOUNT, WHOLE_BALANCE, Header
from toolkit.rollup.dispute.game import Claim
from toolkit.rollup.inbox import MAX_MESSAGES, Batch, Message, extend
from toolkit.rollup.machine import MAX_BALANCE, Account, Withdrawal
from toolkit.rollup.merkle import list_root, root_of_list_proof, root_of_proof

ETH = bytes(20)
INFINITE = 2**256 - 1
"""An allowance that is not used up."""
PENDING, CONFIRMED, REJECTED, FROZEN, GONE = "pending", "confirmed", "rejected", "frozen", "gone"

Worth = Counter[tuple[bytes, bytes]]
"""Base units by owner and token."""


class Op(NamedTuple):
    """An operation as it was meant, and the record that carries it.

    Attributes:
        signer: whose signature it carries over exactly this; None where it is nobody's.
        account: that pays; NO_ACCOUNT where an account is opened for ``owner``.
        to: the account that is paid, of ``owner``; None for a withdrawal.
    """

    record: bytes
    signer: bytes | None
    account: int
    to: int | None
    owner: bytes
    token: bytes
    amount: int
    fee: int
    nonce: int


class Sent(NamedTuple):
    """A message in the Inbox, and what it is: a deposit (its token, owner and amount), an operation, or neither."""

    message: Message
    deposit: tuple[bytes, bytes, int] | None = None
    op: Op | None = None


class Permit(NamedTuple):
    """An EIP-2612 permit to the bridge: ``signer`` signed exactly this."""

    signer: bytes
    amount: int
    nonce: int
    deadline: int
    signature: bytes


@dataclass
class Made:
    """An assertion.

    Attributes:
        right: whether it claims what the Inbox's data make of its parent.
        rooted: whether all that it is built on is right.
        wrong_from: the step of its run from which on its proposer makes everything up, if it is wrong.
    """

    claim: Claim
    proposer: bytes
    deadline: int
    right: bool
    rooted: bool
    wrong_from: int
    status: str = PENDING


@dataclass
class Model:
    """Both chains.

    Attributes:
        worth: what everybody must have, L1 and L2 and all claims together; a bond is its payer's while it stands.
        moved: what each batch moved of that, by the batch's number.
        accounts, withdrawals: of L2 after every batch; ``made_by`` says which batch made a withdrawal.
        states: the accounts and the number of withdrawals after 0, 1, 2, ... batches.
        batches, accumulators, consumed: by number; batch 0 is the genesis.
        required, since: messages that the next batch must consume, and since when it is these.
        full, arrived: those behind them, in whole segments with the time when each was full, and the rest.
        made: assertions by id; ``last`` is the last confirmed one.
        games: the open ones: their assertion and challenger.
        outboxes: how many withdrawals a confirmed outbox holds, by its root.
        frozen: batches that the frozen state has applied.
        claimed: who was paid, by the withdrawal's index. ``taken``: the provider, by the withdrawal's leaf.
        refuses: payouts that fail now: of a token, to somebody.
        allowance, permits: what the bridge may have of the plain token, and how many permits of it somebody has used.
        burned: halves of lost bonds (wei).
    """

    sequencer: bytes
    bridge: bytes
    with_code: set[bytes]
    coin: bytes
    ring: int
    bond: int
    batches: list[Batch]
    accumulators: list[bytes]
    last: Claim
    outboxes: dict[bytes, int]
    allowance: Counter[bytes]
    worth: Worth = field(default_factory=Counter)
    moved: list[Worth] = field(default_factory=lambda: [Counter()])
    accounts: list[Account] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    made_by: list[int] = field(default_factory=list)
    states: list[tuple[list[Account], int]] = field(default_factory=lambda: [([], 0)])
    consumed: list[list[Sent]] = field(default_factory=lambda: [[]])
    required: list[Sent] = field(default_factory=list)
    since: int = 0
    full: list[tuple[list[Sent], int]] = field(default_factory=list)
    arrived: list[Sent] = field(default_factory=list)
    checkpoints: set[int] = field(default_factory=set)
    made: dict[bytes, Made] = field(default_factory=dict)
    games: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    alarms: dict[bytes, int] = field(default_factory=dict)
    frozen: int | None = None
    claimed: dict[int, bytes] = field(default_factory=dict)
    taken: dict[bytes, bytes] = field(default_factory=dict)
    credits: Worth = field(default_factory=Counter)
    escaped: set[int] = field(default_factory=set)
    recovered: set[tuple[int, int]] = field(default_factory=set)
    refuses: set[tuple[bytes, bytes]] = field(default_factory=set)
    permits: Counter[bytes] = field(default_factory=Counter)
    burned: int = 0

    def __post_init__(self) -> None:
        self.made[self.last.id] = Made(self.last, bytes(20), 0, True, True, 0, CONFIRMED)

    def copy(self) -> Model:
        """An independent copy: what the containers hold never changes, but for assertions."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (list, dict, set)):
                setattr(other, name, value.copy())
        other.made = {name: replace(made) for name, made in self.made.items()}
        other.moved = [each.copy() for each in self.moved]
        return other

    # Deposits and other messages

    def deposits(
        self, sender: bytes, token: bytes, to: bytes, amount: int, permit: Permit | None, vice: str, now: int
    ) -> str:
        """Of what the sender has enough of; ``vice``: what the odd token does meanwhile."""
        if vice == "ReturnsFalse":
            return "TransferFromFailed"
        if vice == "TakesFee" and amount >= 100:
            return "InexactTransfer"
        uses_permit = permit is not None and self.permit_error(permit, sender, amount, now) == ""
        allowed = amount if uses_permit else self.allowance[sender]
        if token == self.coin and allowed < amount:
            return "TransferFromFailed"
        if to in self.with_code or to in (ETH, self.bridge):
            return "BadRecipient"
        if not 0 < amount <= MAX_BALANCE:
            return "BadAmount"
        self.permits[sender] += uses_permit
        if token == self.coin and allowed < INFINITE:
            self.allowance[sender] = allowed - amount
        data = b"\x01" + token + to + amount.to_bytes(16, "big")
        self._arrive(Sent(Message(self.bridge, now, data), (token, to, amount)), now)
        self.worth[sender, token] -= amount
        self.worth[to, token] += amount
        return ""

    def permit_error(self, permit: Permit, owner: bytes, amount: int, now: int) -> str:
        """What the plain token says to a permit of the owner's."""
        if now > permit.deadline:
            return "PermitExpired"
        asked = owner, amount, self.permits[owner]
        return "" if (permit.signer, permit.amount, permit.nonce) == asked else "InvalidPermit"

    def permits_alone(self, permit: Permit, now: int) -> str:
        """Anybody may bring a permit to the token."""
        error = self.permit_error(permit, permit.signer, permit.amount, now)
        if not error:
            self.permits[permit.signer] += 1
            self.allowance[permit.signer] = permit.amount
        return error

    def sends(self, sender: bytes, data: bytes, op: Op | None, now: int) -> str:
        """A message that is no deposit."""
        self._arrive(Sent(Message(sender, now, data), None, op), now)
        return ""

    def _arrive(self, sent: Sent, now: int) -> None:
        if len(self.arrived) == MAX_MESSAGES:
            self.full.append((self.arrived, now))
            self.arrived = []
        self.arrived.append(sent)

    @property
    def waiting(self) -> list[Sent]:
        """Messages behind those that the next batch must consume."""
        return [sent for segment, _ in self.full for sent in segment] + self.arrived

    # Batches

    def posts(
        self,
        poster: bytes,
        number: int,
        header: Header,
        ops: Sequence[Op],
        messages: Sequence[Message],
        late: tuple[bytes, Batch] | None,
        now: int,
    ) -> str:
        """Of the sequencer; or, where ``late`` shows the last batch and the accumulator before it, of anybody."""
        if late is None and poster != self.sequencer:
            return "NotSequencer"
        if number != len(self.batches):
            return "OutOfOrder"
        if late is not None:
            before, last = late
            if extend(before, last.hash) != self.accumulators[-1]:
                return "WrongLastBatch"
            if now < self.late_from:
                return "TooEarly"
        if [each.hash for each in messages] != [each.message.hash for each in self.required]:
            return "WrongMessages"
        listed = [Sent(message, *sent[1:]) for message, sent in zip(messages, self.required, strict=True)]
        batch = Batch(header.encode(), [op.record for op in ops], messages, now, poster)
        self.batches.append(batch)
        self.accumulators.append(extend(self.accumulators[-1], batch.hash))
        self.consumed.append(listed)
        if self.full:
            self.required, self.since = self.full.pop(0)
        else:
            self.required, self.since, self.arrived = self.arrived, now if self.arrived else 0, []
        self._apply(batch.poster, header, ops, listed)
        return ""

    @property
    def late_from(self) -> int:
        """From when on anybody may post."""
        last = self.batches[-1].timestamp
        return (min(last, self.since) if self.required else last) + SEQUENCER_WINDOW

    def _apply(self, poster: bytes, header: Header, ops: Sequence[Op], messages: Sequence[Sent]) -> None:
        self.moved.append(Counter())
        fees = sum(self._operate(op, header.fee_token) for op in ops)
        for message, deposit, op in messages:
            if deposit is not None:
                token, owner, amount = deposit
                self._credit(message.account, owner, token, amount)
            elif op is not None:
                self._operate(op, None)
        if fees:
            self._credit(header.fee_account, poster, header.fee_token, fees)
            self._move(poster, header.fee_token, fees)
        self.states.append((self.accounts.copy(), len(self.withdrawals)))

    def _operate(self, op: Op, fee_token: bytes | None) -> int:
        """Returns the fee charged."""
        if op.account == NO_ACCOUNT:
            self.accounts.append(Account(op.owner, op.token, 0, 0))
            return 0
        payer = self.accounts[op.account] if op.account < len(self.accounts) else None
        if payer is None or (payer.owner, payer.token, payer.nonce) != (op.signer, op.token, op.nonce):
            return 0
        charged = op.fee if fee_token == op.token else 0
        amount = payer.balance - charged if op.amount == WHOLE_BALANCE else op.amount
        if not 0 <= amount <= payer.balance - charged:
            return 0
        left = payer._replace(balance=payer.balance - charged - amount, nonce=payer.nonce + 1)
        if op.to is None:
            self.accounts[op.account] = left
            self._withdraw(Withdrawal(len(self.withdrawals), payer.owner, payer.token, amount))
        else:
            payee = self.accounts[op.to] if op.to < len(self.accounts) else None
            if payee is None or (payee.owner, payee.token) != (op.owner, op.token):
                return 0
            payee = left if op.to == op.account else payee
            if payee.balance + amount > MAX_BALANCE:
                return 0
            self.accounts[op.account] = left
            self.accounts[op.to] = payee._replace(balance=payee.balance + amount)
            self._hand(payer.owner, payee.owner, op.token, amount)
        self._move(payer.owner, op.token, -charged)
        return charged

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        self.withdrawals.append(withdrawal)
        self.made_by.append(len(self.moved) - 1)
        provider = self.taken.get(withdrawal.leaf())
        if provider is not None:  # it had been paid for before it was there
            self._hand(withdrawal.owner, provider, withdrawal.token, withdrawal.amount)

    def _credit(self, hint: int, owner: bytes, token: bytes, amount: int) -> None:
        if hint < len(self.accounts):
            account = self.accounts[hint]
            if account[:2] == (owner, token) and account.balance + amount <= MAX_BALANCE:
                self.accounts[hint] = account._replace(balance=account.balance + amount)
                return
        self.accounts.append(Account(owner, token, amount, 0))

    def _hand(self, giver: bytes, taker: bytes, token: bytes, amount: int, batch: int | None = None) -> None:
        self._move(giver, token, -amount, batch)
        self._move(taker, token, amount, batch)

    def _move(self, who: bytes, token: bytes, amount: int, batch: int | None = None) -> None:
        """A change on L2, made by the last batch or by this one: after the frozen state it is worth nothing."""
        batch = len(self.moved) - 1 if batch is None else batch
        self.moved[batch][who, token] += amount
        if self.frozen is None or batch <= self.frozen:
            self.worth[who, token] += amount

    # Assertions

    def knows(self, batch: int) -> bool:
        """Whether the Inbox has the accumulator after so many batches."""
        last = len(self.batches) - 1
        return last - self.ring < batch <= last or batch in self.checkpoints

    def checkpoint(self, batch: int, value: bytes, hashes: Sequence[bytes]) -> str:
        """An accumulator is brought back."""
        if not self.knows(batch + len(hashes)):
            return "UnknownAccumulator"
        for each in hashes:
            value = extend(value, each)
        if value != self.accumulators[batch + len(hashes)]:
            return "WrongChain"
        self.checkpoints.add(batch)
        return ""

    def asserts(self, proposer: bytes, claim: Claim, right: bool, wrong_from: int, now: int) -> str:
        """With a bond."""
        parent = self.made.get(claim.parent)
        if parent is None or parent.status not in (PENDING, CONFIRMED):
            return "UnknownParent"
        if claim.batch <= parent.claim.batch:
            return "NoProgress"
        if not self.knows(claim.batch):
            return "UnknownAccumulator"
        if claim.accumulator != self.accumulators[claim.batch]:
            return "WrongAccumulator"
        if claim.id in self.made and self.made[claim.id].status != GONE:
            return "AlreadyAsserted"
        rooted = parent.rooted and parent.right
        self.made[claim.id] = Made(claim, proposer, now + WINDOW, right, rooted, wrong_from)
        return ""

    def confirms(self, final: Final, now: int) -> str:
        """By the halves of the machine hash."""
        claim = claim_of(final)
        parent = self.made.get(claim.parent)
        if parent is None or parent.status != CONFIRMED:
            return "ParentNotConfirmed"
        error = self._undisputed(claim.id, now)
        if error:
            return error
        made = self.made[claim.id]
        assert made.right and made.rooted, "what is wrong was about to be confirmed"
        parent.status, made.status, self.last = GONE, CONFIRMED, claim
        self.outboxes[final.outbox_root] = self.states[claim.batch][1]
        return ""

    def reclaims(self, claim: Claim, now: int) -> str:
        """The bond of what was left behind."""
        error = self._undisputed(claim.id, now)
        if error:
            return error
        parent = self.made.get(claim.parent)
        if parent is not None and parent.status in (PENDING, CONFIRMED):
            return "NotLeftBehind"
        self.made[claim.id].status = GONE
        return ""

    def _undisputed(self, name: bytes, now: int) -> str:
        made = self.made.get(name)
        if made is None or made.status != PENDING:
            return "NotPending"
        if now < made.deadline:
            return "WindowOpen"
        return "IsHeld" if self.is_held(name) else ""

    def is_held(self, name: bytes) -> bool:
        """Whether a game is open about an assertion."""
        return any(assertion == name for assertion, _ in self.games.values())

    def opens(self, game: bytes, challenger: bytes, claim: Claim, now: int) -> str:
        """A game, with a bond."""
        made = self.made.get(claim.id)
        if game in self.games:
            return "AlreadyOpen"
        if made is None or made.status != PENDING:
            return "NotPending"
        if now >= made.deadline:
            return "WindowClosed"
        self.games[game] = (claim.id, challenger)
        return ""

    def ends(self, game: bytes) -> bytes:
        """A game; who is right wins. Returns the winner."""
        name, challenger = self.games.pop(game)
        made = self.made[name]
        if made.right:
            winner, loser, bond = made.proposer, challenger, self.bond
        else:
            winner, loser, bond = challenger, made.proposer, BOND
            made.status = REJECTED
        self.worth[winner, ETH] += bond // 2
        self.worth[loser, ETH] -= bond
        self.burned += bond - bond // 2
        return winner

    # The end of the rollup

    def alarm(self, name: bytes, now: int) -> str:
        """About the last confirmed assertion."""
        if self.frozen is not None or name != self.last.id:
            return "NotLastConfirmed"
        if name in self.alarms:
            return "AlreadyAlarmed"
        self.alarms[name] = now + ESCAPE_DELAY
        return ""

    def freeze(self, name: bytes, now: int) -> str:
        """From here on what later batches moved is worth nothing."""
        if self.frozen is not None or name != self.last.id:
            return "NotLastConfirmed"
        if name not in self.alarms:
            return "NotAlarmed"
        if now < self.alarms[name]:
            return "FreezeTooEarly"
        self.made[name].status, self.frozen = FROZEN, self.last.batch
        for moved in self.moved[self.frozen + 1 :]:
            self.worth.subtract(moved)
        return ""

    def escapes(self, final: Final, account: int, is_true: bool) -> str:
        """``is_true``: whether the witness shows the account as it is in this very state."""
        if self.frozen is None or claim_of(final) != self.last:
            return "NotFrozen"
        if not is_true:
            return "WrongWitness"
        owner, token, balance, _ = self.states[self.frozen][0][account]
        if not balance:
            return "NothingToPay"
        if account in self.escaped:
            return "AlreadyEscaped"
        self.escaped.add(account)
        self._pay(token, owner, balance)
        return ""

    def recovers(self, final: Final, consumed: Consumption, preimage: bytes) -> str:
        """A deposit that a later batch consumed."""
        if self.frozen is None or claim_of(final) != self.last:
            return "NotFrozen"
        place = consumed.batch, consumed.place
        if consumed.batch <= self.frozen:
            return "InFrozenState"
        if not self.knows(consumed.batch):
            return "UnknownAccumulator"
        if extend(consumed.before, consumed.posted.hash) != self.accumulators[consumed.batch]:
            return "WrongHistory"
        leaf = keccak256(keccak256(preimage) + consumed.hint.to_bytes(4, "big"))
        messages = consumed.posted.message_leaves
        computed = root_of_list_proof(leaf, consumed.place, len(messages), consumed.proof)
        if computed is None:
            return "BadProof"
        if computed != list_root(messages):
            return "NotConsumed"
        sent = self.consumed[consumed.batch][consumed.place]
        assert sent.message.preimage == preimage
        if sent.deposit is None:
            return "NotADeposit"
        if place in self.recovered:
            return "AlreadyRecovered"
        self.recovered.add(place)
        token, owner, amount = sent.deposit
        self._pay(token, owner, amount)
        return ""

    # Withdrawals

    def claims(self, claim: WithdrawalClaim) -> str:
        """Against an outbox."""
        withdrawal, root = claim.withdrawal, claim.outbox_root
        if root not in self.outboxes:
            return "NotConfirmed"
        computed = root_of_proof(withdrawal.leaf(), withdrawal.index, claim.proof, 32)
        if computed is None:
            return "BadProof"
        if computed != root:
            return "NotWithdrawn"
        index = withdrawal.index
        assert index < self.outboxes[root] and withdrawal == self.withdrawals[index], "what nobody withdrew"
        if index in self.claimed:
            return "AlreadyClaimed"
        self.claimed[index] = self.payee(withdrawal)
        self._pay(withdrawal.token, self.claimed[index], withdrawal.amount)
        return ""

    def payee(self, withdrawal: Withdrawal) -> bytes:
        """Who gets a withdrawal."""
        return self.taken.get(withdrawal.leaf(), withdrawal.owner)

    def exits(
        self, sender: bytes, withdrawal: Withdrawal, terms: FastExit, signer: bytes | None, value: int, now: int
    ) -> str:
        """``signer``: whose signature it is, if over these terms the sender is the provider."""
        index, owner, token, amount = withdrawal.index, withdrawal.owner, withdrawal.token, withdrawal.amount
        leaf, due = withdrawal.leaf(), amount - terms.fee
        if now > terms.expiry:
            return "Expired"
        if due < 0:
            return "FeeTooHigh"
        if not self.knows(terms.batch):
            return "UnknownAccumulator"
        if terms.accumulator != self.accumulators[terms.batch]:
            return "WrongHistory"
        if index in self.claimed:
            return "AlreadyClaimed"
        if leaf in self.taken:
            return "AlreadyTaken"
        if signer != owner:
            return "BadSignature"
        if value != (due if token == ETH else 0):
            return "WrongValue"
        if token != ETH and (token, owner) in self.refuses:
            return "TransferFromFailed"
        self.taken[leaf] = sender
        self.worth[sender, token] -= due
        self.worth[owner, token] += due
        if token == ETH:
            self._pay(token, owner, due)
        if index < len(self.withdrawals) and self.withdrawals[index] == withdrawal:
            self._hand(owner, sender, token, amount, self.made_by[index])
        return ""

    def claims_credit(self, owner: bytes, token: bytes, to: bytes) -> str:
        """Paid out whole."""
        amount = self.credits[owner, token]
        if not amount:
            return "NoCredit"
        if (token, to) in self.refuses:
            return "PayoutFailed"
        del self.credits[owner, token]
        self.worth[owner, token] -= amount
        self.worth[to, token] += amount
        return ""

    def _pay(self, token: bytes, to: bytes, amount: int) -> None:
        if amount and (token, to) in self.refuses:
            self.credits[to, token] += amount

    # What must be there

    def owed(self, token: bytes) -> int:
        """What the bridge must hold: L2's supply, deposits on their way, withdrawals not claimed, and credits.

        Where the rollup is frozen: accounts of the last state that have not escaped, deposits after it that were not
        paid back, withdrawals up to it that were not claimed, and credits.
        """
        batch = len(self.batches) - 1 if self.frozen is None else self.frozen
        accounts, withdrawals = self.states[batch]
        deposits = [*self.required, *self.waiting]
        for number in range(batch + 1, len(self.batches)):
            deposits += [
                sent for place, sent in enumerate(self.consumed[number]) if (number, place) not in self.recovered
            ]
        return (
            sum(each.balance for i, each in enumerate(accounts) if each.token == token and i not in self.escaped)
            + sum(sent.deposit[2] for sent in deposits if sent.deposit is not None and sent.deposit[0] == token)
            + sum(
                each.amount
                for each in self.withdrawals[:withdrawals]
                if each.token == token and each.index not in self.claimed
            )
            + sum(amount for (_, of), amount in self.credits.items() if of == token)
        )


def claim_of(final: Final) -> Claim:
    """The assertion that the halves of its machine hash make."""
    machine_hash = keccak256(final.outbox_root + final.inner_hash)
    return Claim(final.parent, final.batch, final.accumulator, machine_hash)
