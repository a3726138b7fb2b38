"""What the forks' EIPs change for the protocols here.

Prague's and Osaka's are those of EIP-7600 and EIP-7607 that touch transactions or blobs; Amsterdam's are all of
EIP-7773's (in review, November 2026).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.gas.figure import derived
from toolkit.gas.schedule import AMSTERDAM, OSAKA, Schedule
from toolkit.gas.sheet import CellValue, Column, Sheet

MEASURED, PARTLY, DERIVED, NONE = "measured", "measured (Hardhat), derived", "derived", "no gas of ours"


@dataclass(frozen=True)
class Eip:
    """One change of a fork.

    Attributes:
        number: of the EIP.
        hardfork: that it came or comes with.
        title: of the EIP.
        effect: on the protocols here.
        known: how the effect on gas is known.
    """

    number: int
    hardfork: str
    title: str
    effect: str
    known: str = NONE


def largest_calldata(prices: Schedule) -> int:
    """The most bytes of calldata, none of them zero, that a call may have under EIP-7825's cap."""
    base = prices.tx_base + prices.tx_recipient if prices.floor_on_whole_base else prices.tx_base
    return (TX_GAS_CAP - base) // prices.floor_nonzero


EIPS: Sequence[Eip] = (
    Eip(7623, "prague", "Increase calldata cost", "batches in calldata pay 10/40 gas a zero/other byte", MEASURED),
    Eip(7691, "prague", "Blob throughput increase", "more blobs a block; the price of blob gas, not its amount"),
    Eip(7594, "osaka", "PeerDAS", "cell proofs in a blob's sidecar, 6 blobs a transaction; gas as before", MEASURED),
    Eip(7823, "osaka", "Set upper bounds for MODEXP", "MODEXP is not used"),
    Eip(7825, "osaka", "Transaction gas limit cap", f"{TX_GAS_CAP:,} gas a transaction; ours are below", MEASURED),
    Eip(7883, "osaka", "ModExp gas cost increase", "MODEXP is not used"),
    Eip(7892, "osaka", "Blob parameter only hardforks", "the price of blob gas, not its amount"),
    Eip(7918, "osaka", "Blob base fee bounded by execution cost", "the price of blob gas, not its amount"),
    Eip(7934, "osaka", "RLP execution block size limit", "a block of at most 10 MiB; no batch comes near it"),
    Eip(7939, "osaka", "Count leading zeros opcode", "not used: our code is compiled for Prague"),
    Eip(7951, "osaka", "Precompile for secp256r1", "no passkeys here"),
    Eip(2780, "amsterdam", "Resource-based intrinsic transaction gas",
        "21,000 becomes 12,000, and 3,000 for the recipient, and 6,000 for value: calls without value save 6,000",
        DERIVED),
    Eip(7708, "amsterdam", "ETH transfers emit a log", "one more log a payment, paid by EIP-2780 and EIP-8038"),
    Eip(7778, "amsterdam", "Block gas accounting without refunds", "receipts as before; a block has room for less"),
    Eip(7843, "amsterdam", "SLOTNUM opcode", "not used"),
    Eip(7928, "amsterdam", "Block-level access lists", "blocks list what they touch; gas as before"),
    Eip(7954, "amsterdam", "Increase maximum contract size", "our largest contract has a quarter of the new limit"),
    Eip(7976, "amsterdam", "Increase calldata floor cost",
        f"64 gas for every byte of a batch; calldata of {largest_calldata(AMSTERDAM):,} bytes at most, and not "
        f"{largest_calldata(OSAKA):,}", PARTLY),
    Eip(7981, "amsterdam", "Increase access list cost", "our transactions have no access lists"),
    Eip(7997, "amsterdam", "Deterministic factory contract", "not used"),
    Eip(8024, "amsterdam", "SWAPN, DUPN, EXCHANGE", "our compiler does not use them"),
    Eip(8037, "amsterdam", "State creation gas cost increase",
        "1,530 gas a byte: a new slot 97,920, a new account 183,600, and deployed code", PARTLY),
    Eip(8038, "amsterdam", "State-access gas cost update",
        "the first change of a slot 10,000 above its touch, a call with value 11,300, an account's first touch 3,000",
        DERIVED),
    Eip(8246, "amsterdam", "Remove SELFDESTRUCT burn", "no contract here destroys itself"),
    *(Eip(number, "amsterdam", title, "the consensus layer's alone") for number, title in (
        (7688, "Forward compatible consensus data structures"),
        (7732, "Enshrined proposer-builder separation"),
        (8045, "Exclude slashed validators from proposing"),
        (8061, "Increase exit and consolidation churn"),
        (8282, "Builder execution requests"),
    )),
)  # fmt: skip
"""By fork, then by number; what is the consensus layer's alone comes last."""


def sheet(hardforks: Iterable[str]) -> Sheet:
    """The EIPs of these forks, each with what it changes here."""
    chosen = set(hardforks)
    columns = [
        Column("eip", "EIP"),
        Column("hardfork", "hardfork"),
        Column("title", "title"),
        Column("effect", "here"),
        Column("known", "how we know"),
    ]
    rows = [
        {
            "eip": f"EIP-{each.number}",
            "hardfork": each.hardfork,
            "title": each.title,
            "effect": each.effect,
            "known": each.known,
        }
        for each in EIPS
        if each.hardfork in chosen
    ]
    return Sheet("hardfork-eips", "What the forks' EIPs change here", columns, rows)


def calldata_sheet(schedules: Sequence[Schedule]) -> Sheet:
    """The largest calldata of a transaction at each fork."""
    columns = [Column("hardfork", "hardfork"), Column("bytes", "most calldata", "bytes")]
    rows: list[dict[str, CellValue]] = [
        {
            "hardfork": each.name,
            "bytes": derived(
                largest_calldata(each), f"({TX_GAS_CAP:,} - base) / {each.floor_nonzero} (EIP-7825, EIP-7623, EIP-7976)"
            ),
        }
        for each in schedules
    ]
    return Sheet("hardfork-calldata", "Calldata of one transaction", columns, rows)
