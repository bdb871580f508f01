"""Benchmarks: each module is one part, run by `make bench-<part>`, and prints one line of JSON a figure."""
