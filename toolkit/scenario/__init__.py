"""The operator cheats, fails or vanishes: what users do about it, and what everybody has in the end."""

SCENARIOS = {
    "vanish": "every service is gone for good: alarm, freeze, and everybody escapes from the last confirmed state",
    "censor": "the sequencer refuses one owner, who leaves by force through L1",
    "withhold": "the sequencer promises and posts nothing: others post late batches and assert, users leave",
    "equivocate": "the proposer asserts two states of the same batches: the wrong one is slashed, the right one stands",
    "stale": "the proposer claims that the last batches changed nothing, withdrawals included: it is slashed",
    "reorg": "L1 forgets a deposit, a batch and a fast exit: each comes again, once, or not at all",
}
"""What can happen, each in a line."""
