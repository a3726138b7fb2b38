"""Who ends while others wait for it is named at once, and so is a hardfork that no node runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from toolkit import Devnet
from toolkit.errors import BadInput, ServiceError
from toolkit.world import Options

pytestmark = pytest.mark.node


def test_nobody_waits_for_a_service_that_has_ended() -> None:
    with pytest.raises(ServiceError, match=r"proposer has ended .killed by signal 9."), Devnet() as devnet:
        devnet.services["proposer"].child.kill()
        devnet.access.wait_asserted(1)


def test_node_that_was_killed_is_named() -> None:
    with pytest.raises(ServiceError, match=r"anvil has ended .killed by signal 9."), Devnet() as devnet:
        next(child for child in devnet.folder.children if child.name == "anvil").kill()
        devnet.l1.now()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(hardfork="amsterdam"), "anvil runs prague, osaka, not 'amsterdam'; hardhat does"),
        (Options(node="hardhat", hardfork="london"), "hardhat runs prague, osaka, amsterdam, not 'london'"),
        (Options(l1_rpc="http://127.0.0.1:1", hardfork="prague"), "already runs: its hardfork cannot be chosen"),
        (Options(l1_rpc="http://127.0.0.1:1", node_flags=("--silent",)), "it can be given no flags .--silent."),
        (Options(node_flags=("--silent", "-mtest")), "-m of anvil is set by l2kit; it cannot be passed through"),
        (Options(node_flags=("word",)), "'word' is no flag of anvil"),
        (Options(node="hardhat", node_flags=("--port", "1")), "--port of hardhat is set by l2kit; use --port of"),
    ],
)
def test_a_hardfork_or_flag_that_cannot_be_is_told_before_anything_starts(options: Options, told: str) -> None:
    devnet = Devnet(options)
    with pytest.raises(BadInput, match=told), devnet:
        pass
    assert not hasattr(devnet, "folder")


def test_databases_that_stay_are_told_of(tmp_path: Path) -> None:
    """Services that know of blocks which L1 has forgotten would go on from them."""
    devnet = Devnet()
    devnet.services, devnet.folder = {}, cast(Any, SimpleNamespace(path=tmp_path))
    (tmp_path / "proposer").mkdir()
    (tmp_path / "proposer" / "database").touch()
    devnet.forget_services()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "sequencer").touch()  # no folder: it cannot be removed as one
    with pytest.raises(NotADirectoryError):
        devnet.forget_services()
