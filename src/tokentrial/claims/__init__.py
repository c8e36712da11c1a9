"""The 393 claims: a registry of what the documents say, checks and rules that judge it, and one verdict for each."""
