"""The matrix: every technique at several sizes, the same each time, in whatever order and however often stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
from toolkit.gas.lab import receipts
from toolkit.gas.matrix import Matrix, Plan
from toolkit.gas.report import Report
from toolkit.technique.meter import CheckFailed, Meter
from toolkit.technique.workload import MARGIN, Payment, Workload, zipf
from toolkit.toolchain.folders import HOME_VARIABLE, home

pytestmark = pytest.mark.node

ALL = ("l1-eth", "l1-erc20", "batch-pay", "channel", "rollup-calldata")
SIZE = 12
SEED, PARTIES = 3, 4
COMMAND = [sys.executable, "-m", "toolkit", "gas", "--json", "--n", f"2,{SIZE}", "--seed", str(SEED)]
COMMAND += ["--parties", str(PARTIES)]
COMMAND += [word for key in ALL for word in ("--technique", key)]


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
    return {f"{each.technique} {each.payments}": each for each in matrix.cells(Checkpoint("not entered"))}


def without_timing(cell: Cell) -> dict[str, Any]:
    return {name: value for name, value in cell.as_json().items() if name != "timing"}


def test_every_cell_counts_everybodys_transactions(cells: dict[str, Cell], lab_devnet: Devnet) -> None:
    workload = zipf(lab_devnet.accounts, SIZE, SEED, PARTIES)
    payers = {each.payer for each in workload.payments}
    pairs = {frozenset((each.payer, each.payee)) for each in workload.payments}
    assert list(cells) == [f"{key} {size}" for size in (2, SIZE) for key in ALL]
    assert {cell.value for name, cell in cells.items() if name.endswith(f" {SIZE}")} == {workload.value}
    assert {cell.parties for name, cell in cells.items() if name.endswith(f" {SIZE}")} == {len(workload.accounts)}
    eth, erc20 = cells[f"l1-eth {SIZE}"].phases["pay"], cells[f"l1-erc20 {SIZE}"].phases["pay"]
    assert (eth.transactions, eth.gas, eth.calldata_bytes) == (SIZE, SIZE * 21_000, 0)
    assert (erc20.transactions, erc20.calldata_bytes) == (SIZE, SIZE * 68)
    assert 0 < erc20.zero_bytes < erc20.calldata_bytes
    batches = cells[f"batch-pay {SIZE}"].phases["pay"]
    assert (batches.transactions, batches.calldata_bytes) == (len(payers), 68 * len(payers) + 32 * SIZE)
    channel = cells[f"channel {SIZE}"]
    assert channel.phases["settle"].transactions == len(pairs) <= channel.phases["open"].transactions
    rollup = cells[f"rollup-calldata {SIZE}"]
    assert [rollup.phases[phase].transactions for phase in rollup.phases] == [
        len(payers) + 2,  # one batch by which the deposits become due, one that takes them
        1,
        3,  # the batch with the withdrawals, one assertion, its confirmation
        len(workload.accounts),
    ]
    assert rollup.phases["pay"].calldata_bytes > 76 * SIZE


def test_capital_and_exit_are_what_l1_shows(cells: dict[str, Cell], lab_devnet: Devnet) -> None:
    workload = zipf(lab_devnet.accounts, SIZE, SEED, PARTIES)
    at_once = (f"{key} {size}" for key in ("l1-eth", "l1-erc20", "batch-pay") for size in (2, SIZE))
    assert {(cells[name].capital, cells[name].exit_blocks, cells[name].exit_seconds) for name in at_once} == {(0, 0, 0)}
    pairs: dict[frozenset[str], list[Payment]] = {}
    for each in workload.payments:
        pairs.setdefault(frozenset((each.payer, each.payee)), []).append(each)
    needs = sum(Workload(tuple(own), {}).need(name) for both, own in pairs.items() for name in both)
    channel = cells[f"channel {SIZE}"]
    assert channel.capital == needs + MARGIN * len(pairs)
    assert channel.exit_blocks == channel.exit_seconds == len(pairs)
    rollup, bond = cells[f"rollup-calldata {SIZE}"], lab_devnet.rollup.rollup.functions.BOND().call()
    payers = {each.payer for each in workload.payments}
    assert rollup.capital == sum(workload.need(name) + MARGIN for name in payers) + bond
    assert lab_devnet.options.challenge_window < rollup.exit_seconds < lab_devnet.options.challenge_window + 60
    assert all(cell.timing.soft_confirmation_ms > 0 for cell in cells.values())


def test_cells_do_not_depend_on_their_order(
    lab_devnet: Devnet, matrix: Matrix, cells: dict[str, Cell], checkpoint: Checkpoint
) -> None:
    names = [f"{key} {size}" for size in (2, SIZE) for key in ALL]
    missing = {"channel 2", f"l1-erc20 {SIZE}", f"rollup-calldata {SIZE}"}
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


def test_a_run_that_was_killed_goes_on_and_gives_what_an_undisturbed_one_gives(
    lab_devnet: Devnet, matrix: Matrix, cells: dict[str, Cell], tmp_path: Path
) -> None:
    for each in home().iterdir():
        if each.name != "gas":
            (tmp_path / each.name).symlink_to(each)
    environment = {**os.environ, HOME_VARIABLE: str(tmp_path)}
    for stop, code, at in ((signal.SIGKILL, -9, 4), (signal.SIGINT, 130, 8)):
        running = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith(f"[{at + 1} of 10]"):
                break
        running.send_signal(stop)
        said = running.communicate()[1]
        assert running.returncode == code, said
    assert said.endswith("l2kit: stopped: 8 of 10 cells are kept, the same command goes on from there\n")
    resumed = subprocess.run(COMMAND, capture_output=True, check=True, text=True, env=environment)
    told = [line for line in resumed.stderr.splitlines() if not line.endswith("...")]
    going_on = "going on from where the same run was stopped"
    assert told == [going_on, f"[9 of 10] {SIZE} by channel", f"[10 of 10] {SIZE} by rollup-calldata"]
    assert list((tmp_path / "gas").iterdir()) == []
    found = json.loads(resumed.stdout)
    versions = {name: found["meta"][name] for name in ("solc", "node", "hardfork", "chain_id")}
    about = {"kind": "zipf", "seed": SEED, "parties": PARTIES}
    undisturbed = Report(
        matrix.alone(lambda: receipts(lab_devnet)),
        list(cells.values()),
        matrix.deployment,
        {**versions, "payments": [2, SIZE], "workload": about},
    ).as_json()
    assert found.pop("timing") != undisturbed.pop("timing")
    assert found == undisturbed
