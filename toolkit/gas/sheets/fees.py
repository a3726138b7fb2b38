"""The fee model as tables: calldata or blobs, what rides free under the floor, and how blob prices move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from toolkit.errors import BadInput
from toolkit.gas.cell import Cell
from toolkit.gas.fees import (
    BATCH_SIZES,
    FORKS,
    GAS_PER_BLOB,
    LATEST,
    Fork,
    Posting,
    SwitchPayments,
    floor_gas,
    get_base_fee_per_blob_gas,
    reserve_blob_base_fee,
    reserve_ratio,
    switch_payments,
    switch_ratio,
    tokens_in_calldata,
    tokens_of,
)
from toolkit.gas.fees.transaction import STANDARD_TOKEN_COST, TOKENS_PER_NONZERO_BYTE, TX_BASE_COST
from toolkit.gas.figure import Figure, derived, modelled
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import COMMAND, Grid
from toolkit.gas.sheets.money import GWEI, Rates, decimal, gwei

_CALLDATA = "rollup: batch of 1,000 transfers as calldata, per transfer"
_BLOB = "rollup: batch in one blob, execution"
ROWS = (_CALLDATA, _BLOB)
"""The receipts that `posting` needs."""
_TRANSFERS = 1_000
_FLOOR_TOKEN = 10
_MOST = 2_000
_EXCESS_BLOCKS = (0, 10, 50, 100, 150, 200, 250)
_BASE_FEES = (Fraction(1, 10), Fraction(1), Fraction(5), Fraction(10), Fraction(16), Fraction(50), Fraction(100))


def posting(receipts: Mapping[str, int], cells: Iterable[Cell] = ()) -> Posting:
    """How our rollup posts a batch, as its receipts show it.

    The floor binds a batch of 1,000 transfers (EIP-7623), so its gas tells the tokens of a transfer, and these the
    share of zero bytes; a batch in a blob has no transfers in calldata, so its gas tells what a batch costs by itself.

    Args:
        receipts: gas of single transactions by their plain name.
        cells: where two of the rollup in calldata are among them, bytes and zeros are theirs; and where the smallest
            went in blobs, too, so is what calldata alone needs.

    Raises:
        BadInput: a row is missing, or says what cannot be.
    """
    from toolkit.rollup import pricing
    from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE, Header
    from toolkit.rollup.contracts import encode_post_batch, encode_post_blobs

    if missing := [row for row in ROWS if row not in receipts]:
        raise BadInput(f"the fee model needs the receipt {missing[0]!r}, which was not measured")
    header = Header(fee_token=bytes(20)).encode()
    empty = tokens_in_calldata(encode_post_batch(1, header, (), ()))
    in_blobs = tokens_in_calldata(encode_post_blobs(1, header, _TRANSFERS, ()))
    size, zero_share = RECORD_SIZE, _zero_share(receipts[_CALLDATA], empty, RECORD_SIZE)
    grid = Grid(cells)
    if shown := _shown(grid):
        size, zero_share = shown
    how = Posting(
        bytes_per_payment=size,
        zero_share=zero_share,
        payments_per_blob=max(1, BLOB_RECORDS * RECORD_SIZE // size),
        batch_gas=receipts[_BLOB] - TX_BASE_COST - STANDARD_TOKEN_COST * in_blobs,
        payment_gas=pricing.RECORD_GAS,
        batch_tokens=in_blobs,
        calldata_tokens=empty - in_blobs,
    )
    return _beside_blobs(how, grid) if shown else how


def _beside_blobs(how: Posting, grid: Grid) -> Posting:
    """With what a batch needs in calldata alone, from the smallest one that was sent both ways."""
    row = [(each, grid.at("rollup-blobs", each.payments)) for each in grid.of("rollup-calldata")]
    both = [(each.payments, each.phases["pay"], other.phases["pay"]) for each, other in row if other]
    if not both:
        return how
    payments, calldata, blobs = both[0]
    tokens, in_blobs = (tokens_of(each.zero_bytes, each.calldata_bytes - each.zero_bytes) for each in (calldata, blobs))
    if calldata.transactions != 1 or calldata.gas <= floor_gas(tokens, LATEST):
        return how
    gas = calldata.gas - blobs.gas - STANDARD_TOKEN_COST * (tokens - in_blobs) - how.payment_gas * payments
    more = tokens - in_blobs - how.tokens(payments)
    return replace(how, batch_tokens=in_blobs, calldata_gas=max(0, gas), calldata_tokens=max(0, more))


def _zero_share(gas_each: int, batch_tokens: int, size: int) -> Fraction:
    tokens = (Fraction(_TRANSFERS * gas_each - TX_BASE_COST, _FLOOR_TOKEN) - batch_tokens) / _TRANSFERS
    zeros = (TOKENS_PER_NONZERO_BYTE * size - tokens) / (TOKENS_PER_NONZERO_BYTE - 1)
    if not 0 <= zeros <= size:
        raise BadInput(f"{gas_each} gas a transfer in calldata is not the floor's price of {size} bytes")
    return zeros / size


def _shown(grid: Grid) -> tuple[int, Fraction] | None:
    """Bytes of a payment and the share of zeros, from what more payments added to single batches."""
    row = [each for each in grid.of("rollup-calldata") if each.payments <= _TRANSFERS]
    if len(row) < 2:
        return None
    low, high = row[0], row[-1]
    more = high.payments - low.payments
    pays = [each.phases["pay"] for each in (low, high)]
    added = pays[1].calldata_bytes - pays[0].calldata_bytes
    zeros = pays[1].zero_bytes - pays[0].zero_bytes
    if added < more or not 0 <= zeros <= added:
        return None
    return round(Fraction(added, more)), Fraction(zeros, added)


def fees(how: Posting, rates: Rates, forks: Sequence[Fork] = tuple(FORKS.values())) -> list[Sheet]:
    """Every table of the fee model: switch points, free execution, blob base fee, reserve price.

    Args:
        how: the batch is posted.
        rates: prices of today; the switch by payments is at these.
    """
    return [_switch(how, rates, forks), _free(how, forks), _blob_base_fee(forks), _reserve(forks)]


def _fork_column() -> Column:
    return Column("fork", "fork")


def _switch(how: Posting, rates: Rates, forks: Sequence[Fork]) -> Sheet:
    columns = (
        _fork_column(),
        Column("payments", "from this many payments", "payments"),
        Column("always", "and at every more from", "payments"),
        *(Column(f"ratio_{size}", f"ratio, batch of {size:,}") for size in BATCH_SIZES),
    )
    rows = [{"fork": fork.name, **_switch_row(how, rates, fork)} for fork in forks]
    notes = (
        f"At {gwei(rates.prices.gas_price)} gwei a gas and {gwei(rates.prices.blob_base_fee)} gwei a blob gas blobs "
        f"are cheaper from so many payments in a batch on; batches up to {_MOST:,} were tried.",
        "Ratio: the blob price, in gas prices, below which blobs are cheaper for a batch of that size.",
        f"A payment: {how.bytes_per_payment} bytes, {float(how.zero_share):.1%} of them zero, "
        f"{how.payments_per_blob:,} in a blob; {how.batch_gas:,} gas a batch; in calldata "
        f"{how.calldata_gas:,} more and {how.payment_gas} a payment; from the receipts of {COMMAND}.",
    )
    return Sheet("fees-switch", "Calldata or blobs: where the cheaper way changes", columns, rows, notes)


def _switch_row(how: Posting, rates: Rates, fork: Fork) -> Mapping[str, CellValue]:
    found = _by_payments(how, rates, fork)
    prices = f"{gwei(rates.prices.gas_price)} gwei a gas, {gwei(rates.prices.blob_base_fee)} gwei a blob gas"
    return {
        "payments": modelled(found.first, f"the least n with cost(blobs, n) < cost(calldata, n) at {prices}"),
        "always": modelled(found.always, f"the least n from which on blobs stay cheaper, up to {_MOST:,}, at {prices}"),
        **{
            f"ratio_{size}": derived(
                decimal(switch_ratio(how, size, fork)), "(gas in calldata - gas in blobs) / blob gas; EIP-7623, 4844"
            )
            for size in BATCH_SIZES
        },
    }


def _by_payments(how: Posting, rates: Rates, fork: Fork) -> SwitchPayments:
    return switch_payments(how, rates.prices, fork, most=_MOST)


def _free(how: Posting, forks: Sequence[Fork]) -> Sheet:
    columns = (
        _fork_column(),
        Column("payments", "payments"),
        Column("allowed", "rides free", "gas"),
        Column("each", "a payment", "gas"),
        Column("used", "used by the batch", "gas"),
        Column("left", "left for more", "gas"),
    )
    rows: list[Mapping[str, CellValue]] = []
    for fork in forks:
        for size in BATCH_SIZES:
            free = how.free_execution(size, fork)
            equation = f"({fork.total_cost_floor_per_token} - 4) gas * tokens of calldata, EIP-7623"
            if not fork.total_cost_floor_per_token:
                equation = "no floor before Prague"
            rows.append(
                {
                    "fork": fork.name,
                    "payments": str(size),
                    "allowed": derived(free.allowed, equation),
                    "each": derived(decimal(free.allowed_per_payment), f"{equation} / payments"),
                    "used": derived(free.used, "min(execution gas, what rides free), by transaction"),
                    "left": derived(free.left, "rides free - used"),
                }
            )
    notes = (
        "A batch in calldata pays the floor for its bytes; execution up to that costs nothing more: a batch that "
        "leaves something could check that much more on L1 for free.",
    )
    return Sheet("fees-free-execution", "On-chain execution that rides free under the floor", columns, rows, notes)


def _blob_base_fee(forks: Sequence[Fork]) -> Sheet:
    columns = (
        Column("excess", "full blocks in a row"),
        *(Column(fork.name, fork.name, "gwei") for fork in forks),
    )
    rows: list[Mapping[str, CellValue]] = []
    for blocks in _EXCESS_BLOCKS:
        row: dict[str, CellValue] = {"excess": str(blocks)}
        for fork in forks:
            row[fork.name] = _fee(blocks, fork)
        rows.append(row)
    notes = (
        "Excess blob gas after so many blocks with as many blobs as they may hold, from none; each fork by its own "
        "target, maximum and update fraction (EIP-4844, 7691, 7892).",
    )
    return Sheet("fees-blob-base-fee", "Blob base fee over excess blob gas", columns, rows, notes)


def _fee(blocks: int, fork: Fork) -> Figure:
    more, fraction = fork.max - fork.target, fork.blob_base_fee_update_fraction
    fee = get_base_fee_per_blob_gas(blocks * more * GAS_PER_BLOB, fork)
    equation = f"fake_exponential(1, blocks * {more} * {GAS_PER_BLOB:,}, {fraction:,}) wei, EIP-4844"
    return derived(decimal(Fraction(fee, GWEI)), equation)


def _reserve(forks: Sequence[Fork]) -> Sheet:
    columns = (
        _fork_column(),
        Column("ratio", "of the base fee"),
        *(Column(f"at_{_key(fee)}", f"at {decimal(fee)} gwei", "gwei") for fee in _BASE_FEES),
    )
    rows = []
    for fork in forks:
        equation = "8,192 gas * base fee / 131,072, EIP-7918" if fork.blob_base_cost else "1 wei, EIP-4844"
        row: dict[str, CellValue] = {"fork": fork.name, "ratio": derived(decimal(reserve_ratio(fork)), equation)}
        for fee in _BASE_FEES:
            reserve = reserve_blob_base_fee(int(fee * GWEI), fork)
            row[f"at_{_key(fee)}"] = derived(decimal(Fraction(reserve, GWEI)), equation)
        rows.append(row)
    notes = ("Below the reserve price the blob base fee does not fall, however few blobs there are.",)
    return Sheet("fees-reserve", "Reserve price of blobs (EIP-7918)", columns, rows, notes)


def _key(fee: Fraction) -> str:
    return f"{decimal(fee)}_gwei".replace(".", "_")
