"""The workload: seeded payments repeat, and a wrong CSV row is told by line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.devnet import Account, dev_accounts
from toolkit.errors import BadInput
from toolkit.technique.workload import ETHER, Payment, Workload, read_csv, seeded, zipf

ACCOUNTS = dev_accounts()
STRANGER = "0x00000000219ab540356cBB839Cbe05303d7705Fa"

Read = Callable[[str], Workload]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def of(text: str) -> Workload:
        path = tmp_path / "payments.csv"
        path.write_text(text)
        return read_csv(path, ACCOUNTS)

    return of


def test_same_seed_gives_the_same_payments() -> None:
    assert seeded(ACCOUNTS, 50, seed=3) == seeded(ACCOUNTS, 50, seed=3)
    assert seeded(ACCOUNTS, 50, seed=3) != seeded(ACCOUNTS, 50, seed=4)


def test_no_payments_is_refused() -> None:
    with pytest.raises(BadInput, match="not 0"):
        seeded(ACCOUNTS, 0)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(2, 20), st.integers())
def test_a_smaller_count_of_the_same_seed_is_a_prefix(count: int, more: int, parties: int, seed: int) -> None:
    small, great = zipf(ACCOUNTS, count, seed, parties), zipf(ACCOUNTS, count + more, seed, parties)
    assert great.payments[:count] == small.payments
    assert great.prefix(count) == small
    assert {each.payer for each in small.payments} | {each.payee for each in small.payments} == set(small.accounts)
    assert set(small.stand_ins) == set(small.accounts) - set(ACCOUNTS)
    assert all(each.payer != each.payee for each in small.payments)


def test_recipients_follow_zipfs_law_and_payers_none() -> None:
    payments = zipf(ACCOUNTS, 20_000, seed=5, parties=4).payments
    paid = sorted(Counter(each.payee for each in payments).values(), reverse=True)
    pays = Counter(each.payer for each in payments).values()
    assert max(pays) - min(pays) < 500
    # The payer is left out: rank r gets the sum over the other payers q of (1/r) / (H - 1/q), a quarter of all each.
    shares = [1 / rank for rank in range(1, 5)]
    for rank, count in enumerate(paid):
        others = [share for place, share in enumerate(shares) if place != rank]
        expected = 20_000 / 4 * sum(shares[rank] / (sum(shares) - other) for other in others)
        assert abs(count - expected) < 400, (rank, count, expected)


def test_another_seed_or_number_of_parties_gives_other_payments() -> None:
    found = {zipf(ACCOUNTS, 30, seed, parties).digest() for seed in (1, 2) for parties in (7, 8)}
    assert len(found) == 4


@pytest.mark.parametrize(("count", "parties"), [(0, 8), (1, 1), (1, 65)])
def test_a_seeded_workload_that_cannot_be_is_refused(count: int, parties: int) -> None:
    with pytest.raises(BadInput, match=f"not {count if parties == 8 else parties}"):
        zipf(ACCOUNTS, count, parties=parties)


def test_rows_are_read_by_name_and_by_address(read: Read) -> None:
    workload = read(f"from,to,amount\nalice,bob,0.5\n\n{ACCOUNTS['bob'].address.lower()},Carol,1e-9\n")
    assert workload.payments == (Payment("alice", "bob", ETHER // 2), Payment("bob", "carol", 10**9))
    assert workload.stand_ins == ()


def test_unknown_address_is_played_by_one_stand_in(read: Read) -> None:
    workload = read(f"from,to,amount\nalice,{STRANGER},1\n{STRANGER.lower()},bob,0.25\n")
    assert workload.stand_ins == (STRANGER,)
    assert [payment.payee for payment in workload.payments] == [STRANGER, "bob"]
    assert workload.accounts[STRANGER].address != STRANGER


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("alice,bob", "a row has 3 values"),
        ("alice,bob,1,2", "a row has 3 values"),
        ("alice,alice,1", "alice cannot pay itself"),
        ("alice,mallory,1", "'mallory' is neither an address nor the name"),
        ("alice,0x1234,1", "'0x1234' is neither an address"),
        (f"alice,{STRANGER.replace('F', 'f')},1", "wrong checksum"),
        (f"alice,0x{'0' * 40},1", "the zero address"),
        ("alice,bob,much", "'much' is not a number"),
        ("alice,bob,0", "0 is not above zero"),
        ("alice,bob,-1", "-1 is not above zero"),
        ("alice,bob,nan", "nan is not above zero"),
        ("alice,bob,inf", "inf is not above zero"),
        ("alice,bob,0.0000000001", "finer than a gwei"),
        ("alice,bob,2001", "over the 2000 ETH"),
        ("alice,bob,1e999999", "over the 2000 ETH"),
        ("alice,bob,1999.5", "alice cannot pay 1999.5 ETH, it has 1999 ETH left"),
    ],
)
def test_wrong_row_is_told_by_line_and_reason(read: Read, row: str, reason: str) -> None:
    with pytest.raises(BadInput, match=rf"payments\.csv line 3: .*{reason}"):
        read(f"from,to,amount\nalice,bob,1\n{row}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "columns must be from,to,amount, not nothing"),
        ("alice,bob,1\n", "columns must be from,to,amount, not alice,bob,1"),
        ("from,to,amount\n", "has no payments"),
    ],
)
def test_wrong_file_is_told(read: Read, text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read(text)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read .*nowhere\.csv: No such file"):
        read_csv(tmp_path / "nowhere.csv", ACCOUNTS)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("1.0000000000000000000000000000001", "finer than a gwei"),
        ("0.0000000001", "finer than a gwei"),
        ("1e-999999", "finer than a gwei"),
        ("1_0", "not a number"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "not a number"),
        ("sNaN", "not above zero"),
        ("9" * 1000, r"9{60}\.\.\. ETH is over"),
        ("9" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_amount_that_is_not_exactly_gwei_is_refused(read: Read, amount: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read(f"from,to,amount\nalice,bob,{amount}\n")


def test_amounts_are_exact_to_the_gwei(read: Read) -> None:
    workload = read("from,to,amount\nalice,bob,1.123456789\nalice,bob,1E-9\nalice,bob,1.000000000000000000000000\n")
    assert [payment.amount for payment in workload.payments] == [1_123_456_789 * 10**9, 10**9, ETHER]


@pytest.mark.parametrize("name", ["sequencer", ACCOUNTS["proposer"].address])
def test_accounts_that_run_the_devnet_make_no_payments(read: Read, name: str) -> None:
    with pytest.raises(BadInput, match=r"line 2: (sequencer|proposer) runs a part of the devnet"):
        read(f"from,to,amount\nalice,{name},1\n")


def test_cells_may_be_quoted_and_lines_end_as_on_windows(read: Read) -> None:
    workload = read('\ufeff"From", to ,AMOUNT\r\n"alice","bob","1.5"\r\n\r\n')
    assert workload.payments == (Payment("alice", "bob", 15 * ETHER // 10),)


def test_money_that_came_in_can_be_spent(read: Read) -> None:
    workload = read("from,to,amount\nalice,bob,2000\nbob,alice,2000\nbob,alice,2000\n")
    assert workload.need("bob") == 2000 * ETHER
    assert workload.net("alice") == 2000 * ETHER


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), min_size=1))
def test_need_is_the_least_that_never_runs_short(rows: list[tuple[str, int]]) -> None:
    pairs = {"a": Account("a", b"\1" * 32), "b": Account("b", b"\2" * 32)}
    workload = Workload(tuple(Payment(who, "ba"["ab".index(who)], amount) for who, amount in rows), pairs)
    for name in pairs:
        balance, lowest = workload.need(name), workload.need(name)
        for payment in workload.payments:
            balance += payment.amount if payment.payee == name else -payment.amount
            lowest = min(lowest, balance)
        assert lowest == 0
        assert balance - workload.need(name) == workload.net(name)
