"""What was restored from L1 is compared with what L1 says."""

from __future__ import annotations

import pytest

from rollup_services.l1_logs import L1, MALLORY, WRONG
from toolkit.devnet.l1 import hex_of
from toolkit.rollup.rebuild import Differs, Restored


def check(l1: L1) -> list[str]:
    return Restored(l1.replica, l1.count, 0.0, 0.0).check()


def test_a_right_assertion_beside_a_wrong_one_is_enough() -> None:
    l1 = L1()
    assert check(l1) == ["the state after batch 0 is the one that L1 has confirmed"]
    l1.confirm(l1.assert_state(l1.genesis, 1))
    right = next(iter(l1.replica.assertions))
    l1.assert_state(right, 3, WRONG, MALLORY)
    l1.assert_state(right, 2)
    assert check(l1) == [
        "the state after batch 1 is the one that L1 has confirmed",
        "the state after batch 2 is the one that is asserted",
        "an assertion about batch 3 is wrong",
    ]


def test_where_everything_asserted_is_wrong_it_differs() -> None:
    l1 = L1()
    l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    with pytest.raises(Differs, match=f"the last says {hex_of(WRONG)} after batch 3"):
        check(l1)


def test_where_a_wrong_state_was_confirmed_it_differs() -> None:
    l1 = L1()
    l1.confirm(l1.assert_state(l1.genesis, 3, WRONG, MALLORY))
    with pytest.raises(Differs, match=f"L1 has confirmed the machine hash {hex_of(WRONG)} after batch 3"):
        check(l1)
