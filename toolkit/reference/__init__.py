"""The pages and pictures under docs/ that are made from the code: ``make docs`` writes them, and a test compares."""
