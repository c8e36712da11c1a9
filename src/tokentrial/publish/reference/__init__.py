"""A finished run beside the one that is shipped with the code (results/reference)."""
