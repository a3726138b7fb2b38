"""What everybody is owed when a rollup ends, and what could still go wrong before; from logs made by hand."""

from __future__ import annotations

import pytest
from rollup_services.l1_logs import WRONG
from rollup_services.test_parts import DOMAIN, KEY, OWNER, PAYEE, ROLLUP

from toolkit.bridge import ledger as b
from toolkit.bridge import passage
from toolkit.bridge.leave import Leaving, owed, wrong_said
from toolkit.errors import BadInput, NodeError, ServiceError
from toolkit.rollup.codec import RegisterRecord
from toolkit.rollup.contracts import ALARMED
from toolkit.rollup.operations import Transfer

from .test_passage import Walk
from .test_standing import ETH, ETHER, L1, PROVIDER, TOKEN, word


@pytest.fixture
def l1() -> L1:
    """Alice holds 0.5 ETH and bob 5 USD in the confirmed state; alice has withdrawn 0.25 ETH twice, bob deposits."""
    chain = L1()
    chain.fund()
    chain.deposit(5, PAYEE, TOKEN)
    chain.withdraw()
    chain.withdraw()
    chain.settle()
    chain.deposit(7, PAYEE)
    return chain


def amounts(l1: L1, whom: bytes | None) -> tuple[list[int], list[int], list[int]]:
    found = owed(l1.view, whom)
    return (
        [each.amount for each in found.claims],
        [each.amount for each in found.escapes],
        [each.amount for each in found.recoveries],
    )


def test_everybody_is_owed_what_the_last_state_holds_and_what_came_after_it(l1: L1) -> None:
    quarter, half = ETHER // 4, ETHER // 2
    assert amounts(l1, OWNER) == ([quarter, quarter], [half], [])
    assert amounts(l1, PAYEE) == ([], [5], [7])
    assert amounts(l1, None) == ([quarter, quarter], [half, 5], [7])
    assert [each.consumed for each in owed(l1.view, PAYEE).recoveries] == [None]


def test_what_was_paid_is_owed_no_more(l1: L1) -> None:
    l1.bridge(b.CLAIMED, 0, OWNER, data=(ETH, ETHER // 4))
    l1.bridge(b.FAST_EXITED, 1, OWNER, PROVIDER, data=(ETH, ETHER // 4, 9))
    assert amounts(l1, OWNER)[0] == []
    assert amounts(l1, None)[0] == [ETHER // 4]  # the provider's, who has paid for it
    l1.freeze()
    l1.post()
    l1.post()
    assert amounts(l1, PAYEE) == ([], [5], [7])
    l1.bridge(b.ESCAPED, 1, PAYEE, data=(TOKEN, 5))
    l1.bridge(b.RECOVERED, 6, 0, PAYEE, data=(ETH, 7))
    assert amounts(l1, PAYEE) == ([], [], [])
    assert amounts(l1, OWNER)[1] == [ETHER // 2]


def test_what_came_after_the_last_state_is_not_owed(l1: L1) -> None:
    l1.post([RegisterRecord(PAYEE, ETH).encode()])
    paid = Transfer(0, PAYEE, ETH, ETHER // 8, 0, 2)
    l1.post([paid.record(2, paid.sign(DOMAIN, KEY)).encode()])
    assert l1.replica.state.accounts[2].balance == 7 + ETHER // 8
    assert amounts(l1, PAYEE) == ([], [5], [7])
    assert amounts(l1, OWNER)[1] == [ETHER // 2]


def test_a_wrong_assertion_that_nobody_disputes_is_warned_of(l1: L1) -> None:
    assert wrong_said(l1.view) is None
    l1.post()
    wrong = l1.assert_state(l1.replica.confirmed, 5, wrong=WRONG, who=PAYEE)
    found = wrong_said(l1.view)
    assert found is not None
    assert found[0] == wrong
    assert "bob asserts a wrong state after batch 5, and nobody disputes it" in found[1]
    l1.open(wrong)
    assert wrong_said(l1.view) is None


def test_nobody_can_be_told_what_a_wrong_state_owes(l1: L1) -> None:
    l1.post()
    l1.confirm(l1.assert_state(l1.replica.confirmed, 5, wrong=WRONG))
    with pytest.raises(BadInput, match="only its proposer could show what it takes to leave"):
        owed(l1.view, None)


def test_who_hurries_does_not_run_over_the_window_of_a_wrong_assertion(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(monkeypatch, travel=True)
    walk.l1.deposit(5, PAYEE, TOKEN)
    walk.l1.post()
    walk.l1.post()
    walk.l1.settle()
    walk.l1.post()
    walk.l1.assert_state(walk.l1.replica.confirmed, 3, wrong=WRONG, who=OWNER)
    walk.l1.log(ROLLUP, (ALARMED, walk.l1.replica.confirmed), word(walk.l1.now + 30 * 86400))
    walk.node.answers["l2_status"] = NodeError("no proposer")
    monkeypatch.setattr(passage, "HONEST_SECONDS", 0.0)
    with pytest.raises(ServiceError, match="alice asserts a wrong state after batch 3, and nobody disputes it"):
        Leaving(walk.passage, PAYEE).go(wait=False)
    assert walk.node.travelled == []
