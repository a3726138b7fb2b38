"""Where a deposit or a withdrawal is, what it waits for, when it can be claimed (`view.py` finds that out)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from toolkit.bridge.amounts import Words
from toolkit.devnet.accounts import checksum


class Stage(str, Enum):
    """How far it has come."""

    PROMISED = "promised"
    """The sequencer has it on disk; L1 knows nothing of it."""
    DROPPED = "dropped"
    """The sequencer had promised it, and L1's reorganisation made that impossible."""
    SENT = "sent"
    """It waits in the Inbox for the batch that must consume it; or, after a reorganisation, for L1 to take it again."""
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
class Windows:
    """What the rollup was deployed with, in seconds.

    Attributes:
        sequencer: without a batch, after which anybody may post one.
        challenge: in which an assertion can be disputed.
        escape: from an alarm until the rollup can be frozen.
        born: when the Inbox was deployed (L1's time).
    """

    sequencer: int
    challenge: int
    escape: int
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
class Subject:
    """What something is, wherever it is.

    Attributes:
        kind: "deposit", "withdrawal", "transfer" or "message" (to the Inbox, none of these).
        id: by which it was asked for.
        owner, token, amount: whose it is (20 bytes), and what (base units); None where that is not known yet.
        batch: that holds it, or must; None where nobody can say.
        withdrawal: its index, where it is a withdrawal on L1.
    """

    kind: str
    id: str
    owner: bytes | None = None
    token: bytes | None = None
    amount: int | None = None
    batch: int | None = None
    withdrawal: int | None = None

    def title(self, words: Words) -> str:
        """What it is, in one line."""
        what = self.kind if self.withdrawal is None else f"{self.kind} {self.withdrawal}"
        if self.token is None or self.owner is None:
            return what
        amount = "all that it holds" if self.amount is None else words.amount(self.token, self.amount)
        return f"{what}: {amount} {'to' if self.kind == 'deposit' else 'of'} {words.who(self.owner)}"

    def at(
        self,
        stage: Stage,
        happened: Sequence[str],
        waits_for: str = "",
        *,
        until: int | None = None,
        claimable_from: int | None = None,
        then: str = "",
        failed: bool = False,
        news: str = "",
    ) -> Standing:
        """Where it is; ``news`` are the last thing that happened where nothing else is said."""
        said = tuple(happened)
        return Standing(self, stage, said, waits_for, until, claimable_from, then, failed, news or said[-1])


@dataclass(frozen=True)
class Standing:
    """Where something is.

    Attributes:
        subject: what.
        stage: how far it has come.
        happened: what happened so far, in sentences.
        waits_for: what must happen next; "" where nothing has to.
        until: the L1 time (seconds) until which it waits, or from which on others than those it waits for may act; None
            where time alone changes nothing.
        claimable_from: from when on (seconds of L1's time) a withdrawal can be claimed, if nobody disputes; None where
            nobody can say yet, or nothing will be.
        then: the command that brings it on.
        failed: whether it will never happen; ``happened`` says why. A withdrawal or a transfer has then moved nothing.
        news: what brought it to this stage, in a sentence; one of those in ``happened``.
    """

    subject: Subject
    stage: Stage
    happened: tuple[str, ...]
    waits_for: str = ""
    until: int | None = None
    claimable_from: int | None = None
    then: str = ""
    failed: bool = False
    news: str = ""

    @property
    def over(self) -> bool:
        """Whether it is where it was to go, or will never get there."""
        return self.failed or self.stage in {Stage.CONFIRMED, Stage.CLAIMED, Stage.PAID_EARLY, Stage.RECOVERED}

    def as_json(self) -> dict[str, Any]:
        """The same for programs: amounts as text in base units, times in seconds."""
        subject = self.subject
        return {
            "kind": subject.kind,
            "id": subject.id,
            "stage": self.stage.value,
            "owner": None if subject.owner is None else checksum(subject.owner),
            "token": None if subject.token is None else checksum(subject.token),
            "amount": None if subject.amount is None else str(subject.amount),
            "batch": subject.batch,
            "withdrawal": subject.withdrawal,
            "happened": list(self.happened),
            "waits_for": self.waits_for or None,
            "until": self.until,
            "claimable_from": self.claimable_from,
            "then": self.then or None,
            "over": self.over,
            "failed": self.failed,
        }
