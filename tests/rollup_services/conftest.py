from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollup_services.rig import Rig, start_rig


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[Rig]:
    with start_rig() as rig:
        yield rig


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    """One node and rollup for a module; services end with each test."""
    yield shared_rig
    shared_rig.stop_all()


@pytest.fixture
def fresh_rig() -> Iterator[Rig]:
    """A node and a rollup for one test alone."""
    with start_rig() as rig:
        yield rig
