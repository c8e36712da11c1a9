"""Writes the JSON schema of the config and the tables of its keys into the working directory, a checkout."""

from tokentrial.schema.documents import README, SCHEMA, written_readme, written_schema

SCHEMA.write_text(written_schema(), encoding="utf-8")
README.write_text(written_readme(README.read_text(encoding="utf-8")), encoding="utf-8")
