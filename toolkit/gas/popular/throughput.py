"""Transactions a second: the claims, in our own words; their addresses are where they were found."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.gas.fees import GAS_PER_BLOB, LATEST
from toolkit.gas.popular.chains import (
    BITCOIN_BLOCK,
    CARDANO_BLOCK,
    CARDANO_BYTES,
    MEAN_GAS,
    RECORDS,
    SLOT,
    SOLANA_SLOT,
    UKCAMO,
    ZK_BYTES,
)
from toolkit.gas.popular.claim import Claim
from toolkit.gas.popular.equation import Equation, Given

_GAS_LIMIT = Given(60_000_000, "mainnet's gas limit since EIP-7935")
_TRANSFER = Given("L1: ETH transfer", "measured")
_BLOBS = Given(LATEST.target, f"target blobs of a block, {LATEST.name}, EIP-7892")
_BLOB_BYTES = Given(GAS_PER_BLOB, "bytes of a blob, EIP-4844")


def _rollup_of_all_blobs() -> Equation:
    return Equation("blobs * records / slot", {"blobs": _BLOBS, "records": RECORDS, "slot": SLOT})


def _zk_rollup_of_all_blobs() -> Equation:
    given = {"blobs": _BLOBS, "blob_bytes": _BLOB_BYTES, "transfer_bytes": ZK_BYTES, "slot": SLOT}
    return Equation("blobs * blob_bytes / transfer_bytes / slot", given)


def _ethereum_sustained() -> Equation:
    given = {"gas_limit": _GAS_LIMIT, "mean_gas": MEAN_GAS, "slot": SLOT}
    return Equation("gas_limit / 2 / mean_gas / slot", given)


def _cardano(block_bytes: int, source: str) -> Equation:
    given = {"block_bytes": Given(block_bytes, source), "bytes": CARDANO_BYTES, "block": CARDANO_BLOCK}
    return Equation("block_bytes / bytes / block", given)


_CARDANO_NOW = _cardano(90_112, "maxBlockBodySize since 2022")
_CARDANO_THEN = _cardano(65_536, "maxBlockBodySize at Shelley's beginning: mainnet-shelley-genesis.json")
_OREATE = (
    "https://www.oreateai.com/blog/beyond-bitcoin-navigating-the-blockchain-speed-race/63d86c37e8407e118d244ffe3cc74ae6"
)

THROUGHPUT: Sequence[Claim] = (
    # Bitcoin
    Claim(
        "Bitcoin",
        "throughput",
        "about 7 transactions a second",
        7,
        7,
        _OREATE,
        "reproduced",
        "of 250 virtual bytes each; payments of one witness input are smaller, and some twelve a second would fit",
        now=Equation(
            "weight / 4 / bytes / block",
            {
                "weight": Given(4_000_000, "largest weight of a block, BIP 141"),
                "bytes": Given(250, "virtual bytes of an ordinary payment, rough"),
                "block": BITCOIN_BLOCK,
            },
        ),
        then=Equation(
            "block_bytes / bytes / block",
            {
                "block_bytes": Given(1_000_000, "largest block before BIP 141"),
                "bytes": Given(250, "bytes of an ordinary payment, rough"),
                "block": BITCOIN_BLOCK,
            },
        ),
    ),
    # Ethereum
    Claim(
        "Ethereum",
        "throughput",
        "about 15 transactions a second",
        15,
        15,
        _OREATE,
        "outdated",
        "true of blocks of 15,000,000 gas every 13 s, with transactions as they were; plain transfers would be 55",
        now=_ethereum_sustained(),
        then=Equation(
            "gas_limit / mean_gas / block",
            {
                "gas_limit": Given(15_000_000, "mainnet's gas limit of spring 2021, its gas target after that"),
                "mean_gas": MEAN_GAS,
                "block": Given(13, "seconds a block under proof of work"),
            },
        ),
    ),
    Claim(
        "Ethereum",
        "throughput",
        "15 to 30 transactions a second",
        15,
        30,
        "https://www.lewisjacksonventures.com/blog/post/why-some-blockchains-faster",
        "reproduced",
        "a little above the upper end, at the gas target, which is half of the limit (EIP-1559)",
        now=_ethereum_sustained(),
    ),
    Claim(
        "Ethereum",
        "throughput",
        "119 transactions a second at best",
        119,
        119,
        UKCAMO,
        "outdated",
        "nothing but plain transfers in full blocks of 30,000,000 gas; the limit has doubled since",
        now=Equation("gas_limit / transfer / slot", {"gas_limit": _GAS_LIMIT, "transfer": _TRANSFER, "slot": SLOT}),
        then=Equation(
            "gas_limit / transfer / slot",
            {"gas_limit": Given(30_000_000, "mainnet's gas limit until 2025"), "transfer": _TRANSFER, "slot": SLOT},
        ),
    ),
    Claim(
        "Ethereum",
        "throughput",
        "100,000 transactions a second some time after the Merge",
        100_000,
        100_000,
        "https://mayukokondo.notion.site/Ch-3-2-Fee-and-Speed-of-Transaction-4a7a01dca840491d87c7d4606a734e21",
        "model-only",
        "of rollups, not of Ethereum, with full danksharding, which there is not",
        now=_zk_rollup_of_all_blobs(),
        model=Equation(
            "data / bytes / slot",
            {
                "data": Given(16 * 2**20, "bytes of a slot that danksharding aims at"),
                "bytes": Given(16, "bytes of a compressed transfer, assumed"),
                "slot": SLOT,
            },
        ),
    ),
    # Solana
    Claim(
        "Solana",
        "throughput",
        "65,000 transactions a second",
        65_000,
        65_000,
        _OREATE,
        "model-only",
        "blocks full of bare transfers that never conflict; articles see some 1,000 to 4,000 of real ones",
        model=Equation(
            "(units - validators * vote) / (signature + 2 * write_lock + transfer) / slot",
            {
                "units": Given(48_000_000, "compute units of a block, solana-cost-model 2.1"),
                "validators": Given(1_900, "that vote in every slot, rough"),
                "vote": Given(3_428, "compute units of a vote, solana-cost-model"),
                "signature": Given(720, "compute units, solana-cost-model"),
                "write_lock": Given(300, "compute units, solana-cost-model"),
                "transfer": Given(150, "compute units of the system program"),
                "slot": SOLANA_SLOT,
            },
        ),
    ),
    Claim(
        "Solana",
        "throughput",
        "710,000 transactions a second in theory",
        710_000,
        710_000,
        "https://websocket.coinlist.co/asset/solana",
        "model-only",
        "what a gigabit line carries, if nothing else is sent and nothing is computed",
        model=Equation(
            "line / 8 / bytes",
            {"line": Given(1_000_000_000, "bit/s, assumed"), "bytes": Given(176, "bytes of a transaction, as claimed")},
        ),
    ),
    # Cardano
    Claim(
        "Cardano",
        "throughput",
        "about 250 transactions a second",
        250,
        250,
        _OREATE,
        "contradictory",
        "even the shortest transactions make only some 20 a second",
        now=_CARDANO_NOW,
    ),
    Claim(
        "Cardano",
        "throughput",
        "about 7 transactions a second",
        7,
        7,
        "https://darkfibermines.com/2021/03/03/i-have-seen-a-substantial-amount-of-misinformation-regarding-the-"
        "network-speed-tps-of-cardano-heres-the-real-answer-along-with-important-consideration-for-why-tps-is-not-a-"
        "great-metric-of-networ/",
        "outdated",
        "blocks have grown since",
        now=_CARDANO_NOW,
        then=_CARDANO_THEN,
    ),
    Claim(
        "Cardano",
        "throughput",
        "a million transactions a second with Hydra",
        1_000_000,
        1_000_000,
        "https://mayukokondo.notion.site/Ch-3-2-Fee-and-Speed-of-Transaction-4a7a01dca840491d87c7d4606a734e21",
        "model-only",
        "as many channels side by side, none of which sees the others' money",
        now=_CARDANO_NOW,
        model=Equation(
            "heads * each",
            {
                "heads": Given(1_000, "one for every stake pool, assumed"),
                "each": Given(1_000, "of one head, as claimed"),
            },
        ),
    ),
    # Optimism
    Claim(
        "Optimism",
        "throughput",
        "4,000 transactions a second",
        4_000,
        4_000,
        "https://tokensummary.com/future-of-layer-2-scaling-solutions-in-blockchain",
        "contradictory",
        "transactions that carry their signatures: all rollups together have no more room in target blobs",
        now=_rollup_of_all_blobs(),
    ),
    # zkSync
    Claim(
        "zkSync",
        "throughput",
        "2,000 transactions a second and more",
        2_000,
        None,
        "https://binance.com/sv/square/post/341271",
        "model-only",
        "L1's room for data allows it, if all target blobs are its own; whether its provers keep up nothing here shows",
        model=_zk_rollup_of_all_blobs(),
    ),
    Claim(
        "zkSync",
        "throughput",
        "over 3,500 transactions a second",
        3_500,
        None,
        "https://zksync.io/faq/speed.html",
        "outdated",
        "all calldata of a block of 2020; the same page bounds the prover of that time at 300",
        model=_zk_rollup_of_all_blobs(),
        then=Equation(
            "gas_limit / (transfer_bytes * byte_gas) / block",
            {
                "gas_limit": Given(12_500_000, "mainnet's gas limit of 2020"),
                "transfer_bytes": ZK_BYTES,
                "byte_gas": Given(16, "gas of a byte of calldata, EIP-2028"),
                "block": Given(13, "seconds a block under proof of work"),
            },
        ),
    ),
    Claim(
        "zkSync",
        "throughput",
        "over 20,000 transactions a second",
        20_000,
        None,
        "https://bquan.live/post/status/16161373",
        "contradictory",
        "more than all blobs at their target hold, even without signatures",
        now=_zk_rollup_of_all_blobs(),
    ),
)
