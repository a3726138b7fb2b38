"""SimpleStorage as a rollup's data: real transactions, held against the libraries that made none of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
import rlp
from eth_account import Account
from samples import RECEIPTS

from toolkit.compile import artifact
from toolkit.gas import sheets
from toolkit.gas.fees import LATEST, Prices, fork
from toolkit.gas.figure import Figure
from toolkit.gas.popular.storage import STORAGE_CLAIMS
from toolkit.gas.sheet import CellValue
from toolkit.gas.sheets import Rates
from toolkit.gas.sheets.storage import transactions

GWEI = 10**9
RATES = Rates(Prices(2 * GWEI, 3 * GWEI), Decimal(2_500))
CODE = artifact("SimpleStorage").bytecode


def number(row: dict[str, CellValue], key: str) -> Fraction:
    figure = row[key]
    assert isinstance(figure, Figure) and figure.value is not None
    return Fraction(str(figure.value))


def test_the_transactions_are_signed_and_do_what_is_measured_on_l1() -> None:
    sent = transactions(CODE, RECEIPTS)
    assert list(sent) == ["deploy", "set (first value)", "set (another value)", "set (same value)"]
    fields = [rlp.decode(each.raw[1:]) for each in sent.values()]
    assert {each.raw[0] for each in sent.values()} == {2}
    assert len({Account.recover_transaction(each.raw) for each in sent.values()}) == 1
    assert fields[0][7] == CODE and fields[0][5] == b""
    assert [int.from_bytes(each[7][4:], "big") for each in fields[1:]] == [1, 2, 2]
    assert {each[7][:4].hex() for each in fields[1:]} == {"60fe47b1"}, "set(uint256)"
    assert [int.from_bytes(each[1], "big") for each in fields] == [0, 1, 2, 3]


def test_its_bytes_at_the_price_of_calldata_and_as_a_share_of_a_blob() -> None:
    sheet = sheets.storage(RECEIPTS, CODE, RATES, LATEST)
    for what, row in zip(transactions(CODE, RECEIPTS).values(), map(dict, sheet.rows), strict=True):
        gas = sum(40 if byte else 10 for byte in what.raw)
        assert number(row, "bytes") == len(what.raw)
        assert number(row, "calldata_gas") == gas
        assert number(row, "calldata_gas_before_floor") == sum(16 if byte else 4 for byte in what.raw)
        blob = Fraction(131_072 * len(what.raw), 126_976)
        assert float(number(row, "blob_gas")) == pytest.approx(float(blob))
        assert float(number(row, "versus_l1")) == pytest.approx(gas / float(number(row, "gas")))
        assert float(number(row, "calldata_usd")) == pytest.approx(gas * 2e-9 * 2_500)
        assert float(number(row, "blob_usd")) == pytest.approx(float(blob) * 3e-9 * 2_500)
        assert float(number(row, "l1_usd")) == pytest.approx(float(number(row, "gas")) * 2e-9 * 2_500)


def test_the_equations_shown_give_the_money_shown() -> None:
    words = {"gas on L1": "gas", "gas as calldata": "calldata_gas", "its blob gas": "blob_gas"}
    for row in map(dict, sheets.storage(RECEIPTS, CODE, RATES, LATEST).rows):
        for key in ("l1_usd", "calldata_usd", "blob_usd"):
            figure = row[key]
            assert isinstance(figure, Figure)
            text = figure.source.replace("gwei", "").replace("USD", "").replace(",", "")
            for word, column in words.items():
                text = text.replace(word, str(float(number(row, column))))
            assert eval(text) == pytest.approx(float(number(row, key)), rel=1e-9), figure.source


def test_what_rests_on_a_price_of_blobs_is_a_model() -> None:
    kinds = {
        str(row["of"]): row["gas"].kind
        for row in sheets.storage_claims(RECEIPTS, CODE, RATES, LATEST).rows
        if isinstance(row["gas"], Figure)
    }
    assert kinds["deploy in blobs"] == "modelled" and kinds["deploy on L1"] == "derived"


def test_before_prague_calldata_had_no_floor() -> None:
    for row in map(dict, sheets.storage(RECEIPTS, CODE, RATES, fork("cancun")).rows):
        assert number(row, "calldata_gas") == number(row, "calldata_gas_before_floor")


def test_at_the_gas_price_that_is_told_each_claim_is_true() -> None:
    sheet = sheets.storage_claims(RECEIPTS, CODE, RATES, LATEST)
    assert len(sheet.rows) == len(STORAGE_CLAIMS)
    for claim, row in zip(STORAGE_CLAIMS, map(dict, sheet.rows), strict=True):
        for end, price in ((claim.low, "low_gas_price"), (claim.high, "high_gas_price")):
            if end is not None:
                costs = number(row, price) / 10**9 * number(row, "gas") * 2_500
                assert float(costs) == pytest.approx(float(end), rel=1e-9)


def test_what_the_claims_are_about() -> None:
    rows = {str(row["of"]): dict(row) for row in sheets.storage_claims(RECEIPTS, CODE, RATES, LATEST).rows}
    assert number(rows["deploy on L1"], "gas") == RECEIPTS["L1: SimpleStorage deploy"]
    word = RECEIPTS["L1: SimpleStorage set (first value)"] - RECEIPTS["L1: ETH transfer"]
    assert 22_100 <= word <= 22_600, "20,000 gas, 2,100 to touch it, and the call's own"
    assert number(rows["a new word on L1"], "gas") == word * Fraction(10**9, 32)
    assert number(rows["a byte of calldata before Prague"], "gas") == 16 * 10**6
    share = Fraction(131_072 * len(transactions(CODE, RECEIPTS)["deploy"].raw), 126_976)
    assert float(number(rows["deploy in blobs"], "gas")) == pytest.approx(float(share / 16)), "EIP-7918"


def test_what_was_not_measured_has_no_price() -> None:
    assert sheets.storage({}, CODE, RATES, LATEST).rows == []
    for row in sheets.storage_claims({}, CODE, RATES, LATEST).rows:
        gas = row["gas"]
        assert isinstance(gas, Figure)
        assert (gas.value is None) == (row["of"] != "a byte of calldata before Prague")
