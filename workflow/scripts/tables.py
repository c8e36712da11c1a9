"""Writes every table of the report in every format."""

import json

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.report.tables.write_tables",
    keep=False,
    frames={name: snakemake.input[name] for name in snakemake.params.tables},
    studies=snakemake.params.studies,
    published=list(snakemake.input.published),
    settings=json.loads(snakemake.params.settings),
    outputs=list(snakemake.output),
    verdicts=snakemake.input.verdicts,
    sensitivity=snakemake.input.sensitivity,
)
