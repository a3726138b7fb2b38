"""Who ends while others wait for it is named at once."""

from __future__ import annotations

import pytest

from toolkit import Devnet
from toolkit.errors import ServiceError

pytestmark = pytest.mark.node


def test_nobody_waits_for_a_service_that_has_ended() -> None:
    with pytest.raises(ServiceError, match=r"proposer has ended .killed by signal 9."), Devnet() as devnet:
        devnet.services["proposer"].child.kill()
        devnet.access.wait_asserted(1)


def test_node_that_was_killed_is_named() -> None:
    with pytest.raises(ServiceError, match=r"anvil has ended .killed by signal 9."), Devnet() as devnet:
        next(child for child in devnet.folder.children if child.name == "anvil").kill()
        devnet.l1.now()
