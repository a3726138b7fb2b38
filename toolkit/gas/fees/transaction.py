"""What one transaction costs: gas (EIP-2028, 3860, 7623), blob gas (EIP-4844), and both in wei, ETH and USD."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from toolkit.errors import BadInput
from toolkit.gas.fees.forks import Fork
from toolkit.gas.fees.market import GAS_PER_BLOB

TX_BASE_COST = 21_000
TX_CREATE_COST = 32_000
INITCODE_WORD_COST = 2
STANDARD_TOKEN_COST = 4
TOKENS_PER_NONZERO_BYTE = 4
WEI_PER_ETH = 10**18

_DIGITS = 60


def tokens_in_calldata(data: bytes) -> int:
    """Tokens of some calldata (EIP-7623): one for a zero byte, four for any other."""
    return tokens_of(data.count(0), len(data) - data.count(0))


def tokens_of(zero_bytes: int, nonzero_bytes: int) -> int:
    """Tokens of so many bytes of calldata (EIP-7623)."""
    return zero_bytes + TOKENS_PER_NONZERO_BYTE * nonzero_bytes


def floor_gas(tokens: int, fork: Fork) -> int:
    """The gas below which no transaction with so many tokens stays (EIP-7623)."""
    return TX_BASE_COST + fork.total_cost_floor_per_token * tokens


def free_execution(tokens: int, fork: Fork) -> int:
    """How much execution gas so many tokens carry at no cost, the floor being paid either way (EIP-7623).

    ``(total_cost_floor_per_token - STANDARD_TOKEN_COST) * tokens``: 24 gas with a non-zero byte and 6 with a zero one
    since Prague, nothing before.
    """
    return max(0, fork.total_cost_floor_per_token - STANDARD_TOKEN_COST) * tokens


@dataclass(frozen=True)
class Transaction:
    """What a transaction's gas depends on.

    Attributes:
        tokens_in_calldata: see `tokens_in_calldata`.
        execution_gas: what the EVM uses, access list included, refunds taken off.
        blobs: that it carries.
        initcode_words: 32-byte words of the contract's code that it creates (EIP-3860); None where it creates none.

    Raises:
        BadInput: a count is negative.
    """

    tokens_in_calldata: int = 0
    execution_gas: int = 0
    blobs: int = 0
    initcode_words: int | None = None

    def __post_init__(self) -> None:
        if min(self.tokens_in_calldata, self.execution_gas, self.blobs, self.initcode_words or 0) < 0:
            raise BadInput(f"a count is negative in {self}")

    @property
    def standard_gas(self) -> int:
        """Gas without a floor."""
        create = 0 if self.initcode_words is None else TX_CREATE_COST + INITCODE_WORD_COST * self.initcode_words
        return TX_BASE_COST + STANDARD_TOKEN_COST * self.tokens_in_calldata + create + self.execution_gas

    def gas_used(self, fork: Fork) -> int:
        """Gas as the receipt has it (EIP-7623)."""
        return max(self.standard_gas, floor_gas(self.tokens_in_calldata, fork))

    def floor_binds(self, fork: Fork) -> bool:
        """Whether it pays for more than it uses."""
        return self.standard_gas < floor_gas(self.tokens_in_calldata, fork)

    @property
    def blob_gas_used(self) -> int:
        """Blob gas as the receipt has it (EIP-4844)."""
        return GAS_PER_BLOB * self.blobs

    def cost(self, prices: Prices, fork: Fork) -> Cost:
        """What it costs at these prices."""
        return Cost(prices.gas_price * self.gas_used(fork), prices.blob_base_fee * self.blob_gas_used)


@dataclass(frozen=True)
class Prices:
    """What gas costs.

    Attributes:
        gas_price: wei a gas, priority fee included.
        blob_base_fee: wei a blob gas.

    Raises:
        BadInput: a price is negative.
    """

    gas_price: int
    blob_base_fee: int = 0

    def __post_init__(self) -> None:
        if self.gas_price < 0 or self.blob_base_fee < 0:
            raise BadInput(f"no gas costs {self.gas_price} wei, and no blob gas {self.blob_base_fee}")


@dataclass(frozen=True)
class Cost:
    """What something costs on L1.

    Attributes:
        gas_wei: wei for gas.
        blob_wei: wei for blob gas.
    """

    gas_wei: int
    blob_wei: int = 0

    @property
    def wei(self) -> int:
        """Both together."""
        return self.gas_wei + self.blob_wei

    @property
    def eth(self) -> Decimal:
        """Both together, exactly."""
        with localcontext() as context:
            context.prec = _DIGITS
            return Decimal(self.wei) / WEI_PER_ETH

    def usd(self, eth_usd: Decimal) -> Decimal:
        """Both together at so many USD an ETH."""
        with localcontext() as context:
            context.prec = _DIGITS
            return self.eth * eth_usd

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gas_wei + other.gas_wei, self.blob_wei + other.blob_wei)


def gas_price_at(usd: Decimal, gas: int, eth_usd: Decimal) -> Decimal:
    """The gas price (wei a gas) at which so much gas costs so many USD: where a claim of a price in USD is true.

    Raises:
        BadInput: no gas, or ETH that is worth nothing.
    """
    if gas <= 0 or eth_usd <= 0:
        raise BadInput(f"{gas} gas at {eth_usd} USD an ETH have no gas price")
    return usd * WEI_PER_ETH / eth_usd / gas
