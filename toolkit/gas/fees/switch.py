"""In calldata or in blobs: what a batch of payments costs either way, and where the cheaper way changes.

The batch is a description, so that any technique's can be put in: the model has no technique's numbers of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from toolkit.errors import BadInput
from toolkit.gas.fees.forks import Fork
from toolkit.gas.fees.market import GAS_PER_BLOB
from toolkit.gas.fees.transaction import Cost, Prices, Transaction, free_execution, tokens_of

BATCH_SIZES = (1, 10, 100, 1_000, 10_000)
"""Payments at which tables show the model."""


@dataclass(frozen=True)
class Posting:
    """How a technique posts a batch of payments.

    Attributes:
        bytes_per_payment: bytes that one payment has on L1.
        zero_share: share of them that is zero, from 0 to 1.
        payments_per_blob: payments that one blob holds.
        batch_gas: execution gas of a batch without payments, in either way (without the transaction's 21,000).
        payment_gas: execution gas that one more payment adds to a batch in calldata; in blobs it adds none.
        batch_tokens: tokens of calldata of a batch without payments, in either way.
        calldata_gas, calldata_tokens: what such a batch needs beyond these in calldata, and not in blobs.

    Raises:
        BadInput: a number is out of range.
    """

    bytes_per_payment: int
    zero_share: Fraction
    payments_per_blob: int
    batch_gas: int = 0
    payment_gas: int = 0
    batch_tokens: int = 0
    calldata_gas: int = 0
    calldata_tokens: int = 0

    def __post_init__(self) -> None:
        if self.bytes_per_payment < 1 or self.payments_per_blob < 1 or not 0 <= self.zero_share <= 1:
            raise BadInput(f"no batch is posted so: {self}")
        extra = (self.calldata_gas, self.calldata_tokens)
        if min(self.batch_gas, self.payment_gas, self.batch_tokens, *extra) < 0:
            raise BadInput(f"a batch does not cost less than nothing: {self}")

    def tokens(self, payments: int) -> int:
        """Tokens of so many payments' own bytes, rounded up where the share of zeros leaves a fraction."""
        size = self.bytes_per_payment * payments
        zeros = int(self.zero_share * size)
        return tokens_of(zeros, size - zeros)

    def calldata(self, payments: int, fork: Fork) -> tuple[Transaction, ...]:
        """The transactions that post so many payments in calldata: as few as the gas cap allows (EIP-7825).

        Raises:
            BadInput: not even one payment fits.
        """
        most = self._most_in_calldata(payments, fork)
        return tuple(self._in_calldata(each) for each in _shares(payments, most))

    def blobs(self, payments: int, fork: Fork) -> tuple[Transaction, ...]:
        """The transactions that post so many payments in blobs: as few as one may carry (EIP-4844, 7594)."""
        return tuple(
            Transaction(self.batch_tokens, self.batch_gas, max(1, -(-each // self.payments_per_blob)))
            for each in _shares(payments, fork.max_blobs_per_tx * self.payments_per_blob)
        )

    def calldata_cost(self, payments: int, prices: Prices, fork: Fork) -> Cost:
        """What so many payments cost in calldata."""
        return _total(self.calldata(payments, fork), prices, fork)

    def blobs_cost(self, payments: int, prices: Prices, fork: Fork) -> Cost:
        """What so many payments cost in blobs."""
        return _total(self.blobs(payments, fork), prices, fork)

    def blobs_are_cheaper(self, payments: int, prices: Prices, fork: Fork) -> bool:
        """Whether blobs cost less than calldata."""
        return self.blobs_cost(payments, prices, fork).wei < self.calldata_cost(payments, prices, fork).wei

    def free_execution(self, payments: int, fork: Fork) -> FreeExecution:
        """How much on-chain execution rides free with so many payments in calldata (EIP-7623)."""
        sent = self.calldata(payments, fork)
        allowed = sum(free_execution(each.tokens_in_calldata, fork) for each in sent)
        return FreeExecution(payments, allowed, sum(min(_room(each, fork), each.execution_gas) for each in sent))

    def _in_calldata(self, payments: int) -> Transaction:
        return Transaction(
            self.batch_tokens + self.calldata_tokens + self.tokens(payments),
            self.batch_gas + self.calldata_gas + self.payment_gas * payments,
            blobs=0,
        )

    def _most_in_calldata(self, payments: int, fork: Fork) -> int:
        """The most payments up to ``payments`` that one transaction may carry."""
        cap = fork.tx_gas_limit_cap
        if cap is None or self._in_calldata(payments).gas_used(fork) <= cap:
            return max(1, payments)
        low, high = 0, payments  # low fits, high does not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._in_calldata(middle).gas_used(fork) <= cap else (low, middle)
        if low == 0:
            raise BadInput(f"one payment of {self.bytes_per_payment} bytes needs more than {cap} gas")
        return low


@dataclass(frozen=True)
class FreeExecution:
    """Execution under the calldata floor.

    Attributes:
        payments: in the batch.
        allowed: execution gas that costs nothing, in all.
        used: how much of it the batch's own execution takes.
    """

    payments: int
    allowed: int
    used: int

    @property
    def left(self) -> int:
        """Execution gas that could be added at no cost."""
        return self.allowed - self.used

    @property
    def allowed_per_payment(self) -> Fraction:
        """Execution gas that rides free with one payment."""
        return Fraction(self.allowed, self.payments)


@dataclass(frozen=True)
class SwitchPayments:
    """The batch size at which blobs become cheaper.

    Attributes:
        first: the smallest one at which they are; None where they are at no size that was tried.
        always: the smallest one from which on they are at every size that was tried. It is larger than ``first`` where
            a further blob, hardly filled, makes calldata the cheaper way once more.
    """

    first: int | None
    always: int | None


def switch_ratio(posting: Posting, payments: int, fork: Fork) -> Fraction:
    """The blob price, in gas prices, at which so many payments cost the same both ways; below it blobs are cheaper.

    ``(gas in calldata - gas in blobs) / blob gas``; negative where blobs are dearer even if blob gas is free.
    """
    calldata = sum(each.gas_used(fork) for each in posting.calldata(payments, fork))
    blobs = posting.blobs(payments, fork)
    return Fraction(calldata - sum(each.gas_used(fork) for each in blobs), sum(each.blob_gas_used for each in blobs))


def switch_payments(posting: Posting, prices: Prices, fork: Fork, most: int = 10_000) -> SwitchPayments:
    """From how many payments on blobs are cheaper at these prices; batches of 1 to ``most`` are tried.

    Raises:
        BadInput: none is to be tried.
    """
    if most < 1:
        raise BadInput(f"a batch has at least one payment, not {most}")
    first = always = None
    for payments in range(1, most + 1):
        if not posting.blobs_are_cheaper(payments, prices, fork):
            always = None
        else:
            first = first or payments
            always = always or payments
    return SwitchPayments(first, always)


def reserve_ratio(fork: Fork) -> Fraction:
    """The blob price, in base fees, under which the blob base fee does not fall (EIP-7918): 1/16 since Osaka."""
    return Fraction(fork.blob_base_cost, GAS_PER_BLOB)


def _shares(payments: int, most: int) -> list[int]:
    """``payments`` in as few shares of at most ``most`` as there can be, at least one."""
    if payments < 0:
        raise BadInput(f"a batch has no {payments} payments")
    full, rest = divmod(payments, most)
    return [most] * full + ([rest] if rest or not full else [])


def _room(transaction: Transaction, fork: Fork) -> int:
    return free_execution(transaction.tokens_in_calldata, fork)


def _total(sent: Iterable[Transaction], prices: Prices, fork: Fork) -> Cost:
    return sum((each.cost(prices, fork) for each in sent), Cost(0))
