"""A devnet that runs, as a library's user sees it. It is shared with other tests, and nothing is undone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from waiting import eventually

from toolkit import Devnet
from toolkit.bridge.client import deposit_eth
from toolkit.bridge.local import Local
from toolkit.bridge.passage import Passage
from toolkit.bridge.standing import Stage, Subject
from toolkit.description import describe
from toolkit.devnet import free_port
from toolkit.errors import BadInput, L2KitError, NodeError, ServiceError
from toolkit.rollup.client import OperationRefused, RollupClient
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.session import Session, attach, client, clock

ETHER = 10**18
README = Path(__file__).parents[2] / "README.md"
_EXAMPLES = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOBODY = "0x" + "11" * 20


@pytest.fixture(scope="module")
def file(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("session") / "devnet.json"
    file.write_text(json.dumps(describe(devnet)))
    return file


@pytest.fixture(scope="module")
def session(devnet: Devnet, file: Path) -> Session:
    """With 2 ETH more for dave on L2."""
    found = attach(file)
    before = found.balance("dave")
    deposit_eth(devnet.l1, devnet.contracts["Bridge"], devnet.accounts["dave"], 2 * ETHER)
    assert eventually(lambda: found.balance("dave") == before + 2 * ETHER)
    return found


def test_a_balance_is_exact_on_each_layer(devnet: Devnet, session: Session) -> None:
    dave = devnet.accounts["dave"]
    assert session.balance("dave") == devnet.access.sequencer.account(dave.address_bytes).balance > 0
    assert session.balance(dave, layer="l1") == devnet.l1.balance(dave.address)
    token = devnet.contracts["Token"]
    assert session.balance(dave.address, "DEV", layer="l1") == token.functions.balanceOf(dave.address).call()
    assert session.balance("dave", token.address, layer="l1") == session.balance("dave", "dev", layer="l1")
    assert session.balance(NOBODY) == session.balance(NOBODY, layer="l1") == 0
    assert eventually(lambda: session.balance("dave", layer="posted") == session.balance("dave"))


def test_the_holdings_of_all_are_told_in_the_order_asked_for(session: Session) -> None:
    everybody = session.holdings(tokens=("ETH", "DEV"))
    assert len(everybody) == 2 * len(session.accounts())
    dave, nobody = session.holdings(("dave", NOBODY), posted=True)
    assert (dave.l1, dave.l2) == (session.balance("dave", layer="l1"), session.balance("dave", layer="posted"))
    assert (nobody.l1, nobody.l2) == (0, 0)
    assert everybody[2 * [each.name for each in session.accounts()].index("dave")].l1 == dave.l1


def test_more_is_asked_for_than_a_service_takes_at_once(session: Session) -> None:
    assert len(session.holdings(["dave", NOBODY] * 70)) == 140


def test_a_transfer_moves_exactly_what_was_asked_for_and_is_posted_where_that_is_waited_for(session: Session) -> None:
    dave, erin, named = session.balance("dave"), session.balance("erin"), list[bytes]()
    receipt = session.transfer("dave", "erin", ETHER // 8, before=named.append)
    assert named == [receipt.hash]
    assert (session.balance("dave"), session.balance("erin")) == (dave - ETHER // 8, erin + ETHER // 8)
    receipt = session.transfer(session.local.account("dave"), NOBODY, 1000, wait=True)
    assert receipt.status == "posted"
    assert session.balance(NOBODY, layer="posted") == 1000


def test_all_that_somebody_holds_is_transferred(session: Session) -> None:
    session.transfer("dave", "frank", ETHER // 8)
    frank, grace = session.balance("frank"), session.balance("grace")
    session.transfer("frank", "grace", WHOLE_BALANCE)
    assert (session.balance("frank"), session.balance("grace")) == (0, grace + frank)


@pytest.mark.parametrize(
    ("sender", "to", "amount", "why"),
    [
        ("nobody", "dave", 1, "there is no account 'nobody'"),
        ("dave", "nobody", 1, "'nobody' is neither an address nor the name"),
        ("dave", "erin", 0, "the amount 0 is not above zero"),
        ("dave", "erin", 123456789, "the next below is 0.000000000123456 ETH"),
        ("dave", "erin", 10**24, "which is less than 1,000,000 ETH"),
        ("deployer", "erin", WHOLE_BALANCE, "deployer holds 0 ETH on L2"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_before_it_is_signed(
    session: Session, sender: str, to: str, amount: int, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        session.transfer(sender, to, amount, before=lambda _: pytest.fail("it was signed"))


def test_what_the_sequencer_refuses_is_told_with_its_reason(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"error": {"message": "it is frozen"}}]
    monkeypatch.setattr(RollupClient, "_patiently", lambda *_, **__: answers)
    with pytest.raises(OperationRefused, match="the sequencer refuses: it is frozen"):
        session.transfer("dave", "erin", 1000)


def test_a_deposit_returns_when_l2_shows_it(session: Session) -> None:
    heidi, grace = session.balance("heidi"), session.balance("grace", "DEV")
    standing = session.deposit("heidi", ETHER // 2)
    assert standing.stage is Stage.CREDITED
    assert session.balance("heidi") == heidi + ETHER // 2
    session.deposit("heidi", 7, "DEV", to="grace", permit=True)
    assert session.balance("grace", "DEV") == grace + 7
    with pytest.raises(BadInput, match=r"heidi owns .* ETH on L1, which is less than"):
        session.deposit("heidi", 10**24)


def test_a_withdrawal_is_claimed_where_it_is_waited_for_and_else_by_anybody(session: Session) -> None:
    session.deposit("erin", ETHER)
    other = session.withdraw("erin", ETHER // 8)
    with pytest.raises(BadInput, match="cannot be claimed: it is"):
        session.claim(other.subject.id, "heidi")
    before = session.balance("erin", layer="l1")
    found = session.withdraw("erin", ETHER // 4, travel=True)
    assert found.stage is Stage.CLAIMED
    assert 0 < session.balance("erin", layer="l1") - before < ETHER // 4, "less the gas of its claim"
    before = session.balance("erin", layer="l1")
    assert session.claim(other.subject.id, "heidi", wait=True).stage is Stage.CLAIMED
    assert session.balance("erin", layer="l1") == before + ETHER // 8


def test_a_withdrawal_goes_through_l1_or_is_paid_early(session: Session) -> None:
    session.deposit("grace", 2 * ETHER)
    assert session.withdraw("grace", ETHER // 8, forced=True).stage is Stage.SENT
    before = session.balance("grace", layer="l1")
    assert session.withdraw("grace", ETHER // 4, fast=True).stage is Stage.PAID_EARLY
    assert session.balance("grace", layer="l1") > before
    slow = session.withdraw("grace", ETHER // 4).subject.id
    session.transfer("grace", "heidi", 10**12, wait=True)  # so that the withdrawal is on L1, too
    assert session.claim(slow, "grace", fast=True, max_fee=ETHER // 80).stage is Stage.PAID_EARLY
    for move in (session.deposit, session.withdraw):
        with pytest.raises(BadInput, match="the amount -1 is not above zero"):
            move("grace", -1)
    with pytest.raises(BadInput, match="a fee is paid only to be fast"):
        session.withdraw("grace", ETHER // 4, max_fee=1)
    with pytest.raises(BadInput, match="a fee is paid only to be fast"):
        session.claim(slow, "grace", max_fee=1)
    with pytest.raises(BadInput, match="the bridge owes grace no ETH"):
        session.claim_credit("grace", to="heidi")


def test_a_deposit_that_comes_to_nothing_is_an_error(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Subject("deposit", "0x1").at(Stage.REFUSED, ["batch 2 holds it, without effect"], failed=True)
    monkeypatch.setattr(Passage, "follow", lambda *_: refused)
    with pytest.raises(L2KitError, match="the deposit has come to nothing: batch 2 holds it, without effect"):
        session.deposit("heidi", 1)


@pytest.mark.parametrize(("who", "token", "layer"), [("x", "ETH", "l2"), ("dave", "USD", "l2"), ("dave", "ETH", "l3")])
def test_a_balance_of_nobody_of_nothing_or_of_nowhere_is_refused(
    session: Session, who: str, token: str, layer: str
) -> None:
    with pytest.raises(BadInput, match=r"is neither an address|there is no (token 'USD'|layer 'l3')"):
        session.balance(who, token, layer=layer)
    with pytest.raises(BadInput, match="is no ERC20 token"):
        session.balance("dave", NOBODY, layer="l1")


def test_every_service_has_seen_the_time_when_travel_returns(devnet: Devnet, session: Session) -> None:
    before, warned = devnet.l1.now(), list[str]()
    now = session.travel(hours=1, minutes=1, seconds=1, warn=warned.append)
    head = devnet.l1.block_number()
    assert before + 3661 <= now <= devnet.l1.now()
    for role, service in devnet.services.items():
        assert devnet._client(role).status()["l1Block"] >= head - 1, service  # one more block may be there since
    assert not warned


def test_travel_waits_for_a_service_that_looks_late(devnet: Devnet, session: Session) -> None:
    asked = list[int]()

    def answer(_: str) -> dict[str, Any]:
        asked.append(devnet.l1.block_number())
        if len(asked) == 1:
            return {"error": {"code": -32603, "message": "not now"}}
        return {"result": {"l1Block": asked[-1] if len(asked) == 4 else 0}}

    with answering(answer) as url:
        Session(replace(session.local, services={"proposer": url})).travel(seconds=1)
    assert len(asked) == 4


def test_travel_waits_for_a_tower_by_its_time(devnet: Devnet, session: Session) -> None:
    asked = list[str]()

    def answer(path: str) -> dict[str, Any]:
        asked.append(path)
        return {"block_time": devnet.l1.now() if len(asked) == 3 else 0}

    with answering(answer) as url:
        Session(replace(session.local, services={"watchtower": url})).travel(seconds=1)
    assert asked == ["/v1/status"] * 3


@pytest.mark.parametrize("role", ["sequencer", "watchtower"])
def test_who_does_not_answer_is_told_of_and_not_waited_for(devnet: Devnet, session: Session, role: str) -> None:
    before, warned = devnet.l1.now(), list[str]()
    alone = Session(replace(session.local, services={role: f"http://127.0.0.1:{free_port()}"}))
    assert alone.travel(seconds=60, warn=warned.append) >= before + 60
    assert len(warned) == 1 and "does not answer" in warned[0] and "has not seen the time yet" in warned[0]


def test_a_service_that_never_looks_is_an_error(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "SEEN_SECONDS", 0)
    with answering(lambda _: {"result": {"l1Block": 0}}) as url:
        blind = Session(replace(session.local, services={"verifier": url}))
        with pytest.raises(ServiceError, match="the verifier has not looked at L1's block"):
            blind.travel(seconds=1)


@pytest.mark.parametrize(("seconds", "why"), [(0, "forward only"), (-1, "forward only"), (2**40, "write down")])
def test_the_clock_moves_forward_and_not_too_far(devnet: Devnet, session: Session, seconds: int, why: str) -> None:
    before = devnet.l1.block_number()
    with pytest.raises(BadInput, match=why):
        session.travel(seconds=seconds)
    assert devnet.l1.block_number() - before < 3, "only what the services do"


def test_a_clock_that_stands_still_is_an_error(
    devnet: Devnet, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "travel", lambda *_: devnet.l1.now())
    with pytest.raises(NodeError, match="was told to move its clock to"):
        session.travel(days=1)


def test_without_a_sequencer_l1_and_what_is_posted_are_told(session: Session) -> None:
    alone = Session(replace(session.local, services={"sequencer": f"http://127.0.0.1:{free_port()}"}))
    assert alone.balance("dave", layer="l1") > 0
    assert alone.balance("dave", layer="posted") > 0
    with pytest.raises(ServiceError, match=r"the sequencer at .* does not answer"):
        alone.balance("dave")


def test_what_is_asserted_is_told_from_l1_alone(session: Session) -> None:
    def pending() -> bool:
        return len(Session(replace(session.local, services={})).dispute().assertions) > 0

    assert eventually(pending)
    court = session.dispute()
    first = court.assertions[0]
    assert session.dispute("0x" + first.id.hex()).assertions[0].id == first.id


def test_a_devnet_is_found_by_its_name_and_by_its_file(
    session: Session, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path | None, str | None]] = []

    def find(where: Path | None, name: str | None = None) -> Path:
        asked.append((where, name))
        return file

    monkeypatch.setattr(client, "find_devnet", find)
    assert attach("mine").local == attach(str(file)).local == attach(file).local == attach().local == session.local
    assert asked == [(None, "mine"), (file, None), (file, None), (None, None)]


def test_the_example_of_the_readme_runs(
    devnet: Devnet, session: Session, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = (each for each in _EXAMPLES.findall(README.read_text()) if "session.attach()" in each)
    before = session.balance("alice")
    deposit_eth(devnet.l1, devnet.contracts["Bridge"], devnet.accounts["alice"], ETHER // 10)
    assert eventually(lambda: session.balance("alice") == before + ETHER // 10)
    monkeypatch.setattr("toolkit.session.attach", lambda: attach(file))
    bob = session.balance("bob")
    exec(example, {})
    assert capsys.readouterr().out.split()[0] == str(bob + ETHER // 10)


@contextmanager
def answering(answer: Callable[[str], dict[str, Any]]) -> Iterator[str]:
    """The URL of a service that answers every request, by its path, with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._respond({"jsonrpc": "2.0", "id": call["id"], **answer(self.path)})

        def do_GET(self) -> None:
            self._respond(answer(self.path))

        def _respond(self, found: dict[str, Any]) -> None:
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Sequence[object]) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
