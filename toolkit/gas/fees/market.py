"""The two fee markets from block to block: base fee (EIP-1559) and blob base fee (EIP-4844, 7691, 7892, 7918).

Exact integers, as consensus has it; fees are wei a gas.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.errors import BadInput
from toolkit.gas.fees.forks import Fork

BASE_FEE_MAX_CHANGE_DENOMINATOR = 8
ELASTICITY_MULTIPLIER = 2
GAS_PER_BLOB = 2**17
MIN_BASE_FEE_PER_BLOB_GAS = 1


def calc_base_fee_per_gas(parent_base_fee_per_gas: int, parent_gas_used: int, parent_gas_limit: int) -> int:
    """The base fee of the block after ``parent`` (EIP-1559), wei a gas.

    Raises:
        BadInput: the parent used more gas than it had, or had none.
    """
    gas_target = parent_gas_limit // ELASTICITY_MULTIPLIER
    if gas_target <= 0 or not 0 <= parent_gas_used <= parent_gas_limit or parent_base_fee_per_gas < 0:
        raise BadInput(
            f"no block uses {parent_gas_used} of {parent_gas_limit} gas at a base fee of {parent_base_fee_per_gas}"
        )
    gas_delta = abs(parent_gas_used - gas_target)
    fee_delta = parent_base_fee_per_gas * gas_delta // gas_target // BASE_FEE_MAX_CHANGE_DENOMINATOR
    if parent_gas_used > gas_target:
        return parent_base_fee_per_gas + max(fee_delta, 1)
    return parent_base_fee_per_gas - fee_delta


def fake_exponential(factor: int, numerator: int, denominator: int) -> int:
    """``factor * e ** (numerator / denominator)`` by its Taylor series in integers, rounded down (EIP-4844)."""
    term, total, i = factor * denominator, 0, 1
    while term > 0:
        total += term
        term = term * numerator // (denominator * i)
        i += 1
    return total // denominator


def get_base_fee_per_blob_gas(excess_blob_gas: int, fork: Fork) -> int:
    """The blob base fee of a block with this excess (EIP-4844, the fraction as EIP-7691 and 7892), wei a blob gas."""
    return fake_exponential(MIN_BASE_FEE_PER_BLOB_GAS, excess_blob_gas, fork.blob_base_fee_update_fraction)


def calc_excess_blob_gas(
    parent_excess_blob_gas: int, parent_blob_gas_used: int, parent_base_fee_per_gas: int, fork: Fork
) -> int:
    """The excess blob gas of the block after ``parent`` (EIP-4844; from Osaka on with EIP-7918's reserve price).

    Args:
        fork: of the block itself, not of its parent (EIP-7691, 7892).
    """
    target_blob_gas = GAS_PER_BLOB * fork.target
    if parent_excess_blob_gas + parent_blob_gas_used < target_blob_gas:
        return 0
    price = GAS_PER_BLOB * get_base_fee_per_blob_gas(parent_excess_blob_gas, fork)
    if fork.blob_base_cost * parent_base_fee_per_gas > price:
        return parent_excess_blob_gas + parent_blob_gas_used * (fork.max - fork.target) // fork.max
    return parent_excess_blob_gas + parent_blob_gas_used - target_blob_gas


def reserve_blob_base_fee(base_fee_per_gas: int, fork: Fork) -> int:
    """The lowest blob base fee that may still fall while the base fee stays (EIP-7918), wei a blob gas.

    Below it the blob base fee stays where it is, or rises; it jumps to it at no time. Before Osaka it is 1 wei.
    """
    return max(MIN_BASE_FEE_PER_BLOB_GAS, -(-fork.blob_base_cost * base_fee_per_gas // GAS_PER_BLOB))


def excess_blob_gas_of(blob_base_fee: int, fork: Fork) -> int:
    """The least excess blob gas at which the blob base fee is at least so much (wei): `fake_exponential` inverted."""
    high = 1
    while get_base_fee_per_blob_gas(high, fork) < blob_base_fee:
        high *= 2
    low = 0
    while low < high:
        middle = (low + high) // 2
        if get_base_fee_per_blob_gas(middle, fork) < blob_base_fee:
            low = middle + 1
        else:
            high = middle
    return low


@dataclass(frozen=True)
class Market:
    """What a block's header says of fees.

    Attributes:
        base_fee_per_gas: wei a gas.
        excess_blob_gas: blob gas.
    """

    base_fee_per_gas: int
    excess_blob_gas: int = 0

    def blob_base_fee(self, fork: Fork) -> int:
        """Wei a blob gas."""
        return get_base_fee_per_blob_gas(self.excess_blob_gas, fork)

    def after(self, gas_used: int, gas_limit: int, blobs: int, fork: Fork) -> Market:
        """The market of the next block, after this one used so much gas and carried so many blobs.

        Raises:
            BadInput: no block may hold so much.
        """
        if not 0 <= blobs <= fork.max:
            raise BadInput(f"a block of {fork.name} carries 0 to {fork.max} blobs, not {blobs}")
        return Market(
            calc_base_fee_per_gas(self.base_fee_per_gas, gas_used, gas_limit),
            calc_excess_blob_gas(self.excess_blob_gas, GAS_PER_BLOB * blobs, self.base_fee_per_gas, fork),
        )
