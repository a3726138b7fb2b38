"""Brings deposits and withdrawals to their end: waits, and does on the way what anybody may do and nobody else has."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from toolkit.bridge.amounts import Unit, span
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.clocks import reach
from toolkit.bridge.local import Local
from toolkit.bridge.onlooker import Onlooker
from toolkit.bridge.standing import Promise, Stage, Standing, Subject
from toolkit.bridge.view import View
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, L2KitError, NodeError, Reverted, RpcError, ServiceError
from toolkit.rollup.dispute.moves import Move
from toolkit.rollup.proposer import confirm_moves

if TYPE_CHECKING:
    from web3.types import TxReceipt

DAY = 24 * 3600
POLL_SECONDS, SLOW_POLL_SECONDS = 0.1, 2.0
GRACE_SECONDS = 3.0
"""How long who is in charge may take to do what is due, before we do it."""
HONEST_SECONDS = 15.0
"""How long those who have something to dispute or to answer may take, before a devnet's clock is moved."""
ANSWER_SECONDS = 5.0
"""How long a service may take to answer a question."""
PATIENCE_SECONDS = 60.0
"""How long a devnet whose clock is moved may stand still, or a node be silent, before we give up."""
_HASH_SIZE, _TOKEN_SIZE = 66, 20


@dataclass(frozen=True)
class Deed:
    """A transaction that was sent: what it did, the gas, and its hash (0x-hex)."""

    said: str
    gas: int
    transaction: str

    @staticmethod
    def of(said: str, receipt: TxReceipt) -> Deed:
        """What a receipt says."""
        return Deed(said, receipt["gasUsed"], hex_of(bytes(receipt["transactionHash"])))

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"did": self.said, "gas": self.gas, "transaction": self.transaction}


class Teller(Protocol):
    """Is told what happens."""

    def stage(self, standing: Standing, now: int) -> None:
        """Something has come a step further, at L1's time ``now`` (seconds)."""
        ...

    def deed(self, deed: Deed) -> None:
        """We have sent a transaction."""
        ...

    def note(self, what: str) -> None:
        """Something else happens."""
        ...


Look = Callable[[View], Standing]


@dataclass
class _Pursuit:
    """What is remembered of something that is followed.

    Attributes:
        told: its progress when it was last told of.
        since: when something last happened (`time.monotonic`).
        silent: since when the node does not answer; None while it does.
        has_warned: whether it was told that nobody asserts anything.
    """

    told: tuple[object, ...] = ()
    since: float = field(default_factory=time.monotonic)
    silent: float | None = None
    has_warned: bool = False


