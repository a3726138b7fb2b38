"""One step of the machine in words: what was to be done, and whose balances it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.devnet.accounts import checksum
from toolkit.rollup.codec import WHOLE_BALANCE, RegisterRecord, TransferRecord, decode_record
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Outcome, State, apply_step, deposit_data, is_forced

_ETH = bytes(20)

Name = Callable[[bytes], str]
"""How an address (20 bytes) is called."""


@dataclass(frozen=True)
class Balance:
    """An account that a step changes: ``before`` and ``after`` in base units, None where it is not there."""

    owner: bytes
    token: bytes
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Explanation:
    """A step in words.

    Attributes:
        step: of the run, from 0.
        batch: that it is part of.
        position: in that batch, from 0.
        operation: what was to be done, and where it has no effect, why.
        balances: that it changes, a nonce alone not counted.
        before, after: machine hashes (32 bytes).
    """

    step: int
    batch: int
    position: int
    operation: str
    balances: tuple[Balance, ...]
    before: bytes
    after: bytes


def explain(trace: Trace, step: int, name: Name = checksum) -> Explanation | None:
    """What ``trace`` says of a step; None beyond its end, where nothing is done."""
    batch = trace.batch_of(step)
    if batch is None:
        return None
    state = trace.state(step)
    position, number, before = state.position, state.batch + 1, state.machine_hash
    operation = _operation(state, batch, name)
    outcome = apply_step(state.copy(), batch).outcome
    if outcome != Outcome.APPLIED:
        operation += f" (without effect: {outcome.name.lower().replace('_', ' ')})"
    after = trace.state(step + 1)
    return Explanation(step, number, position, operation, changes(state, after), before, after.machine_hash)


def changes(before: State, after: State) -> tuple[Balance, ...]:
    """The balances in which two states differ."""
    found = []
    for index, account in enumerate(after.accounts):
        old = before.accounts[index].balance if index < len(before.accounts) else None
        if old != account.balance:
            found.append(Balance(account.owner, account.token, old, account.balance))
    return tuple(found)


def _operation(state: State, batch: Batch, name: Name) -> str:
    position, records = state.position, len(batch.records)
    if position < records:
        return _record(state, batch.records[position], name)
    if position < records + len(batch.messages):
        message = batch.messages[position - records]
        if is_forced(message):
            return f"forced through L1: {_record(state, message.data[1:], name)}"
        token, owner = message.data[1:21], message.data[21:41]
        amount = int.from_bytes(message.data[41:], "big")
        if message.sender == state.genesis.bridge and message.data == deposit_data(token, owner, amount):
            return f"{name(owner)} deposits {_money(amount, token)}"
        return f"a message of {name(message.sender)} with {len(message.data)} bytes"
    return f"the end of batch {state.batch + 1}, fees {state.fees}"


def _record(state: State, record: bytes, name: Name) -> str:
    said = decode_record(record)
    if isinstance(said, RegisterRecord):
        return f"an account is opened for {name(said.owner)}"
    accounts = state.accounts
    payer = accounts[said.sender] if said.sender < len(accounts) else None
    amount = "everything" if said.amount == WHOLE_BALANCE else _money(said.amount, payer.token if payer else _ETH)
    who = name(payer.owner) if payer else f"account {said.sender}"
    if not isinstance(said, TransferRecord):
        return f"{who} withdraws {amount}"
    payee = name(accounts[said.recipient].owner) if said.recipient < len(accounts) else f"account {said.recipient}"
    return f"{who} pays {payee} {amount}"


def _money(amount: int, token: bytes) -> str:
    return f"{amount / 10**18:g} {'ETH' if token == _ETH else 'tokens'}"
