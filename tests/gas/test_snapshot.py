"""``l2kit gas``, whole: killed, interrupted and taken up again, it gives what `gas.json` says, in every form.

``make gas-snapshot`` writes that file anew.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from toolkit.gas import snapshot
from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.figure import KINDS
from toolkit.gas.snapshot import Snapshot
from toolkit.toolchain.folders import HOME_VARIABLE, home

SIZE = 10
WRONG = "channel: settle (ETH)"


@pytest.mark.node
@pytest.mark.slow
def test_gas_is_what_the_snapshot_says_however_often_it_is_stopped(tmp_path: Path) -> None:
    known = snapshot.committed()
    (tmp_path / "known.json").write_text(_wrong(known).text())
    (tmp_path / "slides").mkdir()
    words = ["--n", str(SIZE), "--json", "--eth-usd", "2000", "--check", str(tmp_path / "known.json")]
    words += ["--html", str(tmp_path / "page.html"), "--png", str(tmp_path / "slides")]
    command = [sys.executable, "-m", "toolkit", "gas", *words]
    environment = _home_of_its_own(tmp_path / "home")

    assert _stopped(command, environment, signal.SIGKILL, at=3) == (-9, "")
    code, said = _stopped(command, environment, signal.SIGINT, at=6)
    assert (code, said) == (130, f"l2kit: stopped: 5 of {len(TECHNIQUES)} cells are kept, the same command goes on")
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    told = [line for line in ran.stderr.splitlines() if not line.endswith("...")]
    assert told[0] == "going on from where the same run was stopped", ran.stderr
    assert told[1:3] == [f"[{at} of {len(TECHNIQUES)}] {SIZE} by {list(TECHNIQUES)[at - 1]}" for at in (6, 7)]
    assert list((tmp_path / "home" / "gas").iterdir()) == []  # nothing of a run that is over

    hub = next(each for each in known.cells if (each.technique, each.payments) == ("hub", SIZE)).phases["open"].gas
    moved = told[told.index("l2kit: gas has moved:") + 1 :]
    assert ran.returncode == 1
    assert len(moved) == 2, "\n".join(moved)
    assert moved[0].startswith(f"  {WRONG}: {known.receipts[WRONG] + 100:,} -> ")
    assert moved[1].startswith(f"  osaka: Channel hub, n = {SIZE}: open: {hub - 1_000:,} -> {hub:,} gas (+1,000")

    printed = json.loads(ran.stdout)
    assert printed["cells"] == [snapshot.untimed(each) for each in known.cells if each.payments == SIZE]
    assert printed["meta"]["workload"] == known.workload
    assert list(printed["receipts"]) == list(known.receipts)
    _every_figure_says_where_it_comes_from(printed["sheets"])
    _page_and_slides_show_the_same(printed["sheets"], tmp_path)


def _wrong(known: Snapshot) -> Snapshot:
    """A snapshot in which two figures are not what they are."""
    place = next(at for at, each in enumerate(known.cells) if (each.technique, each.payments) == ("hub", SIZE))
    cells, cell = list(known.cells), known.cells[place]
    opened = replace(cell.phases["open"], gas=cell.phases["open"].gas - 1_000)
    cells[place] = replace(cell, phases={**cell.phases, "open": opened})
    return replace(known, receipts={**known.receipts, WRONG: known.receipts[WRONG] + 100}, cells=cells)


def _home_of_its_own(folder: Path) -> dict[str, str]:
    """Where stopped runs are kept, with the tools of everybody's."""
    folder.mkdir()
    for each in home().iterdir():
        if each.name != "gas":
            (folder / each.name).symlink_to(each)
    return {**os.environ, HOME_VARIABLE: str(folder)}


def _stopped(command: list[str], environment: dict[str, str], how: signal.Signals, at: int) -> tuple[int, str]:
    """Stop the command as a cell begins; its exit status, and the first part of its last sentence."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert running.stderr is not None
    said = []
    for line in running.stderr:
        said.append(line)
        if line.startswith(f"[{at} of "):
            break
    assert said and said[-1].startswith(f"[{at} of "), "".join(said)
    running.send_signal(how)
    rest = running.communicate()[1]
    last = [line for line in rest.splitlines() if line.startswith("l2kit: ")]
    return running.returncode, "".join(last).removesuffix(" from there")


def _every_figure_says_where_it_comes_from(sheets: list[dict[str, Any]]) -> None:
    assert {"techniques", "breakeven", "properties", "deployment", "storage", "receipts"} <= {s["key"] for s in sheets}
    for sheet in sheets:
        columns = {column["key"] for column in sheet["columns"]}
        for row in sheet["rows"]:
            assert set(row) <= columns
            figures = [each for each in row.values() if isinstance(each, dict)]
            assert all(each["kind"] in KINDS and each["source"] for each in figures), sheet["key"]


def _page_and_slides_show_the_same(sheets: list[dict[str, Any]], folder: Path) -> None:
    page = (folder / "page.html").read_text()
    for sheet in sheets:
        assert sheet["title"].replace("'", "&#x27;") in page
    assert "2,000 USD" in page
    slides = sorted((folder / "slides").iterdir())
    assert len(slides) == 4
    for each in slides:
        with Image.open(each) as slide:
            assert slide.size == (1920, 1080)
