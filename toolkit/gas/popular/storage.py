"""What popular articles say of the price of storing something, each as a number of something that is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_TOOLSTAC = "https://toolstac.com/tool/ethereum/layer-2-development"
_PRODERIVATIVES = "https://proderivatives.com/blog/2019/5/10/minimizing-data-storage-cost-on-the-ethereum-network"
_GIGABYTE = Fraction(10**9, 32)


@dataclass(frozen=True)
class StorageClaim:
    """What an article says something costs.

    Attributes:
        says: the claim in our words.
        low, high: between which it lies, USD; ``high`` None where it has no upper end.
        basis: what is paid for, as `toolkit.gas.sheets.storage` names it.
        times: how often.
        where: the address at which it was found.
        note: what the article means, and we do not measure.
    """

    says: str
    low: Decimal
    high: Decimal | None
    basis: str
    times: Fraction
    where: str
    note: str


STORAGE_CLAIMS: Sequence[StorageClaim] = (
    StorageClaim(
        "to deploy a contract on Ethereum costs 150 to 800 USD and more",
        Decimal(150),
        Decimal(800),
        "deploy on L1",
        Fraction(1),
        _TOOLSTAC,
        "any contract is meant; SimpleStorage is as small as one gets",
    ),
    StorageClaim(
        "to deploy a simple contract on Optimism costs 3 to 12 USD",
        Decimal(3),
        Decimal(12),
        "deploy in blobs",
        Fraction(1),
        _TOOLSTAC,
        "L1's part of it; the operator's comes on top",
    ),
    StorageClaim(
        "a gigabyte in storage cost 76,000 USD in 2016",
        Decimal(76_000),
        Decimal(76_000),
        "a new word on L1",
        _GIGABYTE,
        _PRODERIVATIVES,
        "the article reckons with 700 billion gas, at that year's prices",
    ),
    StorageClaim(
        "a gigabyte in storage cost 4,672,500 USD in 2017",
        Decimal(4_672_500),
        Decimal(4_672_500),
        "a new word on L1",
        _GIGABYTE,
        _PRODERIVATIVES,
        "the article reckons with 625 billion gas: 20,000 a word, without the transactions that bring it",
    ),
    StorageClaim(
        "a megabyte of calldata cost about 1 USD before blobs",
        Decimal(1),
        Decimal(1),
        "a byte of calldata before Prague",
        Fraction(10**6),
        "https://www.chainscorelabs.com/en/blog/the-ethereum-roadmap-merge-surge-verge/ethereum-storage/"
        "what-drives-ethereums-storage-cost-curve",
        "16 gas a byte that is not zero (EIP-2028)",
    ),
    StorageClaim(
        "a transaction on Ethereum costs 2 to 5 USD",
        Decimal(2),
        Decimal(5),
        "set (another value) on L1",
        Fraction(1),
        "https://exfinder.io/en/blog/post/comparison-of-popular-blockchains",
        "any transaction is meant",
    ),
    StorageClaim(
        "a transaction on Optimism costs less than 0.01 USD",
        Decimal(0),
        Decimal("0.01"),
        "set (another value) in blobs",
        Fraction(1),
        "https://www.chainscorelabs.com/comparisons/rollup-sdks-op-stack-vs-zk-stack/"
        "fee-market-and-cost-structure/cost-of-finality-op-stack-vs-zk-stack",
        "L1's part of it; the operator's comes on top",
    ),
    StorageClaim(
        "a transfer on zkSync costs 0.01 to 0.05 USD",
        Decimal("0.01"),
        Decimal("0.05"),
        "set (another value) in blobs",
        Fraction(1),
        "https://www.phmacao-clubs.com/everything-you-need-to-know-about-layer2-zksync-era-fees-in-2026/",
        "L1's part of a transaction as it is; zkSync posts what changed in the state instead",
    ),
)
"""Every claim that is priced. What gas costs is the market's, so each is true at some gas price."""
