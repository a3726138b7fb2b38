"""What several claims rest on: each chain's parameters, their sources, and the articles where claims were found."""

from __future__ import annotations

from toolkit.gas.popular.equation import Given

SLOT = Given(12, "seconds a slot, consensus-specs")
MEAN_GAS = Given(75_000, "gas of mainnet's mean transaction: 15,000,000 over some 200 in a block, rough")
RECORDS = Given(1_638, "records in a blob, this project's rollup, 76 bytes each with a signature")
ZK_BYTES = Given(18, "bytes of a transfer in zkSync 1, two chunks of nine; no signature")
BITCOIN_BLOCK = Given(600, "seconds a block, the difficulty's aim")
SOLANA_SLOT = Given(0.4, "seconds a slot, solana-cost-model 2.1: 400 ms")
CARDANO_BLOCK = Given(20, "seconds a block, 1 s slots, of which 0.05 have one: mainnet-shelley-genesis.json")
CARDANO_BYTES = Given(450, "bytes of an ordinary transaction, rough; the shortest have some 200")
UKCAMO = "https://ukcamo.com/15128.html"
CHAINSCORE = (
    "https://www.chainscorelabs.com/comparisons/rollup-sdks-op-stack-vs-zk-stack/"
    "fee-market-and-cost-structure/cost-of-finality-op-stack-vs-zk-stack"
)