class Passage:
    """What somebody does with a running rollup: look, wait, bring further.

    Attributes:
        local: the rollup.
        payer: pays for transactions; None where nothing is to be sent.
        travel: whether the devnet's clock is moved where only time is missing.
        teller: is told what happens.
    """

    def __init__(
        self, local: Local, onlooker: Onlooker, teller: Teller, *, payer: Account | None = None, travel: bool = False
    ) -> None:
        self.local, self.payer, self.travel = local, payer, travel
        self.teller, self._onlooker = teller, onlooker
        self._promises: dict[bytes, Promise] = {}
        self._court: tuple[object, ...] = ()
        self._court_since = time.monotonic()

    def look(self) -> View:
        """The rollup as L1 holds it now."""
        view = self._onlooker.look()
        replica = view.replica
        court = len(replica.assertions), len(replica.pending), len(replica.disputes.moves)
        if court != self._court:
            self._court, self._court_since = court, time.monotonic()
        return view

    def find(self, name: str, view: View | None = None) -> list[Standing]:
        """Where something is, by the hash of an L1 transaction or of an L2 operation, or by a withdrawal's index.

        Raises:
            BadInput: there is no such thing, or that is no name of one.
        """
        view = view or self.look()
        if name.isascii() and name.isdigit() and len(name) < 20:
            return [view.of_withdrawal(int(name))]
        try:
            wanted = bytes_of(name) if name.startswith("0x") and len(name) == _HASH_SIZE else b""
        except ValueError:
            wanted = b""
        if not wanted:
            raise BadInput(f"{name!r:.80} is neither a hash (0x and 64 hex digits) nor the number of a withdrawal")
        found = view.of_transaction(wanted)
        if found:
            return found
        promise, answers = self.promise(wanted)
        operation = view.of_operation(wanted, promise)
        if operation is not None:
            return [operation]
        if self._is_waiting(name):
            raise BadInput(f"the transaction {name} is in no block of L1 yet; its node has it, so look again")
        asked = "nor does the sequencer" if answers else "and the sequencer does not answer"
        raise BadInput(f"L1 knows no deposit or withdrawal {name}, {asked}")

    def only_withdrawal(self, name: str, view: View | None = None) -> Standing:
        """Where the withdrawal of that name is. Raises as `find`, and BadInput where it is none, or several."""
        found = [each for each in self.find(name, view) if each.subject.kind == "withdrawal"]
        if not found:
            raise BadInput(
                f"{name} is no withdrawal, so there is nothing to claim: 'l2kit status {name}' says what it is"
            )
        if len(found) > 1:
            raise BadInput(f"{name} names {len(found)} withdrawals; name one of them by its number")
        return found[0]

    def unit(self, token: bytes) -> Unit:
        """What a token is counted in. Raises BadInput where it does not tell."""
        return self._onlooker.unit(token)

    def in_transaction(self, view: View, name: str) -> Standing:
        """Where that is which an L1 transaction of ours (0x-hex) sent to the Inbox.

        Raises:
            L2KitError: a reorganisation took it away, or had it reverted.
        """
        found = view.of_transaction(bytes_of(name))
        if found:
            return found[-1]
        if not self._is_waiting(name):
            raise L2KitError(
                f"L1 has reorganised, and its node knows no transaction {name} any more; it may come again by itself, "
                f"and count twice where it is sent anew: see first whether 'l2kit status {name}' finds it"
            )
        happened = ["L1 has reorganised, and the transaction is in no block now; the node still has it"]
        return Subject("message", name).at(Stage.SENT, happened, "L1 to take the transaction into a block again")

    def _is_waiting(self, name: str) -> bool:
        """Whether L1's node knows a transaction (0x-hex), which the rollup does not. Raises L2KitError: it reverted."""
        rpc = Rpc(self.local.source.l1_rpc)
        try:
            known = rpc.call("eth_getTransactionByHash", name)
            receipt = rpc.call("eth_getTransactionReceipt", name) if known and known.get("blockNumber") else None
        finally:
            rpc.close()
        if receipt and int(receipt["status"], 16) == 0:
            raise L2KitError(f"the transaction {name} was reverted on L1: nothing has moved")
        return known is not None and not (receipt and self._is_old(receipt))

    def _is_old(self, receipt: dict[str, Any]) -> bool:
        """Whether a transaction is in a block that we have seen."""
        return int(receipt["blockNumber"], 16) <= self._onlooker.head

    def of_operation(self, view: View, name: bytes) -> Standing:
        """Where an operation of ours is, by its hash."""
        standing = view.of_operation(name, None)
        if standing is not None:
            return standing
        promise, answers = self.promise(name)
        if promise is not None:
            self._promises[name] = promise
        elif answers or name not in self._promises:
            why = "does not know" if answers else "does not answer, and L1 does not know"
            raise ServiceError(f"the sequencer {why} the operation {hex_of(name)}")
        # One that is silent for a while has still promised it.
        return cast(Standing, view.of_operation(name, self._promises[name]))

    def promise(self, name: bytes) -> tuple[Promise | None, bool]:
        """What the sequencer says of an operation, by its hash, if it knows it; and whether it answers at all."""
        try:
            found = self.ask("sequencer", "l2_receipt", hex_of(name))
            account, batch = int(found["account"]), found["batch"]
            token, amount = bytes_of(found["token"]), int(found["amount"])
            if min(account, amount, 0 if batch is None else int(batch)) < 0 or len(token) != _TOKEN_SIZE:
                return None, True
            said = (str(found["status"]), None if batch is None else int(batch), str(found.get("reason", "")))
            return Promise(name, *said, account, token, amount, found["kind"] == "withdrawal"), True
        except ServiceError:
            return None, False
        except (RpcError, KeyError, TypeError, ValueError, AttributeError):  # it does not know it, or talks nonsense
            return None, True

    def ask(self, role: str, method: str, *params: Any) -> Any:
        """One question to a service. Raises ServiceError where it does not answer soon, RpcError with its error."""
        rpc = Rpc(self.local.url(role), ANSWER_SECONDS)
        try:
            return rpc.call(method, *params)
        except RpcError:
            raise
        except NodeError as error:
            raise ServiceError(f"the {role} at {rpc.shown} does not answer") from error
        finally:
            rpc.close()

    def answers(self, role: str) -> bool:
        """Whether a service answers."""
        try:
            self.ask(role, "l2_status")
        except RpcError:
            return True
        except ServiceError:
            return False
        return True

    # --- waiting ---

    def follow(self, look: Look, done: Callable[[Standing], bool]) -> Standing:
        """Wait until something is ``done``, or over; on the way bring it further, as far as time and money allow.

        Raises:
            ServiceError: the devnet's clock is moved, and nothing happens all the same.
        """
        pursuit = _Pursuit()
        while True:
            try:
                standing = self._pursue(look, done, pursuit)
            except RpcError:
                raise
            except NodeError as error:
                self._bear(error, pursuit)
                continue
            pursuit.silent = None
            if standing is not None:
                return standing

    def _pursue(self, look: Look, done: Callable[[Standing], bool], pursuit: _Pursuit) -> Standing | None:
        """Look, and do what is missing, or wait a moment; where it is, once it is done or over."""
        view = self.look()
        standing = look(view)
        new = _progress(standing, view.now)
        if new != pursuit.told:
            self.teller.stage(standing, view.now)
            pursuit.told, pursuit.since = new, time.monotonic()
        if standing.over or done(standing):
            return standing
        pursuit.since = max(pursuit.since, self._court_since)
        waited = time.monotonic() - pursuit.since
        if self._bring_further(view, standing, waited):
            return None
        if self.travel and waited > GRACE_SECONDS:
            self._check_hope(standing, waited)
        self._warn_of_silence(view, standing, waited, pursuit)
        self.pause(pursuit.since)
        return None

    def _bear(self, error: NodeError, pursuit: _Pursuit) -> None:
        """Wait for a node that does not answer, for a while; else raise."""
        if pursuit.silent is None:
            pursuit.silent = time.monotonic()
            self.teller.note(f"{error}; looking again")
        if time.monotonic() - pursuit.silent > PATIENCE_SECONDS:
            raise error
        time.sleep(POLL_SECONDS)

    def _warn_of_silence(self, view: View, standing: Standing, waited: float, pursuit: _Pursuit) -> None:
        """Say once where what was asked for waits for an assertion, and nobody makes one."""
        if standing.stage is not Stage.POSTED or waited < PATIENCE_SECONDS or pursuit.has_warned:
            return
        if not self.answers("proposer"):
            owner = standing.subject.owner
            whom = "everybody" if owner is None else view.words.who(owner)
            self.teller.note(
                f"nobody asserts the state after batch {standing.subject.batch}, and no proposer answers: if nobody "
                f"ever does, 'l2kit escape --for {whom}' is the way out"
            )
            pursuit.has_warned = True

    def _check_hope(self, standing: Standing, waited: float) -> None:
        """Raise ServiceError where it is no use to wait longer while time stands still."""
        if waited > PATIENCE_SECONDS or (standing.stage is Stage.POSTED and not self.answers("proposer")):
            instead = "" if self.answers("proposer") else "; no proposer answers, and 'l2kit escape' is the way out"
            raise ServiceError(f"nothing happens any more: it waits for {standing.waits_for}{instead}")

    @staticmethod
    def pause(since: float) -> None:
        """Wait a moment, a longer one where nothing has happened ``since`` long ago (`time.monotonic`)."""
        time.sleep(POLL_SECONDS if time.monotonic() - since < PATIENCE_SECONDS else SLOW_POLL_SECONDS)

    def _bring_further(self, view: View, standing: Standing, waited: float) -> bool:
        """Do what is missing; whether anything was done."""
        stage, until, now = standing.stage, standing.until, view.now
        if stage is Stage.DUE and waited > GRACE_SECONDS:
            return self.confirm(view)
        if until is None or stage not in {Stage.SENT, Stage.ASSERTED, Stage.DISPUTED}:
            return False
        if stage is Stage.SENT:
            if waited < GRACE_SECONDS and self.answers("sequencer"):
                return False
            if now >= until:
                return self.post_late(view)
        if self.travel and now < until and (stage is not Stage.DISPUTED or waited > GRACE_SECONDS):
            return self.travel_to(view, until)
        return False

    def travel_to(self, view: View, until: int) -> bool:
        """Move the devnet's clock to ``until`` (L1's time), or as far on the way as harms nobody; whether it was moved.

        Raises:
            ServiceError: somebody honest would have to act before, and does not.
        """
        found = reach(view, until)
        if not found.is_quiet and time.monotonic() - self._court_since < HONEST_SECONDS:
            return False
        if found.refusal:
            raise ServiceError(found.refusal)
        self._move_clock(found.until - view.now)
        self._court_since = time.monotonic()
        return True

    def _move_clock(self, seconds: int) -> None:
        """Move the devnet's clock forward."""
        self.teller.note(f"the devnet's clock is moved by {span(seconds)}")
        self.local.travel(seconds)

    # --- what anybody may do ---

    def confirm(self, view: View) -> bool:
        """Confirm what is due; whether something was."""
        done = False
        for move in confirm_moves(view.replica, view.now):
            done = self.play(f"confirmed the state after batch {view.due}", move) or done
        return done

    def post_late(self, view: View) -> bool:
        """Post the next batch in the sequencer's stead, with what waits in the Inbox; whether that was done."""
        from toolkit.rollup.late import post_late_batch

        batch = len(view.replica.history.posted) + 1
        inbox = self.local.contract("inbox")
        return self.do(
            f"posted batch {batch} in the sequencer's stead",
            lambda payer: post_late_batch(self.local.chain, inbox, payer, view.replica),
        )

    def claim(self, view: View, index: int) -> bool:
        """Have a withdrawal paid that is confirmed; whether that was done (somebody else may have been faster)."""
        from toolkit.bridge.client import claim

        state = view.replica.state
        proven = withdrawal_claim(state.withdrawals[: view.claimable], index, state.genesis.withdrawals_depth)
        withdrawal, words = proven.withdrawal, view.words
        taken = view.replica.bridge.provider_of(withdrawal)
        payee = words.who(withdrawal.owner if taken is None else taken.provider)
        said = f"claimed withdrawal {index}: {words.amount(withdrawal.token, withdrawal.amount)} to {payee}"
        bridge = self.local.contract("bridge")
        return self.do(said, lambda payer: claim(self.local.chain, bridge, payer, proven))

    def do(self, said: str, send: Callable[[Account], TxReceipt]) -> bool:
        """Send something that somebody else may have done a moment before; whether it was we who did it."""
        if self.payer is None:
            return False
        try:
            receipt = send(self.payer)
        except Reverted as error:
            self.local.sent.clear()
            if error.error in _OVERTAKEN:
                return False
            raise
        self.teller.deed(Deed.of(f"{self.payer.name} {said}", receipt))
        return True

    def play(self, said: str, move: Move) -> bool:
        """Send a move that a service would send; otherwise as `do`."""
        to = checksum(move.to)
        return self.do(said, lambda payer: self.local.chain.send(payer, to=to, data=move.data, value=move.value))


_OVERTAKEN = {
    "AlreadyClaimed", "AlreadyEscaped", "AlreadyRecovered", "AlreadyAlarmed", "NotPending", "ParentNotConfirmed",
    "NotLastConfirmed", "OutOfOrder", "WrongLastBatch", "WrongMessages", "TooEarly",
}  # fmt: skip
"""How the contracts refuse what somebody else has done meanwhile."""


def _progress(standing: Standing, now: int) -> tuple[object, ...]:
    """What people want to hear of again when it changes: the stage, and how many days are left."""
    days = None if standing.until is None else max(0, standing.until - now) // DAY
    return standing.stage, standing.subject.batch, standing.subject.withdrawal, len(standing.happened), days
