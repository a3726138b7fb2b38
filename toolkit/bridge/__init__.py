"""The bridge between L1 and the rollup: deposits in, withdrawals out."""
