"""Writes the JSON schema of the config and the tables of keys into the working directory, a checkout."""

from tokentrial.schema.documents import README, SCHEMA, STUDY, written_readme, written_schema, written_study

SCHEMA.write_text(written_schema(), encoding="utf-8")
README.write_text(written_readme(README.read_text(encoding="utf-8")), encoding="utf-8")
STUDY.write_text(written_study(STUDY.read_text(encoding="utf-8")), encoding="utf-8")
