"""The workload: payments that every technique carries, seeded or from a CSV file."""

from __future__ import annotations

import csv
import hashlib
import random
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, Inexact, InvalidOperation, localcontext
from itertools import accumulate
from pathlib import Path
from typing import Any

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import ROLES, USERS, Account, checksum, parse_address
from toolkit.errors import BadInput

ETHER = 10**18
GWEI = 10**9
SPENDABLE = 2_000 * ETHER
"""What one account may have spent, net of what it got, at any point of a workload (wei)."""

MARGIN = ETHER // 10
"""What an opener of a channel or a depositor puts in beyond what it needs, so that something is left to bring back."""

PARTIES = (2, 64)
"""How many parties a seeded workload may have."""

_COLUMNS = ["from", "to", "amount"]


@dataclass(frozen=True)
class Payment:
    """One payment.

    Attributes:
        payer, payee: names of accounts.
        amount: wei, or base units of an 18-decimal token; a multiple of 10**9.
    """

    payer: str
    payee: str
    amount: int


@dataclass(frozen=True)
class Workload:
    """Payments and the accounts that make them.

    Attributes:
        payments: in their order.
        accounts: every payer and payee by name.
        stand_ins: names of accounts that play an address whose key is not ours.
    """

    payments: tuple[Payment, ...]
    accounts: Mapping[str, Account]
    stand_ins: tuple[str, ...] = field(default=())

    def need(self, name: str) -> int:
        """The most that ``name`` has spent net of what it got, at any point (wei): what it must own before."""
        lowest = balance = 0
        for payment in self.payments:
            balance += payment.amount * ((payment.payee == name) - (payment.payer == name))
            lowest = min(lowest, balance)
        return -lowest

    def net(self, name: str) -> int:
        """What ``name`` owns more after all payments than before (wei; negative: less)."""
        return sum(each.amount * ((each.payee == name) - (each.payer == name)) for each in self.payments)

    def spent(self, name: str) -> int:
        """What ``name`` pays in all (wei)."""
        return sum(each.amount for each in self.payments if each.payer == name)

    @property
    def value(self) -> int:
        """What is paid in all (wei)."""
        return sum(each.amount for each in self.payments)

    def digest(self) -> str:
        """SHA-256 of the payments and of who makes them, in hex."""
        found = hashlib.sha256()
        for each in self.payments:
            payer, payee = self.accounts[each.payer].address, self.accounts[each.payee].address
            found.update(f"{each.payer} {payer} {each.payee} {payee} {each.amount}\n".encode())
        return found.hexdigest()

    def prefix(self, count: int) -> Workload:
        """The first ``count`` payments, and the accounts that make them.

        Raises:
            BadInput: there are fewer.
        """
        if not 1 <= count <= len(self.payments):
            raise BadInput(f"the first {count} payments are not there: the workload has {len(self.payments)}")
        payments = self.payments[:count]
        used = {name for each in payments for name in (each.payer, each.payee)}
        accounts = {name: account for name, account in self.accounts.items() if name in used}
        return Workload(payments, accounts, tuple(name for name in self.stand_ins if name in used))


