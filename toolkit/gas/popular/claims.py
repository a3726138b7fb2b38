"""The claims that are checked, in our own words; their addresses are where they were found. Market prices are rough."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.gas.fees import GAS_PER_BLOB, LATEST
from toolkit.gas.levers import SLOTS_PER_EPOCH
from toolkit.gas.popular.claim import Claim
from toolkit.gas.popular.equation import Equation, Given

_SLOT = Given(12, "seconds a slot, consensus-specs")
_FINAL_SLOTS = Given(2 * SLOTS_PER_EPOCH, "slots of two epochs, consensus-specs")
_GAS_LIMIT = Given(60_000_000, "mainnet's gas limit since EIP-7935")
_MEAN_GAS = Given(75_000, "gas of mainnet's mean transaction: 15,000,000 over some 200 in a block, rough")
_TRANSFER = Given("L1: ETH transfer", "measured")
_BLOBS = Given(LATEST.target, f"target blobs of a block, {LATEST.name}, EIP-7892")
_BLOB_BYTES = Given(GAS_PER_BLOB, "bytes of a blob, EIP-4844")
_RECORDS = Given(1_638, "records in a blob, this project's rollup, 76 bytes each with a signature")
_ZK_BYTES = Given(18, "bytes of a transfer in zkSync 1, two chunks of nine; no signature")
_BITCOIN_BLOCK = Given(600, "seconds a block, the difficulty's aim")
_SOLANA_SLOT = Given(0.4, "seconds a slot, solana-cost-model 2.1: 400 ms")
_CARDANO_BLOCK = Given(20, "seconds a block, 1 s slots, of which 0.05 have one: mainnet-shelley-genesis.json")
_CARDANO_BYTES = Given(450, "bytes of an ordinary transaction, rough; the shortest have some 200")


def _rollup_of_all_blobs() -> Equation:
    return Equation("blobs * records / slot", {"blobs": _BLOBS, "records": _RECORDS, "slot": _SLOT})


def _zk_rollup_of_all_blobs() -> Equation:
    given = {"blobs": _BLOBS, "blob_bytes": _BLOB_BYTES, "transfer_bytes": _ZK_BYTES, "slot": _SLOT}
    return Equation("blobs * blob_bytes / transfer_bytes / slot", given)


def _ethereum_final() -> Equation:
    return Equation("slots * slot", {"slots": _FINAL_SLOTS, "slot": _SLOT})


def _ethereum_sustained() -> Equation:
    given = {"gas_limit": _GAS_LIMIT, "mean_gas": _MEAN_GAS, "slot": _SLOT}
    return Equation("gas_limit / 2 / mean_gas / slot", given)


def _solana_final() -> Equation:
    return Equation(
        "slots * slot", {"slots": Given(32, "the block and 31 on top of it: finalized"), "slot": _SOLANA_SLOT}
    )


def _cardano(block_bytes: int, source: str) -> Equation:
    given = {"block_bytes": Given(block_bytes, source), "bytes": _CARDANO_BYTES, "block": _CARDANO_BLOCK}
    return Equation("block_bytes / bytes / block", given)


def _cardano_cost(ada_usd: float, source: str) -> Equation:
    given = {
        "base": Given(0.155381, "ADA a transaction, minFeeB"),
        "byte": Given(0.000044, "ADA a byte, minFeeA"),
        "bytes": _CARDANO_BYTES,
        "ada_usd": Given(ada_usd, source),
    }
    return Equation("(base + byte * bytes) * ada_usd", given)


_CARDANO_NOW = _cardano(90_112, "maxBlockBodySize since 2022")
_CARDANO_THEN = _cardano(65_536, "maxBlockBodySize at Shelley's beginning: mainnet-shelley-genesis.json")


_OREATE = (
    "https://www.oreateai.com/blog/beyond-bitcoin-navigating-the-blockchain-speed-race/63d86c37e8407e118d244ffe3cc74ae6"
)
_UKCAMO = "https://ukcamo.com/15128.html"
_PASTORQ = "https://pastorq.com/8549.html"
_CHAINSCORE = (
    "https://www.chainscorelabs.com/comparisons/rollup-sdks-op-stack-vs-zk-stack/"
    "fee-market-and-cost-structure/cost-of-finality-op-stack-vs-zk-stack"
)
_ZK_FEES = "https://matter-labs.github.io/zksync-era/core/latest/guides/advanced/07_fee_model.html"
_MENINGAN = "https://meningan.tech/zk-rollups-vs-optimistic-rollups-performance-benchmarks"

CLAIMS: Sequence[Claim] = (
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
                "block": _BITCOIN_BLOCK,
            },
        ),
        then=Equation(
            "block_bytes / bytes / block",
            {
                "block_bytes": Given(1_000_000, "largest block before BIP 141"),
                "bytes": Given(250, "bytes of an ordinary payment, rough"),
                "block": _BITCOIN_BLOCK,
            },
        ),
    ),
    Claim(
        "Bitcoin",
        "cost",
        "1 to 5 USD for a standard transaction",
        1,
        5,
        "https://www.cryptrac.com/blog/understanding-transaction-fees",
        "reproduced",
        "what a byte costs is the market's, and a quiet day's is a fifth of this",
        now=Equation(
            "bytes * satoshi * btc_usd / 1e8",
            {
                "bytes": Given(250, "virtual bytes of an ordinary payment, rough"),
                "satoshi": Given(5, "satoshi a virtual byte at the beginning of 2025, rough"),
                "btc_usd": Given(95_000, "USD a bitcoin at that time, rough"),
            },
        ),
    ),
    Claim(
        "Bitcoin",
        "finality",
        "final after six confirmations, about an hour",
        3_600,
        3_600,
        _PASTORQ,
        "model-only",
        "the risk is below 0.1% against a tenth of the work; against three tenths it takes 32 confirmations",
        model=Equation(
            "confirmations(share, risk) * block",
            {
                "share": Given(0.1, "the attacker's share of the work, assumed"),
                "risk": Given(0.001, "of a double spend; Rosenfeld 2014"),
                "block": _BITCOIN_BLOCK,
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
                "mean_gas": _MEAN_GAS,
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
        _UKCAMO,
        "outdated",
        "nothing but plain transfers in full blocks of 30,000,000 gas; the limit has doubled since",
        now=Equation("gas_limit / transfer / slot", {"gas_limit": _GAS_LIMIT, "transfer": _TRANSFER, "slot": _SLOT}),
        then=Equation(
            "gas_limit / transfer / slot",
            {"gas_limit": Given(30_000_000, "mainnet's gas limit until 2025"), "transfer": _TRANSFER, "slot": _SLOT},
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
                "slot": _SLOT,
            },
        ),
    ),
    Claim(
        "Ethereum",
        "cost",
        "2 to 5 USD on average",
        2,
        5,
        "https://exfinder.io/en/blog/post/comparison-of-popular-blockchains",
        "outdated",
        "what gas costs is the market's; the protocol only says how much of it a transaction takes",
        now=Equation(
            "mean_gas * gwei * eth_usd / 1e9",
            {
                "mean_gas": _MEAN_GAS,
                "gwei": Given(1.3, "mean base fee of March 2025, EIP-7918"),
                "eth_usd": Given(2_000, "USD an ETH at that time, rough"),
            },
        ),
        then=Equation(
            "mean_gas * gwei * eth_usd / 1e9",
            {
                "mean_gas": _MEAN_GAS,
                "gwei": Given(16, "mean base fee of November 2024, EIP-7918"),
                "eth_usd": Given(3_100, "USD an ETH at that time, rough"),
            },
        ),
    ),
    Claim(
        "Ethereum",
        "finality",
        "12.8 minutes",
        768,
        768,
        "https://blog.swap724.com/2024/07/02/vitalik-buterin-proposes-faster-ethereum-trades-with-single-slot-finality",
        "reproduced",
        "two epochs; from the middle of an epoch it takes some three minutes more",
        now=_ethereum_final(),
    ),
    Claim(
        "Ethereum",
        "finality",
        "12 to 15 confirmations, about five minutes",
        300,
        300,
        _PASTORQ,
        "contradictory",
        "15 blocks take three minutes now and took some more under proof of work, and they make nothing final",
        now=_ethereum_final(),
        then=Equation(
            "blocks * block",
            {"blocks": Given(15, "as claimed"), "block": Given(13, "seconds a block under proof of work")},
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
                "slot": _SOLANA_SLOT,
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
    Claim(
        "Solana",
        "cost",
        "0.00025 USD",
        0.00025,
        0.00025,
        "https://wuyelx.com/9764.html",
        "outdated",
        "5,000 lamports a signature, without a priority fee; in USD it moves with SOL",
        now=Equation(
            "lamports / 1e9 * sol_usd",
            {"lamports": Given(5_000, "a signature's fee"), "sol_usd": Given(150, "USD a SOL in 2025, rough")},
        ),
        then=Equation(
            "lamports / 1e9 * sol_usd",
            {"lamports": Given(5_000, "a signature's fee"), "sol_usd": Given(50, "USD a SOL in 2021, rough")},
        ),
    ),
    Claim(
        "Solana",
        "finality",
        "final in 400 ms",
        0.4,
        0.4,
        "https://www.spacepay.co.uk/blog/blockchain-confirmation-times",
        "contradictory",
        "that is one slot; finalized needs 31 blocks on top",
        now=_solana_final(),
    ),
    Claim(
        "Solana",
        "finality",
        "final in about 2.5 s",
        2.5,
        2.5,
        _PASTORQ,
        "contradictory",
        "neither one slot nor the 32 of finalized",
        now=_solana_final(),
    ),
    Claim(
        "Solana",
        "finality",
        "about 12 s, 31 confirmations",
        12,
        12,
        _UKCAMO,
        "reproduced",
        "at the slot time aimed at; slots that are missed add to it",
        now=_solana_final(),
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
    Claim(
        "Cardano",
        "cost",
        "about 0.16 USD",
        0.16,
        0.16,
        "https://cryptooptionspro.uk/s/en/Blockchain+Fees/38621",
        "outdated",
        "it is about as much in ADA, by the protocol; in USD only while an ADA is worth one",
        now=_cardano_cost(0.62, "USD an ADA in April 2025, rough"),
        then=_cardano_cost(1, "USD an ADA in December 2024, rough"),
    ),
    Claim(
        "Cardano",
        "finality",
        "certain after 2,160 blocks, 12 hours",
        43_200,
        43_200,
        _UKCAMO,
        "reproduced",
        "in the mean; what is proved is 3 k / f slots, 36 hours",
        now=Equation("k * block", {"k": Given(2_160, "security parameter"), "block": _CARDANO_BLOCK}),
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
    Claim(
        "Optimism",
        "cost",
        "below 0.01 USD",
        0,
        0.01,
        _CHAINSCORE,
        "reproduced",
        "L1's part of a full blob of payments, at the reserve price of blobs, and as much again for the operator's gas",
        now=Equation(
            "((execution + blob_gas * reserve) / records * gwei + l2_gas * l2_gwei) * eth_usd / 1e9",
            {
                "execution": Given("rollup: batch in one blob, execution", "measured"),
                "blob_gas": Given("rollup: batch in one blob, blob gas", "measured"),
                "reserve": Given(LATEST.blob_base_cost / GAS_PER_BLOB, "blob price in gas prices at least, EIP-7918"),
                "records": _RECORDS,
                "gwei": Given(1.3, "mean base fee of March 2025, EIP-7918"),
                "l2_gas": Given(21_000, "the operator's gas of a transfer, as on L1"),
                "l2_gwei": Given(0.001, "gwei, its price in March 2025, rough"),
                "eth_usd": Given(2_000, "USD an ETH at that time, rough"),
            },
        ),
    ),
    Claim(
        "Optimism",
        "finality",
        "withdrawals are final after 7 days",
        604_800,
        604_800,
        _MENINGAN,
        "reproduced",
        "by the bridge; who is paid by a provider does not wait (see the bridge's fast exit)",
        now=Equation(
            "days * 86400", {"days": Given(7, "challenge window, and that of this project's mainnet-like profile")}
        ),
    ),
    Claim(
        "Optimism",
        "finality",
        "transactions are final only after the challenge period",
        604_800,
        None,
        _MENINGAN,
        "contradictory",
        "a transaction is as final as the L1 block with its batch; only what leaves by the bridge waits",
        now=Equation(
            "batch + slots * slot",
            {
                "batch": Given(600, "seconds until its batch is posted, rough"),
                "slots": _FINAL_SLOTS,
                "slot": _SLOT,
            },
        ),
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
                "transfer_bytes": _ZK_BYTES,
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
    Claim(
        "zkSync",
        "cost",
        "0.01 to 0.05 USD a transfer",
        0.01,
        0.05,
        "https://www.phmacao-clubs.com/everything-you-need-to-know-about-layer2-zksync-era-fees-in-2026/",
        "model-only",
        "L1's part of a transfer is thousands of times less; the rest is what the operator asks for its gas",
        now=Equation(
            "bytes * reserve * gwei * eth_usd / 1e9",
            {
                "bytes": _ZK_BYTES,
                "reserve": Given(LATEST.blob_base_cost / GAS_PER_BLOB, "blob price in gas prices at least, EIP-7918"),
                "gwei": Given(1.3, "mean base fee of March 2025, EIP-7918"),
                "eth_usd": Given(2_000, "USD an ETH at that time, rough"),
            },
        ),
        model=Equation(
            "l2_gas * l2_gwei * eth_usd / 1e9",
            {
                "l2_gas": Given(120_000, "the operator's gas of a transfer, assumed"),
                "l2_gwei": Given(0.1, f"gwei, its price, rough, {_ZK_FEES}"),
                "eth_usd": Given(2_000, "USD an ETH in March 2025, rough"),
            },
        ),
    ),
    Claim(
        "zkSync",
        "finality",
        "final on L1 in about 10 minutes",
        600,
        600,
        _CHAINSCORE,
        "contradictory",
        "a proof alone takes longer, then the execution is held back, and L1 itself needs 12.8 minutes",
        now=Equation(
            "proof + slots * slot",
            {
                "proof": Given(
                    3_600, "seconds until the proof, rough, https://zenn.dev/taka101/articles/c3dae4285bb517"
                ),
                "slots": _FINAL_SLOTS,
                "slot": _SLOT,
            },
        ),
    ),
    Claim(
        "zkSync",
        "finality",
        "withdrawals take 24 hours",
        86_400,
        86_400,
        "https://github.com/bxpana/zkSync-Tips",
        "outdated",
        "proof and execution delay as of July 2024; the delay is the operator's setting, not the proof's",
        then=Equation(
            "proof + delay",
            {
                "proof": Given(
                    3_600, "seconds until the proof, rough, https://zenn.dev/taka101/articles/c3dae4285bb517"
                ),
                "delay": Given(75_600, "seconds for which execution is held back, rough, the same"),
            },
        ),
    ),
)
"""Every claim that is checked."""
