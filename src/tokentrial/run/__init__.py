"""A run as a small database: what its conditions and arms are, and the one way to ask for its results."""
