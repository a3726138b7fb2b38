from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .machines import Machines


@pytest.fixture(scope="module")
def machines() -> Machines:
    from .machines import Machines  # needs pyrevm, which not every test here does

    return Machines()
