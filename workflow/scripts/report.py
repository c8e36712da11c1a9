"""Writes the report."""

import json

from tokentrial.job import run

run(
    snakemake.log[0],
    "tokentrial.report.document.write_report",
    keep=False,
    tables={name: snakemake.input[name] for name in snakemake.params.tables},
    claims=snakemake.input.verdicts,
    template=snakemake.input.template,
    studies=snakemake.params.studies,
    published=list(snakemake.input.published),
    config=json.loads(snakemake.params.config),
    command=snakemake.params.command,
    rules=snakemake.input.frozen,
    output=snakemake.output.pdf,
    corpus=snakemake.input.get("corpus") or None,
    calibration=snakemake.input.calibration,
    shipped=next(iter(snakemake.input.get("shipped", [])), None),
)