def seeded(accounts: Mapping[str, Account], count: int, seed: int = 1) -> Workload:
    """``count`` payments between alice and bob, in bursts, most of them alice's: 0.0001 to 0.0999 ETH each.

    The same count and seed give the same payments.
    """
    if count < 1:
        raise BadInput(f"a workload has at least one payment, not {count}")
    dice = random.Random(f"l2kit {seed}")
    payments = []
    payer, payee = "alice", "bob"
    for _ in range(count):
        if dice.random() < (0.05 if payer == "alice" else 0.15):
            payer, payee = payee, payer
        payments.append(Payment(payer, payee, dice.randint(1, 999) * ETHER // 10_000))
    return Workload(tuple(payments), {name: accounts[name] for name in ("alice", "bob")})


def zipf(accounts: Mapping[str, Account], count: int, seed: int = 1, parties: int = 8) -> Workload:
    """``count`` payments among ``parties`` accounts, of 0.0001 to 0.0999 ETH each.

    Who pays is uniform; who is paid follows Zipf's law: the account of rank r, in a ranking that the seed gives, is
    paid in proportion to 1/r (never by itself). A smaller count with the same seed and parties is a prefix of a greater
    one.

    Args:
        accounts: has those of the devnet's users; who is beyond them is a stand-in with a key of its own.

    Raises:
        BadInput: no payments, or so many parties cannot be.
    """
    fewest, most = PARTIES
    if count < 1:
        raise BadInput(f"a workload has at least one payment, not {count}")
    if not fewest <= parties <= most:
        raise BadInput(f"a seeded workload has {fewest} to {most} parties, not {parties}")
    names = [*USERS, *(f"party {number}" for number in range(len(USERS) + 1, parties + 1))][:parties]
    strangers = {name: Account(name, keccak256(f"l2kit {name}".encode())) for name in names if name not in accounts}
    dice = random.Random(f"l2kit zipf {seed} {parties}")
    ranked = names.copy()
    dice.shuffle(ranked)
    up_to = list(accumulate(1 / rank for rank in range(1, parties + 1)))
    payments = []
    for _ in range(count):
        payer = payee = names[dice.randrange(parties)]
        while payee == payer:
            payee = ranked[bisect_right(up_to, dice.random() * up_to[-1], hi=parties - 1)]
        payments.append(Payment(payer, payee, dice.randint(1, 999) * ETHER // 10_000))
    whole = Workload(tuple(payments), {name: strangers.get(name) or accounts[name] for name in names}, tuple(strangers))
    return whole.prefix(count)


def read_csv(path: Path, accounts: Mapping[str, Account]) -> Workload:
    """The payments of a CSV file with the columns ``from,to,amount`` (amount in ETH).

    ``from`` and ``to`` are names of devnet accounts or addresses, but not of those that run the protocols (`ROLES`):
    they pay fees and bonds from the same purse, and their services count their nonces. An address whose key the devnet
    does not hold is played by a stand-in account of our own, the same one wherever the address stands.

    Raises:
        BadInput: the file cannot be read, or a row is wrong; the message has the line's number and the reason.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"cannot read {path}: {reason}") from error
    rows = csv.reader(text.splitlines(keepends=True))
    try:
        return _workload(path, rows, _Reader(accounts))
    except csv.Error as error:
        raise BadInput(f"{path} line {rows.line_num}: {error}") from error


def _workload(path: Path, rows: Any, reader: _Reader) -> Workload:
    header = [cell.strip().lower() for cell in next(rows, [])]
    if header != _COLUMNS:
        raise BadInput(f"{path} line 1: the columns must be from,to,amount, not {','.join(header) or 'nothing'}")
    payments: list[Payment] = []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        try:
            payments.append(reader.payment(row))
        except BadInput as error:
            raise BadInput(f"{path} line {rows.line_num}: {error}") from None
    if not payments:
        raise BadInput(f"{path} has no payments")
    return Workload(tuple(payments), reader.used, tuple(reader.stand_ins))


class _Reader:
    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._known = {**accounts, **{account.address.lower(): account for account in accounts.values()}}
        self._spent: dict[str, int] = {}
        self.used: dict[str, Account] = {}
        self.stand_ins: list[str] = []

    def payment(self, row: list[str]) -> Payment:
        if len(row) != len(_COLUMNS):
            raise BadInput(f"a row has 3 values (from,to,amount), this one {len(row)}")
        payer, payee = self._account(row[0].strip()), self._account(row[1].strip())
        if payer == payee:
            raise BadInput(f"{payer} cannot pay itself")
        amount = parse_amount(row[2].strip())
        spent = self._spent.get(payer, 0) + amount
        if spent > SPENDABLE:
            has = SPENDABLE - self._spent.get(payer, 0)
            raise BadInput(
                f"{payer} cannot pay {Decimal(amount) / ETHER:f} ETH, it has {Decimal(has) / ETHER:f} ETH left"
            )
        self._spent[payer] = spent
        self._spent[payee] = self._spent.get(payee, 0) - amount
        return Payment(payer, payee, amount)

    def _account(self, text: str) -> str:
        account = self._known.get(text) or self._known.get(text.lower())
        if account is None:
            address = parse_address(text)
            if not any(address):
                raise BadInput("the zero address can neither pay nor be paid")
            account = Account(checksum(address), keccak256(b"l2kit stand-in for " + address))
            self._known[text.lower()] = account
            self.stand_ins.append(account.name)
        if account.name in ROLES:
            raise BadInput(f"{account.name} runs a part of the devnet and makes no payments; take users, or addresses")
        self.used[account.name] = account
        return account.name


def parse_amount(text: str) -> int:
    """An amount of ETH, or of tokens with 18 decimals, as base units; raises BadInput with what is wrong in it."""
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    try:
        value = Decimal(text if text.isascii() and "_" not in text else "")
    except InvalidOperation:
        raise BadInput(f"the amount {shown!r} is not a number") from None
    if not value.is_finite() or value <= 0:
        raise BadInput(f"the amount {shown} is not above zero")
    if value > SPENDABLE // ETHER:
        raise BadInput(f"the amount {shown} ETH is over the {SPENDABLE // ETHER} ETH that an account can spend")
    try:
        with localcontext() as context:
            context.traps[Inexact] = True
            gwei = value * (ETHER // GWEI)
            whole = gwei == gwei.to_integral_value()
    except Inexact:
        whole = False
    if not whole:
        raise BadInput(f"the amount {shown} ETH is finer than a gwei (9 decimals)")
    return int(gwei) * GWEI
