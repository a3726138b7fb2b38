"""What the Bridge's logs add up to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rollup_services.test_parts import (
    BRIDGE,
    CONTRACTS,
    OWNER,
    PAYEE,
    ROLLUP,
    asserted_log,
    batch_log,
    declared,
    log_of,
)

from toolkit.bridge import ledger as b
from toolkit.devnet.l1 import topic
from toolkit.rollup import contracts as c
from toolkit.rollup.derive import Replica
from toolkit.rollup.life import QUIET_SECONDS
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.store import L1Copy, L1Log

ETH, TOKEN, PROVIDER = bytes(20), b"\x70" * 20, b"\x71" * 20


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def bridge_log(
    event: bytes, *topics: int | bytes, data: tuple[int | bytes, ...], transaction: bytes = b"\x02"
) -> L1Log:
    log = log_of(BRIDGE, (event, *map(word, topics)), b"".join(map(word, data)))
    return replace(log, transaction=transaction.ljust(32, b"\0"))


def rollup_log(event: bytes, name: bytes, data: bytes = b"") -> L1Log:
    return log_of(ROLLUP, (event, name), data)


def ledger(*logs: L1Log) -> b.BridgeLedger:
    replica = Replica(CONTRACTS)
    replica.add_all(logs)
    return replica.bridge


def claimed(index: int, payee: bytes, amount: int = 5) -> L1Log:
    return bridge_log(b.CLAIMED, index, payee, data=(ETH, amount), transaction=b"claim")


def fast_exited(index: int, amount: int = 5, fee: int = 1, owner: bytes = OWNER, provider: bytes = PROVIDER) -> L1Log:
    return bridge_log(b.FAST_EXITED, index, owner, provider, data=(ETH, amount, fee), transaction=b"exit")


def test_names_are_those_of_the_contracts() -> None:
    bridge = {topic(event) for event in declared("Bridge", "event")}
    assert {b.CLAIMED, b.CREDITED, b.CREDIT_CLAIMED, b.FAST_EXITED, b.ESCAPED, b.RECOVERED} <= bridge
    assert {c.ALARMED, c.FROZEN} <= {topic(event) for event in declared("Rollup", "event")}


def test_a_claim_says_who_was_paid_and_where() -> None:
    found = ledger(claimed(3, OWNER), claimed(0, PAYEE))
    assert found.claimed == {3: OWNER, 0: PAYEE}
    assert found.claims[3] == b"claim".ljust(32, b"\0")


def test_a_fast_exit_is_that_of_one_withdrawal_and_of_no_other_with_its_index() -> None:
    found = ledger(fast_exited(3, amount=5), fast_exited(3, amount=6, fee=2))
    taken, other = found.provider_of(Withdrawal(3, OWNER, ETH, 5)), found.provider_of(Withdrawal(3, OWNER, ETH, 6))
    assert taken is not None and other is not None
    assert (taken.provider, taken.fee, other.fee) == (PROVIDER, 1, 2)
    assert taken.withdrawal == Withdrawal(3, OWNER, ETH, 5)
    assert found.exits[taken.withdrawal.leaf()] == b"exit".ljust(32, b"\0")
    for not_taken in (Withdrawal(4, OWNER, ETH, 5), Withdrawal(3, PAYEE, ETH, 5), Withdrawal(3, OWNER, TOKEN, 5)):
        assert found.provider_of(not_taken) is None


def test_what_a_provider_waits_for_ends_with_the_claim() -> None:
    logs = [fast_exited(0), fast_exited(1), fast_exited(2, provider=PAYEE)]
    assert [each.index for each in ledger(*logs).taken_by(PROVIDER)] == [0, 1]
    assert [each.index for each in ledger(*logs, claimed(0, PROVIDER)).taken_by(PROVIDER)] == [1]


def test_credits_add_up_and_are_claimed_whole() -> None:
    def credit(amount: int, owner: bytes = OWNER, token: bytes = ETH) -> L1Log:
        return bridge_log(b.CREDITED, token, owner, data=(amount,))

    assert ledger(credit(0)).credits == {}  # a payout of nothing that failed
    logs = [credit(5), credit(7), credit(1, PAYEE), credit(2, OWNER, TOKEN)]
    assert ledger(*logs).credits == {(ETH, OWNER): 12, (ETH, PAYEE): 1, (TOKEN, OWNER): 2}
    taken = bridge_log(b.CREDIT_CLAIMED, ETH, OWNER, data=(PAYEE, 12))
    assert ledger(*logs, taken).credits == {(ETH, PAYEE): 1, (TOKEN, OWNER): 2}
    assert ledger(*logs, taken, credit(3)).credits[ETH, OWNER] == 3


def test_what_came_out_after_the_freeze_is_known_by_account_and_by_deposit() -> None:
    escaped = bridge_log(b.ESCAPED, 9, OWNER, data=(TOKEN, 4))
    recovered = bridge_log(b.RECOVERED, 2, 1, PAYEE, data=(ETH, 6))
    found = ledger(escaped, recovered)
    assert found.escaped == {9: b.Escaped(9, OWNER, TOKEN, 4)}
    assert found.recovered == {(2, 1): b.Recovered(2, 1, PAYEE, ETH, 6)}


def test_other_events_of_the_bridge_and_the_bridge_s_events_of_others_are_nothing() -> None:
    stranger = replace(claimed(0, OWNER), address=b"\x66" * 20)
    assert ledger(stranger, log_of(BRIDGE, (b"\x01" * 32,), b""), log_of(BRIDGE, (), b"")) == b.BridgeLedger()


def test_an_alarm_is_about_the_last_confirmed_state_and_void_with_the_next() -> None:
    replica = Replica(CONTRACTS)
    replica.add(batch_log(replica.history, [], []))
    genesis, first = CONTRACTS.genesis_assertion, b"\x01" * 32
    assert (replica.alarm, replica.frozen) == (None, None)
    replica.add(rollup_log(c.ALARMED, genesis, word(700)))
    assert replica.alarm == 700
    replica.add(asserted_log(replica, 1, genesis, 1))
    assert replica.alarm == 700
    replica.add(rollup_log(c.CONFIRMED, first, bytes(32)))
    assert replica.alarm is None
    replica.add(rollup_log(c.ALARMED, first, word(900)))
    assert (replica.alarm, replica.frozen) == (900, None)
    replica.add(rollup_log(c.FROZEN, first))
    assert replica.frozen == first
    assert replica.life.batch == 1


def test_an_alarm_asks_for_a_batch_where_there_is_nothing_to_assert() -> None:
    replica = Replica(CONTRACTS)
    genesis, first, life = CONTRACTS.genesis_assertion, b"\x01" * 32, replica.life
    assert not life.needs_a_batch(0, 0)
    replica.add(rollup_log(c.ALARMED, genesis, word(700)))
    assert life.needs_a_batch(0, 0)
    replica.add(batch_log(replica.history, [], []))
    assert not life.needs_a_batch(1, 0)
    replica.add(asserted_log(replica, 1, genesis, 1))
    replica.add(rollup_log(c.CONFIRMED, first, bytes(32)))
    assert not life.needs_a_batch(1, 0)
    replica.add(rollup_log(c.ALARMED, first, word(900)))
    assert life.needs_a_batch(1, 0)
    assert not life.needs_a_batch(2, QUIET_SECONDS - 1)
    assert life.needs_a_batch(2, QUIET_SECONDS)
    replica.add(rollup_log(c.FROZEN, first))
    assert not life.needs_a_batch(1, QUIET_SECONDS)


def test_a_copy_of_l1_without_the_bridge_s_logs_is_read_again(tmp_path: Path) -> None:
    """As one is that was made by who did not follow the Bridge."""
    path, log = tmp_path / "l1.sqlite", claimed(0, OWNER)
    before = L1Copy(path, "this")
    before.extend([log], 7, b"\x07" * 32)
    before.close()
    copy = L1Copy(path, "this")
    assert copy.head() is not None
    copy.keep_of([ROLLUP, BRIDGE])
    assert (copy.head(), list(copy.logs())) == (None, [])
    copy.extend([log], 7, b"\x07" * 32)
    copy.keep_of([BRIDGE, ROLLUP])
    assert list(copy.logs()) == [log]
    copy.keep_of([ROLLUP])
    assert copy.head() is None
