"""Statistics of paired and independent seeds: pure functions of arrays; those that draw also take a numpy Generator.

All of them follow one rule. Malformed input (wrong shape, a value that is not finite, a margin or a confidence level
out of range) raises `InputError`. If well-formed data are too few or do not vary, a number that they leave undefined is
NaN; each docstring says when. `comparison.compare` turns these NaNs into None.
"""
