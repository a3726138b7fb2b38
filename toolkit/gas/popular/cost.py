"""What a transaction costs: the claims, in our own words; their addresses are where they were found."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.gas.fees import GAS_PER_BLOB, LATEST
from toolkit.gas.popular.chains import CARDANO_BYTES, CHAINSCORE, MEAN_GAS, RECORDS, ZK_BYTES
from toolkit.gas.popular.claim import Claim
from toolkit.gas.popular.equation import Equation, Given


def _cardano_cost(ada_usd: float, source: str) -> Equation:
    given = {
        "base": Given(0.155381, "ADA a transaction, minFeeB"),
        "byte": Given(0.000044, "ADA a byte, minFeeA"),
        "bytes": CARDANO_BYTES,
        "ada_usd": Given(ada_usd, source),
    }
    return Equation("(base + byte * bytes) * ada_usd", given)


_ZK_FEES = "https://matter-labs.github.io/zksync-era/core/latest/guides/advanced/07_fee_model.html"

COST: Sequence[Claim] = (
    # Bitcoin
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
    # Ethereum
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
                "mean_gas": MEAN_GAS,
                "gwei": Given(1.3, "mean base fee of March 2025, EIP-7918"),
                "eth_usd": Given(2_000, "USD an ETH at that time, rough"),
            },
        ),
        then=Equation(
            "mean_gas * gwei * eth_usd / 1e9",
            {
                "mean_gas": MEAN_GAS,
                "gwei": Given(16, "mean base fee of November 2024, EIP-7918"),
                "eth_usd": Given(3_100, "USD an ETH at that time, rough"),
            },
        ),
    ),
    # Solana
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
    # Cardano
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
    # Optimism
    Claim(
        "Optimism",
        "cost",
        "below 0.01 USD",
        0,
        0.01,
        CHAINSCORE,
        "reproduced",
        "L1's part of a full blob of payments, at the reserve price of blobs, and as much again for the operator's gas",
        now=Equation(
            "((execution + blob_gas * reserve) / records * gwei + l2_gas * l2_gwei) * eth_usd / 1e9",
            {
                "execution": Given("rollup: batch in one blob, execution", "measured"),
                "blob_gas": Given("rollup: batch in one blob, blob gas", "measured"),
                "reserve": Given(LATEST.blob_base_cost / GAS_PER_BLOB, "blob price in gas prices at least, EIP-7918"),
                "records": RECORDS,
                "gwei": Given(1.3, "mean base fee of March 2025, EIP-7918"),
                "l2_gas": Given(21_000, "the operator's gas of a transfer, as on L1"),
                "l2_gwei": Given(0.001, "gwei, its price in March 2025, rough"),
                "eth_usd": Given(2_000, "USD an ETH at that time, rough"),
            },
        ),
    ),
    # zkSync
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
                "bytes": ZK_BYTES,
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
)
