"""Tests of the rollup's services: real processes on a real node."""
