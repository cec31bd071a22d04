"""Benchmarks: each compares with a floor in the same run. No part of `make test`."""
