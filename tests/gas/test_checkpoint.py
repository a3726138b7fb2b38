"""What a stopped run has kept is there for the next one, whatever the end of the process did to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.gas.checkpoint import Checkpoint, digest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("toolkit.gas.checkpoint.home", lambda: tmp_path)
    return tmp_path / "gas"


def keep(*names: str) -> None:
    with Checkpoint("run") as checkpoint:
        for name in names:
            checkpoint.keep(name, {"of": name})


def kept(name: str = "run") -> list[str]:
    with Checkpoint(name) as checkpoint:
        return list(checkpoint.kept)


def test_a_stopped_run_finds_what_it_kept() -> None:
    keep("a", "b")
    with Checkpoint("run") as checkpoint:
        assert checkpoint.kept == {"a": {"of": "a"}, "b": {"of": "b"}}
        checkpoint.keep("c", [1])
    assert kept() == ["a", "b", "c"]
    assert kept("another run") == []


@pytest.mark.parametrize("torn", ['["b", {"o', '["b"', '["b", {}]', "\0\0\0\0"])
def test_a_torn_last_line_is_ignored_and_does_not_spoil_the_next(home: Path, torn: str) -> None:
    keep("a")
    with (home / "run.jsonl").open("a") as file:
        file.write(torn)
    assert kept() == ["a"]
    keep("c")
    assert kept() == ["a", "c"]


def test_a_result_is_on_the_disk_before_the_next_is_measured(home: Path) -> None:
    with Checkpoint("run") as checkpoint:
        checkpoint.keep("a", 1)
        assert (home / "run.jsonl").read_text() == '["a", 1]\n'


def test_a_complete_run_leaves_nothing(home: Path) -> None:
    with Checkpoint("run") as checkpoint:
        checkpoint.keep("a", 1)
        checkpoint.complete()
    assert list(home.iterdir()) == []


def test_a_run_that_finished_nothing_leaves_nothing(home: Path) -> None:
    with pytest.raises(KeyError), Checkpoint("run"):
        raise KeyError
    assert list(home.iterdir()) == []


def test_a_fresh_run_forgets() -> None:
    keep("a")
    with Checkpoint("run", fresh=True) as checkpoint:
        assert checkpoint.kept == {}
        checkpoint.keep("b", 1)
    assert kept() == ["b"]


def test_the_same_run_twice_at_once_keeps_one_of_them() -> None:
    with Checkpoint("run") as first:
        first.keep("a", 1)
        with Checkpoint("run") as second:
            assert second.kept == {}
            second.keep("b", 1)
            second.complete()
        first.keep("c", 1)
    assert kept() == ["a", "c"]


def test_what_decides_the_results_names_the_run() -> None:
    assert digest({"seed": 1, "node": "x"}) == digest({"node": "x", "seed": 1}) != digest({"seed": 2, "node": "x"})
