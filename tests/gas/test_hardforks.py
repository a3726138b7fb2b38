"""Single transactions at several hardforks: nodes against each other, and against what is derived."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from toolkit.bridge import client
from toolkit.channel import receipts as channel_receipts
from toolkit.devnet import Chain
from toolkit.errors import BadInput
from toolkit.gas import baseline, eips, hardforks, snapshot
from toolkit.gas.figure import Figure
from toolkit.gas.hardforks import ForkReceipts
from toolkit.gas.recount import Recounting, work_of
from toolkit.gas.roomy import Roomy
from toolkit.gas.schedule import AMSTERDAM, AMSTERDAM_PART, OSAKA, price
from toolkit.rollup.measure import dispute_receipts
from toolkit.technique.protocol import blob_gas_of
from toolkit.world import Devnet, Options

TOLERANCE = 0.005
"""Hashes have more zero bytes one time than another, and calldata costs accordingly."""

PRAGUE = ForkReceipts("prague", "prague", "measured", "a receipt", {"pay": 100, "post": 210})
MAINNET = ForkReceipts("osaka", "osaka", "measured", "a receipt", {"pay": 100, "post": 200})
PART = ForkReceipts("amsterdam_part", "part", "measured", "another receipt", {"pay": 150}, "no blobs")
LATER = ForkReceipts("amsterdam", "amsterdam", "derived", "an equation", {"pay": 90, "post": 300})


@pytest.fixture(scope="module")
def osaka() -> Iterator[Devnet]:
    with Devnet(Options(services=False)) as devnet:
        yield devnet


class _WithoutBlobs(Chain):
    def gives_blobs(self) -> bool:
        """No: six blobs take seconds to prove."""
        return False


def few(devnet: Devnet, chain: Chain) -> dict[str, int]:
    """Rows that create slots, accounts and contracts, clear slots, call with value, and are all calldata."""
    token, accounts = devnet.contracts["Token"], devnet.accounts
    contract = devnet.contracts["PaymentChannels"].address

    def travel(seconds: int) -> int:
        return devnet.travel(seconds=seconds)

    return {
        **baseline.measure(chain, accounts["alice"], accounts["bob"], token),
        **channel_receipts.measure(chain, accounts, contract, token, travel),
        "calldata": chain.send(accounts["alice"], to=accounts["bob"].address, data=b"\1\0" * 500)["gasUsed"],
    }


@pytest.mark.node
def test_prague_charges_what_osaka_charges() -> None:
    with Devnet(Options(services=False, hardfork="prague")) as devnet:
        measured = few(devnet, devnet.l1)
        bridge, alice = devnet.contracts["Bridge"], devnet.accounts["alice"]
        for _ in range(2):
            measured["bridge: deposit (ETH)"] = client.deposit_eth(devnet.l1, bridge, alice, 10**18)["gasUsed"]
        measured |= dispute_receipts.measure(_WithoutBlobs(devnet.node.url), devnet.accounts)
    known = snapshot.committed().receipts
    del measured["calldata"]
    assert len(measured) == 24
    assert measured == pytest.approx({name: known[name] for name in measured}, rel=TOLERANCE)


@pytest.mark.node
def test_prague_takes_our_blobs() -> None:
    with Devnet(Options(services=False, hardfork="prague")) as devnet:
        receipt = devnet.l1.send(devnet.accounts["alice"], to=devnet.accounts["bob"].address, blobs=[bytes(32)])
    assert blob_gas_of(receipt) == 131_072


@pytest.mark.node
def test_hardhat_s_amsterdam_charges_what_is_derived_for_its_part(osaka: Devnet) -> None:
    with Devnet(Options(services=False, node="hardhat", hardfork="amsterdam")) as devnet:
        measured = few(devnet, Roomy(devnet.node.url))
    derived = few(osaka, Recounting(osaka.node.url, AMSTERDAM_PART))
    assert derived == measured


@pytest.mark.node
def test_a_deposit_is_recounted_to_the_gas(osaka: Devnet) -> None:
    """Value to a contract that reads the code of two accounts, one of them cold, and changes one slot."""
    for _ in range(2):
        receipt = client.deposit_eth(osaka.l1, osaka.contracts["Bridge"], osaka.accounts["alice"], 10**18)
    work = work_of(osaka.l1.rpc, receipt)
    assert (work.cold_accounts, work.code_reads, work.warm_stores, work.changed_slots) == (1, 2, 1, 1)
    assert price(work, OSAKA).gas == receipt["gasUsed"]
    moved = (3_000 - 2_600) + 2 * 100 + (10_100 - 2_900)
    assert price(work, AMSTERDAM).gas == receipt["gasUsed"] + moved


@pytest.mark.node
def test_what_is_not_understood_is_not_recounted(osaka: Devnet) -> None:
    receipt = osaka.l1.send(osaka.accounts["alice"], data=bytes.fromhex("5f5f5ff0"))  # creates one of no code
    with pytest.raises(BadInput, match="creates another one is not recounted"):
        work_of(osaka.l1.rpc, receipt)


def test_each_change_is_against_osaka() -> None:
    sheet = hardforks.sheet([PRAGUE, MAINNET, PART, LATER])
    pay, post = sheet.rows
    assert [each.key for each in sheet.columns] == [
        *("transaction", "prague", "prague_change", "osaka"),
        *("amsterdam_part", "amsterdam_part_change", "amsterdam", "amsterdam_change"),
    ]
    assert pay["transaction"] == "pay"
    assert pay["amsterdam_part_change"] == Figure(50, "derived", "part - osaka")
    assert pay["amsterdam_change"] == Figure(-10, "derived", "amsterdam - osaka")
    assert post["prague_change"] == Figure(10, "derived", "prague - osaka")
    assert "moves by more than 10:" in sheet.notes[0]


def test_what_no_node_ran_is_never_called_measured() -> None:
    pay, post = hardforks.sheet([MAINNET, PART, LATER]).rows
    assert pay["osaka"] == Figure(100, "measured", "a receipt")
    assert pay["amsterdam"] == Figure(90, "derived", "an equation")
    assert post["amsterdam_part"] == Figure(None, "measured", "no blobs")
    assert "amsterdam_part_change" not in post


def test_without_osaka_nothing_is_compared() -> None:
    assert [each.key for each in hardforks.sheet([PRAGUE]).columns] == ["transaction", "prague"]


def test_a_fork_that_no_node_runs_is_told_before_anything_starts() -> None:
    started: list[str] = []
    with pytest.raises(BadInput, match="no node runs the hardfork 'london'"):
        hardforks.measure(["osaka", "london"], step=started.append)
    assert not started


def test_a_node_that_already_runs_is_not_compared() -> None:
    with pytest.raises(BadInput, match="leave --l1-rpc out"):
        hardforks.measure(["prague"], Options(l1_rpc="http://127.0.0.1:1"))


def test_the_wanted_node_runs_the_fork_where_it_can() -> None:
    assert hardforks.node_of("prague", "hardhat") == "hardhat"
    assert hardforks.node_of("amsterdam", "anvil") == "hardhat"


def test_every_eip_is_there_once_and_with_its_fork() -> None:
    numbers = [each.number for each in eips.EIPS]
    assert len(set(numbers)) == len(numbers)
    assert {each["hardfork"] for each in eips.sheet(["osaka", "amsterdam"]).rows} == {"osaka", "amsterdam"}
    assert {7825} <= {each.number for each in eips.EIPS if each.hardfork == "osaka"}
    assert set(AMSTERDAM.eips) <= {each.number for each in eips.EIPS if each.hardfork == "amsterdam"}


def test_the_largest_calldata_just_fits_under_the_cap() -> None:
    assert eips.largest_calldata(OSAKA) == (2**24 - 21_000) // 40
    assert eips.largest_calldata(AMSTERDAM) == (2**24 - 15_000) // 64


def test_the_sheets_are_plain_data() -> None:
    found = hardforks.sheets([MAINNET, PART, LATER])
    assert [each.key for each in found] == ["hardforks", "hardfork-eips", "hardfork-calldata"]
    assert json.loads(json.dumps([each.as_json() for each in found]))
