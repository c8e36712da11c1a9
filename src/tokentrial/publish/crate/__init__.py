"""Provenance of a finished run: which job made which file, in short as JSON and in full as a Workflow Run RO-Crate."""
