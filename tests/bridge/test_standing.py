"""Every stage of a deposit and of a withdrawal is told as what it is. Pure: L1's logs are made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rollup_services.l1_logs import HONEST, ME, WINDOW, WRONG
from rollup_services.l1_logs import L1 as Chain
from rollup_services.test_parts import (
    BRIDGE,
    DOMAIN,
    INBOX,
    KEY,
    OWNER,
    PAYEE,
    POSTER,
    ROLLUP,
)

from toolkit.bridge import ledger as b
from toolkit.bridge.amounts import ETHER_UNIT, Unit, Words
from toolkit.bridge.standing import Promise, Stage, Standing, Windows
from toolkit.bridge.view import View
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import WHOLE_BALANCE, Header, RegisterRecord
from toolkit.rollup.inbox import MAX_MESSAGES, Batch, extend
from toolkit.rollup.machine import account_hint, deposit_data, forced_data
from toolkit.rollup.operations import Transfer, Withdraw

ETH, TOKEN, PROVIDER = bytes(20), b"\x70" * 20, b"\x71" * 20
ETHER = 10**18
HALF_DAY = 12 * 3600
WINDOWS = Windows(sequencer=HALF_DAY, challenge=WINDOW, escape=30 * 86400, born=900)
WORDS = Words({OWNER: "alice", PAYEE: "bob", HONEST: "proposer", ME: "verifier", PROVIDER: "provider"}, {
    ETH: ETHER_UNIT, TOKEN: Unit("USD", 6),
})  # fmt: skip


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


class L1(Chain):
    """A chain of our own making, with a bridge."""

    def __init__(self) -> None:
        super().__init__(batches=0)
        self.nonce = 0

    @property
    def view(self) -> View:
        return View(self.replica, WINDOWS, self.now, WORDS)

    @property
    def last(self) -> bytes:
        """The transaction of the last log."""
        return self.count.to_bytes(32, "big")

    def send(self, data: bytes, sender: bytes = BRIDGE) -> bytes:
        """A message to the Inbox; returns its transaction."""
        body = word(32) + word(len(data)) + data + bytes(-len(data) % 32)
        self.log(INBOX, (c.MESSAGE_SENT, word(sender)), body)
        return self.last

    def deposit(self, amount: int = ETHER, owner: bytes = OWNER, token: bytes = ETH) -> bytes:
        return self.send(deposit_data(token, owner, amount))

    def post(self, records: Sequence[bytes] = ()) -> None:
        """A batch with these records, and the messages that it must consume."""
        history, header = self.replica.history, Header().encode()
        messages = [
            type(each)(each.sender, each.timestamp, each.data, account_hint(self.replica.state, each))
            for each in history.required
        ]
        batch = Batch(header, list(records), messages, self.now, POSTER)
        number = len(history.posted) + 1
        calldata = c.encode_post_batch(number, header, list(records), messages)
        accumulator = extend(history.accumulator, batch.hash).ljust(32, b"\0")
        self.log(INBOX, (c.BATCH_POSTED, word(number)), accumulator, calldata)

    def fund(self) -> bytes:
        """Two batches, of which the second credits a deposit of 1 ETH to alice; returns the deposit's transaction."""
        deposit = self.deposit()
        self.post()
        self.post()
        return deposit

    def withdrawal(self, amount: int = ETHER // 4, nonce: int | None = None) -> tuple[bytes, bytes]:
        """Alice's next withdrawal: its record, and its hash."""
        operation = Withdraw(0, ETH, amount, 0, self.nonce if nonce is None else nonce)
        self.nonce += 1
        return operation.record(operation.sign(DOMAIN, KEY)).encode(), operation.digest(DOMAIN)

    def withdraw(self, amount: int = ETHER // 4) -> bytes:
        """A withdrawal in a batch of its own; returns its hash."""
        record, name = self.withdrawal(amount)
        self.post([record])
        return name

    def settle(self) -> None:
        """The last batch is asserted and confirmed."""
        name = self.assert_state(self.replica.confirmed, len(self.replica.history.posted))
        self.now += WINDOW
        self.confirm(name)

    def bridge(self, event: bytes, *topics: int | bytes, data: Sequence[int | bytes]) -> bytes:
        self.log(BRIDGE, (event, *map(word, topics)), b"".join(map(word, data)))
        return self.last

    def freeze(self) -> None:
        last = self.replica.confirmed
        self.log(ROLLUP, (c.ALARMED, last), word(self.now + WINDOWS.escape))
        self.now += WINDOWS.escape
        self.log(ROLLUP, (c.FROZEN, last), b"")


@pytest.fixture
def l1() -> L1:
    return L1()


def only(found: list[Standing]) -> Standing:
    (standing,) = found
    return standing


def deposit_at(l1: L1, transaction: bytes) -> Standing:
    return only(l1.view.of_transaction(transaction))


def told(standing: Standing) -> str:
    return " | ".join(standing.happened)


# --- deposits ---


def test_a_deposit_waits_for_the_next_batch_but_one_and_then_for_the_next(l1: L1) -> None:
    deposit = l1.deposit()
    found = deposit_at(l1, deposit)
    assert (found.stage, found.subject.batch, found.until) == (Stage.SENT, 2, WINDOWS.born + HALF_DAY)
    assert found.subject.title(WORDS) == "deposit: 1 ETH to alice"
    assert "the bridge took it in L1 block 1" in told(found)
    assert "batch 2, the next but one, which must consume it" in found.waits_for
    assert (
        "anybody may post batch 1 from 1970-01-01 12:15:00 UTC (in 11 h 58 min), and batch 2 12 h later"
        in found.waits_for
    )
    l1.now += 100
    l1.post()
    found = deposit_at(l1, deposit)
    assert (found.stage, found.subject.batch, found.until) == (Stage.SENT, 2, l1.now + HALF_DAY)
    assert "batch 2, the next one, which must consume it" in found.waits_for
    assert "later" not in found.waits_for
    l1.now += HALF_DAY
    assert (
        "batch 2 is late since 1970-01-01 12:18:20 UTC (now), so anybody may post it"
        in deposit_at(l1, deposit).waits_for
    )


def test_a_deposit_behind_many_messages_waits_for_the_batch_that_takes_it(l1: L1) -> None:
    for _ in range(2):
        l1.send(b"junk")
    l1.post()
    for _ in range(2 * MAX_MESSAGES):
        l1.send(b"junk")
    first = l1.last
    deposit = l1.deposit()
    told_ = [only(l1.view.of_transaction(each)).subject.batch for each in (first, deposit)]
    assert told_ == [4, 5]
    assert "batch 5, 4 batches from now, which must consume it" in deposit_at(l1, deposit).waits_for
    for batch in (2, 3, 4):
        l1.now += 100
        l1.post()
        assert deposit_at(l1, deposit).stage is Stage.SENT, batch
        assert deposit_at(l1, deposit).subject.batch == 5
    l1.post()
    assert (deposit_at(l1, deposit).stage, deposit_at(l1, deposit).subject.batch) == (Stage.CREDITED, 5)


def test_a_full_segment_of_messages_is_late_by_itself(l1: L1) -> None:
    for _ in range(MAX_MESSAGES + 1):
        l1.send(b"junk")
    sealed = l1.now
    l1.now += 500
    l1.post()
    assert l1.view.late_from == sealed + HALF_DAY
    l1.post()
    assert l1.view.late_from == l1.now + HALF_DAY


def test_a_deposit_is_credited_then_asserted_then_confirmed(l1: L1) -> None:
    deposit = l1.fund()
    found = deposit_at(l1, deposit)
    assert (found.stage, found.subject.batch, found.over) == (Stage.CREDITED, 2, False)
    assert found.news == "batch 2, posted 1970-01-01 00:16:40 UTC (now), holds it and credits it to alice on L2"
    assert found.waits_for == "nothing to be spent on L2; to be final, for somebody to assert the state after batch 2"
    name = l1.assert_state(l1.genesis, 2)
    found = deposit_at(l1, deposit)
    assert (found.stage, found.until) == (Stage.CREDITED, l1.now + WINDOW)
    assert "proposer has asserted the state after batch 2" in told(found)
    assert found.news in found.happened and "credits" in found.news
    l1.confirm(name)
    found = deposit_at(l1, deposit)
    assert (found.stage, found.over, found.waits_for) == (Stage.CONFIRMED, True, "")


def test_one_transaction_may_deposit_twice(l1: L1) -> None:
    deposit = l1.deposit(1)
    l1.count -= 1
    assert l1.deposit(2, PAYEE) == deposit
    assert [each.subject.owner for each in l1.view.of_transaction(deposit)] == [OWNER, PAYEE]


def test_a_deposit_to_an_account_that_is_full_opens_another(l1: L1) -> None:
    l1.deposit((1 << 128) - 1)
    deposit = l1.deposit()
    l1.post()
    l1.post()
    assert deposit_at(l1, deposit).stage is Stage.CREDITED


def test_a_deposit_that_the_frozen_state_holds_is_paid_by_the_escape_hatch(l1: L1) -> None:
    deposit = l1.fund()
    l1.settle()
    l1.freeze()
    found = deposit_at(l1, deposit)
    assert (found.stage, found.then) == (Stage.FROZEN, "l2kit escape --for alice")
    assert "frozen in the state after batch 2, which knows it" in told(found)
    l1.bridge(b.ESCAPED, 1, OWNER, data=(TOKEN, 5))
    assert deposit_at(l1, deposit) == found  # that is another account of alice's
    l1.bridge(b.ESCAPED, 0, OWNER, data=(ETH, ETHER))
    found = deposit_at(l1, deposit)
    assert (found.waits_for, found.then) == ("", "")
    assert found.happened[-1] == "alice has escaped with 1 ETH"


def test_a_deposit_that_was_spent_before_the_freeze_is_owed_to_nobody(l1: L1) -> None:
    deposit = l1.fund()
    l1.withdraw()
    l1.settle()
    l1.freeze()
    found = deposit_at(l1, deposit)
    assert (found.stage, found.then) == (Stage.FROZEN, "l2kit escape --for alice")
    assert "alice holds 0.75 ETH there" in told(found), "what is left of it"
    other = L1()
    deposit = other.fund()
    other.withdraw(WHOLE_BALANCE)
    other.settle()
    other.freeze()
    found = deposit_at(other, deposit)
    assert (found.stage, found.waits_for, found.then) == (Stage.FROZEN, "", "")
    assert found.happened[-1] == "alice holds nothing of it there: it was spent before"


def test_a_deposit_after_the_frozen_state_comes_back_once_a_batch_has_consumed_it(l1: L1) -> None:
    l1.fund()
    l1.settle()
    first = l1.deposit(3)
    l1.post()
    l1.post()
    second = l1.deposit(5, PAYEE, TOKEN)
    l1.freeze()
    found = deposit_at(l1, first)
    assert (found.stage, found.then, found.over) == (Stage.RECOVERABLE, "l2kit escape --for alice", False)
    assert "frozen in the state after batch 2, which does not hold it" in told(found)
    found = deposit_at(l1, second)
    assert (found.stage, found.then) == (Stage.SENT, "l2kit escape --for bob")
    assert found.waits_for.endswith("; then it can be paid back")
    assert found.subject.title(WORDS) == "deposit: 0.000005 USD to bob"
    l1.bridge(b.RECOVERED, 4, 0, OWNER, data=(ETH, 3))
    found = deposit_at(l1, first)
    assert (found.stage, found.over, found.happened[-1]) == (Stage.RECOVERED, True, "it was paid back to alice on L1")


# --- withdrawals ---


def test_a_withdrawal_goes_from_a_promise_to_its_claim(l1: L1) -> None:
    l1.fund()
    record, name = l1.withdrawal()
    assert l1.view.of_operation(name, None) is None
    promise = Promise(name, "confirmed", 3, "", 0, ETH, ETHER // 4, True)
    found = l1.view.of_operation(name, promise)
    assert found is not None
    assert (found.stage, found.subject.batch, found.claimable_from) == (Stage.PROMISED, 3, None)
    assert found.subject.title(WORDS) == "withdrawal: 0.25 ETH of alice"
    assert "its promise, of which L1 knows nothing yet" in told(found)
    assert "'l2kit withdraw --forced' goes through L1" in found.waits_for

    l1.post([record])
    found = l1.view.of_operation(name, promise)  # L1's word counts
    assert found is not None
    assert (found.stage, found.subject.withdrawal, found.claimable_from) == (Stage.POSTED, 0, None)
    assert found.subject.title(WORDS) == "withdrawal 0: 0.25 ETH of alice"
    assert found.waits_for.endswith("assert the state after batch 3; 2 h 46 min after that it can be claimed")

    l1.now += 50
    asserted = l1.assert_state(l1.genesis, 3)
    deadline = l1.now + WINDOW
    l1.now += 10
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.until, found.claimable_from) == (Stage.ASSERTED, deadline, deadline)
    assert "the end of the challenge window" in found.waits_for and "(in 2 h 46 min)" in found.waits_for
    assert found.waits_for.endswith("nobody disputes it")
    assert "wrong" not in told(found)

    l1.now = deadline
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.claimable_from, found.then) == (Stage.DUE, deadline, "l2kit claim 0")
    assert found.waits_for == "somebody to confirm it; anybody may"

    l1.confirm(asserted)
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.claimable_from, found.then) == (Stage.CLAIMABLE, l1.now, "l2kit claim 0")
    assert found.waits_for == "somebody to claim it; anybody may, and alice is paid"
    assert l1.view.claimable == 1

    claim = l1.bridge(b.CLAIMED, 0, OWNER, data=(ETH, ETHER // 4))
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.over, found.waits_for) == (Stage.CLAIMED, True, "")
    assert found.happened[-1] == f"alice was paid 0.25 ETH on L1 ({hex_of(claim)})"
    assert only(l1.view.of_transaction(claim)) == found


def test_a_dispute_is_told_with_who_began_it_and_by_when_it_goes_on(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    asserted = l1.assert_state(l1.genesis, 3)
    game = l1.open(asserted)
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.claimable_from) == (Stage.DISPUTED, l1.now + WINDOW)
    assert found.news == "verifier disputes it"
    assert "the dispute to end, in which the next move is due by 1970-01-01 01:16:40 UTC" in found.waits_for
    assert "the challenge window" in found.waits_for
    l1.end(game, asserted, HONEST)
    assert l1.view.of_withdrawal(0).stage is Stage.ASSERTED


def test_what_is_asserted_in_two_steps_is_claimable_after_the_second(l1: L1) -> None:
    l1.fund()
    first = l1.assert_state(l1.genesis, 2)
    l1.withdraw()
    l1.now += 500
    l1.assert_state(first, 3)
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.claimable_from) == (Stage.ASSERTED, l1.now + WINDOW)
    game = l1.open(first)
    assert l1.view.of_withdrawal(0).stage is Stage.DISPUTED  # it rests on that
    l1.reject(first)
    l1.end(game, first, ME)
    assert (l1.view.of_withdrawal(0).stage, l1.view.of_withdrawal(0).claimable_from) == (Stage.POSTED, None)


