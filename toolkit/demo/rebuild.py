"""Everything that L2 keeps is lost, and comes back from L1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolkit.bridge.client import deposit_erc20, deposit_eth
from toolkit.rollup.client import ETH
from toolkit.rollup.rebuild import Source, delete_databases, restore
from toolkit.rollup.technique import PATIENCE_SECONDS
from toolkit.technique.meter import CheckFailed
from toolkit.technique.workload import ETHER
from toolkit.world import Devnet

PAYEES = ("bob", "carol", "dave", "erin")


def lose_and_rebuild(devnet: Devnet, step: Callable[[str], None]) -> dict[str, Any]:
    """Make some traffic, kill every service, delete every L2 database, restore from L1, and start the services again.

    Args:
        step: is told what goes on now.

    Returns:
        ``deleted`` (files and bytes), ``restored`` (`toolkit.rollup.rebuild.Restored.as_json`), ``facts``.

    Raises:
        CheckFailed: what came back is not what there was.
        Differs: nor is it what L1 says.
    """
    step("traffic: deposits, payments, a withdrawal, a confirmed state and one that is not")
    _traffic(devnet)
    before, owned = devnet.access.verified(), _owned(devnet)
    step("killing the services, deleting their databases")
    devnet.kill_services()
    size = sum(file.stat().st_size for file in devnet.folder.path.glob("*/*.sqlite*"))
    deleted = delete_databases(devnet.folder.path)
    step("restoring from L1")
    restored = restore(Source.of(devnet.rollup, devnet.node.url, devnet.l1.chain_id))
    facts, found = restored.check(), restored.as_json()
    if found["machine_hash"] != before["machineHash"]:
        raise CheckFailed(f"the machine hash was {before['machineHash']}, and {found['machine_hash']} came back")
    facts.append("the machine hash is the one that the verifier had")
    step("starting the services from nothing")
    devnet.start_services()
    _wait_all(devnet, found["batches"])
    after = _owned(devnet)
    if after != owned:
        raise CheckFailed(f"balances were {owned}, and {after} came back")
    facts.append(f"the services, started from nothing, know all {len(owned)} balances to the last wei")
    return {
        "deleted": {"files": [str(file.relative_to(devnet.folder.path)) for file in deleted], "bytes": size},
        "restored": found,
        "facts": facts,
    }


def _traffic(devnet: Devnet) -> None:
    access, alice, token = devnet.access, devnet.accounts["alice"], devnet.contracts["Token"]
    bridge, token_bytes = devnet.contracts["Bridge"], bytes.fromhex(token.address[2:])
    devnet.l1.send(alice, token.functions.approve(bridge.address, 100 * ETHER))
    deposit_eth(devnet.l1, bridge, alice, 10 * ETHER)
    deposit_erc20(devnet.l1, bridge, alice, token.address, 100 * ETHER)
    for asset in (ETH, token_bytes):
        access.sequencer.wait_for_balance(alice.address_bytes, 10 * ETHER, asset, seconds=PATIENCE_SECONDS)
    payees = [devnet.accounts[name] for name in PAYEES]
    for asset in (ETH, token_bytes):
        payments = [(payees[i % len(payees)].address_bytes, (1 + i) * 10**15) for i in range(50)]
        access.sequencer.transfers(alice, payments, asset)
    last = access.sequencer.withdraw(devnet.accounts["bob"], ETHER // 10)
    batch = access.sequencer.wait_for_post(last.hash, seconds=PATIENCE_SECONDS).batch or 0
    access.wait_asserted(batch)
    access.travel(access.challenge_window)
    access.wait_confirmed(batch)
    paid = access.sequencer.transfers(alice, [(payees[0].address_bytes, 10**15)] * 20)
    batch = access.sequencer.wait_for_post(paid[-1].hash, seconds=PATIENCE_SECONDS).batch or 0
    access.wait_asserted(batch)


def _wait_all(devnet: Devnet, batches: int) -> None:
    access = devnet.access
    access.verifier.wait_until(
        lambda: access.verified()["batches"] >= batches, f"all {batches} batches", PATIENCE_SECONDS
    )


def _owned(devnet: Devnet) -> dict[str, int]:
    """Balances on L2 by owner and token, as the sequencer knows them."""
    token = bytes.fromhex(devnet.contracts["Token"].address[2:])
    return {
        f"{name} {unit}": devnet.access.sequencer.account(devnet.accounts[name].address_bytes, asset).balance
        for name in ("alice", *PAYEES)
        for unit, asset in (("ETH", ETH), ("DEV", token))
    }
