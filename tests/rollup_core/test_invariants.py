"""INVARIANTS.md names tests that exist."""

from __future__ import annotations

from pathlib import Path

from pages import check_numbers, count_named

HERE = Path(__file__).parent
PAGE = HERE / "INVARIANTS.md"


def test_every_test_it_names_exists() -> None:
    assert count_named(PAGE, [HERE, HERE.parent / "bridge", HERE.parent / "rollup_services"]) > 60


def test_they_are_numbered() -> None:
    check_numbers(PAGE)
