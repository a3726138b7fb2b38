"""Which step is the dearest to prove: what `toolkit.rollup.measure.dispute_receipts` measures is the worst there is."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from toolkit.rollup.codec import MAX_AMOUNT, NO_ACCOUNT, Header, RegisterRecord
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Outcome, apply_step, deposit_data, forced_data
from toolkit.rollup.measure.deep import DeepState
from toolkit.rollup.witness import build_witness

from .machines import Machines, account_of, signed_transfer, signed_withdrawal
from .worlds import BRIDGE, ETH, OWNERS, POSTER, TOKEN

PAYER, PAYEE = 0x2AAAAAAA, 0x55555555
RECORDS, MESSAGES = 2**13 + 1, 4096
"""As long as the list that is measured; and the longest queue that the Inbox accepts."""

Item = bytes | Message | None
Make = Callable[[DeepState], Item]


def message(data: bytes, hint: int = NO_ACCOUNT) -> Message:
    return Message(BRIDGE, 2**64 - 1, data, hint)


KINDS: dict[str, tuple[Make, Outcome]] = {
    "transfer": (lambda s: signed_transfer(s, PAYER, PAYEE, 123_456 * 10**9, 7), Outcome.APPLIED),
    "transfer to oneself": (lambda s: signed_transfer(s, PAYER, PAYER, 123_456 * 10**9, 7), Outcome.APPLIED),
    "withdrawal": (lambda s: signed_withdrawal(s, PAYER, 123_456 * 10**9, 7), Outcome.APPLIED),
    "forged transfer": (lambda s: signed_transfer(s, PAYER, PAYEE, 1, 7, key=2), Outcome.BAD_SIGNATURE),
    "short transfer": (lambda s: signed_transfer(s, PAYER, PAYEE, MAX_AMOUNT, 7), Outcome.SHORT_BALANCE),
    "registration": (lambda _: RegisterRecord(OWNERS[2], TOKEN).encode(), Outcome.APPLIED),
    "deposit": (lambda _: message(deposit_data(ETH, OWNERS[1], 10**18), PAYEE), Outcome.APPLIED),
    "deposit to a new account": (lambda _: message(deposit_data(TOKEN, OWNERS[1], 10**18), PAYEE), Outcome.APPLIED),
    "forced transfer": (lambda s: message(forced_data(signed_transfer(s, PAYER, PAYEE, 9, 7))), Outcome.APPLIED),
    "forced withdrawal": (lambda s: message(forced_data(signed_withdrawal(s, PAYER, 9, 7))), Outcome.APPLIED),
    "longest message": (lambda _: message(b"\xff" * 1024), Outcome.UNKNOWN_MESSAGE),
    "end of a batch": (lambda _: None, Outcome.APPLIED),
}
MEASURED = ("transfer", "withdrawal")
"""The one executes most, the other shows most."""
TOLERANCE = 1.001
"""Hashes have more zero bytes one time than another, and calldata costs accordingly."""


def costs(machines: Machines, kind: str) -> tuple[int, int]:
    """Gas of a step's witness as calldata (EIP-7623), and of its execution."""
    rng, (make, outcome) = random.Random(1), KINDS[kind]
    state = DeepState(machines.origin(), {PAYER: account_of(0, 10**18), PAYEE: account_of(1, 10**18)})
    item = make(state)
    records: list[bytes] = []
    messages: list[Message] = []
    if isinstance(item, bytes):
        records = [item, *[rng.randbytes(76) for _ in range(RECORDS - 1)]]
    elif isinstance(item, Message):
        messages = [item, *[Message(BRIDGE, 7, rng.randbytes(9)) for _ in range(MESSAGES - 1)]]
    else:
        state.fees = 10**18
    batch = Batch(Header(PAYEE, ETH).encode(), records, messages, 7, POSTER)
    machines.post(state, batch)
    witness = build_witness(state, batch)
    successor = machines.step(state, state.batch + 1, witness)
    used = int(machines.evm.vm.result.gas_used)
    assert apply_step(state, batch).outcome is outcome
    assert successor == state.machine_hash
    return sum(40 if byte else 10 for byte in witness), used


@pytest.fixture(scope="module")
def measured(machines: Machines) -> dict[str, tuple[int, int]]:
    return {kind: costs(machines, kind) for kind in MEASURED}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in MEASURED])
def test_no_step_is_dearer_than_those_measured(
    machines: Machines, measured: dict[str, tuple[int, int]], kind: str
) -> None:
    calldata, execution = costs(machines, kind)
    assert calldata <= TOLERANCE * max(each for each, _ in measured.values())
    assert execution <= TOLERANCE * max(each for _, each in measured.values())