def test_a_wrong_assertion_is_told_and_does_not_count(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    wrong = l1.assert_state(l1.genesis, 3, wrong=WRONG, who=PAYEE)
    found = l1.view.of_withdrawal(0)
    assert found.stage is Stage.POSTED
    assert "bob asserts a wrong state after batch 3, which somebody must dispute before" in told(found)
    l1.open(wrong)
    assert "bob asserts a wrong state after batch 3, which verifier disputes" in told(l1.view.of_withdrawal(0))
    l1.assert_state(l1.genesis, 3)
    found = l1.view.of_withdrawal(0)
    assert found.stage is Stage.ASSERTED
    assert "bob asserts a wrong state" in told(found) and "proposer has asserted" in told(found)


def test_a_wrong_state_that_l1_has_confirmed_is_told_aloud(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.settle()
    l1.withdraw()
    l1.confirm(l1.assert_state(l1.replica.confirmed, 4, wrong=WRONG))
    found = l1.view.of_withdrawal(1)
    assert (found.stage, found.waits_for) == (Stage.POSTED, "")
    assert "L1 HAS CONFIRMED A WRONG STATE after batch 4" in told(found)
    assert "nothing that came after batch 3 is safe" in told(found)
    assert l1.view.of_withdrawal(0).stage is Stage.CLAIMABLE  # an earlier root is good for ever


def test_what_a_provider_has_paid_early_is_its_own_to_claim(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    exit_ = l1.bridge(b.FAST_EXITED, 0, OWNER, PROVIDER, data=(ETH, ETHER // 4, ETHER // 100))
    found = l1.view.of_withdrawal(0)
    assert (found.stage, found.over) == (Stage.PAID_EARLY, True)
    assert f"provider has paid alice 0.24 ETH for it, early and less a fee of 0.01 ETH ({hex_of(exit_)})" in told(found)
    assert only(l1.view.of_transaction(exit_)) == found
    l1.settle()
    claim = l1.bridge(b.CLAIMED, 0, PROVIDER, data=(ETH, ETHER // 4))
    assert f"provider was paid in its stead ({hex_of(claim)})" in told(l1.view.of_withdrawal(0))


def test_a_fast_exit_of_something_else_changes_nothing(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.bridge(b.FAST_EXITED, 0, OWNER, PROVIDER, data=(ETH, ETHER, 0))  # not what was withdrawn
    l1.bridge(b.FAST_EXITED, 7, OWNER, PROVIDER, data=(ETH, ETHER, 0))  # there is no such withdrawal
    assert l1.view.of_withdrawal(0).stage is Stage.POSTED
    assert l1.view.of_transaction(l1.last) == []


def test_a_payment_that_failed_is_told_as_a_credit(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.settle()
    l1.bridge(b.CLAIMED, 0, OWNER, data=(ETH, ETHER // 4))
    l1.bridge(b.CREDITED, ETH, OWNER, data=(ETHER // 4,))
    assert l1.view.of_withdrawal(0).happened[-1] == (
        "alice has not taken a payment, so the bridge owes it 0.25 ETH: 'l2kit claim --credit --from alice'"
    )
    l1.bridge(b.CREDIT_CLAIMED, ETH, OWNER, data=(PAYEE, ETHER // 4))
    assert "owes" not in told(l1.view.of_withdrawal(0))


def test_what_the_frozen_state_does_not_know_is_void_and_what_it_moved_is_where_it_was(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.settle()
    l1.withdraw()
    _, name = l1.withdrawal()
    forced = l1.send(forced_data(l1.withdrawal()[0]), sender=OWNER)
    l1.freeze()
    promise = l1.view.of_operation(name, Promise(name, "confirmed", 5, "", 0, ETH, 1, True))
    assert promise is not None
    for found in (l1.view.of_withdrawal(1), promise, only(l1.view.of_transaction(forced))):
        assert (found.stage, found.failed, found.claimable_from) == (Stage.VOID, True, None)
        assert (
            "frozen in the state after batch 3, which knows nothing of it: what it was to move is where it was"
            in told(found)
        )
        assert found.then == "l2kit escape --for alice"
    assert l1.view.of_withdrawal(0).stage is Stage.CLAIMABLE  # as ever
    l1.bridge(b.ESCAPED, 0, OWNER, data=(ETH, 3 * ETHER // 4))
    assert "alice has escaped with 0.75 ETH" in told(l1.view.of_withdrawal(1))


def test_an_alarm_is_told_to_whom_it_matters(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.settle()
    l1.withdraw()
    l1.log(ROLLUP, (c.ALARMED, l1.replica.confirmed), word(l1.now + 86400))
    found = l1.view.of_withdrawal(1)
    assert (
        "an alarm was raised: unless L1 confirms something before, the rollup can be frozen in the state after batch 3"
        in told(found)
    )
    assert "(in 1 d)" in told(found)
    assert "alarm" not in told(l1.view.of_withdrawal(0))
    l1.settle()
    assert "alarm" not in told(l1.view.of_withdrawal(1))


def test_what_the_sequencer_has_dropped_has_failed_with_its_reason(l1: L1) -> None:
    l1.fund()
    name = b"\x77" * 32
    found = l1.view.of_operation(name, Promise(name, "dropped", None, "L1 reorganised: no money", 0, ETH, 5, True))
    assert found is not None
    assert (found.stage, found.failed, found.over) == (Stage.DROPPED, True, True)
    assert "has dropped it: L1 reorganised: no money" in told(found)


def test_a_sequencer_that_says_posted_is_not_believed(l1: L1) -> None:
    l1.fund()
    name = b"\x77" * 32
    found = l1.view.of_operation(name, Promise(name, "posted", 2, "", 0, ETH, WHOLE_BALANCE, True))
    assert found is not None
    assert found.stage is Stage.PROMISED
    assert "the sequencer says that batch 2 holds it, but L1 does not show it there" in told(found)
    assert found.subject.title(WORDS) == "withdrawal: all that it holds of alice"


# --- through L1, and what is neither ---


def test_a_forced_withdrawal_is_found_by_its_transaction(l1: L1) -> None:
    l1.fund()
    record, name = l1.withdrawal()
    forced = l1.send(forced_data(record), sender=OWNER)
    found = only(l1.view.of_transaction(forced))
    assert (found.stage, found.subject.batch, found.until) == (Stage.SENT, 4, l1.now + HALF_DAY)
    assert found.subject.title(WORDS) == "withdrawal: 0.25 ETH of alice"
    l1.post()
    l1.post()
    found = only(l1.view.of_transaction(forced))
    assert (found.stage, found.subject.withdrawal, found.subject.id) == (Stage.POSTED, 0, hex_of(forced))
    by_hash = l1.view.of_operation(name, None)
    assert by_hash is not None and by_hash.subject.withdrawal == 0


@pytest.mark.parametrize(
    ("amount", "nonce", "why"),
    [(2 * ETHER, 0, "the balance is below amount plus fee"), (1, 5, "the signature is not the account owner's")],
)
def test_a_forced_withdrawal_without_effect_says_why(l1: L1, amount: int, nonce: int, why: str) -> None:
    l1.fund()
    forced = l1.send(forced_data(l1.withdrawal(amount, nonce)[0]), sender=OWNER)
    l1.post()
    l1.post()
    found = only(l1.view.of_transaction(forced))
    assert (found.stage, found.failed, found.subject.batch) == (Stage.REFUSED, True, 4)
    assert f"it is without effect: {why}" in told(found)


def test_transfers_and_other_messages_are_told_as_such(l1: L1) -> None:
    l1.fund()
    register = l1.send(forced_data(RegisterRecord(PAYEE, ETH).encode()), sender=PAYEE)
    l1.post()
    l1.post()
    transfer = Transfer(0, PAYEE, ETH, ETHER // 2, 0, 0)
    l1.post([transfer.record(1, transfer.sign(DOMAIN, KEY)).encode()])
    junk = l1.send(b"junk", sender=PAYEE)
    found = l1.view.of_operation(transfer.digest(DOMAIN), None)
    assert found is not None
    assert (found.subject.kind, found.stage, found.subject.batch) == ("transfer", Stage.POSTED, 5)
    found = only(l1.view.of_transaction(register))
    assert (found.subject.kind, found.stage) == ("message", Stage.POSTED)
    assert "it opens an account" in told(found)
    assert "is nothing that the rollup knows" in told(only(l1.view.of_transaction(junk)))
    l1.post()
    l1.post()
    found = only(l1.view.of_transaction(junk))
    assert (found.stage, found.failed) == (Stage.REFUSED, True)


def test_what_is_not_there_is_refused_with_what_is(l1: L1) -> None:
    with pytest.raises(BadInput, match="there is no withdrawal 0 on L1; there are 0"):
        l1.view.of_withdrawal(0)
    assert l1.view.of_transaction(b"\x55" * 32) == []


def test_a_program_gets_the_same(l1: L1) -> None:
    l1.fund()
    l1.withdraw()
    l1.assert_state(l1.genesis, 3)
    found = l1.view.of_withdrawal(0).as_json()
    assert found == {
        "kind": "withdrawal", "id": "0", "stage": "asserted", "owner": checksum(OWNER), "token": checksum(ETH),
        "amount": str(ETHER // 4), "batch": 3, "withdrawal": 0, "happened": found["happened"],
        "waits_for": found["waits_for"], "until": l1.now + WINDOW, "claimable_from": l1.now + WINDOW, "then": None,
        "over": False, "failed": False,
    }  # fmt: skip
