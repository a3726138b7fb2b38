"""The snapshot: kept, read again, and compared: what moved, by how much, what came and what went."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import RECEIPTS, cell, cells

from toolkit.errors import BadInput
from toolkit.gas import snapshot
from toolkit.gas.cell import Timing
from toolkit.gas.snapshot import WHOLE_GAME, Moved, Snapshot, compare

KNOWN = Snapshot({"a": 100_000, WHOLE_GAME: 400_000}, tuple(cells()))


def receipts(**changes: int) -> Snapshot:
    return replace(KNOWN, receipts={**KNOWN.receipts, **changes})


def test_nothing_has_moved_from_itself() -> None:
    assert compare(KNOWN, KNOWN) == []


@pytest.mark.parametrize(("gas", "moves"), [(100_100, False), (99_900, False), (100_101, True), (99_899, True)])
def test_a_thousandth_is_tolerated(gas: int, moves: bool) -> None:
    assert bool(compare(KNOWN, receipts(a=gas))) is moves


@pytest.mark.parametrize(("gas", "moves"), [(402_000, False), (402_001, True), (397_999, True)])
def test_the_whole_game_has_a_tolerance_of_its_own(gas: int, moves: bool) -> None:
    assert bool(compare(KNOWN, receipts(**{WHOLE_GAME: gas}))) is moves


def test_what_moved_came_or_went_is_named_with_by_how_much() -> None:
    found = compare(KNOWN, Snapshot({"a": 101_000, "b": 5}))
    assert list(map(str, found)) == [
        "a: 100,000 -> 101,000 gas (+1,000, +1.00%)",
        f"{WHOLE_GAME}: gone, was 400,000 gas",
        "b: new, 5 gas",
    ]
    assert str(Moved("c", 0, 7)) == "c: 0 -> 7 gas (+7)"


def test_a_smaller_matrix_is_compared_with_its_part_of_the_snapshot() -> None:
    assert compare(KNOWN, replace(KNOWN, cells=tuple(cells([1, 10])))) == []
    assert compare(replace(KNOWN, cells=()), KNOWN) == [], "there is nothing to compare with yet"


def test_every_figure_of_a_cell_counts_and_its_timing_does_not() -> None:
    own = cell("rollup-blobs", 100)
    slower = replace(own, timing=Timing(99.0, {"pay": 9.0}))
    assert compare(KNOWN, replace(KNOWN, cells=(slower,))) == []
    pay = own.phases["pay"]
    dearer = replace(own, phases={**own.phases, "pay": replace(pay, gas=pay.gas + 1_000, blob_gas=2 * pay.blob_gas)})
    later = replace(dearer, exit_blocks=own.exit_blocks + 1, capital=own.capital * 2)
    found = [str(each) for each in compare(KNOWN, replace(KNOWN, cells=(later,)))]
    name = "osaka: Rollup (blobs), n = 100"
    assert found == [
        f"{name}: pay: {pay.gas:,} -> {pay.gas + 1_000:,} gas (+1,000, {1_000 / pay.gas:+.2%})",
        f"{name}: pay, blobs: 131,072 -> 262,144 blob gas (+131,072, +100.00%)",
        f"{name}: capital: {own.capital:,} -> {2 * own.capital:,} wei (+{own.capital:,}, +100.00%)",
        f"{name}: blocks to leave: 30 -> 31 blocks (+1, +3.33%)",
    ]


def test_a_cell_of_another_size_or_fork_is_new() -> None:
    for other in (cell("hub", 7), cell("hub", 10, "prague")):
        (found,) = compare(KNOWN, replace(KNOWN, cells=(other,)))
        assert (found.was, found.now) == (None, other.total.gas)


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 10**9), max_size=4))
def test_it_is_read_as_it_was_written_without_times(rows: dict[str, int]) -> None:
    kept = Snapshot(rows, tuple(cells([1, 10])))
    found = Snapshot.from_json(json.loads(kept.text()))
    assert found.receipts == rows
    assert [replace(each, timing=kept.cells[0].timing) for each in found.cells] == list(kept.cells)
    assert "timing" not in kept.text()


def test_a_file_is_read_also_with_more_in_it(tmp_path: Path) -> None:
    file = tmp_path / "gas.json"
    file.write_text(json.dumps({"meta": {}, "receipts": {"a": 1}, "cells": [cell("hub", 10).as_json()]}))
    assert snapshot.read(file) == Snapshot({"a": 1}, (cell("hub", 10),))
    file.write_text('{"receipts": {"a": 1}}')
    assert snapshot.read(file).cells == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "is not what l2kit gas --json prints"),
        ('{"receipts": {"a": "x"}}', "is not what l2kit gas --json prints"),
        ('{"receipts": {}, "cells": [{}]}', "is not what l2kit gas --json prints"),
        ('{"receipts": {}, "cells": 5}', "is not what l2kit gas --json prints"),
        ('{"receipts": {}, "cells": [5]}', "is not what l2kit gas --json prints"),
    ],
)
def test_any_other_file_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=sentence) as refused:
        snapshot.read(file)
    assert "\n" not in str(refused.value) and str(file) in str(refused.value)
    with pytest.raises(BadInput, match="cannot read"):
        snapshot.read(tmp_path / "nowhere.json")


@pytest.mark.parametrize("wrong", [{"technique": "magic"}, {"payments": 0}, {"parties": 0}])
def test_a_cell_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    data = {"receipts": {}, "cells": [{**cell("hub", 10).as_json(), **wrong}]}
    with pytest.raises(BadInput, match=r"has a cell of"):
        Snapshot.from_json(data)


def test_the_committed_snapshot_comes_with_the_package() -> None:
    assert snapshot.PATH.is_file()
    assert json.loads(snapshot.PATH.read_text())["receipts"] == dict(RECEIPTS)
    assert snapshot.PATH.read_text() == snapshot.committed().text()
