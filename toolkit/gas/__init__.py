"""The gas lab: one workload through every technique, and what L1's receipts say of it."""
