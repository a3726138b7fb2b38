"""SimpleStorage: on L1, and what the same transactions cost as a rollup's data; popular claims beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from toolkit.crypto import keccak256
from toolkit.devnet.l1 import selector
from toolkit.devnet.transaction import Transaction
from toolkit.gas.fees import GAS_PER_BLOB, Fork, gas_price_at, reserve_ratio, tokens_in_calldata
from toolkit.gas.fees.transaction import STANDARD_TOKEN_COST, TOKENS_PER_NONZERO_BYTE
from toolkit.gas.figure import Figure, derived, measured, modelled
from toolkit.gas.popular.storage import STORAGE_CLAIMS, StorageClaim
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import COMMAND
from toolkit.gas.sheets.money import GWEI, Rates, decimal, gwei, usd

RECEIPTS: Mapping[str, str] = {
    "deploy": "L1: SimpleStorage deploy",
    "set (first value)": "L1: SimpleStorage set (first value)",
    "set (another value)": "L1: SimpleStorage set (another value)",
    "set (same value)": "L1: SimpleStorage set (same value)",
}
"""What is done, and the row of the receipts that measured it."""
USABLE_BYTES = 4096 * 31
"""Bytes that a blob holds, if each of its field elements carries 31 (EIP-4844)."""

_KEY = keccak256(b"l2kit: who signs the transactions of the storage table")
_CHAIN_ID = 1
_FEE = GWEI
_VALUES = {"set (first value)": 1, "set (another value)": 2, "set (same value)": 2}

COLUMNS = (
    Column("what", "SimpleStorage"),
    Column("gas", "on L1", "gas"),
    Column("bytes", "signed transaction", "bytes"),
    Column("calldata_gas", "as calldata of a batch", "gas"),
    Column("calldata_gas_before_floor", "without the floor", "gas"),
    Column("blob_gas", "its share of a blob", "gas"),
    Column("versus_l1", "calldata of L1", "share"),
    Column("l1_usd", "on L1, USD", "USD"),
    Column("calldata_usd", "calldata, USD", "USD"),
    Column("blob_usd", "blob, USD", "USD"),
)
CLAIM_COLUMNS = (
    Column("says", "claim"),
    Column("of", "of what"),
    Column("low", "USD, from", "USD"),
    Column("high", "USD, to", "USD"),
    Column("gas", "gas", "gas"),
    Column("low_gas_price", "true from a gas price of", "gwei"),
    Column("high_gas_price", "to", "gwei"),
    Column("usd", "USD at these rates", "USD"),
    Column("note", "note"),
    Column("where", "where"),
)


@dataclass(frozen=True)
class Data:
    """A signed transaction as a rollup's data.

    Attributes:
        raw: its bytes (EIP-2718).
    """

    raw: bytes

    @property
    def tokens(self) -> int:
        """Of calldata (EIP-7623)."""
        return tokens_in_calldata(self.raw)

    def calldata_gas(self, fork: Fork) -> int:
        """Gas of these bytes in a batch as calldata: at the floor price since Prague, which binds large batches."""
        return self.tokens * max(STANDARD_TOKEN_COST, fork.total_cost_floor_per_token)

    @property
    def blob_gas(self) -> Fraction:
        """Its share of a full blob's gas."""
        return Fraction(GAS_PER_BLOB * len(self.raw), USABLE_BYTES)


def transactions(bytecode: bytes, receipts: Mapping[str, int]) -> dict[str, Data]:
    """The same transactions as on L1, signed (EIP-1559), by what they do.

    Args:
        bytecode: that creates SimpleStorage.
        receipts: their gas, which is their gas limit; one that is missing is left out.
    """
    contract = keccak256(b"l2kit: SimpleStorage of the storage table")[12:]
    found = {}
    for nonce, (what, row) in enumerate(RECEIPTS.items()):
        if row not in receipts:
            continue
        value = _VALUES.get(what)
        data = bytecode if value is None else selector("set(uint256)") + value.to_bytes(32, "big")
        to = None if value is None else contract
        found[what] = Data(Transaction(_CHAIN_ID, nonce, to, 0, data, receipts[row], 2 * _FEE, _FEE).signed(_KEY))
    return found


def storage(receipts: Mapping[str, int], bytecode: bytes, rates: Rates, fork: Fork) -> Sheet:
    """One row for each thing that is done with SimpleStorage.

    Args:
        receipts: gas of single transactions by their plain name.
        bytecode: that creates it: ``toolkit.compile.artifact("SimpleStorage").bytecode``.
        rates: prices.
        fork: whose rules of calldata.
    """
    sent = transactions(bytecode, receipts)
    rows = [_row(what, receipts[RECEIPTS[what]], data, rates, fork) for what, data in sent.items()]
    notes = (
        "The same transactions, signed as on L1 and not compressed, are the rollup's data. Its payments machine runs "
        "no contracts: this is what their data would cost on L1, in a batch that others fill too.",
        "Execution on the rollup, and the batch's own cost, which all of its transactions share, are not in it.",
    )
    return Sheet("storage", "SimpleStorage on L1, and its data in a rollup's batch", COLUMNS, rows, notes)


