"""Statistics of paired and independent seeds: pure functions of arrays and, where they draw, a numpy Generator.

One rule for all of them. Malformed input (wrong shape, a value that is not finite, a margin or a confidence level out
of range) raises `InputError`. Data that are well formed but cannot answer, because they are too few or do not vary,
give NaN where a number is undefined; each docstring says where. `comparison.compare` turns those NaNs into None.
"""
