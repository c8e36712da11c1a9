"""Products of a finished run for others: a crate to publish, and a comparison with the shipped run."""
