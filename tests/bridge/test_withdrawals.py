"""What a wallet does with a provider that lies: it signs nothing that it did not ask for, and believes L1 alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rollup_services.test_parts import BRIDGE

from bridge.lending import ETH, ETHER, KEY, OWNER, PROVIDER, RIVAL, Lending
from toolkit.bridge import provider_client, withdrawals
from toolkit.bridge.local import Local
from toolkit.bridge.onlooker import Onlooker
from toolkit.bridge.passage import Deed, Passage
from toolkit.bridge.provider_client import ProviderClient
from toolkit.bridge.standing import Stage, Standing
from toolkit.bridge.view import View
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput, L2KitError, ProtocolError, ServiceError
from toolkit.rollup.machine import Withdrawal

from .test_standing import WINDOWS, WORDS

OTHER = b"\x99" * 32


@dataclass
class Ear:
    """Is told what happens."""

    deeds: list[Deed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stage(self, standing: Standing, now: int) -> None:
        self.notes.append(f"{standing.stage.value}: {standing.news}")

    def deed(self, deed: Deed) -> None:
        self.deeds.append(deed)

    def note(self, what: str) -> None:
        self.notes.append(what)


class Liar:
    """A provider that answers a quote with something else than it should, and says that it has paid."""

    def __init__(self, lending: Lending, withdrawal: Withdrawal, lies: dict[str, Any], pays: bool) -> None:
        self._lending, self._withdrawal, self._lies, self._pays = lending, withdrawal, lies, pays
        self.asked: list[str] = []

    def response(self, method: str, params: Any) -> dict[str, Any]:
        self.asked.append(method)
        if method == "lp_status":
            return {"result": {"l1Block": self._lending.head}}
        if method == "lp_exit":
            if self._pays:
                self._lending.fast_exit(self._withdrawal, int(params[1]))
            named = self._lending.count.to_bytes(32, "big") if self._pays else OTHER
            return {"result": {"status": "paid", "transaction": hex_of(named)}}
        withdrawal = self._withdrawal
        honest = {
            "index": withdrawal.index, "owner": checksum(withdrawal.owner), "token": checksum(withdrawal.token),
            "amount": str(withdrawal.amount), "fee": str(ETHER // 100), "provider": checksum(PROVIDER),
            "expiry": self._lending.now + 600, "secondsUntilClaim": 600,
        }  # fmt: skip
        return {"result": {**honest, **self._lies}}

    def close(self) -> None:
        pass


class Counter:
    """Somebody at a counter: alice with a withdrawal of 1 ETH, and a provider."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, pays: bool = True, **lies: Any) -> None:
        self.lending, self.ear = Lending(), Ear()
        withdrawal = self.lending.withdraw(ETHER)
        self.liar = Liar(self.lending, withdrawal, lies, pays)
        monkeypatch.setattr(provider_client, "Rpc", lambda url: self.liar)
        client = ProviderClient("http://provider", chain_id=31337, bridge=BRIDGE)
        chain = SimpleNamespace(receipts=self.receipts)
        local = SimpleNamespace(provider=lambda: client, chain=chain)
        onlooker = SimpleNamespace(look=lambda: View(self.lending.replica, WINDOWS, self.lending.now, WORDS))
        self.passage = Passage(cast(Local, local), cast(Onlooker, onlooker), self.ear)

    def receipts(self, names: list[bytes]) -> list[dict[str, Any]]:
        return [{"gasUsed": 1, "transactionHash": name} for name in names]

    def exit(self, most: int | None = None) -> Standing:
        return withdrawals.exit_early(self.passage, Account("alice", KEY), 0, most)


