"""The matrix: every technique at several sizes, the same each time, in whatever order and however often stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from toolkit import Devnet, Options
from toolkit.devnet.process import RunFolder
from toolkit.errors import BadInput
from toolkit.gas import matrix as lab
from toolkit.gas.cell import Cell
from toolkit.gas.checkpoint import Checkpoint
from toolkit.gas.l1 import L1Eth
from toolkit.gas.matrix import Matrix, Plan
from toolkit.technique.meter import CheckFailed, Meter
from toolkit.technique.workload import MARGIN, Payment, Workload, zipf

pytestmark = pytest.mark.node

ALL = ("l1-eth", "l1-erc20", "batch-pay", "channel", "rollup-calldata")
SIZE = 12
SEED, PARTIES = 3, 4


@pytest.fixture(scope="module")
def lab_devnet() -> Iterator[Devnet]:
    with Devnet(Options(services=False, repeatable=True)) as running:
        yield running


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr("toolkit.gas.checkpoint.home", lambda: tmp_path)
    return Checkpoint("run")


@pytest.fixture(scope="module")
def matrix(lab_devnet: Devnet) -> Matrix:
    return Matrix(lab_devnet, Plan(zipf(lab_devnet.accounts, SIZE, SEED, PARTIES), (2, SIZE), ALL))


@pytest.fixture(scope="module")
def cells(matrix: Matrix) -> dict[str, Cell]:
    return {f"osaka {each.technique} {each.payments}": each for each in matrix.cells(Checkpoint("not entered"))}


def without_timing(cell: Cell) -> dict[str, Any]:
    return {name: value for name, value in cell.as_json().items() if name != "timing"}


def test_every_cell_counts_everybodys_transactions(cells: dict[str, Cell], lab_devnet: Devnet) -> None:
    workload = zipf(lab_devnet.accounts, SIZE, SEED, PARTIES)
    payers = {each.payer for each in workload.payments}
    pairs = {frozenset((each.payer, each.payee)) for each in workload.payments}
    assert list(cells) == [f"osaka {key} {size}" for size in (2, SIZE) for key in ALL]
    assert {cell.value for name, cell in cells.items() if name.endswith(f" {SIZE}")} == {workload.value}
    assert {cell.parties for name, cell in cells.items() if name.endswith(f" {SIZE}")} == {len(workload.accounts)}
    eth, erc20 = cells[f"osaka l1-eth {SIZE}"].phases["pay"], cells[f"osaka l1-erc20 {SIZE}"].phases["pay"]
    assert (eth.transactions, eth.gas, eth.calldata_bytes) == (SIZE, SIZE * 21_000, 0)
    assert (erc20.transactions, erc20.calldata_bytes) == (SIZE, SIZE * 68)
    assert 0 < erc20.zero_bytes < erc20.calldata_bytes
    batches = cells[f"osaka batch-pay {SIZE}"].phases["pay"]
    assert (batches.transactions, batches.calldata_bytes) == (len(payers), 68 * len(payers) + 32 * SIZE)
    channel = cells[f"osaka channel {SIZE}"]
    assert channel.phases["settle"].transactions == len(pairs) <= channel.phases["open"].transactions
    rollup = cells[f"osaka rollup-calldata {SIZE}"]
    assert [rollup.phases[phase].transactions for phase in rollup.phases] == [
        len(payers) + 2,  # one batch by which the deposits become due, one that takes them
        1,
        3,  # the batch with the withdrawals, one assertion, its confirmation
        len(workload.accounts),
    ]
    assert rollup.phases["pay"].calldata_bytes > 76 * SIZE


def test_capital_and_exit_are_what_l1_shows(cells: dict[str, Cell], lab_devnet: Devnet) -> None:
    workload = zipf(lab_devnet.accounts, SIZE, SEED, PARTIES)
    at_once = (f"osaka {key} {size}" for key in ("l1-eth", "l1-erc20", "batch-pay") for size in (2, SIZE))
    assert {(cells[name].capital, cells[name].exit_blocks, cells[name].exit_seconds) for name in at_once} == {(0, 0, 0)}
    pairs: dict[frozenset[str], list[Payment]] = {}
    for each in workload.payments:
        pairs.setdefault(frozenset((each.payer, each.payee)), []).append(each)
    needs = sum(Workload(tuple(own), {}).need(name) for both, own in pairs.items() for name in both)
    channel = cells[f"osaka channel {SIZE}"]
    assert channel.capital == needs + MARGIN * len(pairs)
    assert channel.exit_blocks == channel.exit_seconds == len(pairs)
    rollup, bond = cells[f"osaka rollup-calldata {SIZE}"], lab_devnet.rollup.rollup.functions.BOND().call()
    payers = {each.payer for each in workload.payments}
    assert rollup.capital == sum(workload.need(name) + MARGIN for name in payers) + bond
    assert lab_devnet.options.challenge_window < rollup.exit_seconds < lab_devnet.options.challenge_window + 60
    assert all(cell.timing.soft_confirmation_ms > 0 for cell in cells.values())


def test_cells_do_not_depend_on_their_order(
    lab_devnet: Devnet, matrix: Matrix, cells: dict[str, Cell], checkpoint: Checkpoint
) -> None:
    names = [f"osaka {key} {size}" for size in (2, SIZE) for key in ALL]
    missing = {"osaka channel 2", f"osaka l1-erc20 {SIZE}", f"osaka rollup-calldata {SIZE}"}
    with checkpoint:
        checkpoint.kept.update({name: cells[name].as_json() for name in names if name not in missing})
        told: list[str] = []
        again = matrix.cells(
            checkpoint, lambda at: None if at.kept else told.append(f"{at.technique} {at.payments} {at.done}/{at.of}")
        )
        assert [without_timing(each) for each in again] == [without_timing(cells[name]) for name in names]
    assert told == ["channel 2 3/10", f"l1-erc20 {SIZE} 6/10", f"rollup-calldata {SIZE} 9/10"]


def test_a_payment_that_is_not_made_is_found(lab_devnet: Devnet) -> None:
    workload = zipf(lab_devnet.accounts, 3)

    class Forgetful(L1Eth):
        def _send(self, calls: Sequence[Any]) -> list[Any]:
            return super()._send(calls[:-1])

    snapshot = lab_devnet.node.snapshot()
    with RunFolder(), pytest.raises(CheckFailed, match="must own"):
        technique = Forgetful(Meter(lab_devnet.l1), workload)
        lab.carry(lab_devnet, "l1-eth", workload, technique, lambda run, phase: None)
    lab_devnet.node.revert(snapshot)


@pytest.mark.parametrize(
    ("sizes", "techniques", "reason"),
    [
        ((), None, "are not one or more"),
        ((1, 1), None, "1, 1 are not one or more, each once"),
        ((4,), None, "the first 4 payments are not there: the workload has 3"),
        ((1,), ("plasma",), "there is no technique 'plasma'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    lab_devnet: Devnet, sizes: tuple[int, ...], techniques: tuple[str, ...] | None, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        Plan(zipf(lab_devnet.accounts, 3), sizes, techniques)
