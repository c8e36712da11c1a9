"""Writes every table of the report in every format."""

import json

from tokentrial.job import logged

with logged(snakemake.log[0]):
    from tokentrial.report.tables import write_tables

    write_tables(
        frames={name: snakemake.input[name] for name in snakemake.params.tables},
        studies=snakemake.params.studies,
        published=snakemake.input.published,
        settings=json.loads(snakemake.params.settings),
        outputs=snakemake.output,
        verdicts=snakemake.input.verdicts,
        sensitivity=snakemake.input.sensitivity,
    )
