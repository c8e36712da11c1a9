"""A registry of 346 claims and 54 audit findings, the checks and rules that judge them, and a verdict for each."""
