"""Seconds until a transaction is final: the claims, in our own words; their addresses are where they were found."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.gas.levers import SLOTS_PER_EPOCH
from toolkit.gas.popular.chains import BITCOIN_BLOCK, CARDANO_BLOCK, CHAINSCORE, SLOT, SOLANA_SLOT, UKCAMO
from toolkit.gas.popular.claim import Claim
from toolkit.gas.popular.equation import Equation, Given

_FINAL_SLOTS = Given(2 * SLOTS_PER_EPOCH, "slots of two epochs, consensus-specs")


def _ethereum_final() -> Equation:
    return Equation("slots * slot", {"slots": _FINAL_SLOTS, "slot": SLOT})


def _solana_final() -> Equation:
    return Equation(
        "slots * slot", {"slots": Given(32, "the block and 31 on top of it: finalized"), "slot": SOLANA_SLOT}
    )


_PASTORQ = "https://pastorq.com/8549.html"
_MENINGAN = "https://meningan.tech/zk-rollups-vs-optimistic-rollups-performance-benchmarks"

FINALITY: Sequence[Claim] = (
    # Bitcoin
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
                "block": BITCOIN_BLOCK,
            },
        ),
    ),
    # Ethereum
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
        UKCAMO,
        "reproduced",
        "at the slot time aimed at; slots that are missed add to it",
        now=_solana_final(),
    ),
    # Cardano
    Claim(
        "Cardano",
        "finality",
        "certain after 2,160 blocks, 12 hours",
        43_200,
        43_200,
        UKCAMO,
        "reproduced",
        "in the mean; what is proved is 3 k / f slots, 36 hours",
        now=Equation("k * block", {"k": Given(2_160, "security parameter"), "block": CARDANO_BLOCK}),
    ),
    # Optimism
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
                "slot": SLOT,
            },
        ),
    ),
    # zkSync
    Claim(
        "zkSync",
        "finality",
        "final on L1 in about 10 minutes",
        600,
        600,
        CHAINSCORE,
        "contradictory",
        "a proof alone takes longer, then the execution is held back, and L1 itself needs 12.8 minutes",
        now=Equation(
            "proof + slots * slot",
            {
                "proof": Given(
                    3_600, "seconds until the proof, rough, https://zenn.dev/taka101/articles/c3dae4285bb517"
                ),
                "slots": _FINAL_SLOTS,
                "slot": SLOT,
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
