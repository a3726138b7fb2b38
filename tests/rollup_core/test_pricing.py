"""In calldata or in blobs: the cheaper way, at its edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import BadInput
from toolkit.rollup.codec import BLOB_RECORDS
from toolkit.rollup.pricing import Prices, blobs_cost, blobs_needed, calldata_cost, choose

RECORD = b"\1" * 76


def test_the_price_of_calldata_is_eip_7623_s_floor() -> None:
    zeros = b"\0" * 38 + b"\1" * 38
    assert calldata_cost([RECORD] * 1000, Prices(3, 0)) == 3 * (21_000 + 1000 * 76 * 40)
    assert calldata_cost([zeros] * 1000, Prices(3, 0)) == 3 * (21_000 + 1000 * 38 * (40 + 10))


def test_the_price_of_blobs_is_that_of_whole_blobs() -> None:
    one, two = (blobs_cost([RECORD] * count, Prices(0, 5)) for count in (1, BLOB_RECORDS + 1))
    assert (one, two) == (5 * 131_072, 10 * 131_072)
    assert blobs_cost([RECORD] * BLOB_RECORDS, Prices(0, 5)) == one


@given(st.integers(1, 2000), st.integers(0, 10**12))
def test_auto_is_the_cheaper_way_at_the_edge(count: int, gas: int) -> None:
    records = [RECORD] * count
    room = calldata_cost(records, Prices(gas, 0)) - blobs_cost(records, Prices(gas, 0))
    edge, rest = divmod(room, 131_072 * blobs_needed(count))  # the blob fee at which both cost the same
    assert not choose("auto", records, Prices(gas, edge + 1))
    assert choose("auto", records, Prices(gas, edge)) == (rest > 0)
    if edge > 0:
        assert choose("auto", records, Prices(gas, edge - 1))


def test_at_the_same_price_a_batch_is_calldata() -> None:
    assert not choose("auto", [RECORD] * 100, Prices(0, 0))


def test_a_single_record_is_worth_a_blob_only_where_blobs_are_nearly_free() -> None:
    assert choose("auto", [RECORD], Prices(10**9, 1))
    assert not choose("auto", [RECORD], Prices(10**9, 10**9 // 50))
    assert choose("auto", [RECORD] * 1000, Prices(10**9, 10**9))


@pytest.mark.parametrize("kind", ["auto", "calldata", "blobs"])
def test_what_has_no_records_or_too_many_is_calldata(kind: str) -> None:
    free = Prices(10**9, 0)
    most = [RECORD] * (6 * BLOB_RECORDS)
    assert not choose(kind, [], free)
    assert not choose(kind, [*most, RECORD], free)
    assert choose(kind, most, free) == (kind != "calldata")


def test_what_is_told_is_done_whatever_it_costs() -> None:
    dear = Prices(0, 10**12)
    assert choose("blobs", [RECORD], dear)
    assert not choose("calldata", [RECORD], Prices(10**12, 0))


def test_another_way_there_is_not() -> None:
    with pytest.raises(BadInput, match="'sidecar'"):
        choose("sidecar", [RECORD], Prices(1, 1))
