"""A wallet follows only what it has signed itself."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.devnet.accounts import Account
from toolkit.devnet.l1 import hex_of
from toolkit.errors import ServiceError
from toolkit.rollup import client as module
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.operations import Transfer, Withdraw, rollup_domain

ALICE, BOB = Account("alice", b"\x01" * 32), b"\x22" * 20
MACHINE, OTHER = b"\x33" * 20, b"\x99" * 32
DOMAIN = rollup_domain(31337, MACHINE)
PAID = [Transfer(7, BOB, ETH, amount, 0, nonce) for nonce, amount in enumerate((10, 20, 30))]


class Sequencer:
    """Takes everything, and names it as it likes."""

    def __init__(self, names: list[bytes]) -> None:
        self._names = names

    def call(self, method: str, *_: Any) -> Any:
        if method == "l2_account":
            return {"account": 7, "balance": "100", "nonce": 0}
        return [{"hash": hex_of(name), "status": "confirmed", "batch": 1} for name in self._names]


def open_client(monkeypatch: pytest.MonkeyPatch, names: list[bytes]) -> RollupClient:
    monkeypatch.setattr(module, "Rpc", lambda url: Sequencer(names))
    return RollupClient("http://sequencer", chain_id=31337, machine=MACHINE)


def test_an_operation_is_named_by_what_was_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [each.digest(DOMAIN) for each in PAID]
    client = open_client(monkeypatch, names)
    assert [each.hash for each in client.transfers(ALICE, [(BOB, each.amount) for each in PAID])] == names
    name = Withdraw(7, ETH, 5, 0, 0).digest(DOMAIN)
    told: list[bytes] = []
    assert open_client(monkeypatch, [name]).withdraw(ALICE, 5, before=told.append).hash == name
    assert told == [name]


@pytest.mark.parametrize("place", [0, 2])
def test_a_sequencer_that_names_another_operation_is_not_followed(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    names = [each.digest(DOMAIN) for each in PAID]
    wanted = names[place]
    names[place] = OTHER
    client = open_client(monkeypatch, names)
    with pytest.raises(ServiceError, match=f"the name {hex_of(OTHER)} for {hex_of(wanted)}"):
        client.transfers(ALICE, [(BOB, each.amount) for each in PAID])
    with pytest.raises(ServiceError, match=f"the name {hex_of(OTHER)} for"):
        open_client(monkeypatch, [OTHER]).withdraw(ALICE, 5)


def test_a_sequencer_that_answers_for_fewer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_client(monkeypatch, [each.digest(DOMAIN) for each in PAID[:2]])
    with pytest.raises(ServiceError, match="answers 3 operations with 2 names"):
        client.transfers(ALICE, [(BOB, each.amount) for each in PAID])
