"""Each scenario as its users type it, on a node that outlives it, where the figures are looked up again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from toolkit.devnet import Account, Chain, Node, RunFolder, start_anvil
from toolkit.rollup.rebuild import Source, restore
from toolkit.scenario import SCENARIOS

pytestmark = pytest.mark.node

ETHER = 10**18
_CONTRACTS = {
    "inbox": "Inbox", "machine": "PaymentsMachine", "rollup": "Rollup", "bridge": "Bridge", "dispute": "Dispute",
}  # fmt: skip

EXPECTED: dict[str, dict[tuple[str, str], int]] = {
    "vanish": {
        ("alice", "ETH"): 8 * ETHER, ("alice", "DEV"): 100 * ETHER, ("bob", "ETH"): 2 * ETHER,
        ("carol", "DEV"): 40 * ETHER, ("grace", "ETH"): 2 * ETHER,
    },
    "censor": {("alice", "ETH"): 10 * ETHER, ("alice", "DEV"): 100 * ETHER},
    "withhold": {("alice", "ETH"): 10 * ETHER, ("alice", "DEV"): 100 * ETHER},
    "equivocate": {
        ("alice", "ETH"): 4 * ETHER, ("bob", "DEV"): 40 * ETHER, ("proposer", "ETH"): -ETHER // 5,
        ("verifier", "ETH"): ETHER // 10,
    },
    "stale": {
        ("alice", "ETH"): 4 * ETHER, ("bob", "DEV"): 40 * ETHER, ("proposer", "ETH"): -ETHER // 5,
        ("verifier", "ETH"): ETHER // 10,
    },
    "reorg": {
        ("alice", "ETH"): 4 * ETHER, ("carol", "ETH"): -5 * ETHER, ("bob", "DEV"): -100 * ETHER,
    },
}  # fmt: skip
"""What everybody's wallet gains between the two counts, but for gas and agreed fees; everybody else's gains nothing."""

LEFT = {"vanish": (0, 0), "censor": (5, 0), "withhold": (0, 0), "equivocate": (6, 60), "stale": (6, 60),
        "reorg": (11, 100)}  # fmt: skip
"""ETH and DEV that the bridge holds in the end."""

PROMISED = {"vanish": {"alice": -ETHER, "frank": ETHER}, "withhold": {"alice": -3 * ETHER, "bob": 3 * ETHER}}
"""ETH that somebody was told of, and that never became final."""

WHY = {"vanish": "frank was paid after the last confirmed state", "withhold": "bob never had the 3 ETH"}


@pytest.fixture(scope="module")
def own_node() -> Iterator[Node]:
    """A node of ours: scenarios move its clock by months."""
    with RunFolder() as folder:
        node = start_anvil(folder)
        yield node
        node.stop()


@dataclass
class L1:
    """L1 between two blocks, as the test reads it."""

    chain: Chain
    first: int
    last: int
    token: str

    def wallet(self, address: str, unit: str, block: int) -> int:
        if unit == "ETH":
            return self.chain.rpc.quantity("eth_getBalance", address, hex(block))
        data = "0x70a08231" + address[2:].lower().rjust(64, "0")  # balanceOf(address)
        return int(self.chain.rpc.call("eth_call", {"to": self.token, "data": data}, hex(block)), 16)

    def gas(self) -> dict[str, int]:
        """Wei paid for gas by the senders."""
        spent: dict[str, int] = defaultdict(int)
        for number in range(self.first + 1, self.last + 1):
            for receipt in self.chain.rpc.call("eth_getBlockReceipts", hex(number)):
                spent[receipt["from"]] += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        return spent


def scenario(name: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "toolkit", "scenario", name, "--json", *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_everybody_honest_has_everything_in_the_end(name: str, own_node: Node, accounts: dict[str, Account]) -> None:
    found = scenario(name, "--l1-rpc", own_node.url)
    assert (found["scenario"], found["ok"], found["lost"]) == (name, True, [])
    chain = Chain(own_node.url)
    l1 = L1(chain, found["l1"]["first_block"], found["l1"]["last_block"], found["contracts"]["Token"])
    gas, expected = l1.gas(), EXPECTED[name]
    funds = {(line["name"], line["unit"]): line for line in found["funds"]}

    for who, account in accounts.items():
        for unit in ("ETH", "DEV"):
            line = funds.get((who, unit))
            was, now = (l1.wallet(account.address, unit, block) for block in (l1.first, l1.last))
            spent = gas.get(account.address.lower(), 0) if unit == "ETH" else 0
            if line is None:
                assert (now, spent) == (was, 0)
                continue
            assert (int(line["before"]["wallet"]), int(line["after"]["wallet"])) == (was, now)
            assert int(line["gas"]) == spent
            bonds = int(line["after"]["bonds"]) - int(line["before"]["bonds"])
            assert now - was + spent + bonds + int(line["costs"]) == expected.get((who, unit), 0), (who, unit)
            parts = {field: int(line[field]) for field in ("paid", "gas", "costs", "lost")}
            totals = int(line["before"]["total"]), int(line["after"]["total"])
            assert totals[0] + parts["paid"] - parts["gas"] - parts["costs"] - parts["lost"] == totals[1]
            assert not line["honest"] or parts["lost"] <= 0

    for unit in ("ETH", "DEV"):
        lines = [line for line in found["funds"] if line["unit"] == unit]
        for field in ("paid", "promised", "costs"):
            assert sum(int(line[field]) for line in lines) == 0
        burned = int(found["burned"]) if unit == "ETH" else 0
        assert sum(int(line["lost"]) for line in lines) == burned  # what one has lost another has won, or it is burned
    for each, left in zip(found["bridge"], LEFT[name], strict=True):
        held = l1.wallet(found["contracts"]["Bridge"], each["unit"], l1.last)
        assert held == int(each["escrow"]) == int(each["owes"]) == left * ETHER

    promised = {line["name"]: int(line["promised"]) for line in found["funds"] if int(line["promised"])}
    assert promised == PROMISED.get(name, {})
    assert WHY.get(name, "") in " ".join(found["reasons"])
    assert bool(found["reasons"]) == (name in PROMISED)
    _check_l2(found, own_node, accounts)
    _check_deeds(found, chain, accounts)
    chain.rpc.close()


def _check_l2(found: dict[str, Any], node: Node, accounts: dict[str, Account]) -> None:
    """What is on L2 in the end is what L1's data gives; of a frozen rollup all is paid out."""
    addresses = {name: found["contracts"][contract] for name, contract in _CONTRACTS.items()}
    replica = restore(Source(node.url, node.chain_id, addresses, found["l1"]["deployed_block"])).replica
    assert (replica.frozen is not None) == (found["scenario"] == "vanish")
    shown = {(line["owner"], line["token"]): int(line["after"]["accounts"]) for line in found["funds"]}
    if replica.frozen is not None:
        assert not any(shown.values())
        return
    owned: dict[tuple[str, str], int] = defaultdict(int)
    for account in replica.state.accounts:
        owned["0x" + account.owner.hex(), "0x" + account.token.hex()] += account.balance
    assert {(owner.lower(), token.lower()): each for (owner, token), each in shown.items() if each} == {
        key: each for key, each in owned.items() if each
    }
    assert len(replica.bridge.claimed) == len(replica.state.withdrawals)
    names = {account.address_bytes: name for name, account in accounts.items()}
    paid_early = replica.bridge.providers.values()
    fees = [(names[each.owner], names[each.provider], str(each.fee)) for each in paid_early]
    assert [(cost["payer"], cost["payee"], cost["amount"]) for cost in found["costs"]] == fees


def _check_deeds(found: dict[str, Any], chain: Chain, accounts: dict[str, Account]) -> None:
    """What users are said to have sent is on L1, with that gas."""
    deeds = found["transactions"]
    assert deeds
    receipts = chain.receipts([bytes.fromhex(deed["transaction"][2:]) for deed in deeds])
    for deed, receipt in zip(deeds, receipts, strict=True):
        assert receipt["from"] == accounts[deed["who"]].address
        assert (receipt["gasUsed"], receipt["blockNumber"]) == (deed["gas"], deed["block"])
        assert receipt["status"] == 1
    assert found["gas"] == sum(deed["gas"] for deed in deeds)


def test_a_node_that_cannot_forget_blocks_is_refused_with_a_sentence() -> None:
    command = [sys.executable, "-m", "toolkit", "scenario", "reorg", "--json", "--node", "hardhat"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "cannot forget blocks; Anvil can" in ran.stderr.splitlines()[-1]
