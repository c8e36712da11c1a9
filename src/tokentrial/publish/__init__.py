"""What is made of a finished run for others: a crate to publish, a comparison with the shipped run."""
