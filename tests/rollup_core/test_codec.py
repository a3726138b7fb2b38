"""Amounts, fees, records and headers as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import BadInput
from toolkit.rollup import codec


def test_every_fee_code_means_what_its_bits_say() -> None:
    for code in range(256):
        assert codec.decode_fee(bytes([code])) == (code & 7) * 10 ** (code >> 3)


@given(st.integers(0, 2**24 - 2))
def test_an_amount_code_survives_as_a_value(code: int) -> None:
    amount = codec.decode_amount(code.to_bytes(3, "big"))
    assert amount == (code % 2**19) * 10 ** (code // 2**19)
    assert codec.is_representable(amount)
    assert codec.decode_amount(codec.encode_amount(amount)) == amount


def test_the_highest_amount_code_is_the_whole_balance_and_no_number() -> None:
    assert codec.encode_amount(codec.WHOLE_BALANCE) == b"\xff\xff\xff"
    assert codec.decode_amount(b"\xff\xff\xff") == codec.WHOLE_BALANCE
    assert codec.decode_amount(b"\xff\xff\xfe") == codec.MAX_AMOUNT
    for number in (codec.WHOLE_BALANCE, (2**19 - 1) * 10**31):
        assert not codec.is_representable(number)
        assert codec.round_amount_down(number) == codec.MAX_AMOUNT


@given(st.integers(0, 31), st.integers(0, 7))
def test_a_fee_survives(exponent: int, mantissa: int) -> None:
    fee = mantissa * 10**exponent
    assert codec.decode_fee(codec.encode_fee(fee)) == fee


@given(st.integers(0, 2**130))
def test_rounding_down_is_the_nearest_representable_below(amount: int) -> None:
    down = codec.round_amount_down(amount)
    assert down <= amount
    assert codec.is_representable(down)
    codes = ((2**19 - 2 if e == 31 else 2**19 - 1, 10**e) for e in range(32))
    assert down == max(min(amount // power, most) * power for most, power in codes)


@pytest.mark.parametrize("amount", [-1, 2**19 + 1, 1_000_001 * 10**12, codec.MAX_AMOUNT + 1, (2**19 - 1) * 10**31])
def test_an_amount_that_does_not_fit_is_refused_with_its_value(amount: int) -> None:
    assert not codec.is_representable(amount)
    with pytest.raises(BadInput, match=str(amount)):
        codec.encode_amount(amount)


@pytest.mark.parametrize(("fee", "why"), [(-1, "negative"), (8, "too many digits"), (codec.MAX_FEE + 1, "above")])
def test_a_fee_that_does_not_fit_is_refused_with_its_value(fee: int, why: str) -> None:
    with pytest.raises(BadInput, match=f"{fee} .*{why}"):
        codec.encode_fee(fee)


@given(st.lists(st.binary(min_size=76, max_size=76), max_size=5))
def test_every_76_bytes_are_a_record_that_says_one_thing(records: list[bytes]) -> None:
    assert codec.split_records(b"".join(records)) == tuple(records)
    for decoded in map(codec.decode_record, records):
        # Not the bytes (an amount has several codes), but the meaning survives encoding.
        assert codec.decode_record(decoded.encode()) == decoded


def test_a_record_lies_as_documented() -> None:
    signature = bytes(range(64))
    transfer = codec.TransferRecord(1, 2, 3 * 10**18, 5 * 10**9, signature).encode()
    assert transfer[:8] == bytes([0, 0, 0, 1, 0, 0, 0, 2])
    assert transfer[12:] == signature
    assert codec.WithdrawRecord(1, 7, 0, signature).encode()[4:8] == b"\xff" * 4
    register = codec.RegisterRecord(b"\x11" * 20, b"\x22" * 20).encode()
    assert register == b"\xff" * 4 + b"\x11" * 20 + b"\x22" * 20 + bytes(32)
    assert {len(transfer), len(register)} == {codec.RECORD_SIZE}


def test_records_that_are_not_whole_are_refused() -> None:
    with pytest.raises(BadInput, match="77"):
        codec.split_records(bytes(77))
    with pytest.raises(BadInput, match="75"):
        codec.decode_record(bytes(75))


@given(st.integers(0, 2**32 - 1), st.binary(min_size=20, max_size=20), st.integers(0, 255))
def test_a_header_survives(account: int, token: bytes, version: int) -> None:
    header = codec.Header(account, token, version)
    assert len(header.encode()) == 32
    assert codec.Header.decode(header.encode()) == header


@given(st.binary(min_size=32, max_size=32))
def test_every_word_is_a_header(word: bytes) -> None:
    assert codec.Header.decode(word).encode()[:25] == word[:25]
