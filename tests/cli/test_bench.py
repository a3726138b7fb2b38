"""``l2kit bench rollup`` as its users type it, with few transfers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from toolkit.cli.bench import _show_rollup
from toolkit.rollup.measure.bench import Rates, Report
from toolkit.rollup.measure.data_cost import KINDS, DataCost
from toolkit.rollup.measure.step_cost import DEPTHS, StepCost


@pytest.mark.node
def test_the_rollup_s_benchmark_measures_speed_data_and_steps() -> None:
    command = [sys.executable, "-m", "toolkit", "bench", "rollup", "--transfers", "110", "--clients", "3", "--json"]
    command += ["--batch-data", "blobs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["transfers"], found["batch_data"]) == (110, "blobs")
    for name in ("transfers", "rederive", "rederive_with_start", "sign", "recover"):
        assert found[f"{name}_per_second"] > 0
    assert found["rederive_with_start_per_second"] < found["rederive_per_second"]

    assert [(row["kind"], row["transfers"]) for row in found["data"]] == [
        (kind, size) for kind in KINDS for size in (1, 10, 100)
    ]
    calldata = [row for row in found["data"] if row["kind"] == "calldata"]
    assert [row["blob_gas_per_transfer"] for row in calldata] == [0, 0, 0]
    for row in calldata:
        size = row["transfers"]
        assert 76 * size + 4 + 4 * 32 + 2 * 32 <= row["bytes_per_transfer"] * size <= 76 * size + 4 + 4 * 32 + 3 * 32
        assert 76 * 30 < row["gas_per_transfer"] < 76 * 40 + 50_000 / size  # zero bytes cost less than 40
    each = [row["gas_per_transfer"] for row in calldata]
    assert each == sorted(each, reverse=True)

    blobs = [row for row in found["data"] if row["kind"] == "blobs"]
    assert [round(row["blob_gas_per_transfer"] * row["transfers"], -2) for row in blobs] == [131_100] * 3
    for row in blobs:
        assert row["bytes_per_transfer"] > row["blob_gas_per_transfer"]
        assert 25_000 < row["gas_per_transfer"] * row["transfers"] < 35_000

    for name in ("step_gas_by_depth", "step_transaction_gas_by_depth"):
        gas = [found[name][str(depth)] for depth in DEPTHS]
        assert gas == sorted(set(gas))
        assert 20_000 < gas[0] < gas[-1] < 250_000


def test_the_rollup_s_benchmark_is_shown_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    rates = Rates(3_000, 12_000, 10_000, 40_000, 20_000)
    data = [DataCost("calldata", 1_000, 76.2, 2_839.4, 0.0)]
    _show_rollup(Report(5_000, "calldata", rates, data, [StepCost(31, 52_159, 138_410)]))
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "5,000 transfers, each signed and verified, posted as calldata",
        "sequencer: over HTTP to its disk 3,000 0.15",
        "machine hash 12,000 0.60",
        "reading L1 included 10,000 0.50",
        "40,000 signatures/s, 20,000 signers recovered/s",
        "calldata 1,000 76.2 2,839.4 0.0",
        "2,147,483,648 31 52,159 138,410",
    ):
        assert part in shown