def storage_claims(receipts: Mapping[str, int], bytecode: bytes, rates: Rates, fork: Fork) -> Sheet:
    """What popular articles say such things cost, with the gas price at which each would be true.

    Args:
        receipts, bytecode, rates, fork: as of `storage`.
    """
    bases = _bases(receipts, bytecode, fork)
    rows = [_claim_row(claim, bases.get(claim.basis), rates) for claim in STORAGE_CLAIMS]
    notes = (
        "In blobs: at the reserve price (EIP-7918), by which a blob gas costs a fixed share of a gas.",
        f"At {rates.eth_usd:,} USD an ETH; at twice that, every gas price is half.",
    )
    return Sheet("storage-claims", "What articles say that costs", CLAIM_COLUMNS, rows, notes)


def _row(what: str, gas: int, data: Data, rates: Rates, fork: Fork) -> Mapping[str, CellValue]:
    floor = max(STANDARD_TOKEN_COST, fork.total_cost_floor_per_token)
    calldata, blob = data.calldata_gas(fork), data.blob_gas
    zeros = data.raw.count(0)
    price, blob_price = rates.prices.gas_price, rates.prices.blob_base_fee
    return {
        "what": what,
        "gas": measured(gas, f"{RECEIPTS[what]}; receipts: {COMMAND}"),
        "bytes": derived(len(data.raw), "RLP of the signed EIP-1559 transaction"),
        "calldata_gas": derived(
            calldata, f"({len(data.raw) - zeros} bytes * 4 + {zeros} zero bytes) tokens * {floor} gas, {fork.name}"
        ),
        "calldata_gas_before_floor": derived(
            data.tokens * STANDARD_TOKEN_COST, "tokens * 4 gas: what the bytes cost where execution is above the floor"
        ),
        "blob_gas": derived(decimal(blob), f"131,072 * bytes / {USABLE_BYTES:,}"),
        "versus_l1": derived(decimal(Fraction(calldata, gas)), "gas as calldata / gas on L1"),
        "l1_usd": modelled(usd(gas * price, rates.eth_usd), f"gas on L1 * {_at(price, rates)}"),
        "calldata_usd": modelled(usd(calldata * price, rates.eth_usd), f"gas as calldata * {_at(price, rates)}"),
        "blob_usd": modelled(usd(blob * blob_price, rates.eth_usd), f"its blob gas * {_at(blob_price, rates)}"),
    }


def _at(price: int, rates: Rates) -> str:
    return f"{gwei(price)} gwei / 1e9 * {rates.eth_usd:,} USD"


@dataclass(frozen=True)
class _Basis:
    """Gas of what a claim is about, and how it is reckoned; in blobs as gas of the same price, which is a model."""

    gas: Fraction
    equation: str
    kind: Callable[[Decimal, str], Figure] = derived


def _bases(receipts: Mapping[str, int], bytecode: bytes, fork: Fork) -> dict[str, _Basis]:
    sent = transactions(bytecode, receipts)
    byte = TOKENS_PER_NONZERO_BYTE * STANDARD_TOKEN_COST
    found = {"a byte of calldata before Prague": _Basis(Fraction(byte), "4 tokens * 4 gas")}
    ratio = reserve_ratio(fork)
    for what, data in sent.items():
        found[f"{what} on L1"] = _Basis(Fraction(receipts[RECEIPTS[what]]), RECEIPTS[what])
        found[f"{what} as calldata"] = _Basis(Fraction(data.calldata_gas(fork)), f"{what}: tokens of its bytes * floor")
        if ratio:
            equation = f"{what}: share of a blob's gas * {ratio} (reserve price, {fork.name})"
            found[f"{what} in blobs"] = _Basis(data.blob_gas * ratio, equation, modelled)
    first, transfer = RECEIPTS["set (first value)"], "L1: ETH transfer"
    if first in receipts and transfer in receipts:
        word = _Basis(Fraction(receipts[first] - receipts[transfer]), f"{first} - {transfer}")
        found["a new word on L1"] = word
    return found


def _claim_row(claim: StorageClaim, basis: _Basis | None, rates: Rates) -> Mapping[str, CellValue]:
    row: dict[str, CellValue] = {
        "says": claim.says,
        "of": claim.basis,
        "low": modelled(claim.low, "as claimed"),
        "high": modelled(claim.high, "as claimed" if claim.high is not None else "as claimed: no upper end"),
        "note": claim.note,
        "where": claim.where,
    }
    if basis is None:
        nothing = derived(None, f"what {claim.basis} costs was not measured")
        return {**row, **dict.fromkeys(("gas", "low_gas_price", "high_gas_price", "usd"), nothing)}
    gas = basis.gas * claim.times
    times = "" if claim.times == 1 else f" * {int(claim.times):,}"
    spent = Fraction(rates.prices.gas_price) * gas
    return {
        **row,
        "gas": basis.kind(decimal(gas), f"({basis.equation}){times}" if times else basis.equation),
        "low_gas_price": _price(claim.low, gas, rates),
        "high_gas_price": _price(claim.high, gas, rates),
        "usd": modelled(usd(spent, rates.eth_usd), f"gas * {_at(rates.prices.gas_price, rates)}"),
    }


def _price(claimed: Decimal | None, gas: Fraction, rates: Rates) -> Figure:
    equation = f"USD claimed / {rates.eth_usd:,} USD an ETH / gas * 1e9"
    if claimed is None:
        return modelled(None, "the claim has no such end")
    whole = gas_price_at(claimed, 1, rates.eth_usd)  # of one gas; a share of a blob is no whole number of them
    return modelled(decimal(Fraction(whole) / gas / GWEI), equation)