def test_an_honest_provider_is_paid_its_fee(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    assert counter.exit().stage is Stage.PAID_EARLY
    assert [each.said for each in counter.ear.deeds] == ["provider paid 0.99 ETH to alice on L1"]


@pytest.mark.parametrize(
    ("lies", "error", "why"),
    [
        ({"index": 1}, ProtocolError, "where it was asked for"),
        ({"owner": checksum(RIVAL)}, ProtocolError, "where it was asked for"),
        ({"token": checksum(RIVAL)}, ProtocolError, "where it was asked for"),
        ({"amount": str(2 * ETHER)}, ProtocolError, "where it was asked for"),
        ({"fee": "-1"}, ProtocolError, "a fee of -1"),
        ({"fee": str(ETHER)}, ProtocolError, "a fee of 1000000000000000000 for a withdrawal of 1000000000000000000"),
        ({"fee": "much"}, ProtocolError, "answers lp_quote with"),
        ({"fee": str(ETHER // 20 + 1)}, BadInput, "more than 5 % of 1 ETH, and only --max-fee allows that"),
        ({"provider": checksum(bytes(20))}, ProtocolError, "which nobody can be"),
        ({"provider": checksum(OWNER)}, ProtocolError, "which nobody can be"),
        ({"provider": checksum(BRIDGE)}, ProtocolError, "which nobody can be"),
        ({"provider": "0x12"}, ProtocolError, "which nobody can be"),
        ({"provider": None}, ProtocolError, "answers lp_quote with"),
        ({"expiry": 2**64}, ProtocolError, "good until 18446744073709551616, which is not within a day"),
        ({"expiry": 0}, ProtocolError, "wants a signature that is good until 0, which is not within a day"),
        ({"expiry": 10**9}, ProtocolError, "good until 1000000000, which is not within a day"),
        ({"expiry": None}, ProtocolError, "answers lp_quote with"),
        ({"secondsUntilClaim": -5}, ProtocolError, "-5 s until the claim"),
    ],
)
def test_what_was_not_asked_for_is_not_signed(
    monkeypatch: pytest.MonkeyPatch, lies: dict[str, Any], error: type[L2KitError], why: str
) -> None:
    counter = Counter(monkeypatch, **lies)
    with pytest.raises(error, match=why):
        counter.exit()
    assert "lp_exit" not in counter.liar.asked and counter.ear.deeds == []


def test_a_fee_above_the_ceiling_is_paid_where_somebody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch, fee=str(ETHER // 4))
    with pytest.raises(BadInput, match=r"the fee would be 0\.25 ETH, more than 0\.2 ETH"):
        counter.exit(ETHER // 5)
    assert counter.exit(ETHER // 4).stage is Stage.PAID_EARLY


def test_a_payment_is_told_when_l1_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withdrawals, "PAID_SECONDS", 0.0)
    counter = Counter(monkeypatch, pays=False)
    with pytest.raises(ServiceError, match=r"says that 0x9999.* has paid withdrawal 0, but L1 shows no such payment"):
        counter.exit()
    assert counter.ear.deeds == []


@pytest.mark.parametrize("answer", [{}, {"transaction": None}, {"transaction": "0x12"}, {"transaction": 7}])
def test_a_payment_that_names_no_transaction_is_none(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    counter = Counter(monkeypatch)
    honest: Callable[[str, Any], dict[str, Any]] = counter.liar.response
    monkeypatch.setattr(
        counter.liar,
        "response",
        lambda method, params: (
            {"result": {"status": "paid", **answer}} if method == "lp_exit" else honest(method, params)
        ),
    )
    with pytest.raises(ProtocolError, match="says that it has paid, and names no transaction"):
        counter.exit()


def test_a_quote_that_was_asked_for_by_number_is_of_that_number(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch, index=3)
    client = counter.passage.local.provider()
    with pytest.raises(ProtocolError, match="where it was asked for 0"):
        client.quote(0)
    assert client.quote(3).withdrawal == Withdrawal(3, OWNER, ETH, ETHER)


def test_who_comes_second_hears_who_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    lending, passage = counter.lending, counter.passage
    lending.settle(len(lending.replica.history.posted))
    view = passage.look()

    def claim(view: View, index: int) -> bool:
        lending.claim(view.replica.state.withdrawals[index], OWNER)
        return False

    monkeypatch.setattr(passage, "claim", claim)
    found = withdrawals.collect(passage, view, lambda view: view.of_withdrawal(0))
    assert found.stage is Stage.CLAIMED
    (said,) = counter.ear.notes
    assert said.startswith("somebody else was faster: ") and "was paid 1 ETH on L1" in said
