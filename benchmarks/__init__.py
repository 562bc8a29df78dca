"""Benchmarks, one question for each file; each prints ratios measured in one run."""
