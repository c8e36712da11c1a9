"""How many tokens fit into one trainable input vector of a frozen language model (document 004)."""
