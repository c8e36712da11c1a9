"""Comparison of a finished run with the shipped run (results/reference)."""
