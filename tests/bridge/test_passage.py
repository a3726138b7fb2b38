"""How somebody follows what is on its way: through silence, reorganisations and disputes, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rollup_services.l1_logs import WINDOW, WRONG
from rollup_services.test_parts import OWNER, PAYEE

from toolkit.bridge import local as local_module
from toolkit.bridge import passage as module
from toolkit.bridge.deposits import _check_permits
from toolkit.bridge.local import Local
from toolkit.bridge.onlooker import Onlooker
from toolkit.bridge.passage import Deed, Passage
from toolkit.bridge.standing import Stage, Standing
from toolkit.bridge.view import View
from toolkit.cli.passage import Told
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account
from toolkit.devnet.l1 import hex_of
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError, ServiceError

from .test_standing import ETH, ETHER, L1, WORDS
from .test_withdrawals import Ear

LOST = "0x" + "ab" * 32


class Node:
    """L1's node as who follows something sees it: answers by method, and what it was told to do."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.travelled: list[int] = []

    def call(self, method: str, *_: Any) -> Any:
        found = self.answers.get(method)
        if isinstance(found, Exception):
            raise found
        return found

    def travel(self, seconds: int) -> None:
        self.travelled.append(seconds)

    def close(self) -> None:
        pass

    stop = close


class Walk:
    """A passage over a chain of our own making."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, travel: bool = False) -> None:
        self.l1, self.ear, self.node = L1(), Ear(), Node()
        self.failures: list[Exception] = []
        monkeypatch.setattr(module, "Rpc", lambda url, *_: SimpleNamespace(
            call=self.node.call, close=self.node.close, shown=url))  # fmt: skip
        local = SimpleNamespace(
            source=SimpleNamespace(l1_rpc="http://l1"), sent=[], node=lambda: self.node, url=lambda role: role,
            chain=None, contract=lambda name: name,
        )  # fmt: skip
        onlooker = SimpleNamespace(look=self.look, head=10**6)
        local.travel = lambda seconds: Local.travel(cast(Local, local), seconds)
        self.passage = Passage(cast(Local, local), cast(Onlooker, onlooker), self.ear, travel=travel)

    def look(self) -> View:
        if self.failures:
            raise self.failures.pop()
        return self.l1.view

    def follow(self, done: Callable[[Standing], bool] = lambda _: False) -> Standing:
        return self.passage.follow(lambda view: view.of_withdrawal(0), done)


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    return Walk(monkeypatch)


def test_a_node_that_is_silent_for_a_while_is_waited_for_and_told_of_once(walk: Walk) -> None:
    walk.l1.fund()
    walk.l1.withdraw()
    walk.failures = [NodeError("no Ethereum node answers"), NodeError("no Ethereum node answers")]
    assert walk.follow(lambda standing: standing.stage is Stage.POSTED).stage is Stage.POSTED
    assert walk.ear.notes[0] == "no Ethereum node answers; looking again"
    assert len(walk.ear.notes) == 2, "and where it is"


def test_a_node_that_stays_silent_or_refuses_ends_it(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.failures = [RpcError("eth_call", -32000, "no")]
    with pytest.raises(RpcError):
        walk.follow()
    monkeypatch.setattr(module, "PATIENCE_SECONDS", -1.0)
    walk.failures = [NodeError("no Ethereum node answers")]
    with pytest.raises(NodeError, match="no Ethereum node answers"):
        walk.follow()


def test_where_nobody_asserts_the_way_out_is_named_once(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.l1.fund()
    walk.l1.withdraw()
    walk.node.answers["l2_status"] = NodeError("gone")
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(module, "SLOW_POLL_SECONDS", 0.0)
    left = [0] * 5
    walk.follow(lambda _: not left or left.pop() != 0)
    said = [each for each in walk.ear.notes if "nobody asserts" in each]
    assert said == [
        "nobody asserts the state after batch 3, and no proposer answers: if nobody ever does, 'l2kit escape --for "
        "alice' is the way out"
    ]


# --- a clock that is moved ---


def test_the_clock_is_moved_where_only_time_is_missing(walk: Walk) -> None:
    assert walk.passage.travel_to(walk.passage.look(), walk.l1.now + 500)
    assert walk.node.travelled == [500]


def test_whoever_must_dispute_gets_time_before_the_clock_is_moved(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.l1.fund()
    walk.l1.assert_state(walk.l1.genesis, 2, wrong=WRONG, who=PAYEE)
    until = walk.l1.now + WINDOW
    assert not walk.passage.travel_to(walk.passage.look(), until)
    monkeypatch.setattr(module, "HONEST_SECONDS", 0.0)
    with pytest.raises(ServiceError, match="bob asserts a wrong state after batch 2, and nobody disputes it"):
        walk.passage.travel_to(walk.passage.look(), until)
    assert walk.node.travelled == []


def test_every_move_of_a_dispute_gives_time_anew(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.l1.fund()
    wrong = walk.l1.assert_state(walk.l1.genesis, 2, wrong=WRONG, who=PAYEE)
    times = [0] * 100
    clock = SimpleNamespace(monotonic=lambda: float(len(times)), sleep=lambda _: None)
    monkeypatch.setattr(module, "time", clock)
    walk.passage.look()
    times += [0] * 10
    walk.l1.open(wrong)
    view = walk.passage.look()
    times += [0] * 10
    assert not walk.passage.travel_to(view, walk.l1.now + WINDOW), "20 s after the assertion, 10 s after the move"
    times += [0] * 10
    assert walk.passage.travel_to(view, walk.l1.now + WINDOW)
    (game,) = view.replica.disputes.open.values()
    assert walk.node.travelled == [min(WINDOW, game.state.deadline + 1 - walk.l1.now)]


def test_a_node_without_a_clock_to_move_is_told_at_once(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    def travel(_: int) -> None:
        try:
            raise RpcError("evm_increaseTime", -32601, "no such method")
        except RpcError as error:
            raise NodeError("the node has no evm_increaseTime") from error

    monkeypatch.setattr(walk.node, "travel", travel)
    with pytest.raises(BadInput, match="has no evm_increaseTime"):
        walk.passage.travel_to(walk.passage.look(), walk.l1.now + 1)


# --- transactions that went out ---


def test_a_transaction_that_the_node_still_has_is_waited_for(walk: Walk) -> None:
    walk.node.answers["eth_getTransactionByHash"] = {"hash": LOST, "blockNumber": None}
    found = walk.passage.in_transaction(walk.l1.view, LOST)
    assert (found.stage, found.over, found.until) == (Stage.SENT, False, None)
    assert found.waits_for == "L1 to take the transaction into a block again"
    with pytest.raises(BadInput, match="is in no block of L1 yet; its node has it, so look again"):
        walk.passage.find(LOST)
    deposit = walk.l1.deposit()
    assert walk.passage.in_transaction(walk.l1.view, hex_of(deposit)).subject.kind == "deposit"


def test_a_transaction_that_is_gone_is_not_to_be_sent_again_at_once(walk: Walk) -> None:
    with pytest.raises(L2KitError, match="may come again by itself, and count twice where it is sent anew") as told:
        walk.passage.in_transaction(walk.l1.view, LOST)
    assert f"'l2kit status {LOST}'" in str(told.value)


def test_a_transaction_that_was_reverted_the_second_time_has_moved_nothing(walk: Walk) -> None:
    walk.node.answers["eth_getTransactionByHash"] = {"hash": LOST, "blockNumber": "0x5"}
    walk.node.answers["eth_getTransactionReceipt"] = {"status": "0x0", "blockNumber": "0x5"}
    with pytest.raises(L2KitError, match="was reverted on L1: nothing has moved"):
        walk.passage.in_transaction(walk.l1.view, LOST)


def test_a_transaction_is_known_by_name_before_it_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    known: list[list[str]] = []

    def call(_: Rpc, method: str, *params: Any) -> Any:
        known.append(list(sent))
        if params == ("0x02",):
            raise RpcError(method, -32000, "nonce too low")
        if params == ("0x03",):
            raise NodeError("nobody answers")
        return "0x"

    monkeypatch.setattr(Rpc, "call", call)
    rpc = local_module._Sender("http://l1", sent)
    rpc.call("eth_chainId")
    rpc.call("eth_sendRawTransaction", "0x01")
    one, three = (hex_of(keccak256(bytes([number]))) for number in (1, 3))
    assert known == [[], [one]]
    with pytest.raises(RpcError):
        rpc.call("eth_sendRawTransaction", "0x02")
    with pytest.raises(NodeError):
        rpc.call("eth_sendRawTransaction", "0x03")
    assert sent == [one, three], "the node did not take the second"


def test_who_is_interrupted_hears_of_the_transaction_under_way() -> None:
    told = Told(WORDS, lambda _: None, quiet=True)
    assert told.going_on([]) == ""
    assert f"the transaction {LOST} may be under way, and 'l2kit status {LOST}'" in told.going_on(["0x1", LOST])
    told.deed(Deed("alice did it", 1, LOST))
    assert told.going_on([LOST]) == ""
    told.on_the_way = "it goes on"
    assert told.going_on([LOST]) == "it goes on"


# --- what others say ---


@pytest.mark.parametrize(
    "lie",
    [
        {"account": -1}, {"account": "x"}, {"account": None}, {"account": []}, {"batch": "x"}, {"batch": -4},
        {"amount": "-5"}, {"token": "0x12"}, {"token": None},
    ],
)  # fmt: skip
def test_a_sequencer_that_talks_nonsense_promises_nothing(walk: Walk, lie: dict[str, Any]) -> None:
    walk.l1.fund()
    honest = {
        "account": 0, "token": hex_of(ETH), "amount": str(ETHER), "status": "confirmed", "batch": 3,
        "kind": "withdrawal",
    }  # fmt: skip
    walk.node.answers["l2_receipt"] = honest
    promise, answers = walk.passage.promise(b"\x01" * 32)
    assert promise is not None and answers
    found = walk.l1.view.of_operation(b"\x01" * 32, promise)
    assert found is not None and found.subject.owner == OWNER
    walk.node.answers["l2_receipt"] = {**honest, **lie}
    assert walk.passage.promise(b"\x01" * 32) == (None, True)


@pytest.mark.parametrize("answer", ["0x", "0x01", RpcError("eth_call", 3, "execution reverted")])
def test_a_token_without_permits_is_told_in_a_sentence(answer: Any) -> None:
    node = Node()
    function = SimpleNamespace(fn_name="nonces", _encode_transaction_data=lambda: "0x")
    functions = SimpleNamespace(DOMAIN_SEPARATOR=lambda: function, nonces=lambda _: function)
    chain, token = cast(Any, SimpleNamespace(rpc=node)), cast(Any, SimpleNamespace(address="0x1", functions=functions))
    node.answers["eth_call"] = "0x" + "00" * 32
    _check_permits(chain, token, Account("alice", b"\x01" * 32), "USD")
    node.answers["eth_call"] = answer
    with pytest.raises(BadInput, match="USD has no permits") as told:
        _check_permits(chain, token, Account("alice", b"\x01" * 32), "USD")
    assert "deposit it without --permit" in str(told.value)
