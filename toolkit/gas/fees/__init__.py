"""The fee model: what gas, calldata and blobs cost by the protocol's own rules, and how their prices move. No I/O.

A devnet's fee market is not mainnet's: nobody else bids on it. So fees come from here, the gas they are paid for from
receipts.
"""

from toolkit.gas.fees.forks import FORKS, LATEST, Fork, fork, fork_at
from toolkit.gas.fees.market import (
    GAS_PER_BLOB,
    Market,
    calc_base_fee_per_gas,
    calc_excess_blob_gas,
    excess_blob_gas_of,
    fake_exponential,
    get_base_fee_per_blob_gas,
    reserve_blob_base_fee,
)
from toolkit.gas.fees.switch import (
    BATCH_SIZES,
    FreeExecution,
    Posting,
    SwitchPayments,
    reserve_ratio,
    switch_payments,
    switch_ratio,
)
from toolkit.gas.fees.transaction import (
    Cost,
    Prices,
    Transaction,
    floor_gas,
    free_execution,
    gas_price_at,
    tokens_in_calldata,
    tokens_of,
)

__all__ = [
    "BATCH_SIZES",
    "FORKS",
    "GAS_PER_BLOB",
    "LATEST",
    "Cost",
    "Fork",
    "FreeExecution",
    "Market",
    "Posting",
    "Prices",
    "SwitchPayments",
    "Transaction",
    "calc_base_fee_per_gas",
    "calc_excess_blob_gas",
    "excess_blob_gas_of",
    "fake_exponential",
    "floor_gas",
    "fork",
    "fork_at",
    "free_execution",
    "gas_price_at",
    "get_base_fee_per_blob_gas",
    "reserve_blob_base_fee",
    "reserve_ratio",
    "switch_payments",
    "switch_ratio",
    "tokens_in_calldata",
    "tokens_of",
]
